//! Figures that follow what is chosen in a form, each by a name. The server writes them into the
//! page where their names stand; an island may write them anew in the same places.

use leptos::prelude::*;

/// A figure's name, and what it says; none where it has nothing to say, and its row goes.
pub type Figure = (String, Option<String>);

/// One row of a sum: a term and a figure, gone while the figure has nothing to say.
#[component]
pub fn FigureRow(
    /// Among these.
    figures: Vec<Figure>,
    /// Its name.
    #[prop(into)]
    name: String,
    /// What stands beside it: words, or another figure.
    term: AnyView,
    /// How the row looks.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let is_silent = said(&figures, &name).is_none();
    view! {
        <div class=class data-row="" hidden=is_silent>
            <dt>{term}</dt>
            <dd><Said figures name /></dd>
        </div>
    }
}

/// A figure where its name stands.
#[component]
pub fn Said(
    /// Among these.
    figures: Vec<Figure>,
    /// Its name.
    #[prop(into)]
    name: String,
) -> impl IntoView {
    let text = said(&figures, &name);
    view! { <span data-figure=name>{text}</span> }
}

/// What a figure says.
#[must_use]
pub fn said(figures: &[Figure], name: &str) -> Option<String> {
    figures.iter().find(|figure| figure.0 == name)?.1.clone()
}
