//! What a job is.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use futures::{FutureExt, future::BoxFuture};

/// How much a run has done, in what the job counts: accounts, mails, purchases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done(pub u64);

/// Why a run came to nothing, or not to its end; the next one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError(String);

impl JobError {
    /// Failed for this reason, in one sentence.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whatever a job's work fails with; therefore no error itself.
impl<E: std::error::Error> From<E> for JobError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Work = Box<dyn Fn(DateTime<Utc>) -> BoxFuture<'static, Result<Done, JobError>> + Send + Sync>;

/// Work that is due again and again.
///
/// It may be begun twice, also at once, and be cut off anywhere: it must be safe to run again, and
/// go on where it was.
pub struct Job {
    pub(super) name: &'static str,
    every: Duration,
    work: Work,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({} every {:?})", self.name, self.every)
    }
}

impl Job {
    /// A job that does this work with these parts. Its slots begin at whole multiples of `every`
    /// since 1970, so that all processes mean the same ones.
    pub fn new<P, F>(
        name: &'static str,
        every: Duration,
        parts: P,
        work: impl Fn(P, DateTime<Utc>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: Clone + Send + Sync + 'static,
        F: Future<Output = Result<Done, JobError>> + Send + 'static,
    {
        Self { name, every, work: Box::new(move |now| work(parts.clone(), now).boxed()) }
    }

    /// The slot that is due at an instant, and the one after it, in milliseconds.
    pub(super) fn slots(&self, now_ms: i64) -> (i64, i64) {
        let every = i64::try_from(self.every.as_millis()).unwrap_or(i64::MAX).max(1);
        let slot = now_ms - now_ms.rem_euclid(every);
        (slot, slot.saturating_add(every))
    }

    /// Does the work. A panic is a failure like others.
    pub(super) async fn run(&self, now: DateTime<Utc>) -> Result<Done, JobError> {
        let work = tokio::spawn((self.work)(now));
        work.await.unwrap_or_else(|error| Err(JobError::new(format!("it broke: {error}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(seconds: u64) -> Job {
        Job::new("test", Duration::from_secs(seconds), (), |(), _| async { Ok(Done(0)) })
    }

    #[test]
    fn slots_are_the_same_for_every_process_and_half_open() {
        let job = every(60);
        assert_eq!(job.slots(119_999), (60_000, 120_000));
        assert_eq!(job.slots(120_000), (120_000, 180_000));
        assert_eq!(job.slots(-1), (-60_000, 0), "a clock before 1970 has slots too");
    }

    #[tokio::test]
    async fn a_job_that_panics_has_failed_and_its_process_lives() {
        let job = Job::new("test", Duration::from_secs(1), (), |(), _| async { panic!("no") });
        let error = job.run(DateTime::UNIX_EPOCH).await.unwrap_err();
        assert!(error.to_string().starts_with("it broke"), "{error}");
    }
}
