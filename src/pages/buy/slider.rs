//! The scale of the slider: every price step is equally wide, so that small purchases are as easy
//! to choose as large ones.

use crate::credits::PriceSchedule;

/// Positions within one price step.
const STEP: i64 = 100;

/// The last position.
#[must_use]
pub fn last_position(schedule: &PriceSchedule) -> i64 {
    i64::try_from(schedule.steps.len()).unwrap_or(0) * STEP
}

/// Where a number of credits stands.
#[must_use]
pub fn position(schedule: &PriceSchedule, credits: i64) -> i64 {
    let (mut below, mut start) = (0, 0);
    for step in &schedule.steps {
        if credits <= step.up_to {
            let width = (step.up_to - below).max(1);
            return start + ((credits - below).max(0) * STEP + width / 2) / width;
        }
        below = step.up_to;
        start += STEP;
    }
    start
}

/// The credits at a position, within what is sold.
#[must_use]
pub fn credits_at(schedule: &PriceSchedule, position: i64) -> i64 {
    let mut below = 0;
    let mut left = position.max(0);
    for step in &schedule.steps {
        if left <= STEP {
            let credits = below + (step.up_to - below) * left / STEP;
            return credits.clamp(schedule.minimum, schedule.maximum);
        }
        below = step.up_to;
        left -= STEP;
    }
    schedule.maximum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::{Currency, PriceStep};

    fn schedule() -> PriceSchedule {
        let steps = [(1_000, 5_000), (5_000, 4_500), (20_000, 4_000), (100_000, 3_500)];
        PriceSchedule {
            currency: Currency::Usd,
            minimum: 100,
            maximum: 100_000,
            steps: steps.map(|(up_to, price_milli)| PriceStep { up_to, price_milli }).to_vec(),
        }
    }

    #[test]
    fn steps_end_where_their_quarter_of_the_scale_ends() {
        let schedule = schedule();
        let ends = [100, 200, 300, 400].map(|position| credits_at(&schedule, position));
        assert_eq!(ends, [1_000, 5_000, 20_000, 100_000]);
        assert_eq!(ends.map(|credits| position(&schedule, credits)), [100, 200, 300, 400]);
        assert_eq!(last_position(&schedule), 400);
    }

    #[test]
    fn every_position_is_a_number_that_is_sold_and_more_to_the_right() {
        let schedule = schedule();
        let mut before = 0;
        for position in 0..=400 {
            let credits = credits_at(&schedule, position);
            assert_eq!(schedule.check_amount(credits), Ok(()), "{position}");
            assert!(credits >= before, "{position}");
            before = credits;
        }
    }

    #[test]
    fn the_slider_stays_where_it_was_put() {
        let schedule = schedule();
        for at in 10..=400 {
            assert_eq!(position(&schedule, credits_at(&schedule, at)), at);
        }
    }
}
