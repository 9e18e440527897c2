//! The card that pays: saved, replaced, removed.

use leptos::prelude::*;

use super::view::PostButton;
use crate::{
    components::{Glyph, Icon},
    credits::SavedCard,
};

/// Before any card is saved: what this is, and how to begin.
#[component]
pub fn FirstCard(
    /// Whether anything can be bought.
    is_open: bool,
) -> impl IntoView {
    view! {
        <section class="panel panel-body stack" aria-labelledby="begin">
            <h2 id="begin">"It is off, and stays off until you switch it on here"</h2>
            <ol class="recharge-steps">
                <li><b>"Save a card"</b>" on Stripe\u{2019}s page. Nothing is charged, and we never see its number."</li>
                <li><b>"Choose the amounts"</b>": below which balance to buy, how much, and the most it may cost in a month."</li>
                <li><b>"Read and agree."</b>" Only then can the card be charged, and never more than you agreed to."</li>
            </ol>
            <div class="row">
                <PostButton
                    to="card"
                    words="Save a card"
                    class="button button-primary"
                    disabled=!is_open
                />
            </div>
        </section>
    }
}

/// The card that is saved.
#[component]
pub fn CardPanel(
    /// Which.
    card: SavedCard,
    /// Whether it may be charged.
    is_on: bool,
    /// Whether another one is asked for elsewhere on the page.
    is_refused: bool,
) -> impl IntoView {
    let another = (!is_refused).then(|| view! { <PostButton to="card" words="Use another card"/> });
    let words = if is_on {
        "Removing it switches auto-recharge off."
    } else {
        "It is saved at Stripe and is not charged while auto-recharge is off."
    };
    view! {
        <section class="panel panel-body recharge-card" aria-labelledby="card">
            <h2 id="card">"Card"</h2>
            <p class="card-name"><Icon glyph=Glyph::Lock/><b>{card.to_string()}</b></p>
            <p class="small">{words}</p>
            <div class="row">
                {another}
                <PostButton to="card/remove" words="Remove the card" class="button button-danger"/>
            </div>
        </section>
    }
}
