//! Ending a kind of mail by the link in it: asked first, since programs open links too.

mod api;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::{Deserialize, Serialize};

use super::{layout::PlainLayout, loaded::loaded};
use crate::credits::Topic;
use api::load_unsubscribe;

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnsubscribePage {
    /// It would end mail about this.
    Asks(Topic),
    /// It has ended.
    Done(Topic),
    /// It is too old.
    Expired,
    /// We did not make it, or not all of it came along.
    Forged,
}

/// What came of the form: the mail about this has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribed(pub Topic);

/// The page at `/unsubscribe/{token}`.
#[component]
pub fn UnsubscribeRoute() -> impl IntoView {
    let params = use_params_map();
    let token = move || params.read().get("token").unwrap_or_default();
    let page = Resource::new_blocking(token, load_unsubscribe);
    loaded(page, |page| view! { <UnsubscribeView page/> })
}

#[component]
fn UnsubscribeView(page: UnsubscribePage) -> impl IntoView {
    let settings = || {
        view! { <a class="button button-wide" href="/settings/notifications">"See all notifications"</a> }
    };
    match page {
        UnsubscribePage::Asks(topic) => view! {
            <PlainLayout title="Unsubscribe">
                <h1>"No more mail about this?"</h1>
                <p>
                    <b>{topic.name()}</b> ": " {topic.explanation()}
                </p>
                <p>"You still find these notices in your inbox. Receipts and news of failed payments are always sent."</p>
                <form class="panel panel-body stack-tight" method="post">
                    <button class="button button-primary button-wide" type="submit">"Unsubscribe"</button>
                    {settings()}
                </form>
            </PlainLayout>
        }
        .into_any(),
        UnsubscribePage::Done(topic) => view! {
            <PlainLayout title="Unsubscribed">
                <div class="panel error-page">
                    <h1>"You are unsubscribed"</h1>
                    <p>
                        "We send you no more mail about this topic: " {topic.name()}
                        ". You can turn it on again at any time."
                    </p>
                    {settings()}
                </div>
            </PlainLayout>
        }
        .into_any(),
        UnsubscribePage::Expired => view! {
            <NoLink words="A link in a mail works for half a year. Nothing was changed: take the link in a newer mail, or choose in the settings what you hear of."/>
        }
        .into_any(),
        UnsubscribePage::Forged => view! {
            <NoLink words="The address is not complete, or it is none of ours. Nothing was changed: open the link in the mail again, or choose in the settings what you hear of."/>
        }
        .into_any(),
    }
}

#[component]
fn NoLink(words: &'static str) -> impl IntoView {
    view! {
        <PlainLayout title="This link does not work">
            <div class="panel error-page">
                <h1>"This link does not work"</h1>
                <p>{words}</p>
                <a class="button button-primary" href="/settings/notifications">"Choose in the settings"</a>
            </div>
        </PlainLayout>
    }
}
