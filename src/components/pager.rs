//! The foot of a table that is paged by keys: there is no page number to get wrong.

use leptos::prelude::*;

use super::{Glyph, Icon};

/// Links to newer and older rows; a direction without rows shows a dead end, not a link.
#[component]
pub fn Pager(
    /// What the pages are of, for screen readers.
    label: &'static str,
    /// What is shown: "25 rows".
    #[prop(into)]
    shown: String,
    /// The page with newer rows.
    newer: Option<String>,
    /// The page with older rows.
    older: Option<String>,
    /// Further links, before those two.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <nav class="pager" aria-label=label>
            <p>{shown}</p>
            <div class="row">
                {children.map(|children| children())}
                <a
                    class="button"
                    href=newer.clone()
                    rel=newer.is_some().then_some("prev")
                    role=newer.is_none().then_some("link")
                    aria-disabled=newer.is_none().then_some("true")
                >
                    <Icon glyph=Glyph::Previous/>
                    "Newer"
                </a>
                <a
                    class="button"
                    href=older.clone()
                    rel=older.is_some().then_some("next")
                    role=older.is_none().then_some("link")
                    aria-disabled=older.is_none().then_some("true")
                >
                    "Older"
                    <Icon glyph=Glyph::Next/>
                </a>
            </div>
        </nav>
    }
}
