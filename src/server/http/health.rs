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

/// GET /readyz: requests can be answered.
///
/// # Errors
/// 503 with one sentence per trouble, if the database doesn't answer within a second, the program
/// is ending, or a watcher has reported a trouble.
pub async fn readyz(State(state): State<AppState>) -> Result<&'static str, (StatusCode, String)> {
    let refuse = |words: String| Err((StatusCode::SERVICE_UNAVAILABLE, words));
    if state.shutdown.is_cancelled() {
        return refuse("ending\n".to_owned());
    }
    let troubles = state.readiness.all();
    if !troubles.is_empty() {
        return refuse(troubles.values().map(|sentence| format!("{sentence}\n")).collect());
    }
    match tokio::time::timeout(PATIENCE, state.database.reader().ping()).await {
        Ok(Ok(())) => Ok("ready\n"),
        _ => refuse("the database is away\n".to_owned()),
    }
}
