//! The form that buys, alive: amount, price and outcome follow the choice without a server call.
//!
//! The form's own fields are the state: every change is read from them, and at the start too, so
//! what was entered before the island woke up counts. What follows is written where the server
//! has put the names of the figures. Without the island the same form works; the style sheet then
//! hides a summary that is out of date and shows "Show total".

use leptos::{
    ev::pageshow,
    html::Div,
    prelude::*,
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{Element, Event, HtmlButtonElement, HtmlElement, HtmlFormElement, HtmlInputElement},
};

use super::{
    figures::{Figure, field_figures, figures},
    pricing::{Pricing, grouped},
    shop::{Choice, Chosen},
    slider::{credits_at, position},
};
use crate::credits::AmountError;

/// Brings the form inside it to life.
#[island]
pub fn PackagePicker(
    /// The form.
    children: Children,
) -> impl IntoView {
    let root = NodeRef::<Div>::new();
    Effect::new(move |_| {
        if let Some(picker) = root.get().and_then(|root| Picker::find(&root)) {
            picker.wake();
        }
    });
    view! { <div node_ref=root>{children()}</div> }
}

/// What goes while there is no amount.
const NEED_AN_AMOUNT: [&str; 2] = [".summary-sums", ".worth-list"];

/// The form with what prices it.
#[derive(Clone)]
struct Picker {
    form: HtmlFormElement,
    pricing: Pricing,
}

impl Picker {
    fn find(root: &Element) -> Option<Self> {
        let form: HtmlFormElement = root.query_selector("form").ok()??.dyn_into().ok()?;
        let pricing = Pricing::from_line(&form.get_attribute("data-pricing")?)?;
        Some(Self { form, pricing })
    }

    fn wake(self) {
        self.show(is_entered(&self.form));
        self.form.class_list().add_1("is-live").ok();
        let awake = self.clone();
        // A page that comes back from the browser's memory must not stay busy.
        drop(window_event_listener(pageshow, move |_| awake.set_busy(false)));
        self.listen("input", |picker, event| {
            picker.follow(&event);
            picker.show(false);
        });
        self.listen("change", |picker, _| picker.show(true));
        self.listen("submit", Self::submit);
    }

    fn listen(&self, name: &str, answer: fn(&Self, Event)) {
        let picker = self.clone();
        let listener = Closure::<dyn FnMut(Event)>::new(move |event| answer(&picker, event));
        let function = listener.as_ref().unchecked_ref();
        self.form.add_event_listener_with_callback(name, function).ok();
        listener.forget();
    }

    /// Brings the other fields in line with the one that was changed.
    fn follow(&self, event: &Event) {
        let changed = event_target::<HtmlInputElement>(event);
        match changed.id().as_str() {
            "slider" => {
                let position = changed.value().parse().unwrap_or(0);
                self.write("#amount", credits_at(&self.pricing.schedule, position));
                self.choose_custom();
            }
            "amount" => self.choose_custom(),
            _ => {
                if let Ok(credits) = self.chosen() {
                    self.write("#amount", credits);
                }
            }
        }
        if let (Ok(credits), false) = (self.chosen(), changed.id() == "slider") {
            self.write("#slider", position(&self.pricing.schedule, credits));
        }
    }

    /// Writes down what follows from the choice. A fault that more digits may mend is shown only
    /// when the field has been left.
    fn show(&self, is_left: bool) {
        let chosen = self.chosen();
        let credits = chosen.clone().ok();
        let error = chosen.err().flatten().filter(|error| is_left || !is_unfinished(error));
        for figure in figures(&self.pricing, credits) {
            self.say(&figure);
        }
        for figure in field_figures(&self.pricing, error.as_ref()) {
            self.say(&figure);
        }
        for selector in NEED_AN_AMOUNT {
            if let Some(part) = self.part(selector) {
                set_hidden(&part, credits.is_none());
            }
        }
        self.light_steps(credits.unwrap_or_default());
        let spoken = credits.map(|credits| format!("{} credits", grouped(credits)));
        self.set_attribute("#slider", "aria-valuetext", spoken.as_deref());
        self.set_attribute("#amount", "aria-invalid", error.map(|_| "true"));
    }

    fn submit(&self, event: Event) {
        if self.is_busy() {
            event.prevent_default();
        } else if self.chosen().is_err() {
            event.prevent_default();
            self.show(true);
            if let Some(amount) = self.input("#amount") {
                amount.focus().ok();
            }
        } else {
            self.set_busy(true);
        }
    }

    /// What the fields say.
    fn chosen(&self) -> Chosen {
        let package = self.input("[name=package]:checked").ok_or(None)?;
        if package.value() == Choice::CUSTOM {
            let amount = self.input("#amount").map(|amount| amount.value()).unwrap_or_default();
            return self.pricing.schedule.parse_amount(&amount).map_err(Some);
        }
        let credits = package.get_attribute("data-credits").and_then(|text| text.parse().ok());
        credits.ok_or(None)
    }

    fn say(&self, (name, text): &Figure) {
        if let Some(place) = self.part(&format!("[data-figure={name}]")) {
            place.set_text_content(text.as_deref());
            if let Ok(Some(row)) = place.closest("[data-row]") {
                set_hidden(&row, text.is_none());
            }
        }
    }

    /// Marks the price steps that an amount reaches.
    fn light_steps(&self, credits: i64) {
        let Some(steps) = self.part(".steps").map(|list| list.children()) else { return };
        let mut above = 0;
        for (index, step) in (0..).zip(&self.pricing.schedule.steps) {
            if let Some(item) = steps.item(index) {
                item.class_list().toggle_with_force("in", credits > above).ok();
            }
            above = step.up_to;
        }
    }

    fn choose_custom(&self) {
        if let Some(custom) = self.input("#custom") {
            custom.set_checked(true);
        }
    }

    fn write(&self, selector: &str, number: i64) {
        if let Some(input) = self.input(selector) {
            input.set_value(&number.to_string());
        }
    }

    fn set_attribute(&self, selector: &str, name: &str, value: Option<&str>) {
        if let Some(element) = self.part(selector) {
            match value {
                Some(value) => element.set_attribute(name, value).ok(),
                None => element.remove_attribute(name).ok(),
            };
        }
    }

    fn is_busy(&self) -> bool {
        self.form.has_attribute("data-busy")
    }

    fn set_busy(&self, is_busy: bool) {
        if self.is_busy() == is_busy {
            return;
        }
        self.form.toggle_attribute_with_force("data-busy", is_busy).ok();
        self.set_attribute(".button-primary", "aria-busy", is_busy.then_some("true"));
        if let Some(button) = self.part(".button-primary") {
            button.unchecked_into::<HtmlButtonElement>().set_disabled(is_busy);
        }
        if let Some(ring) = self.part(".spinner") {
            set_hidden(&ring, !is_busy);
        }
    }

    fn input(&self, selector: &str) -> Option<HtmlInputElement> {
        self.part(selector)?.dyn_into().ok()
    }

    fn part(&self, selector: &str) -> Option<Element> {
        self.form.query_selector(selector).ok()?
    }
}

/// Whether an amount was entered before, so that its fault is shown at once.
fn is_entered(form: &HtmlFormElement) -> bool {
    form.query_selector("#custom:checked").is_ok_and(|custom| custom.is_some())
}

/// Whether more digits may mend it.
fn is_unfinished(error: &AmountError) -> bool {
    matches!(error, AmountError::Empty | AmountError::TooFew(_))
}

fn set_hidden(element: &Element, is_hidden: bool) {
    element.unchecked_ref::<HtmlElement>().set_hidden(is_hidden);
}
