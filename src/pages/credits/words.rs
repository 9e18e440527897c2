//! The sentences of the balance: each figure has one line that explains it.

use chrono::NaiveDate;

use crate::{
    components::{days_from_to, plural, relative_days, rounded, tenths},
    credits::{Credits, LotLine, Overview},
};

/// An amount with its unit: "1 credit", "6.5 credits".
pub fn with_unit(amount: Credits) -> String {
    let unit = if amount.abs() == Credits::from_thousandths(1_000) { "credit" } else { "credits" };
    format!("{amount} {unit}")
}

/// An estimate with its unit, rounded to what it is worth: "78.7 credits".
pub fn estimate(amount: Credits) -> String {
    let decimals = match amount.abs().whole() {
        0 => 2,
        1..100 => 1,
        _ => 0,
    };
    with_unit(Credits::from_thousandths(rounded(amount.thousandths(), decimals)))
}

/// How the consumption compares with the same days of the cycle before.
pub fn comparison(overview: &Overview) -> String {
    let days = (overview.now.date_naive() - overview.cycle.first).num_days() + 1;
    let span =
        if days == 1 { "on the first day".to_owned() } else { format!("in the first {days} days") };
    match overview.consumed_before {
        None if overview.consumed.is_zero() => "No operation has run yet".to_owned(),
        None => "There is no earlier cycle to compare with".to_owned(),
        Some(before) if before.is_zero() => {
            format!("Nothing was consumed {span} of the last cycle")
        }
        Some(before) => {
            let before_text = with_unit(before);
            match change(before, overview.consumed) {
                0 => format!("As much as {span} of the last cycle ({before_text})"),
                much @ 2_000.. => {
                    let times = tenths((much + 1_000).saturating_add(50) / 100);
                    format!("{times} times as much as {span} of the last cycle ({before_text})")
                }
                more @ 1.. => {
                    format!("{} % more than {span} of the last cycle ({before_text})", tenths(more))
                }
                less => format!(
                    "{} % less than {span} of the last cycle ({before_text})",
                    tenths(-less)
                ),
            }
        }
    }
}

/// The change from one amount to another in tenths of a percent.
fn change(before: Credits, now: Credits) -> i64 {
    let difference = i128::from(now.thousandths()) - i128::from(before.thousandths());
    let before = i128::from(before.thousandths());
    let half = if difference < 0 { -before / 2 } else { before / 2 };
    i64::try_from((difference * 1_000 + half) / before).unwrap_or(i64::MAX)
}

/// What expires next, together: all that ends on the same day.
pub struct NextExpiry {
    /// How much is left of it.
    pub remaining: Credits,
    /// The instant of the first of them.
    pub at: chrono::DateTime<chrono::FixedOffset>,
    /// "in 11 days"
    pub when: String,
    /// What will be forfeited at the current pace; none where there is no pace.
    pub forfeited: Option<Credits>,
}

impl NextExpiry {
    /// From the lots of an account.
    pub fn of(overview: &Overview) -> Option<Self> {
        let first = overview.next_expiry()?;
        let day = first.expires_at.date_naive();
        let ends_then =
            |lot: &&LotLine| lot.remaining.is_positive() && lot.expires_at.date_naive() == day;
        let lots: Vec<_> = overview.lots.iter().filter(ends_then).collect();
        let when = relative_days(day, overview.now.date_naive());
        Some(Self {
            remaining: lots.iter().map(|lot| lot.remaining).sum(),
            at: first.expires_at,
            when,
            forfeited: lots.iter().map(|lot| lot.forfeited()).sum(),
        })
    }
}

/// How long the balance lasts: the figure, and the line that explains it.
pub fn runway(overview: &Overview) -> (String, String) {
    let Some(pace) = overview.pace else {
        let line = "Shown as soon as operations have run in the last four weeks";
        return ("Not known yet".to_owned(), line.to_owned());
    };
    let Some(runway) = overview.runway else {
        let line = format!(
            "Nothing is left at {} a day, your pace of the last four weeks",
            estimate(pace.per_day)
        );
        return ("Used up".to_owned(), line);
    };
    let day =
        |at: chrono::DateTime<chrono::Utc>| at.with_timezone(overview.now.offset()).date_naive();
    let (earliest, latest) = (day(runway.earliest), day(runway.latest));
    let today = overview.now.date_naive();
    let line = if pace.slowest.is_zero() {
        format!(
            "{} at {} a day, as in the busiest of the last four weeks; in the calmest nothing was spent",
            days_until(earliest, today),
            estimate(pace.fastest),
        )
    } else if earliest == latest {
        format!(
            "{} at {} a day, as in the last four weeks",
            days_until(earliest, today),
            estimate(pace.per_day)
        )
    } else {
        format!(
            "{} to {} at {} to {} a day, as in the last four weeks",
            (earliest - today).num_days(),
            days_until(latest, today),
            estimate(pace.fastest).replace(" credits", "").replace(" credit", ""),
            estimate(pace.slowest),
        )
    };
    let last = overview.lots.iter().map(|lot| lot.expires_at.date_naive()).max();
    let ends = if last == Some(latest) { "; the last ones expire then" } else { "" };
    (days_from_to(earliest, latest), line + ends)
}

fn days_until(day: NaiveDate, today: NaiveDate) -> String {
    plural((day - today).num_days(), "day", "days")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(thousandths: i64) -> Credits {
        Credits::from_thousandths(thousandths)
    }

    #[test]
    fn an_amount_has_its_unit_in_the_right_number() {
        assert_eq!(with_unit(credits(1_000)), "1 credit");
        assert_eq!(with_unit(credits(1_500)), "1.5 credits");
        assert_eq!(with_unit(Credits::ZERO), "0 credits");
    }

    #[test]
    fn an_estimate_claims_no_more_than_it_knows() {
        assert_eq!(estimate(credits(494_812)), "495 credits");
        assert_eq!(estimate(credits(78_651)), "78.7 credits");
        assert_eq!(estimate(credits(44)), "0.04 credits");
    }

    #[test]
    fn a_change_is_rounded_to_tenths_of_a_percent() {
        assert_eq!(change(credits(982_310), credits(1_136_560)), 157);
        assert_eq!(change(credits(1_000), credits(500)), -500);
        assert_eq!(change(credits(1_000), credits(1_000)), 0);
    }
}
