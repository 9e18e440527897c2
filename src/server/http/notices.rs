//! The form of the inbox.

use axum::{
    Extension, Form, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use serde::Deserialize;

use crate::server::{AppState, identity::Customer};

/// The post of the inbox, for signed-in customers.
pub fn routes() -> Router<AppState> {
    Router::new().route("/settings/notices/read", post(read))
}

/// Up to which notice everything has been read: what came later has not been seen.
#[derive(Deserialize)]
struct Read {
    newest: String,
}

async fn read(
    State(state): State<AppState>,
    Extension(customer): Extension<Customer>,
    Form(Read { newest }): Form<Read>,
) -> Response {
    let (account, now) = (&customer.account, state.clock.now());
    match state.notices.mark_read(account, &newest, now).await {
        Ok(()) => Redirect::to("/settings/notices").into_response(),
        Err(error) => {
            tracing::error!(%error, "notices could not be marked as read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
