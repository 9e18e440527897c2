//! `recharge doctor`: what an operator looks at first when something is wrong.

use crate::server::{
    config::Config,
    doctor::{self, Verdict},
};

/// Something is wrong.
#[derive(Debug, thiserror::Error)]
#[error("Something is wrong: see each line with ✗ ({bad} of {all}).")]
pub struct Unwell {
    bad: usize,
    all: usize,
}

/// Examines everything. Returns the text to print, and an error if something is wrong.
pub(super) async fn run(config: &Config) -> (String, Result<(), Unwell>) {
    let findings = doctor::examine(config).await;
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).count();
    let unwell = Unwell { bad, all: findings.len() };
    (lines.join("\n"), if bad == 0 { Ok(()) } else { Err(unwell) })
}
