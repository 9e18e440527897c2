//! The page, in each of its states.

use leptos::prelude::*;

use super::{
    AutoRechargePage, PATH, Said, Step,
    card::{CardPanel, FirstCard},
    form::ChooseForm,
    recent::Recent,
    review::Review,
    standing::{Paused, Standing},
};
use crate::{
    components::{Notice, Tone},
    credits::PauseReason,
    pages::layout::{MenuEntry, SettingsLayout},
};

/// The page for what was loaded.
#[component]
pub fn AutoRechargeView(
    /// What it shows.
    page: AutoRechargePage,
) -> impl IntoView {
    let AutoRechargePage { viewer, is_open, recharge, step, said, .. } = page.clone();
    let is_wrong = step == Step::Choose && page.problems != <_>::default()
        || matches!(said, Some(Said::NoConsent | Said::Changed | Said::Away));
    let title = if is_wrong { "Nothing was changed: Auto-recharge" } else { "Auto-recharge" };
    let (badge, class) = match (recharge.is_on, recharge.paused.is_some()) {
        (true, true) => ("Paused", "badge badge-warn"),
        (true, false) => ("On", "badge badge-good"),
        (false, _) => ("Off", "badge"),
    };
    let off = (!is_open).then(|| {
        view! {
            <Notice tone=Tone::Warning title="Purchases are switched off at the moment.">
                <p>"Nothing can be bought or changed here until they are back. Nothing is charged meanwhile."</p>
            </Notice>
        }
    });
    let paused = recharge.is_on.then_some(recharge.paused).flatten();
    let is_refused = paused.is_some_and(|(_, reason)| reason != PauseReason::Price);
    let is_paused = paused.is_some();
    let paused = paused.map(|(_, reason)| view! { <Paused reason/> });
    let available = viewer.available;
    let content = match (&step, &recharge.card) {
        (_, None) => view! { <FirstCard is_open/> }.into_any(),
        (Step::Standing, Some(_)) => {
            view! { <Standing recharge=recharge.clone() available/> }.into_any()
        }
        (Step::Choose, Some(_)) => view! { <ChooseForm page=page.clone()/> }.into_any(),
        (Step::Agree(plan), Some(card)) => {
            let (plan, card) = (plan.clone(), card.clone());
            view! { <Review page=page.clone() plan card/> }.into_any()
        }
    };
    let is_agreeing = matches!(step, Step::Agree(_));
    let card = recharge.card.clone().filter(|_| !is_agreeing);
    let card = card.map(|card| view! { <CardPanel card is_on=recharge.is_on is_refused/> });
    let recent = (!recharge.recharges.is_empty() && !is_agreeing).then(|| {
        view! { <Recent recharges=recharge.recharges made_at=page.made_at zone=page.zone/> }
    });
    view! {
        <SettingsLayout viewer title current=MenuEntry::AutoRecharge>
            <div class="page-head">
                <div>
                    <h1>"Auto-recharge"</h1>
                    <p>
                        "Buys credits with a saved card when your balance falls below an amount that you choose, so that work doesn\u{2019}t stop."
                    </p>
                </div>
                <span class=class>{badge}</span>
            </div>
            <div class="stack recharge">
                {said.map(|said| view! { <SaidNotice said is_on=recharge.is_on is_paused/> })}
                {off}
                {paused}
                {content}
                {card}
            </div>
            {recent}
        </SettingsLayout>
    }
}

/// What came of the last wish.
#[component]
fn SaidNotice(said: Said, is_on: bool, is_paused: bool) -> impl IntoView {
    let next = if is_on && is_paused {
        "It is charged once you let auto-recharge go on."
    } else if is_on {
        "It is charged from now on, as you agreed to before."
    } else {
        "Nothing is charged yet: choose the amounts below, read what you agree to, and switch it on."
    };
    let (tone, title, words) = match said {
        Said::CardSaved => (Tone::Good, "Your card is saved.", next),
        Said::CardNotSaved => (
            Tone::Warning,
            "No card was saved.",
            "Nothing was changed or charged. You can try again.",
        ),
        Said::CardRemoved => (
            Tone::Good,
            "Your card is removed and auto-recharge is off.",
            "Nothing will be charged automatically.",
        ),
        Said::On => (
            Tone::Good,
            "Auto-recharge is on.",
            "You get a receipt for every charge, and can switch it off here at any time.",
        ),
        Said::Off => (
            Tone::Good,
            "Auto-recharge is off.",
            "Nothing will be charged automatically. A payment that is already under way still ends, and brings its credits.",
        ),
        Said::Resumed => (
            Tone::Good,
            "Auto-recharge goes on.",
            "The next charge is made when your balance calls for it, within your limits.",
        ),
        Said::NotResumed => (
            Tone::Warning,
            "Auto-recharge could not go on.",
            "Look through the amounts, and agree to them again.",
        ),
        Said::NoConsent => (
            Tone::Bad,
            "Auto-recharge was not switched on.",
            "It needs your agreement to the words below. Nothing was changed.",
        ),
        Said::Changed => (
            Tone::Bad,
            "Something has changed since you opened this page.",
            "Prices or your card are not what they were: read the words below once more. Nothing was changed.",
        ),
        Said::Unreachable => (
            Tone::Bad,
            "The payment service can\u{2019}t be reached.",
            "Nothing was changed or charged. Try again in a moment.",
        ),
        Said::Away => (
            Tone::Bad,
            "We can\u{2019}t reach our records.",
            "Nothing was changed. Try again in a moment.",
        ),
    };
    view! { <Notice tone title><p>{words}</p></Notice> }
}

/// A button that posts to a part of the page.
#[component]
pub fn PostButton(
    /// What is posted to, below the page's address.
    to: &'static str,
    /// What it says.
    words: &'static str,
    /// How it looks.
    #[prop(default = "button")]
    class: &'static str,
    /// Whether it can't be used.
    #[prop(optional)]
    disabled: bool,
) -> impl IntoView {
    view! {
        <form method="post" action=format!("{PATH}/{to}")>
            <button class=class type="submit" disabled=disabled>{words}</button>
        </form>
    }
}
