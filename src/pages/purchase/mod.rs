//! The payment tracker: `/settings/credits/purchases/{id}`.
//!
//! - [`status`]: what each state says and offers, as a pure function;
//! - [`view`]: the page, which keeps itself up to date as every page does.

mod api;
mod details;
mod landing;
mod status;
mod view;

use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

pub use landing::{Arrival, Landing};
pub use view::{PurchasePage, PurchaseView, Times};

use super::loaded::loaded;
use api::load_purchase;

/// The page at its address.
#[component]
pub fn PurchaseRoute() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let asked = move || {
        let id = params.read().get("id").unwrap_or_default();
        (id, Landing::read(|name| query.read().get(name)))
    };
    let page = Resource::new_blocking(asked, |(id, landing)| load_purchase(id, landing));
    loaded(page, |page| view! { <PurchaseView page /> })
}
