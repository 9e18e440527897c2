//! Signing in: the form, and the links of the platform. Their posts are answered by the server's
//! identity module.

mod link;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::layout::PlainLayout;
use crate::components::{Notice, Tone};
pub use link::{SignInLinkPage, SignInLinkRoute, SignInLinkView};

/// Why the last attempt came back here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The address or the password is wrong; which of them is nobody's business.
    Wrong,
    /// There were too many attempts.
    Throttled,
}

impl Refused {
    /// Reads `error=` of the address.
    #[must_use]
    pub fn from_code(code: &str) -> Self {
        if code == "throttled" { Self::Throttled } else { Self::Wrong }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Wrong => "E-mail or password is wrong.",
            Self::Throttled => "Too many attempts.",
        }
    }

    const fn explanation(self) -> &'static str {
        match self {
            Self::Wrong => "Check both and try again. After several attempts we pause for a while.",
            Self::Throttled => {
                "We pause sign-in for your protection. Please try again in a minute."
            }
        }
    }
}

/// The page at `/sign-in`.
#[component]
pub fn SignInRoute() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let refused = query.get("error").map(|code| Refused::from_code(&code));
    view! { <SignInView refused next=query.get("next").unwrap_or_default() /> }
}

/// The form with what went wrong before.
#[component]
pub fn SignInView(
    /// Why the last attempt came back.
    refused: Option<Refused>,
    /// Where to go afterwards; the server decides whether it may.
    next: String,
) -> impl IntoView {
    let notice = refused.map(|refused| {
        view! {
            <Notice tone=Tone::Bad title=refused.title()>
                <p>{refused.explanation()}</p>
            </Notice>
        }
    });
    view! {
        <PlainLayout title="Sign in">
            <h1>"Sign in"</h1>
            <p>"to see and buy your credits"</p>
            {notice}
            <form class="panel panel-body stack sign-in" method="post" action="/sign-in">
                <input type="hidden" name="next" value=next />
                <div class="field">
                    <label for="email">"E-mail"</label>
                    <input
                        class="input"
                        id="email"
                        name="email"
                        type="email"
                        autocomplete="username"
                        required=true
                    />
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input
                        class="input"
                        id="password"
                        name="password"
                        type="password"
                        autocomplete="current-password"
                        required=true
                    />
                </div>
                <button class="button button-primary button-wide" type="submit">"Sign in"</button>
            </form>
        </PlainLayout>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_password_and_an_unknown_person_get_the_same_words() {
        assert_eq!(Refused::from_code("1"), Refused::from_code("unknown"));
        assert_ne!(Refused::from_code("throttled"), Refused::from_code("1"));
    }
}
