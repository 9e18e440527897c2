//! A form that an island brings to life: its own fields are the state, and what follows from them
//! is written where the server has put the names of figures.

use leptos::{
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{Element, Event, HtmlElement, HtmlFormElement, HtmlInputElement, HtmlSelectElement},
};

use super::Figure;

/// The form inside an island.
#[derive(Clone)]
pub struct LiveForm(pub HtmlFormElement);

impl LiveForm {
    /// The form below this element.
    #[must_use]
    pub fn find(root: &Element) -> Option<Self> {
        Some(Self(root.query_selector("form").ok()??.dyn_into().ok()?))
    }

    /// Tells the style sheet that figures follow by themselves from now on.
    pub fn is_live(&self) {
        self.0.class_list().add_1("is-live").ok();
    }

    /// Answers an event of the form, as long as the page lives.
    pub fn listen(&self, name: &str, answer: Box<dyn FnMut(Event)>) {
        let listener = Closure::wrap(answer);
        let function = listener.as_ref().unchecked_ref();
        self.0.add_event_listener_with_callback(name, function).ok();
        listener.forget();
    }

    /// Writes a figure where its name stands; its row goes while it has nothing to say.
    pub fn say(&self, (name, text): &Figure) {
        if let Some(place) = self.part(&format!("[data-figure={name}]")) {
            place.set_text_content(text.as_deref());
            if let Ok(Some(row)) = place.closest("[data-row]") {
                set_hidden(&row, text.is_none());
            }
        }
    }

    /// Sets an attribute, or takes it away.
    pub fn set_attribute(&self, selector: &str, name: &str, value: Option<&str>) {
        if let Some(element) = self.part(selector) {
            match value {
                Some(value) => element.set_attribute(name, value).ok(),
                None => element.remove_attribute(name).ok(),
            };
        }
    }

    /// What a field says, be it written or chosen from a list.
    #[must_use]
    pub fn value(&self, selector: &str) -> Option<String> {
        let part = self.part(selector)?;
        if let Some(input) = part.dyn_ref::<HtmlInputElement>() {
            return Some(input.value());
        }
        Some(part.dyn_ref::<HtmlSelectElement>()?.value())
    }

    /// A field that is written into.
    #[must_use]
    pub fn input(&self, selector: &str) -> Option<HtmlInputElement> {
        self.part(selector)?.dyn_into().ok()
    }

    /// A part of the form.
    #[must_use]
    pub fn part(&self, selector: &str) -> Option<Element> {
        self.0.query_selector(selector).ok()?
    }
}

/// Hides an element, or shows it.
pub fn set_hidden(element: &Element, is_hidden: bool) {
    element.unchecked_ref::<HtmlElement>().set_hidden(is_hidden);
}
