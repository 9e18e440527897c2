//! The foot of a table that is paged by keys: there is no page number to get wrong.

use leptos::prelude::*;

use super::{Glyph, Icon};

/// Links to newer and older rows; a direction without rows is no link, and where all rows are on
/// one page there is none.
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
    let steps = (newer.is_some() || older.is_some()).then(|| {
        view! {
            <Step rel="prev" to=newer>
                <Icon glyph=Glyph::Previous/>
                "Newer"
            </Step>
            <Step rel="next" to=older>
                "Older"
                <Icon glyph=Glyph::Next/>
            </Step>
        }
    });
    view! {
        <nav class="pager" aria-label=label>
            <p>{shown}</p>
            <div class="row">
                {children.map(|children| children())}
                {steps}
            </div>
        </nav>
    }
}

#[component]
fn Step(rel: &'static str, to: Option<String>, children: Children) -> impl IntoView {
    let is_end = to.is_none();
    view! {
        <a
            class="button"
            rel=to.is_some().then_some(rel)
            href=to
            role=is_end.then_some("link")
            aria-disabled=is_end.then_some("true")
        >
            {children()}
        </a>
    }
}
