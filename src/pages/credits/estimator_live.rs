//! The estimator's form, alive: cost and balance follow the quantities without a server call.
//! Without the island the same form is sent, and the server writes the same figures.

use leptos::{
    html::Div,
    prelude::*,
    web_sys::{Element, Event},
};

use super::estimate::{Estimator, fault, field};
use crate::{
    components::{LiveForm, said, set_hidden},
    credits::Operation,
};

/// Brings the form inside it to life.
#[island]
pub fn LiveEstimator(
    /// The form.
    children: Children,
) -> impl IntoView {
    let root = NodeRef::<Div>::new();
    Effect::new(move |_| {
        if let Some(desk) = root.get().and_then(|root| Desk::find(&root)) {
            desk.wake();
        }
    });
    view! { <div node_ref=root>{children()}</div> }
}

/// The form with what prices it.
#[derive(Clone)]
struct Desk {
    form: LiveForm,
    estimator: Estimator,
    /// The address of the picker, up to the choice.
    picker: String,
}

impl Desk {
    fn find(root: &Element) -> Option<Self> {
        let form = LiveForm::find(root)?;
        let estimator = Estimator::from_text(&form.0.get_attribute("data-estimator")?)?;
        let picker = form.0.get_attribute("data-picker")?;
        Some(Self { form, estimator, picker })
    }

    fn wake(self) {
        self.show();
        self.form.is_live();
        for name in ["input", "change"] {
            let desk = self.clone();
            self.form.listen(name, Box::new(move |_| desk.show()));
        }
        let desk = self.clone();
        let submit = move |event: Event| {
            event.prevent_default();
            desk.show();
        };
        self.form.listen("submit", Box::new(submit));
    }

    /// Writes down what follows from the fields.
    fn show(&self) {
        let chosen = self.form.value("[name=estimate]:checked");
        let Some(operation) = chosen.and_then(|id| id.parse::<Operation>().ok()) else { return };
        let form = |name: &str| self.form.value(&named(name)).unwrap_or_default();
        let estimate = self.estimator.estimate(operation, &form);
        for figure in &estimate.figures {
            self.form.say(figure);
        }
        let rates = self.estimator.card.rates(operation);
        for quantity in rates.map(|rates| rates.quantities.as_slice()).unwrap_or_default() {
            let is_wrong = said(&estimate.figures, &fault(operation, &quantity.id)).map(|_| "true");
            let field = named(&field(operation, &quantity.id));
            self.form.set_attribute(&field, "aria-invalid", is_wrong);
        }
        if let Some(sums) = self.form.part(".estimate-sums") {
            set_hidden(&sums, !estimate.has_cost());
        }
        if let Some(offer) = estimate.offer {
            let address = format!("{}{}#buy", self.picker, offer.choice);
            self.form.set_attribute("[data-figure=offer]", "href", Some(&address));
        }
    }
}

fn named(field: &str) -> String {
    format!("[name='{field}']")
}
