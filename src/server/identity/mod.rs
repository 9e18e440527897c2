//! Who is asking: a customer or one of us, proven by a session; a program, proven by its key.
//!
//! # Shape
//! `sign_in` checks a password (`password`, `throttle`) and opens a session (`sessions`); `gate`
//! turns the session of each request into a [`Customer`] or [`Staff`] in its extensions, or sends
//! the visitor away. What goes on for long ends with the session of its [`Presence`]. Handlers
//! take them as extractors, pages by [`customer`] and [`staff`]: to hold one is the proof.
//! `api_keys` knows programs by their keys; the platform brings its users along (`brought`) and
//! lets them in by `sign_in_links`.
//!
//! What is absent: no cookie carries data, no role is stored in a session; who loses a role or
//! an account loses it with the next request.

pub mod api_keys;
mod brought;
mod gate;
mod local_path;
mod owners;
pub mod password;
mod presence;
mod random;
mod sessions;
mod sign_in;
pub mod sign_in_links;
mod throttle;
mod users;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

pub use api_keys::{ApiKey, ApiKeys, KeyProblem, ListedKey, Scope, Scopes};
pub use brought::{Bring, BringError, Brought, account_of_external, bring};
pub use gate::{Gate, gate};
pub use local_path::LocalPath;
pub use owners::{Owner, owner_of, owner_with_email};
pub use password::Passwords;
pub use presence::Presence;
pub use random::random_hex;
pub use sessions::Sessions;
pub use sign_in::{cookie_name, removable_cookie, session_layer, sign_in, sign_out};
pub use throttle::Throttle;
pub use users::{AddUserError, Email, NewUser, NoEmail, Person, Role, add};

use crate::credits::AccountId;

/// A customer who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The id of the user.
    pub user: String,
    /// Their account.
    pub account: AccountId,
    /// Their name on screen.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// How many notices they have not read.
    pub unread: u32,
}

/// One of us, who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// The id of the user.
    pub user: String,
    /// Their name on screen.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
}

/// Nobody who may see this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sign in to see this")]
pub struct Stranger;

/// The customer who asks for the page that is being rendered.
///
/// # Errors
/// Where nobody is signed in, or it is one of us.
pub fn customer() -> Result<Customer, Stranger> {
    asking()
}

/// The member of staff who asks for the page that is being rendered.
///
/// # Errors
/// Where nobody is signed in, or it is a customer.
pub fn staff() -> Result<Staff, Stranger> {
    asking()
}

/// The name of who asks for the page that is being rendered, where that isn't this user.
#[must_use]
pub fn somebody_but(user: &str) -> Option<String> {
    let customer = customer().ok().map(|customer| (customer.user, customer.name));
    let asking = customer.or_else(|| staff().ok().map(|staff| (staff.user, staff.name)));
    asking.filter(|(id, _)| id != user).map(|(_, name)| name)
}

fn asking<T: Clone + Send + Sync + 'static>() -> Result<T, Stranger> {
    let parts = leptos::prelude::use_context::<Parts>().ok_or(Stranger)?;
    parts.extensions.get().cloned().ok_or(Stranger)
}

/// The gate lets only customers come to where this is asked for; elsewhere it is 404.
impl<S: Sync> FromRequestParts<S> for Customer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(StatusCode::NOT_FOUND)
    }
}

/// The gate lets only staff come to where this is asked for; elsewhere it is 404.
impl<S: Sync> FromRequestParts<S> for Staff {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(StatusCode::NOT_FOUND)
    }
}
