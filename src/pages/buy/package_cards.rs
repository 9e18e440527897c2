//! The presets as radio cards.

use leptos::prelude::*;

use super::{
    figures::same_price,
    pricing::grouped,
    shop::{Choice, Fit, Shop},
};
use crate::{
    components::{plural, tenths},
    credits::Package,
};

/// All presets, smallest first. The one chosen at first is marked, so that the style sheet knows
/// when a summary made by the server is out of date.
#[component]
pub fn PackageCards(
    /// What is sold.
    shop: Shop,
    /// What is chosen at first.
    choice: Choice,
) -> impl IntoView {
    let cards = shop.packages.iter().map(|package| {
        let is_chosen = choice == Choice::Package(package.id.clone());
        view! { <PackageCard shop=shop.clone() package=package.clone() is_chosen /> }
    });
    view! {
        <fieldset class="buy-packages">
            <legend class="visually-hidden">"Package"</legend>
            <div class="packages">{cards.collect_view()}</div>
        </fieldset>
    }
}

#[component]
fn PackageCard(shop: Shop, package: Package, is_chosen: bool) -> impl IntoView {
    let offer = shop.pricing.schedule.offer(package.credits);
    let saving = if offer.saving.minor > 0 {
        let part = format!("({} %)", tenths(offer.saving_permille()));
        let saving = format!("Save {} ", offer.saving);
        view! { {saving}<span class="part">{part}</span> }.into_any()
    } else {
        "Base price".into_any()
    };
    let fit = shop.fit(&package).map(|fit| match fit {
        Fit::Lasts(days) => {
            view! { <span class="fit">{format!("Lasts about {}", plural(days, "day", "days"))}</span> }.into_any()
        }
        Fit::Year => view! { <span class="badge badge-accent">"Fits your year"</span> }.into_any(),
        Fit::Unused(credits) => {
            let text = format!("About {} would expire unused at your pace", grouped(credits));
            let smaller = shop.fits_year().map(|fitting| format!("; {} fit your year", grouped(fitting.credits)));
            view! { <span class="fit warn">{text}{smaller}</span> }.into_any()
        }
    });
    let is_cheapest = shop.cheapest_used().is_some_and(|cheapest| cheapest.id == package.id);
    let cheapest = is_cheapest.then(|| {
        view! { <span class="fit">"Lowest cost per credit that you would use"</span> }
    });
    let same_price = shop.pricing.schedule.most_for_the_same(package.credits).map(|more| {
        view! { <span class="fit warn">{same_price(more)}</span> }
    });
    view! {
        <label class="package">
            <input
                type="radio"
                name="package"
                value=package.id
                checked=is_chosen
                data-credits=package.credits
                data-first=is_chosen.then_some("")
            />
            <span class="head">
                <span class="amount">{grouped(package.credits)}</span>" "
                <span class="unit">"credits"</span>
            </span>
            <span class="price">{offer.total.to_string()}</span>
            <span class="line per">{format!("{} per credit", offer.per_credit())}</span>
            <span class="line save">{saving}</span>
            <span class="worth">
                "Worth about " {shop.worth_in_short(package.credits)}
            </span>
            <span class="line expiry">{format!("Expire {}", shop.pricing.expiry())}</span>
            {same_price}
            {fit}
            {cheapest}
        </label>
    }
}
