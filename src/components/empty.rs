//! What stands where a list has no rows.

use leptos::prelude::*;

use super::{Glyph, Icon};

/// A list without rows: what is missing, and what to do next.
#[component]
pub fn Empty(
    /// Its picture.
    glyph: Glyph,
    /// What is missing.
    #[prop(into)]
    title: String,
    /// Why, and what to do next.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon glyph size=24/>
            <h3>{title}</h3>
            {children()}
        </div>
    }
}
