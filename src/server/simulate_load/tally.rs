//! What has been counted, and how it is told.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::credits::Credits;

/// What all workers count together.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

/// What was counted.
#[derive(Clone, Default)]
pub struct Counts {
    /// Operations that were charged.
    pub charged: u64,
    /// Operations that failed, as they were meant to, and cost nothing.
    pub failed: u64,
    /// Operations that were refused.
    pub refused: u64,
    /// Credits that were charged.
    pub credits: Credits,
    /// Requests that were told to wait.
    pub held_up: u64,
    /// Requests whose connection was lost.
    pub cut_off: u64,
    /// How long requests took, since somebody last looked and in all.
    recent: Latencies,
    all: Latencies,
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was answered.
    pub fn answered(&self, after: Duration) {
        self.counts().recent.add(after);
    }

    /// A request was told to wait.
    pub fn held_up(&self) {
        self.counts().held_up += 1;
    }

    /// A request's connection was lost.
    pub fn cut_off(&self) {
        self.counts().cut_off += 1;
    }

    /// An operation is done.
    pub fn charged(&self, credits: Credits) {
        let mut counts = self.counts();
        counts.charged += 1;
        counts.credits += credits;
    }

    /// An operation failed and cost nothing.
    pub fn failed(&self) {
        self.counts().failed += 1;
    }

    /// An operation was refused.
    pub fn refused(&self) {
        self.counts().refused += 1;
    }

    /// What was counted; the latencies since the last call.
    pub fn look(&self) -> Counts {
        let mut counts = self.counts();
        let recent = std::mem::take(&mut counts.recent);
        counts.all.add_all(&recent);
        Counts { recent, ..counts.clone() }
    }
}

impl Counts {
    /// The line that is written each second.
    pub fn line(&self, elapsed: Duration) -> String {
        let (minutes, seconds) = (elapsed.as_secs() / 60, elapsed.as_secs() % 60);
        format!("{minutes:02}:{seconds:02}   {self}   {}", self.recent)
    }

    /// What is written at the end.
    pub fn summary(&self) -> String {
        let mut text = format!("In all: {self}. Requests: {}", self.all);
        if self.held_up + self.cut_off > 0 {
            let (waits, lost) = (self.held_up, self.cut_off);
            text += &format!("; {waits} told to wait, {lost} cut off, all sent again");
        }
        text + "."
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { charged, failed, refused, credits, .. } = self;
        let operations = charged + failed;
        write!(f, "{operations} operations, {failed} of them failed   ")?;
        write!(f, "{credits} credits charged   {refused} refused")
    }
}

/// Each step is wider than the one before by this factor: percentiles are right to 5 %.
const STEP: f64 = 1.05;
const STEPS: usize = 400;

/// How long requests took, in steps that don't grow with their number.
#[derive(Clone)]
struct Latencies([u64; STEPS]);

impl Default for Latencies {
    fn default() -> Self {
        Self([0; STEPS])
    }
}

impl Latencies {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a logarithm of 1 or more is positive, and small"
    )]
    fn add(&mut self, latency: Duration) {
        let microseconds = (latency.as_secs_f64() * 1e6).max(1.0);
        let step = microseconds.log(STEP) as usize;
        self.0[step.min(STEPS - 1)] += 1;
    }

    fn add_all(&mut self, others: &Self) {
        for (mine, others) in self.0.iter_mut().zip(others.0) {
            *mine += others;
        }
    }

    /// Milliseconds within which so many percent were answered.
    fn within(&self, percent: u64) -> Option<f64> {
        let wanted = (self.0.iter().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        let step = self.0.iter().position(|count| {
            seen += count;
            wanted > 0 && seen >= wanted
        })?;
        Some(STEP.powi(i32::try_from(step).ok()? + 1) / 1e3)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.within(50), self.within(99)) {
            (Some(half), Some(most)) => write!(f, "p50 {half:.1} ms, p99 {most:.1} ms"),
            _ => f.write_str("no answers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_twentieth() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.to_string(), "no answers");
        for milliseconds in 1..=1000 {
            latencies.add(Duration::from_millis(milliseconds));
        }
        let half = latencies.within(50).unwrap();
        let most = latencies.within(99).unwrap();
        assert!((500.0..=526.0).contains(&half), "{half}");
        assert!((990.0..=1041.0).contains(&most), "{most}");
    }

    #[test]
    fn a_line_tells_the_last_second_and_the_end_all() {
        let tally = Tally::default();
        tally.charged(Credits::from_thousandths(1_234_500));
        tally.failed();
        tally.answered(Duration::from_millis(100));
        let first = tally.look().line(Duration::from_secs(61));
        assert!(first.starts_with("01:01   2 operations, 1 of them failed   1,234.5 credits"));
        assert!(first.contains("p50 10"), "{first}");
        let second = tally.look();
        assert!(second.line(Duration::from_secs(62)).ends_with("no answers"));
        assert!(second.summary().contains("p50 10"), "{}", second.summary());
    }
}
