//! How things stand while it is on: when the next charge comes, and what may still be charged.

use leptos::prelude::*;

use super::{PATH, view::PostButton};
use crate::{
    components::{Notice, Tone, day_text, days_from_to, plural},
    credits::{AutoRecharge, Credits, Money, PauseReason, RechargePlan, Refill, Rest, RestReason},
    pages::buy::grouped,
};

/// What is on, in facts.
#[component]
pub fn Standing(
    /// What was agreed to, and what came of it.
    recharge: AutoRecharge,
    /// What can be spent now.
    available: Credits,
) -> impl IntoView {
    let AutoRecharge { plan, consented_at, card, charged_this_month, month, rest, paused, .. } =
        recharge;
    let plan = plan?;
    let charged = Money::new(charged_this_month, plan.total.currency);
    let of_cap = format!("{charged} of {}", plan.monthly_cap);
    let last = month.1.pred_opt().unwrap_or(month.1);
    let span = format!("{} (UTC)", days_from_to(month.0, last));
    let card = card.map(|card| card.to_string()).unwrap_or_default();
    let next = if paused.is_some() {
        "Not while it is paused.".to_owned()
    } else {
        next_charge(&plan, rest, available)
    };
    let (value, max) = (charged.minor.min(plan.monthly_cap.minor), plan.monthly_cap.minor);
    Some(view! {
        <section class="panel panel-body stack" aria-labelledby="standing">
            <h2 id="standing">
                {heading(&plan)}
            </h2>
            <dl class="facts">
                <dt>"Available now"</dt>
                <dd>{format!("{available} credits")}</dd>
                <dt>"Each recharge"</dt>
                <dd>{format!("Buys {}, charged to {card}", plan.each())}</dd>
                <dt>"At most"</dt>
                <dd>{limits(&plan)}</dd>
                <dt>"Charged this month"</dt>
                <dd>
                    {of_cap.clone()} " " <span class="sub">{span}</span>
                    <progress value=value max=max aria-label=format!("{of_cap} charged")></progress>
                </dd>
                <dt>"Next charge"</dt>
                <dd>{next}</dd>
                <dt>"Agreed"</dt>
                <dd>{consented_at.map(|at| format!("{} (UTC)", day_text(at.date_naive())))}</dd>
            </dl>
            <div class="row">
                <a class="button" href=format!("{PATH}?change=1")>"Change"</a>
                <PostButton to="off" words="Switch off"/>
            </div>
        </section>
    })
}

fn heading(plan: &RechargePlan) -> String {
    let (threshold, credits) = (plan.threshold, grouped(plan.credits));
    match plan.refill {
        Refill::Target => {
            format!("Below {threshold} available credits, they are brought back to {credits}")
        }
        Refill::Package(_) | Refill::Amount => {
            format!("Below {threshold} available credits, {credits} more are bought")
        }
    }
}

fn limits(plan: &RechargePlan) -> String {
    format!(
        "{} in 24 hours, at least {} apart",
        plural(plan.per_day.into(), "charge", "charges"),
        plural(plan.cooldown_hours.into(), "hour", "hours"),
    )
}

fn next_charge(plan: &RechargePlan, rest: Option<Rest>, available: Credits) -> String {
    let Some(Rest { reason, until }) = rest else {
        return if available < plan.threshold {
            "Your balance calls for one: it is made within a minute.".to_owned()
        } else {
            format!("When fewer than {} credits are available.", plan.threshold)
        };
    };
    let until = until.map(|at| at.format("%-d %b %Y, %H:%M UTC").to_string()).unwrap_or_default();
    match reason {
        RestReason::UnderWay => {
            "A payment is being confirmed. There is no other one until that is done.".to_owned()
        }
        RestReason::Cooldown => {
            format!("Not before {until}: the last one was not long enough ago.")
        }
        RestReason::PerDay => {
            format!("Not before {until}: there were as many in 24 hours as you allow.")
        }
        RestReason::MonthlyCap => {
            format!("Not before {until}: another one would pass your monthly limit.")
        }
    }
}

/// Why nothing is bought, and what to do.
#[component]
pub fn Paused(
    /// Why.
    reason: PauseReason,
) -> impl IntoView {
    let what = match reason {
        PauseReason::Authentication => {
            "Use another card, or buy credits yourself, where you can confirm. Then let it go on."
        }
        PauseReason::Declined => {
            "Ask your bank or use another card, then let it go on. You can also buy credits yourself."
        }
        PauseReason::Price => {
            "Look through the amounts at today\u{2019}s prices and agree to them again."
        }
    };
    let go_on = match reason {
        PauseReason::Price => view! {
            <a class="button button-primary" href=format!("{PATH}?change=1")>"Look through the amounts"</a>
        }
        .into_any(),
        PauseReason::Authentication | PauseReason::Declined => view! {
            <PostButton to="card" words="Use another card" class="button button-primary"/>
            <PostButton to="resume" words="Go on with this card"/>
        }
        .into_any(),
    };
    view! {
        <Notice tone=Tone::Warning title="Auto-recharge is paused.">
            <p>{reason.words()} " " {what}</p>
            <div class="row actions">
                {go_on}
                <a class="button" href="/settings/credits/buy">"Buy credits now"</a>
            </div>
        </Notice>
    }
}
