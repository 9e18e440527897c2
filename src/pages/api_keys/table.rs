//! The keys there are, and revoking one.

use chrono::{DateTime, FixedOffset};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    components::{Day, Moment},
    credits::Credits,
};

/// A key in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its public half.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it may read.
    pub may_read: bool,
    /// Whether it may spend.
    pub may_spend: bool,
    /// The most that one run may cost.
    pub ceiling: Option<Credits>,
    /// When it was made.
    pub made_at: DateTime<FixedOffset>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<FixedOffset>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<FixedOffset>>,
}

impl KeyLine {
    const fn scopes(&self) -> &'static str {
        match (self.may_read, self.may_spend) {
            (true, true) => "Read and spend",
            (false, true) => "Spend",
            _ => "Read",
        }
    }
}

/// All keys: those that work first.
#[component]
pub fn KeyTable(
    /// The keys.
    keys: Vec<KeyLine>,
    /// The zone of their instants.
    zone: String,
) -> impl IntoView {
    let rows = keys.into_iter().map(|key| view! { <KeyRow key/> });
    view! {
        <section class="section" aria-labelledby="keys">
            <div class="section-head">
                <h2 id="keys">"Your keys"</h2>
                <p>"Times are " {zone} ". A revoked key is refused within a second, and stays in this list."</p>
            </div>
            <div class="panel">
                <div class="table-wrap">
                    <table class="table table-cards keys">
                        <thead>
                            <tr>
                                <th scope="col">"Key"</th>
                                <th scope="col">"May"</th>
                                <th scope="col" class="num">"Ceiling per run"</th>
                                <th scope="col">"Made"</th>
                                <th scope="col">"Last used"</th>
                                <th scope="col"><span class="visually-hidden">"Revoke"</span></th>
                            </tr>
                        </thead>
                        <tbody>{rows.collect_view()}</tbody>
                    </table>
                </div>
            </div>
        </section>
    }
}

#[component]
fn KeyRow(key: KeyLine) -> impl IntoView {
    let scopes = key.scopes();
    let ceiling = key.ceiling.map_or_else(|| "none".to_owned(), |most| format!("{most} credits"));
    let used = match key.last_used_at {
        Some(at) => view! { <Moment at/> }.into_any(),
        None => "never".into_any(),
    };
    let end = match key.revoked_at {
        Some(at) => view! { <span class="badge">"Revoked"</span>" "<Day at/> }.into_any(),
        None => view! { <Revoke id=key.id.clone() name=key.name.clone()/> }.into_any(),
    };
    view! {
        <tr class=key.revoked_at.map(|_| "ended")>
            <td class="key"><b>{key.name}</b><code class="sub">"rcg_"{key.id}"_…"</code></td>
            <td class="may">{scopes}</td>
            <td class="num ceiling" data-label="Ceiling per run:">{ceiling}</td>
            <td class="made" data-label="Made"><Day at=key.made_at/></td>
            <td class="used" data-label="Last used">{used}</td>
            <td class="end">{end}</td>
        </tr>
    }
}

/// The button opens a question; the browser needs no script for that.
#[component]
fn Revoke(id: String, name: String) -> impl IntoView {
    let question = format!("revoke-{id}");
    let (asks, hides) = (question.clone(), question.clone());
    let (title, titled) = (format!("revoke-title-{id}"), format!("revoke-title-{id}"));
    let action = format!("/settings/api-keys/{id}/revoke");
    let spoken = format!("Revoke {name}");
    view! {
        <button class="button button-danger" type="button" popovertarget=asks aria-label=spoken>
            "Revoke"
        </button>
        <div class="question" id=question popover="auto" role="dialog" aria-labelledby=titled>
            <h3 id=title>"Revoke \u{201c}"{name}"\u{201d}?"</h3>
            <p>
                "Programs that use this key are refused within a second. This can\u{2019}t be undone; a new key can be made at any time."
            </p>
            <form class="row" method="post" action=action>
                <button class="button button-danger" type="submit">"Revoke the key"</button>
                <button class="button" type="button" popovertarget=hides popovertargetaction="hide" autofocus=true>
                    "Keep it"
                </button>
            </form>
        </div>
    }
}
