//! The gate: every request that may carry the cookie passes it.
//!
//! It says who is asking and, for what is private, whether they may. What they may not see is 404:
//! a customer doesn't learn that there is a support desk.

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header::ACCEPT},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use tower::ServiceExt;
use tower_sessions::Session;

use super::{
    LocalPath, Person, Presence, Sessions, local_path::is_under, sessions::USER,
    sign_in::destination,
};

/// What the gate needs.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Where people are looked up.
    pub sessions: Sessions,
    /// Answers with the page for what is not there.
    pub not_found: Router,
}

/// What somebody is told instead of what they asked for.
enum Refusal {
    /// Go there.
    Go(String),
    /// There is no such thing.
    NotFound,
    /// No event comes here any more. A browser that is sent elsewhere reads a page where it expects
    /// events, and complains; this ends its stream in silence.
    NoEvents,
}

/// Puts the [`super::Customer`] or [`super::Staff`] who is asking into the request's extensions,
/// or sends the visitor away.
pub async fn gate(
    State(gate): State<Gate>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    if carries_nul(request.uri()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let person = match who(&gate.sessions, &session).await {
        Ok(person) => person,
        Err(error) => {
            tracing::error!(%error, "the session could not be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let refusal = refuse(request.method(), request.uri(), person.as_ref());
    let wants_events = wants_events(request.headers());
    let refusal = refusal.map(|it| if wants_events { Refusal::NoEvents } else { it });
    if let (Some(_), Some(id)) = (&person, session.id()) {
        request.extensions_mut().insert(Presence::new(&id));
    }
    match person {
        Some(Person::Customer(customer)) => request.extensions_mut().insert(customer).map(drop),
        Some(Person::Staff(staff)) => request.extensions_mut().insert(staff).map(drop),
        None => None,
    };
    match refusal {
        None => next.run(request).await,
        Some(Refusal::Go(place)) => Redirect::to(&place).into_response(),
        Some(Refusal::NoEvents) => StatusCode::NO_CONTENT.into_response(),
        Some(Refusal::NotFound) => {
            // The page would otherwise be looked up by its address, and found.
            *request.uri_mut() = Uri::from_static("/nowhere");
            gate.not_found.oneshot(request).await.into_response()
        }
    }
}

/// Nothing of ours has a NUL in its name, and PostgreSQL can't even be asked for one.
fn carries_nul(uri: &Uri) -> bool {
    uri.path().contains("%00")
}

/// What a page asks that listens, also when its reader has left.
fn wants_events(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes() == b"text/event-stream")
}

/// A session whose user is gone is nobody's.
async fn who(
    sessions: &Sessions,
    session: &Session,
) -> Result<Option<Person>, Box<dyn std::error::Error + Send + Sync>> {
    let Some(id) = session.id() else { return Ok(None) };
    let person = sessions.person(&id).await?;
    if person.is_none() {
        // The layer finds out too that the session has ended, and removes the cookie.
        session.get::<String>(USER).await?;
    }
    Ok(person)
}

fn refuse(method: &Method, uri: &Uri, person: Option<&Person>) -> Option<Refusal> {
    let path = uri.path();
    let (settings, support) = (is_under(path, "/settings"), is_under(path, "/support"));
    let go = |place: &str| Some(Refusal::Go(place.to_owned()));
    match person {
        None if settings || support => Some(Refusal::Go(sign_in_address(method, uri, support))),
        Some(Person::Customer(_)) if support => Some(Refusal::NotFound),
        Some(Person::Staff(_)) if settings && is_read(method) => go("/support"),
        Some(Person::Staff(_)) if settings => Some(Refusal::NotFound),
        Some(person) if path == "/sign-in" && is_read(method) => {
            Some(Refusal::Go(destination(person, &next_of(uri))))
        }
        Some(person) if path == "/" && is_read(method) => {
            Some(Refusal::Go(destination(person, "")))
        }
        None if path == "/" && is_read(method) => go("/settings/credits"),
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

/// Where the address says that somebody wants to go after signing in; anything at all.
pub(super) fn next_of(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default().as_bytes();
    url::form_urlencoded::parse(query)
        .find_map(|(name, value)| (name == "next").then(|| value.into_owned()))
        .unwrap_or_default()
}
