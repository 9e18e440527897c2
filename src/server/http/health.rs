//! Whether the program runs, and whether it can work.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};

use crate::server::AppState;

/// A database that takes longer to answer is as good as away.
const PATIENCE: Duration = Duration::from_secs(1);

/// GET /healthz: the process serves. A failure calls for a restart, so nothing else is asked.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// GET /readyz: requests can be answered, also those that write.
///
/// # Errors
/// 503 with one sentence per trouble, if the program is asked to end, the database doesn't answer
/// within a second or take a write within two, or a watcher has reported a trouble.
pub async fn readyz(State(state): State<AppState>) -> Result<&'static str, (StatusCode, String)> {
    let refuse = |words: String| Err((StatusCode::SERVICE_UNAVAILABLE, words));
    if state.draining.is_cancelled() || state.shutdown.is_cancelled() {
        return refuse("ending\n".to_owned());
    }
    let reading = tokio::time::timeout(PATIENCE, state.database.reader().ping());
    let (reading, ()) = tokio::join!(reading, state.pulse.check());
    let mut said: String =
        state.readiness.all().values().map(|sentence| format!("{sentence}\n")).collect();
    if !matches!(reading, Ok(Ok(()))) {
        said.push_str("The database is away.\n");
    }
    if said.is_empty() { Ok("ready\n") } else { refuse(said) }
}
