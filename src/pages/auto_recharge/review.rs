//! What is agreed to, with every amount, before anything is switched on.

use leptos::prelude::*;

use super::{AutoRechargePage, PATH, Said};
use crate::{
    components::FieldError,
    credits::{RechargePlan, SavedCard},
};

const NO_CONSENT: &str = "Tick this box to switch auto-recharge on. Without it nothing is charged.";

/// The words, the box to tick, and the way back to the amounts.
#[component]
pub fn Review(
    /// The page that it stands on.
    page: AutoRechargePage,
    /// What would be agreed to.
    plan: RechargePlan,
    /// What would be charged.
    card: SavedCard,
) -> impl IntoView {
    let AutoRechargePage { form, prices, said, is_open, .. } = page;
    let words = plan.consent(&card).into_iter().map(|sentence| view! { <li>{sentence}</li> });
    let fields = [
        ("threshold", form.threshold),
        ("package", form.package),
        ("amount", form.amount),
        ("target", form.target),
        ("monthly_cap", form.monthly_cap),
        ("per_day", form.per_day),
        ("cooldown", form.cooldown),
    ];
    let hidden = |(name, value): (&'static str, String)| {
        view! { <input type="hidden" name=name value=value/> }
    };
    let back = fields.clone().map(hidden);
    let fields = fields.map(hidden);
    let is_missing = said == Some(Said::NoConsent);
    let error = is_missing.then(|| NO_CONSENT.to_owned());
    view! {
        <section class="panel panel-body stack" aria-labelledby="agree">
            <h2 id="agree">"What you agree to"</h2>
            <ul class="consent">{words.collect_view()}</ul>
            <form class="stack" method="post" action=PATH autocomplete="off">
                {fields.collect_view()}
                <input type="hidden" name="prices" value=prices/>
                <input type="hidden" name="card" value=card.to_string()/>
                <div class="field">
                    <label class="check">
                        <input
                            type="checkbox"
                            name="consent"
                            value="agreed"
                            autofocus=is_missing
                            aria-invalid=is_missing.then_some("true")
                            aria-describedby="consent-error"
                        />
                        <span>"I agree to this, and that Recharge charges my saved card accordingly."</span>
                    </label>
                    <FieldError id="consent" words=error/>
                </div>
                <div class="row">
                    <button class="button button-primary" type="submit" disabled=!is_open>
                        "Switch auto-recharge on"
                    </button>
                </div>
            </form>
            <form class="row" method="get" action=PATH>
                {back.collect_view()}
                <input type="hidden" name="change" value="1"/>
                <button class="button button-quiet" type="submit">"Change the amounts"</button>
            </form>
        </section>
    }
}
