//! One line of the examination.

use std::fmt;

/// Says whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Good,
    /// A server works, but somebody should look at it.
    Doubtful,
    /// A server doesn't work, or may lose something.
    Bad,
}

/// A finding about one subject, shown as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// The subject, in one word.
    pub subject: &'static str,
    /// What was found, in sentences.
    pub found: String,
    /// What to do, in sentences. `None` if it is good.
    pub remedy: Option<String>,
}

impl Finding {
    /// Returns a finding that something is as it should be.
    pub fn good(subject: &'static str, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, subject, found: found.into(), remedy: None }
    }

    /// Returns a finding that somebody should look at.
    pub fn doubtful(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self { verdict: Verdict::Doubtful, subject, found: found.into(), remedy }
    }

    /// Returns a finding that something is wrong.
    pub fn bad(subject: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Bad, ..Self::doubtful(subject, found, remedy) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Good => '✓',
            Verdict::Doubtful => '!',
            Verdict::Bad => '✗',
        };
        // An answer of the database may have several lines.
        let found = self.found.replace('\n', " ");
        write!(f, "{mark} {:<11} {found}", self.subject)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, " {remedy}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let good = Finding::good("clock", "It is right.");
        assert_eq!(good.to_string(), "✓ clock       It is right.");
        let bad = Finding::bad("descriptors", "Too\nfew.", "Raise it.");
        assert_eq!(bad.to_string(), "✗ descriptors Too few. Raise it.");
        assert_eq!(
            Finding::doubtful("disk", "Low.", "Make room.").to_string(),
            "! disk        Low. Make room."
        );
    }
}
