//! The balance: one panel with four figures, each with the line that explains it.

use leptos::prelude::*;

use super::words::{NextExpiry, comparison, estimate, runway, with_unit};
use crate::{
    components::Day,
    credits::{EntryKind, HistoryFilter, Overview},
    pages::{history::HistoryQuery, place::Place},
};

/// Available, consumed, next expiry, runway.
#[component]
pub fn BalanceCards(
    /// Who looks at it.
    place: Place,
    /// The account.
    overview: Overview,
) -> impl IntoView {
    let next = NextExpiry::of(&overview);
    let (lasts, explanation) = runway(&overview);
    view! {
        <section class="panel balance" aria-label="Balance">
            <Available place=place.clone() overview=overview.clone()/>
            <Consumed place overview/>
            <div class="cell">
                <h2>"Next expiry"</h2>
                {match next {
                    Some(next) => view! { <Expiry next/> }.into_any(),
                    None => view! {
                        <p class="figure">"None"</p>
                        <p>"Credits last one year from the day they are credited"</p>
                    }
                    .into_any(),
                }}
            </div>
            <div class="cell">
                <h2>"Runway"</h2>
                <p class="figure">{unbroken_dates(&lasts)}</p>
                <p>{explanation}</p>
            </div>
        </section>
    }
}

/// A line may break between two dates, not within one.
fn unbroken_dates(text: &str) -> String {
    text.replace(' ', "\u{a0}").replace("–\u{a0}", "– ")
}

#[component]
fn Available(place: Place, overview: Overview) -> impl IntoView {
    let fraction = overview.available.fraction_text();
    let rows = overview.held.is_positive().then(|| {
        let kind = Some(EntryKind::Held);
        place.history(&HistoryQuery::of(HistoryFilter { kind, ..HistoryFilter::default() }))
    });
    let line = if overview.held.is_positive() {
        let (held, balance) = (with_unit(overview.held), with_unit(overview.balance()));
        format!("{held} held for running operations. Balance {balance}.")
    } else if overview.history.rows.is_empty() {
        "Credits are here as soon as a payment is confirmed.".to_owned()
    } else if overview.available.is_zero() {
        "Nothing is left to spend.".to_owned()
    } else {
        "Nothing is held: all of it can be spent.".to_owned()
    };
    view! {
        <div class="cell">
            <h2>"Available"</h2>
            <p class="hero" id="available">
                {overview.available.whole_text()}
                {(!fraction.is_empty()).then(|| view! { <span class="fraction">{fraction}</span> })}
                " "
                <small>"credits"</small>
            </p>
            <p>
                {line}
                {rows.map(|rows| view! { " " <a class="nowrap" href=rows>"See the holds"</a> })}
            </p>
        </div>
    }
}

#[component]
fn Consumed(place: Place, overview: Overview) -> impl IntoView {
    let rows = overview.consumed.is_positive().then(|| {
        place.history(&HistoryQuery::of(HistoryFilter {
            kind: Some(EntryKind::Spent),
            from: Some(overview.cycle.first),
            to: overview.cycle.end.pred_opt(),
            ..HistoryFilter::default()
        }))
    });
    view! {
        <div class="cell">
            <h2>"Consumed this cycle"</h2>
            <p class="figure">{overview.consumed.to_string()} " " <small>"credits"</small></p>
            <p>
                {comparison(&overview)}
                {rows.map(|rows| view! { ". " <a class="nowrap" href=rows>"See the rows"</a> })}
            </p>
        </div>
    }
}

#[component]
fn Expiry(next: NextExpiry) -> impl IntoView {
    let outlook = match next.forfeited {
        Some(lost) if lost.is_positive() => view! {
            " At your pace about "
            <b class="warn">{estimate(lost)}</b>
            " will be forfeited."
        }
        .into_any(),
        Some(_) => " At your pace they are used in time.".into_any(),
        None => ().into_any(),
    };
    view! {
        <p class="figure">{next.remaining.to_string()} " " <small>"credits"</small></p>
        <p>
            "On " <Day at=next.at/> ", " {next.when} "."
            {outlook}
            " "
            <a class="nowrap" href="#lots">"See all"</a>
        </p>
    }
}
