//! Trying again, within what a person bears to wait.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Attempts in all.
const ATTEMPTS: u32 = 4;
/// The pause after the first attempt; it doubles from there.
const PAUSE: Duration = Duration::from_millis(200);
/// An attempt with less time than this is not begun.
const SHORTEST: Duration = Duration::from_millis(50);

/// How long is waited in all.
#[derive(Clone, Copy, Debug)]
pub struct Patience(Duration);

impl Patience {
    /// For this long.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self(limit)
    }

    /// Tries until it succeeds, it is not worth it, or the patience is at its end. An attempt is
    /// told how long it may take. Pauses are spread, so that those who failed together don't
    /// come back together.
    ///
    /// # Errors
    /// The last one.
    pub async fn insist<T, E, F>(
        self,
        is_worth_it: impl Fn(&E) -> bool,
        mut attempt: impl FnMut(Duration) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let end = Instant::now() + self.0;
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            let outcome = attempt(end.saturating_duration_since(Instant::now())).await;
            let spread = pause.mul_f64(rand::random_range(0.5..=1.0));
            let is_over = Instant::now() + spread + SHORTEST >= end;
            match outcome {
                Err(error) if is_worth_it(&error) && !is_over => {}
                outcome => return outcome,
            }
            tokio::time::sleep(spread).await;
            pause *= 2;
        }
        attempt(end.saturating_duration_since(Instant::now())).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn tries(limit: Duration, succeeds_at: u32) -> (Result<u32, &'static str>, u32) {
        let count = Cell::new(0);
        let outcome = Patience::new(limit)
            .insist(
                |error| *error == "busy",
                |_| {
                    count.set(count.get() + 1);
                    let now = count.get();
                    async move { if now == succeeds_at { Ok(now) } else { Err("busy") } }
                },
            )
            .await;
        (outcome, count.get())
    }

    #[tokio::test]
    async fn an_attempt_that_may_help_is_made_again_a_few_times() {
        let long = Duration::from_secs(60);
        assert_eq!(tries(long, 3).await, (Ok(3), 3));
        assert_eq!(tries(long, 9).await, (Err("busy"), ATTEMPTS));
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_patience_lasts() {
        let begun = Instant::now();
        assert_eq!(tries(Duration::from_millis(120), 9).await, (Err("busy"), 1));
        assert!(begun.elapsed() < Duration::from_millis(120));
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let outcome = Patience::new(Duration::from_secs(60))
            .insist(|error| *error == "busy", |_| async { Err::<(), _>("no") })
            .await;
        assert_eq!(outcome, Err("no"));
    }
}
