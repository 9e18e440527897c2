//! The page /settings/api-keys.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    KeyForm, KeyLine, NewKey,
    form::{MakeKey, Problems},
    made::MadeKey,
    table::KeyTable,
};
use crate::{
    components::{Empty, Glyph, Notice, Tone},
    credits::AccountId,
    pages::layout::{MenuEntry, SettingsLayout, Viewer},
};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeysPage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// Whose keys they are.
    pub account: AccountId,
    /// Where programs find this site.
    pub site: String,
    /// The zone of the instants.
    pub zone: String,
    /// The name of a key that was just revoked.
    pub revoked: Option<String>,
    /// The keys: those that work first.
    pub keys: Vec<KeyLine>,
    /// The form, with what was entered where it came back.
    pub form: KeyForm,
    /// The key that was just made.
    pub new_key: Option<NewKey>,
}

/// The page for what was loaded.
#[component]
pub fn ApiKeysView(
    /// What it shows.
    page: ApiKeysPage,
) -> impl IntoView {
    let ApiKeysPage { viewer, account, site, zone, revoked, keys, form, new_key } = page;
    let title = if form.problems.is_empty() { "API keys" } else { "No key was made: API keys" };
    let revoked = revoked.map(|name| {
        let title = format!("\u{201c}{name}\u{201d} is revoked.");
        view! { <Notice tone=Tone::Good title><p>"It is refused from now on."</p></Notice> }
    });
    let has_keys = !keys.is_empty();
    let keys = has_keys.then(|| view! { <KeyTable keys zone/> });
    let example = view! { <Example site account/> };
    let (empty, example) = if has_keys {
        (None, Some(example))
    } else {
        let empty = view! {
            <div class="panel section">
                <Empty glyph=Glyph::Key title="No keys yet">
                    <p>
                        "With a key your own programs and agents see what they can spend, ask for prices, and pay for operations. Each key can do only what you choose, and can be revoked at any time."
                    </p>
                    {example}
                </Empty>
            </div>
        };
        (Some(empty), None)
    };
    view! {
        <SettingsLayout viewer title current=MenuEntry::ApiKeys>
            <div class="page-head">
                <div>
                    <h1>"API keys"</h1>
                    <p>"For programs that read your balance, or spend your credits for you."</p>
                </div>
                <a class="button" href="/api/docs">"API documentation"</a>
            </div>
            <Problems problems=form.problems.clone()/>
            {new_key.map(|key| view! { <MadeKey key/> })}
            {revoked}
            {keys}
            {empty}
            <MakeKey form/>
            {example}
        </SettingsLayout>
    }
}

/// A first request, as it works from a shell.
#[component]
fn Example(site: String, account: AccountId) -> impl IntoView {
    let command = format!(
        "curl -H \"Authorization: Bearer $RECHARGE_KEY\" \\\n  {site}/api/v1/accounts/{account}/balance"
    );
    view! {
        <figure class="example">
            <figcaption class="small">
                "Ask for your balance, with a key in the variable " <code>"RECHARGE_KEY"</code>":"
            </figcaption>
            <pre tabindex="0"><code>{command}</code></pre>
        </figure>
    }
}
