//! What is wrong with a field of a form, said beneath it.

use leptos::prelude::*;

use super::{Glyph, Icon};

/// The words, which the field names by `aria-describedby`: `amount-error` for `amount`.
#[component]
pub fn FieldError(
    /// The id of the field.
    id: &'static str,
    /// What is wrong; none where nothing is.
    words: Option<String>,
) -> impl IntoView {
    words.map(|words| {
        view! {
            <span class="error" id=format!("{id}-error")>
                <Icon glyph=Glyph::CrossCircle size=14/>
                {words}
            </span>
        }
    })
}
