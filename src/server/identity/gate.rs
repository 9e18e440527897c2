//! The gate: every request that may carry the cookie passes it.
//!
//! It says who is asking and, for what is private, whether they may. What they may not see is 404:
//! a customer doesn't learn that there is a support desk.

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode, Uri},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use tower_sessions::Session;

use super::{LocalPath, Person, local_path::is_under, sessions::USER, sign_in::destination, users};
use crate::server::{AppState, database::Database};

/// Puts the [`super::Customer`] or [`super::Staff`] who is asking into the request's extensions,
/// or sends the visitor away.
pub async fn gate(
    State(state): State<AppState>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let person = match who(&state.database, &session).await {
        Ok(person) => person,
        Err(error) => {
            tracing::error!(%error, "the session could not be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    if let Some(answer) = refuse(request.method(), request.uri(), person.as_ref()) {
        return answer;
    }
    match person {
        Some(Person::Customer(customer)) => request.extensions_mut().insert(customer).map(drop),
        Some(Person::Staff(staff)) => request.extensions_mut().insert(staff).map(drop),
        None => None,
    };
    next.run(request).await
}

/// A session whose user is gone is nobody's.
async fn who(
    database: &Database,
    session: &Session,
) -> Result<Option<Person>, Box<dyn std::error::Error + Send + Sync>> {
    let Some(user) = session.get::<String>(USER).await? else { return Ok(None) };
    Ok(users::with_id(database, &user).await?)
}

/// What somebody is told instead of what they asked for.
fn refuse(method: &Method, uri: &Uri, person: Option<&Person>) -> Option<Response> {
    let path = uri.path();
    let (settings, support) = (is_under(path, "/settings"), is_under(path, "/support"));
    let not_found = || Some(StatusCode::NOT_FOUND.into_response());
    match person {
        None if settings || support => {
            Some(Redirect::to(&sign_in_address(method, uri, support)).into_response())
        }
        Some(Person::Customer(_)) if support => not_found(),
        Some(Person::Staff(_)) if settings && is_read(method) => {
            Some(Redirect::to("/support").into_response())
        }
        Some(Person::Staff(_)) if settings => not_found(),
        Some(person) if path == "/sign-in" && is_read(method) => {
            Some(Redirect::to(&destination(person, &next_of(uri))).into_response())
        }
        Some(person) if path == "/" && is_read(method) => {
            Some(Redirect::to(&destination(person, "")).into_response())
        }
        None if path == "/" && is_read(method) => {
            Some(Redirect::to("/settings/credits").into_response())
        }
        _ => None,
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// After signing in one comes back; not to a form post, which would ask for something else.
fn sign_in_address(method: &Method, uri: &Uri, support: bool) -> String {
    let asked = uri.path_and_query().filter(|_| is_read(method)).map(|asked| asked.as_str());
    let home = if support { "/support" } else { "/settings/credits" };
    let next = LocalPath::parse(asked.unwrap_or(home)).or_else(|| LocalPath::parse(home));
    next.map_or_else(|| "/sign-in".to_owned(), |next| next.sign_in())
}

fn next_of(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default().as_bytes();
    url::form_urlencoded::parse(query)
        .find_map(|(name, value)| (name == "next").then(|| value.into_owned()))
        .unwrap_or_default()
}
