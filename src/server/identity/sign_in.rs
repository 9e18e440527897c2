//! Signing in and out: two form posts, and the cookie between them.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Form,
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, StatusCode, header::SET_COOKIE, request::Parts},
    middleware::Next,
    response::{Redirect, Response},
};
use serde::Deserialize;
use tower_sessions::{Expiry, Session, SessionManagerLayer, cookie::SameSite};

use super::{
    Email, LocalPath, Person, Sessions,
    sessions::{ABSOLUTE, SIGNED_IN_AT, USER},
    throttle::Attempt,
    users,
};
use crate::server::{AppState, clock::to_millis, config::Config};

/// The form on the sign-in page.
#[derive(Deserialize)]
pub struct SignIn {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// Where a request comes from, as far as we can know.
#[derive(Clone, Copy, Debug)]
pub struct VisitorAddress(Option<IpAddr>);

/// The name of the cookie. `__Host-` makes browsers refuse one that another host has set.
#[must_use]
pub fn cookie_name(config: &Config) -> &'static str {
    if config.is_https() { "__Host-session" } else { "session" }
}

/// Reads and writes the cookie. Its age is the longest a session can live; the server knows better.
#[must_use]
pub fn session_layer(config: &Config, sessions: Sessions) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(sessions)
        .with_name(cookie_name(config))
        .with_secure(config.is_https())
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(time::Duration::days(ABSOLUTE.num_days())))
}

/// Browsers accept a `__Host-` cookie only with `Secure`, also one that says "forget it"; the
/// session layer leaves it out there.
pub async fn removable_cookie(
    State(is_https): State<bool>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if let Some(cookie) = response.headers_mut().get_mut(SET_COOKIE)
        && is_https
        && let Ok(text) = cookie.to_str()
        && !text.contains("; Secure")
        && let Ok(secure) = format!("{text}; Secure").parse()
    {
        *cookie = secure;
    }
    response
}

/// POST /sign-in. Unknown people are answered as late and as little as those who mistyped.
///
/// # Errors
/// 503 where the database is away.
pub async fn sign_in(
    State(state): State<AppState>,
    VisitorAddress(address): VisitorAddress,
    session: Session,
    Form(form): Form<SignIn>,
) -> Result<Redirect, StatusCode> {
    let email = form.email.parse::<Email>().ok();
    let now = state.clock.now();
    let attempt = Attempt::new(email.as_ref().map_or("", Email::as_str), address);
    if !state.throttle.take(&attempt, now) {
        tracing::warn!(?address, "sign-in throttled");
        return Ok(again("throttled", &form.next));
    }
    let Some(person) = find(&state, email.as_ref(), &form.password).await? else {
        tracing::info!(?address, "sign-in failed");
        return Ok(again("1", &form.next));
    };
    state.throttle.give_back(&attempt);
    open(&session, &person, to_millis(now)).await.map_err(unavailable)?;
    tracing::info!(user = person.user(), "signed in");
    Ok(Redirect::to(&destination(&person, &form.next)))
}

/// POST /sign-out. Ends the session here, whatever the browser does with its cookie.
///
/// # Errors
/// 503 where the database is away: then the session has not ended.
pub async fn sign_out(session: Session) -> Result<Redirect, StatusCode> {
    session.flush().await.map_err(unavailable)?;
    Ok(Redirect::to("/sign-in"))
}

/// Where somebody goes after signing in: where they wanted to, if that is for them.
#[must_use]
pub fn destination(person: &Person, next: &str) -> String {
    let (home, others) = match person {
        Person::Customer(_) => ("/settings/credits", "/support"),
        Person::Staff(_) => ("/support", "/settings"),
    };
    LocalPath::parse(next)
        .filter(|next| !next.is_under(others) && !next.is_under("/sign-in") && !next.is_under("/"))
        .map_or_else(|| home.to_owned(), |next| next.to_string())
}

async fn find(
    state: &AppState,
    email: Option<&Email>,
    password: &str,
) -> Result<Option<Person>, StatusCode> {
    let found = match email {
        Some(email) => users::with_email(&state.database, email).await.map_err(unavailable)?,
        None => None,
    };
    // Whoever the platform brought along has none; they are answered like nobody, and as late.
    let hash = found.as_ref().map(|(_, hash)| hash.as_str()).filter(|hash| !hash.is_empty());
    let is_theirs = state.passwords.verify(password, hash).await;
    Ok(found.filter(|_| is_theirs).map(|(person, _)| person))
}

/// A new id for a new privilege: whoever knew the old one knows nothing.
pub(super) async fn open(
    session: &Session,
    person: &Person,
    now: i64,
) -> Result<(), tower_sessions::session::Error> {
    session.cycle_id().await?;
    session.insert(USER, person.user()).await?;
    session.insert(SIGNED_IN_AT, now).await
}

fn again(error: &str, next: &str) -> Redirect {
    let next = LocalPath::parse(next).map(|next| next.to_string());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("error", error);
    next.iter().for_each(|next| {
        query.append_pair("next", next);
    });
    Redirect::to(&format!("/sign-in?{}", query.finish()))
}

pub(super) fn unavailable(error: impl std::fmt::Display) -> StatusCode {
    tracing::error!(%error, "signing in or out failed");
    StatusCode::SERVICE_UNAVAILABLE
}

impl FromRequestParts<AppState> for VisitorAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let header = state.config.client_address_header.as_ref();
        let address = match header {
            Some(name) => last_address(&parts.headers, name.as_str()),
            None => connection.map(|ConnectInfo(address)| address.ip()),
        };
        Ok(Self(address))
    }
}

/// The last address in a list: the one that our own proxy has added.
fn last_address(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        credits::AccountId,
        server::identity::{Customer, Staff},
    };

    fn somebody() -> (Person, Person) {
        let text = String::new;
        let account = AccountId(text());
        let customer = Customer { user: text(), account, name: text(), email: text(), unread: 0 };
        let staff = Staff { user: text(), name: text(), email: text() };
        (Person::Customer(customer), Person::Staff(staff))
    }

    #[test]
    fn everybody_comes_to_where_they_wanted_if_that_is_for_them() {
        let (customer, staff) = somebody();
        for (next, for_customer, for_staff) in [
            (
                "/settings/credits/buy?package=p5000",
                "/settings/credits/buy?package=p5000",
                "/support",
            ),
            ("/support/accounts/acc_1", "/settings/credits", "/support/accounts/acc_1"),
            ("/", "/settings/credits", "/support"),
            ("/sign-in?next=/sign-in", "/settings/credits", "/support"),
            ("https://evil.example", "/settings/credits", "/support"),
            ("", "/settings/credits", "/support"),
        ] {
            assert_eq!(destination(&customer, next), for_customer, "{next}");
            assert_eq!(destination(&staff, next), for_staff, "{next}");
        }
    }

    #[test]
    fn behind_a_proxy_the_address_that_it_added_counts() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "203.0.113.9, 192.0.2.1".parse().expect("a value"));
        assert_eq!(last_address(&headers, "x-forwarded-for"), "192.0.2.1".parse().ok());
        assert_eq!(last_address(&headers, "x-real-ip"), None);
    }
}
