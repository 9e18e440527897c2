//! What is shown when a page can't be: in words for people, with a way on.

use leptos::{
    prelude::*,
    server_fn::{
        codec::JsonEncoding,
        error::{FromServerFnError, ServerFnErrorErr},
    },
};
use serde::{Deserialize, Serialize};

use super::layout::PlainLayout;

/// Why a page can't be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum PageError {
    /// There is nothing here, or nothing that this visitor may see.
    #[error("there is nothing at this address")]
    NotFound,
    /// Nobody is signed in.
    #[error("sign in first")]
    SignIn,
    /// The database can't be reached.
    #[error("the database can't be reached")]
    Unavailable,
    /// Something is wrong in the program.
    #[error("something went wrong")]
    Internal,
}

impl PageError {
    /// The HTTP status that says the same to machines.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::SignIn => 401,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here",
            Self::SignIn => "Please sign in",
            Self::Unavailable => "We can\u{2019}t reach the database",
            Self::Internal => "This page could not be shown",
        }
    }

    const fn explanation(self) -> &'static str {
        match self {
            Self::NotFound => {
                "The address may be mistyped, or the page belongs to another account. Nothing was changed."
            }
            Self::SignIn => "Your session has ended. Nothing was lost: sign in and go on.",
            Self::Unavailable => {
                "Your credits are safe and nothing was changed. This usually takes less than a minute: load the page again in a moment."
            }
            Self::Internal => {
                "Your credits are safe and nothing was changed. Load the page again. If it stays like this, tell support when it happened."
            }
        }
    }

    /// Where to go on, and what that is called; nothing where this page is to be loaded again.
    const fn way_on(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NotFound => Some(("/", "Go to the start page")),
            Self::SignIn => Some(("/sign-in", "Sign in")),
            Self::Unavailable | Self::Internal => None,
        }
    }
}

impl FromServerFnError for PageError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Internal
    }
}

/// A page in place of one that can't be shown.
#[component]
pub fn ErrorPage(
    /// Why.
    error: PageError,
) -> impl IntoView {
    let way_on = match error.way_on() {
        Some((path, name)) => {
            view! { <a class="button button-primary" href=path>{name}</a> }.into_any()
        }
        // A form without an action leads to the page's own address, in every browser.
        None => view! {
            <form method="get">
                <button class="button button-primary" type="submit">"Load the page again"</button>
            </form>
        }
        .into_any(),
    };
    view! {
        <PlainLayout title=error.title()>
            <div class="panel error-page">
                <p class="fine muted">"Error " {error.status()}</p>
                <h1>{error.title()}</h1>
                <p>{error.explanation()}</p>
                {way_on}
            </div>
        </PlainLayout>
    }
}

/// The page at an address that leads nowhere.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! { <ErrorPage error=PageError::NotFound/> }
}
