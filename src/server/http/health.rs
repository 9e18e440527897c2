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
/// 503 where the database doesn't answer within a second, or the program is ending.
pub async fn readyz(
    State(state): State<AppState>,
) -> Result<&'static str, (StatusCode, &'static str)> {
    if state.shutdown.is_cancelled() {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "ending\n"));
    }
    match tokio::time::timeout(PATIENCE, state.database.reader().ping()).await {
        Ok(Ok(())) => Ok("ready\n"),
        _ => Err((StatusCode::SERVICE_UNAVAILABLE, "the database is away\n")),
    }
}
