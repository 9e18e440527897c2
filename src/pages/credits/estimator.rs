//! "What will it cost?": an operation, its quantities, and what they would take. A plain GET form;
//! [`LiveEstimator`] brings it to life.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDate};
use leptos::prelude::*;
use leptos_router::params::ParamsMap;
use serde::{Deserialize, Serialize};

use super::{
    estimate::{Estimate, Estimator, fault, field},
    estimator_live::LiveEstimator,
};
use crate::{
    components::{Figure, FigureRow, Glyph, Icon, Said, day_text, said},
    credits::{Credits, Operation, PricedQuantity, QuantityKind, RateCard},
    pages::buy::Shop,
};

/// The rate card in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// The prices.
    pub card: RateCard,
    /// The name of their version.
    pub version: String,
    /// Since when they hold, in the zone of the account.
    pub since: DateTime<FixedOffset>,
}

/// What the address asks to be estimated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    operation: Option<Operation>,
    values: BTreeMap<String, String>,
    cycle: Option<NaiveDate>,
}

impl Asked {
    /// What the page's address says.
    #[must_use]
    pub fn of(query: &ParamsMap) -> Self {
        let values = query.clone().into_iter().filter(|(name, _)| name.contains('.'));
        Self {
            operation: query.get("estimate").and_then(|id| id.parse().ok()),
            values: values.map(|(name, value)| (name.into_owned(), value)).collect(),
            cycle: query.get("cycle").and_then(|day| day.parse().ok()),
        }
    }

    /// What a field says: as it was sent, else as in the example of what credits are worth.
    fn value(&self, shop: &Shop, operation: Operation, quantity: &PricedQuantity) -> String {
        if let Some(sent) = self.values.get(&field(operation, &quantity.id)) {
            return sent.clone();
        }
        let example = shop.worth.iter().find(|example| example.operation == operation);
        let typical = example.and_then(|example| example.quantities.get(&quantity.id));
        typical.map_or_else(|| first(&quantity.kind), |typical| typical.text().to_owned())
    }
}

/// The least of a number, the first of the options.
fn first(kind: &QuantityKind) -> String {
    match kind {
        QuantityKind::Number(number) => number.written(number.minimum).replace(',', ""),
        QuantityKind::Choice(options) => {
            options.first().map(|option| option.id.clone()).unwrap_or_default()
        }
    }
}

fn estimator(rates: &Rates, available: Credits, shop: &Shop) -> Estimator {
    let schedule = &shop.pricing.schedule;
    let packages = shop.packages.iter().map(|package| (package.id.clone(), package.credits));
    Estimator {
        card: rates.card.clone(),
        available,
        packages: packages.collect(),
        minimum: schedule.minimum,
        maximum: schedule.maximum,
    }
}

/// The address of the picker, up to what is chosen there.
fn picker_path(cycle: Option<NaiveDate>) -> String {
    match cycle {
        Some(day) => format!("/settings/credits?cycle={day}&"),
        None => "/settings/credits?".to_owned(),
    }
}

/// The section that estimates.
#[component]
pub fn EstimateSection(
    /// The prices.
    rates: Rates,
    /// What can be spent now.
    available: Credits,
    /// What can be bought.
    shop: Shop,
    /// What is asked for.
    asked: Asked,
) -> impl IntoView {
    let estimator = estimator(&rates, available, &shop);
    let chosen = asked.operation.unwrap_or(Operation::Backtest);
    let quantities: BTreeMap<Operation, Vec<(PricedQuantity, String)>> = rates
        .card
        .operations
        .iter()
        .map(|rates| {
            let fields = rates
                .quantities
                .iter()
                .map(|quantity| (quantity.clone(), asked.value(&shop, rates.operation, quantity)));
            (rates.operation, fields.collect())
        })
        .collect();
    let given = quantities.get(&chosen).into_iter().flatten();
    let given: BTreeMap<_, _> =
        given.map(|(quantity, text)| (field(chosen, &quantity.id), text.clone())).collect();
    let estimate = estimator.estimate(chosen, &|name| given.get(name).cloned().unwrap_or_default());
    let offer = estimate.offer.as_ref().map(|offer| offer.choice.clone()).unwrap_or_default();
    let figures = estimate.figures.clone();
    let picker = picker_path(asked.cycle);
    let href = format!("{picker}{offer}#buy");
    let fields = quantities.into_iter().map(|(operation, quantities)| {
        view! { <Fields operation quantities figures=figures.clone() /> }
    });
    let fields = fields.collect_view();
    view! {
        <section class="section" aria-labelledby="estimate">
            <div class="section-head">
                <h2 id="estimate">"What will it cost?"</h2>
            </div>
            <LiveEstimator>
                <form
                    class="panel estimate"
                    method="get"
                    action="/settings/credits#estimate"
                    autocomplete="off"
                    data-estimator=estimator.to_text()
                    data-picker=picker
                >
                    {asked.cycle.map(hidden_cycle)}
                    <div class="estimate-form">
                        <OperationChoice chosen />
                        {fields}
                        <div class="row">
                            <button class="button estimate-submit" type="submit">"Estimate"</button>
                            <span class="small muted"><Said figures=figures.clone() name="rates" /></span>
                        </div>
                    </div>
                    <Answer estimate available rates href />
                </form>
            </LiveEstimator>
        </section>
    }
}

fn hidden_cycle(day: NaiveDate) -> impl IntoView {
    view! { <input type="hidden" name="cycle" value=day.to_string() /> }
}

#[component]
fn OperationChoice(chosen: Operation) -> impl IntoView {
    let choices = Operation::ALL.map(|operation| {
        let is_chosen = operation == chosen;
        view! {
            <label>
                <input
                    type="radio"
                    name="estimate"
                    value=operation.id()
                    checked=is_chosen
                    data-first=is_chosen.then_some("")
                />
                {short(operation)}
            </label>
        }
    });
    view! {
        <fieldset>
            <legend class="visually-hidden">"Operation"</legend>
            <div class="segments">{choices.collect_view()}</div>
        </fieldset>
    }
}

const fn short(operation: Operation) -> &'static str {
    match operation {
        Operation::Inference => "Inference",
        Operation::Strategy => "Strategy",
        Operation::Backtest => "Backtest",
        Operation::Analysis => "Analysis",
    }
}

/// The quantities of one operation; the style sheet shows those of the operation that is chosen.
#[component]
fn Fields(
    operation: Operation,
    quantities: Vec<(PricedQuantity, String)>,
    figures: Vec<Figure>,
) -> impl IntoView {
    let fields = quantities.into_iter().map(|(quantity, value)| {
        view! { <QuantityField operation quantity value figures=figures.clone() /> }
    });
    view! { <div class="fields" data-operation=operation.id()>{fields.collect_view()}</div> }
}

#[component]
fn QuantityField(
    operation: Operation,
    quantity: PricedQuantity,
    value: String,
    figures: Vec<Figure>,
) -> impl IntoView {
    let id = format!("estimate-{operation}-{}", quantity.id);
    let (name, fault) = (field(operation, &quantity.id), fault(operation, &quantity.id));
    let described_by = format!("{id}-fault");
    let is_wrong = said(&figures, &fault).is_some();
    let input = match quantity.kind {
        QuantityKind::Number(_) => view! {
            <input
                class="input"
                id=id.clone()
                name=name
                inputmode="decimal"
                maxlength="24"
                value=value
                aria-invalid=is_wrong.then_some("true")
                aria-describedby=described_by.clone()
            />
        }
        .into_any(),
        QuantityKind::Choice(options) => {
            let options = options.into_iter().map(|option| {
                let is_chosen = option.id == value;
                view! { <option value=option.id selected=is_chosen>{option.name}</option> }
            });
            let options = options.collect_view();
            view! { <select class="select" id=id.clone() name=name>{options}</select> }.into_any()
        }
    };
    view! {
        <div class="field">
            <label for=id>{quantity.name}</label>
            {input}
            <span class="error" id=described_by data-row="" hidden=!is_wrong>
                <Icon glyph=Glyph::CrossCircle size=14 />
                <Said figures name=fault />
            </span>
        </div>
    }
}

#[component]
fn Answer(estimate: Estimate, available: Credits, rates: Rates, href: String) -> impl IntoView {
    let has_cost = estimate.has_cost();
    let figures = estimate.figures;
    let is_silent = |name: &str| said(&figures, name).is_none();
    let row = |name: &'static str, term: &'static str, class: &'static str| {
        view! { <FigureRow figures=figures.clone() name term=term.into_any() class /> }
    };
    let since = day_text(rates.since.date_naive());
    view! {
        <div class="estimate-answer">
            <p class="no-total" data-row="" hidden=is_silent("unpriced")>
                <Said figures=figures.clone() name="unpriced" />
            </p>
            <output class="visually-hidden"><Said figures=figures.clone() name="spoken" /></output>
            <div class="estimate-sums" hidden=!has_cost>
                <p class="figure">
                    <Said figures=figures.clone() name="cost" /> " " <small>"credits at most"</small>
                </p>
                <p class="small muted"><Said figures=figures.clone() name="detail" /></p>
                <dl class="sums">
                    <div><dt>"Available now"</dt><dd>{available.to_string()}</dd></div>
                    {row("after", "Available after", "total")} {row("missing", "Missing", "total warn")}
                    <div><dt>"Rate card"</dt><dd>{rates.version} ", since " {since}</dd></div>
                </dl>
                <p data-row="" hidden=is_silent("offer")>
                    <a class="button button-wide" data-figure="offer" href=href>
                        {said(&figures, "offer")}
                    </a>
                </p>
                <p class="small muted" data-row="" hidden=is_silent("too-much")>
                    <Said figures=figures.clone() name="too-much" />
                </p>
            </div>
        </div>
    }
}
