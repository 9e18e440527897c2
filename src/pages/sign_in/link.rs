//! Coming from the platform: a link that signs in, by a form that sends itself where scripts run.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};

use crate::pages::{error::PageError, layout::PlainLayout, loaded::loaded};

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInLinkPage {
    /// It signs in.
    Works {
        /// The name of somebody else who is signed in here, and would be no more.
        instead_of: Option<String>,
    },
    /// It was used, has expired, or never was one.
    NoLonger,
}

/// What a link leads to, without using it up.
///
/// # Errors
/// Where the database can't be read.
#[server]
pub async fn load_sign_in_link(token: String) -> Result<SignInLinkPage, PageError> {
    use crate::server::{AppState, http::explained::Explained, identity};
    use axum::http::{HeaderValue, StatusCode, header::REFERRER_POLICY};
    let state = expect_context::<AppState>();
    let response = expect_context::<leptos_axum::ResponseOptions>();
    // The address is a secret: not even our own logs are told where one came from. The form's
    // origin is still sent, by which it is known as ours.
    response.insert_header(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    let now = state.clock.now();
    let person = identity::sign_in_links::peek(&state.database, &token, now).await.explained()?;
    let Some(person) = person else {
        response.set_status(StatusCode::NOT_FOUND);
        return Ok(SignInLinkPage::NoLonger);
    };
    let instead_of = identity::somebody_but(person.user());
    Ok(SignInLinkPage::Works { instead_of })
}

/// The page at `/sign-in/link/{token}`.
#[component]
pub fn SignInLinkRoute() -> impl IntoView {
    let params = use_params_map();
    let token = move || params.read().get("token").unwrap_or_default();
    let page = Resource::new_blocking(token, load_sign_in_link);
    loaded(page, |page| view! { <SignInLinkView page/> })
}

/// Sends the form as soon as it is there; the button is for browsers that run no scripts.
const SEND: &str = "const form = document.getElementById('sign-in'); form.requestSubmit(); \
                    form.querySelector('button').disabled = true;";

/// The form, or why there is none.
#[component]
pub fn SignInLinkView(
    /// What the link leads to.
    page: SignInLinkPage,
) -> impl IntoView {
    match page {
        SignInLinkPage::Works { instead_of } => view! { <SignInForm instead_of/> }.into_any(),
        SignInLinkPage::NoLonger => view! { <NoLink/> }.into_any(),
    }
}

#[component]
fn SignInForm(instead_of: Option<String>) -> impl IntoView {
    // Who is signed in as somebody else decides for themselves.
    let send = instead_of.is_none().then(|| view! { <script nonce=use_nonce()>{SEND}</script> });
    let words = match &instead_of {
        None => "You come from the platform: there is no need for a password.".to_owned(),
        Some(name) => {
            format!("This link is for another account. {name} will be signed out in this browser.")
        }
    };
    let stay = instead_of.map(|name| {
        view! { <a class="button button-wide" href="/">"Stay signed in as " {name}</a> }
    });
    view! {
        <PlainLayout title="Open your credits">
            <h1>"Open your credits"</h1>
            <p>{words}</p>
            <form class="panel panel-body stack-tight" id="sign-in" method="post">
                <button class="button button-primary button-wide" type="submit">"Continue"</button>
                {stay}
            </form>
            {send}
        </PlainLayout>
    }
}

#[component]
fn NoLink() -> impl IntoView {
    view! {
        <PlainLayout title="This link no longer works">
            <div class="panel error-page">
                <h1>"This link no longer works"</h1>
                <p>
                    "A sign-in link works once and for one minute. Go back to the platform and open your credits again, or sign in with your password."
                </p>
                <a class="button button-primary" href="/sign-in">"Sign in"</a>
            </div>
        </PlainLayout>
    }
}
