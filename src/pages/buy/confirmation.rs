//! What is bought, once more in full, before it is paid: works without any script.

use leptos::prelude::*;

use super::{
    figures::figures,
    order::{Outcome, SamePrice, Sums, Terms, WorthList},
    picker::{PurchasesOff, Sale},
    pricing::grouped,
    problem::Problem,
    shop::Choice,
};
use crate::components::{Notice, Tone};

/// The order with its terms and the way to pay.
#[component]
pub fn Confirmation(
    /// What is for sale.
    sale: Sale,
    /// What was chosen.
    choice: Choice,
    /// How many credits that is.
    credits: i64,
    /// Why the last attempt came back here.
    problem: Option<Problem>,
) -> impl IntoView {
    let Sale { shop, intent, is_open } = sale;
    let pricing = shop.pricing.clone();
    let figures = figures(&pricing, Some(credits));
    let (package, amount) = match choice {
        Choice::Package(id) => (id, None),
        Choice::Custom(text) => (Choice::CUSTOM.to_owned(), Some(text)),
    };
    let amount = amount.map(|text| view! { <input type="hidden" name="amount" value=text /> });
    view! {
        <div class="page-head">
            <div>
                <h1>{grouped(credits)} " credits"</h1>
                <p>"Check your order. Nothing is charged before you pay on Stripe."</p>
            </div>
            <a class="button" href="/settings/credits/buy">"Change"</a>
        </div>
        <form class="stack" method="post" action="/settings/credits/buy" autocomplete="off">
            {problem.map(|problem| view! { <ProblemNotice problem /> })}
            {(!is_open).then(|| view! { <PurchasesOff /> })}
            <input type="hidden" name="package" value=package />
            {amount}
            <input type="hidden" name="intent" value=intent />
            <input type="hidden" name="prices" value=shop.prices.clone() />
            <div class="two">
                <section class="panel panel-body stack" aria-labelledby="order">
                    <h2 id="order">"Order"</h2>
                    <Sums pricing=pricing.clone() figures=figures.clone() />
                    <SamePrice figures=figures.clone() />
                    <WorthList shop=shop.clone() figures=figures.clone() />
                </section>
                <section class="panel panel-body buy-confirm" aria-labelledby="pay">
                    <h2 id="pay">"Terms and payment"</h2>
                    <Outcome pricing figures />
                    <Terms shop />
                    <button
                        class="button button-primary button-wide"
                        type="submit"
                        disabled=!is_open
                    >
                        "Continue to payment"
                    </button>
                    <p class="fine">"You pay on Stripe. We never see your card."</p>
                </section>
            </div>
        </form>
    }
}

/// Why the last attempt came back.
#[component]
pub fn ProblemNotice(
    /// Which problem.
    problem: Problem,
) -> impl IntoView {
    view! {
        <Notice tone=Tone::Bad title=problem.title()>
            <p>{problem.explanation()}</p>
        </Notice>
    }
}
