//! Buying credits: what is sold, what it costs, and what comes of it.
//!
//! - [`shop`] and [`pricing`]: what is sold and what an amount costs, as pure functions of one
//!   snapshot; [`figures`]: what the page says of an amount, each figure by its name;
//! - [`order`]: sums, outcome, worth and terms, the same in picker and confirmation;
//! - [`picker`]: the section with packages and the custom amount; `package_picker`, the island,
//!   brings its form to life;
//! - [`view`]: the page of its own, which confirms an order without any script.

mod api;
mod confirmation;
mod figures;
mod order;
mod package_cards;
mod package_picker;
mod picker;
mod picker_form;
mod pricing;
mod problem;
mod shop;
mod slider;
mod view;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

pub use order::PaidSums;
pub use picker::{BuyCredits, Sale};
pub use pricing::grouped;
pub use problem::Problem;
pub use shop::{Choice, Shop};
pub use view::{BuyPage, BuyView};

use super::loaded::loaded;
use api::load_buy;

/// The page at its address.
#[component]
pub fn BuyRoute() -> impl IntoView {
    let query = use_query_map();
    let asked = move || {
        let query = query.read();
        (Choice::read(query.get("package"), query.get("amount")), query.get("problem"))
    };
    let page = Resource::new_blocking(asked, |(choice, problem)| load_buy(choice, problem));
    loaded(page, |page| view! { <BuyView page /> })
}
