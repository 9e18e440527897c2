//! Auto-recharge of an account, as far as support needs to see it.

use leptos::prelude::*;

use crate::{
    components::day_text,
    credits::{AutoRecharge, Money},
};

/// The section "Auto-recharge"; none where the account never had anything to do with it.
#[component]
pub fn RechargeFacts(
    /// What its owner agreed to, and what came of it.
    recharge: AutoRecharge,
) -> impl IntoView {
    let AutoRecharge { is_on, plan, consented_at, card, paused, charged_this_month, .. } = recharge;
    if plan.is_none() && card.is_none() {
        return None;
    }
    let state = match (is_on, paused) {
        (true, Some((at, reason))) => {
            format!("Paused since {} (UTC): {}", day_text(at.date_naive()), reason.words())
        }
        (true, None) => "On".to_owned(),
        (false, _) => "Off".to_owned(),
    };
    let plan = plan.map(|plan| {
        let charged = Money::new(charged_this_month, plan.total.currency);
        let when = format!("below {} available, {}", plan.threshold, plan.each());
        let limits = format!("{charged} of {} this month (UTC)", plan.monthly_cap);
        let agreed = consented_at.map(|at| day_text(at.date_naive())).unwrap_or_default();
        view! {
            <dt>"Buys"</dt>
            <dd>{when}</dd>
            <dt>"Charged"</dt>
            <dd>{limits}</dd>
            <dt>"Agreed"</dt>
            <dd>{agreed}" (UTC)"</dd>
        }
    });
    let card = card.map_or_else(|| "none saved".to_owned(), |card| card.to_string());
    Some(view! {
        <section class="section" aria-labelledby="recharge">
            <div class="section-head"><h2 id="recharge">"Auto-recharge"</h2></div>
            <dl class="panel panel-body facts">
                <dt>"State"</dt>
                <dd>{state}</dd>
                <dt>"Card"</dt>
                <dd>{card}</dd>
                {plan}
            </dl>
        </section>
    })
}
