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
    wasm_bindgen::JsCast,
    web_sys::{Element, Event, HtmlButtonElement, HtmlInputElement},
};

use super::{
    figures::{field_figures, figures},
    pricing::{Pricing, grouped},
    shop::{Choice, Chosen},
    slider::{credits_at, position},
};
use crate::{
    components::{LiveForm, set_hidden},
    credits::AmountError,
};

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
    form: LiveForm,
    pricing: Pricing,
}

impl Picker {
    fn find(root: &Element) -> Option<Self> {
        let form = LiveForm::find(root)?;
        let pricing = Pricing::from_line(&form.0.get_attribute("data-pricing")?)?;
        Some(Self { form, pricing })
    }

    fn wake(self) {
        self.show(is_entered(&self.form));
        self.form.is_live();
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
        self.form.listen(name, Box::new(move |event| answer(&picker, event)));
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
            self.form.say(&figure);
        }
        for figure in field_figures(&self.pricing, error.as_ref()) {
            self.form.say(&figure);
        }
        for selector in NEED_AN_AMOUNT {
            if let Some(part) = self.form.part(selector) {
                set_hidden(&part, credits.is_none());
            }
        }
        self.light_steps(credits.unwrap_or_default());
        let spoken = credits.map(|credits| format!("{} credits", grouped(credits)));
        self.form.set_attribute("#slider", "aria-valuetext", spoken.as_deref());
        self.form.set_attribute("#amount", "aria-invalid", error.map(|_| "true"));
    }

    fn submit(&self, event: Event) {
        if self.is_busy() {
            event.prevent_default();
        } else if self.chosen().is_err() {
            event.prevent_default();
            self.show(true);
            if let Some(amount) = self.form.input("#amount") {
                amount.focus().ok();
            }
        } else {
            self.set_busy(true);
        }
    }

    /// What the fields say.
    fn chosen(&self) -> Chosen {
        let package = self.form.input("[name=package]:checked").ok_or(None)?;
        if package.value() == Choice::CUSTOM {
            let amount =
                self.form.input("#amount").map(|amount| amount.value()).unwrap_or_default();
            return self.pricing.schedule.parse_amount(&amount).map_err(Some);
        }
        let credits = package.get_attribute("data-credits").and_then(|text| text.parse().ok());
        credits.ok_or(None)
    }

    /// Marks the price steps that an amount reaches.
    fn light_steps(&self, credits: i64) {
        let Some(steps) = self.form.part(".steps").map(|list| list.children()) else { return };
        let mut above = 0;
        for (index, step) in (0..).zip(&self.pricing.schedule.steps) {
            if let Some(item) = steps.item(index) {
                item.class_list().toggle_with_force("in", credits > above).ok();
            }
            above = step.up_to;
        }
    }

    fn choose_custom(&self) {
        if let Some(custom) = self.form.input("#custom") {
            custom.set_checked(true);
        }
    }

    fn write(&self, selector: &str, number: i64) {
        if let Some(input) = self.form.input(selector) {
            input.set_value(&number.to_string());
        }
    }

    fn is_busy(&self) -> bool {
        self.form.0.has_attribute("data-busy")
    }

    fn set_busy(&self, is_busy: bool) {
        if self.is_busy() == is_busy {
            return;
        }
        self.form.0.toggle_attribute_with_force("data-busy", is_busy).ok();
        self.form.set_attribute(".button-primary", "aria-busy", is_busy.then_some("true"));
        if let Some(button) = self.form.part(".button-primary") {
            button.unchecked_into::<HtmlButtonElement>().set_disabled(is_busy);
        }
        if let Some(ring) = self.form.part(".spinner") {
            set_hidden(&ring, !is_busy);
        }
    }
}

/// Whether an amount was entered before, so that its fault is shown at once.
fn is_entered(form: &LiveForm) -> bool {
    form.part("#custom:checked").is_some()
}

/// Whether more digits may mend it.
fn is_unfinished(error: &AmountError) -> bool {
    matches!(error, AmountError::Empty | AmountError::TooFew(_))
}
