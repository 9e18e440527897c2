//! The section that sells: on Credits Management and on the page of its own.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    picker_form::PickerForm,
    pricing::grouped,
    shop::{Choice, Shop},
};
use crate::{
    components::{Notice, Tone},
    credits::Credits,
};

/// What is for sale, ready to be chosen from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// What is sold, and to whom.
    pub shop: Shop,
    /// Names this intention to buy: the same one twice is one purchase.
    pub intent: String,
    /// Whether payments are accepted.
    pub is_open: bool,
}

/// The section of Credits Management: its heading and the picker.
#[component]
pub fn BuyCredits(
    /// What is for sale.
    sale: Sale,
    /// What is chosen at first; else the package that fits.
    choice: Option<Choice>,
) -> impl IntoView {
    let introduction = introduction(&sale.shop);
    view! {
        <section class="section" aria-labelledby="buy">
            <div class="section-head">
                <h2 id="buy">"Buy credits"</h2>
                <p>{introduction}</p>
            </div>
            <Picker sale choice />
        </section>
    }
}

/// Packages, a custom amount, the sum and the way to pay.
#[component]
pub fn Picker(
    /// What is for sale.
    sale: Sale,
    /// What was chosen before; else the package that fits.
    choice: Option<Choice>,
) -> impl IntoView {
    let choice = choice.unwrap_or_else(|| first_choice(&sale.shop));
    view! {
        <div class="stack">
            {(!sale.is_open).then(|| view! { <PurchasesOff /> })}
            <PickerForm sale choice />
        </div>
    }
}

/// Why nothing can be bought.
#[component]
pub fn PurchasesOff() -> impl IntoView {
    view! {
        <Notice tone=Tone::Warning title="Purchases are off at the moment.">
            <p>"Your credits work as always. Nothing was charged; please try again later."</p>
        </Notice>
    }
}

fn first_choice(shop: &Shop) -> Choice {
    match shop.suggested() {
        Some(package) => Choice::Package(package.id.clone()),
        None => Choice::Custom(shop.pricing.schedule.minimum.to_string()),
    }
}

/// What is paid in, and what a year takes.
#[must_use]
pub fn introduction(shop: &Shop) -> String {
    let prices = format!("Prices in {}.", shop.pricing.schedule.currency.plural_name());
    let have = match shop.pricing.balance {
        Credits::ZERO => "you have none yet".to_owned(),
        balance => format!("you have {balance}"),
    };
    match shop.pricing.year_takes() {
        Some(year) => {
            format!("{prices} A year at your pace takes about {} credits; {have}.", grouped(year))
        }
        None => format!("{prices} Credits last one year from the moment they are credited."),
    }
}
