//! Buying credits: what is sold, what it costs, and what comes of it.
//!
//! - [`shop`]: what the picker knows, as pure functions of one snapshot; [`order`]: how sums,
//!   outcome and terms are written, the same in the picker and in the confirmation;
//! - [`picker`]: the section with packages and the custom amount, alive as the island
//!   `package_picker`;
//! - [`view`]: the page of its own, which confirms an order without any script.

mod amount_field;
mod api;
mod confirmation;
mod order;
mod package_cards;
mod package_picker;
mod picker;
mod problem;
mod shop;
mod slider;
mod view;
mod worth_list;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

pub use order::Sums;
pub use picker::{BuyCredits, Sale};
pub use problem::Problem;
pub use shop::{Choice, Shop, grouped};
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
