//! The usage of a cycle: a chart by day and type of operation, the sums, and the same numbers as
//! a table. The four types always sum to what the cycle consumed.

use leptos::prelude::*;

use super::{
    day_chart::DayChart,
    words::{estimate, with_unit},
};
use crate::{
    components::{Column, Empty, Glyph, Icon, days_from_to, percent_shares},
    credits::{
        Credits, Cycle, CycleUsage, DayUsage, EntryKind, HistoryFilter, Operation, Overview,
    },
    pages::{history::HistoryQuery, operation::OperationName, place::Place},
};

/// The section "Usage".
#[component]
pub fn Usage(
    /// Who looks at it.
    place: Place,
    /// The account.
    overview: Overview,
) -> impl IntoView {
    let never_used = overview.cycles.len() <= 1 && overview.usage.total().is_zero();
    let chooser = (!never_used).then(|| {
        view! { <CycleChooser place=place.clone() overview=overview.clone()/> }
    });
    view! {
        <section class="section" aria-labelledby="usage">
            <div class="section-head">
                <h2 id="usage">"Usage"</h2>
                {chooser}
            </div>
            <div class="panel" id="usage-panel" data-live="">
                {if never_used {
                    view! { <NotYetUsed/> }.into_any()
                } else {
                    view! { <Breakdown place overview/> }.into_any()
                }}
            </div>
        </section>
    }
}

#[component]
fn NotYetUsed() -> impl IntoView {
    view! {
        <div class="empty">
            <svg width="72" height="40" viewBox="0 0 72 40" aria-hidden="true">
                <path class="empty-bars" d="M4 40V28h8v12zM18 40V18h8v22zM32 40V24h8v16zM46 40V10h8v30zM60 40V20h8v20z"></path>
            </svg>
            <h3>"Your usage will appear here"</h3>
            <p>"Run a first operation and you see each day by type of operation, with the same numbers as a table."</p>
        </div>
    }
}

#[component]
fn CycleChooser(place: Place, overview: Overview) -> impl IntoView {
    let chosen = overview.usage.cycle;
    let path = place.overview_path();
    let position = overview.cycles.iter().position(|cycle| *cycle == chosen);
    let previous = position.and_then(|position| overview.cycles.get(position + 1));
    let previous = previous.map(|cycle| {
        let href = format!("{path}?cycle={}#usage", cycle.first);
        view! {
            <a class="icon-button cycle-step" href=href aria-label="Previous cycle">
                <Icon glyph=Glyph::Previous/>
            </a>
        }
    });
    let options = overview.cycles.iter().map(|cycle| {
        let (value, text) = (cycle.first.to_string(), days_from_to(cycle.first, cycle.last()));
        view! { <option value=value selected=*cycle == chosen>{text}</option> }
    });
    view! {
        <form class="row" method="get" action=format!("{path}#usage")>
            {previous}
            <label class="visually-hidden" for="cycle">"Billing cycle"</label>
            <select class="select cycle" id="cycle" name="cycle">{options.collect_view()}</select>
            <button class="button" type="submit">"Show"</button>
        </form>
    }
}

#[component]
fn Breakdown(place: Place, overview: Overview) -> impl IntoView {
    let usage = overview.usage.clone();
    let is_current = usage.cycle == overview.cycle;
    let pace = overview.pace.filter(|_| is_current).map(|pace| pace.per_day);
    if usage.total().is_zero() {
        return view! {
            <Empty glyph=Glyph::Info title="Nothing was consumed in this cycle">
                <p>"Choose another cycle to see its days by type of operation."</p>
            </Empty>
        }
        .into_any();
    }
    view! {
        <div class="usage">
            <div class="usage-chart"><DayChart usage=usage.clone() is_current pace/></div>
            <div class="usage-side"><Legend place=place.clone() usage=usage.clone()/></div>
        </div>
        <div class="usage-foot">
            {match pace {
                Some(pace) => view! {
                    <span class="level-key">
                        {format!("Your pace: {} a day over the last four weeks", estimate(pace))}
                    </span>
                }
                .into_any(),
                None => view! { <span>{with_unit(usage.total())} " in all"</span> }.into_any(),
            }}
            <details class="disclosure">
                <summary>"Show the days as a table"</summary>
                <DayTable place usage/>
            </details>
        </div>
    }
    .into_any()
}

/// The rows behind a figure.
fn rows_of(place: &Place, operation: Option<Operation>, days: Cycle) -> String {
    place.history(&HistoryQuery::of(HistoryFilter {
        kind: Some(EntryKind::Spent),
        operation,
        from: Some(days.first),
        to: days.end.pred_opt(),
        text: String::new(),
    }))
}

#[component]
fn Legend(place: Place, usage: CycleUsage) -> impl IntoView {
    let sums = Operation::ALL.map(|operation| usage.by_operation(operation));
    let column = Column::of(sums.into_iter().chain([usage.total()]));
    let shares = percent_shares(&sums.map(Credits::thousandths)).unwrap_or_default();
    let share_texts = shares.into_iter().map(|share| format!("{}.{} %", share / 10, share % 10));
    let lines =
        Operation::ALL.into_iter().zip(sums).zip(share_texts).map(|((operation, sum), share)| {
            let name = view! { <OperationName operation/> };
            let name = if sum.is_zero() {
                name.into_any()
            } else {
                view! { <a href=rows_of(&place, Some(operation), usage.cycle)>{name}</a> }
                    .into_any()
            };
            view! {
                <tr>
                    <th scope="row">{name}</th>
                    <td class="num">{column.cell(sum)}</td>
                    <td class="num">{share}</td>
                </tr>
            }
        });
    view! {
        <table class="legend">
            <caption class="visually-hidden">"Credits consumed in this cycle by type of operation"</caption>
            <thead>
                <tr>
                    <th scope="col">"Operation"</th>
                    <th scope="col" class="num">"Credits"</th>
                    <th scope="col" class="num">"Share"</th>
                </tr>
            </thead>
            <tbody>{lines.collect_view()}</tbody>
            <tfoot>
                <tr>
                    <th scope="row">"Consumed"</th>
                    <td class="num">{column.cell(usage.total())}</td>
                    <td class="num">"100 %"</td>
                </tr>
            </tfoot>
        </table>
    }
}

#[component]
fn DayTable(place: Place, usage: CycleUsage) -> impl IntoView {
    let totals = Operation::ALL.map(|operation| usage.by_operation(operation));
    let columns: [Column; 4] = std::array::from_fn(|index| {
        Column::of(usage.days.iter().map(|day| day.credits[index]).chain([totals[index]]))
    });
    let sums = Column::of(usage.days.iter().map(DayUsage::total).chain([usage.total()]));
    let cells = move |credits: [Credits; 4]| {
        let cells = columns.into_iter().zip(credits);
        cells
            .map(|(column, amount)| view! { <td class="num">{column.cell(amount)}</td> })
            .collect_view()
    };
    let lines = usage.days.iter().map(|day| {
        let name = day.day.format("%a %-d %b").to_string();
        let only = Cycle { first: day.day, end: day.day.succ_opt().unwrap_or(day.day) };
        let name = if day.total().is_zero() {
            name.into_any()
        } else {
            view! { <a href=rows_of(&place, None, only)>{name}</a> }.into_any()
        };
        view! {
            <tr>
                <th scope="row">{name}</th>
                {cells(day.credits)}
                <td class="num">{sums.cell(day.total())}</td>
            </tr>
        }
    });
    view! {
        <div class="table-wrap" tabindex="0" role="region" aria-label="Credits per day">
            <table class="table">
                <caption class="visually-hidden">"Credits consumed per day and type of operation"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Day"</th>
                        <th scope="col" class="num">"Inference"</th>
                        <th scope="col" class="num">"Strategy"</th>
                        <th scope="col" class="num">"Backtest"</th>
                        <th scope="col" class="num">"Analysis"</th>
                        <th scope="col" class="num">"Total"</th>
                    </tr>
                </thead>
                <tbody>{lines.collect_view()}</tbody>
                <tfoot>
                    <tr>
                        <th scope="row">"Total"</th>
                        {cells(totals)}
                        <td class="num">{sums.cell(usage.total())}</td>
                    </tr>
                </tfoot>
            </table>
        </div>
    }
}
