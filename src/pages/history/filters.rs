//! The form above the history. It is a plain GET form: a filter is an address.

use leptos::prelude::*;

use super::HistoryQuery;
use crate::{
    credits::{EntryKind, HistoryFilter, Operation},
    pages::place::Place,
};

/// The kinds that a history can have so far.
const KINDS: [EntryKind; 5] = [
    EntryKind::Spent,
    EntryKind::Held,
    EntryKind::Released,
    EntryKind::Granted,
    EntryKind::Expired,
];

/// The form that filters the history.
#[component]
pub fn Filters(
    /// Where the history is.
    place: Place,
    /// What is asked for now.
    query: HistoryQuery,
) -> impl IntoView {
    let HistoryQuery { filter, cycle, .. } = query;
    let anchor = if matches!(place, Place::Support(_)) { "#history" } else { "" };
    let action = format!("{}{anchor}", place.history_path());
    let clear = (filter != HistoryFilter::default()).then(|| action.clone());
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
    view! {
        <form class="filters" method="get" action=action role="search" aria-label="Filter the history">
            {cycle.map(|day| view! { <input type="hidden" name="cycle" value=day.to_string()/> })}
            <div class="field">
                <label for="filter-text">"Search"</label>
                <input
                    class="input"
                    id="filter-text"
                    name="text"
                    type="search"
                    maxlength="100"
                    placeholder="Description or reference"
                    value=filter.text.clone()
                />
            </div>
            <div class="field">
                <label for="filter-kind">"Kind"</label>
                <select class="select" id="filter-kind" name="kind">{kinds(filter.kind)}</select>
            </div>
            <div class="field">
                <label for="filter-operation">"Operation"</label>
                <select class="select" id="filter-operation" name="operation">
                    {operations(filter.operation)}
                </select>
            </div>
            <div class="field">
                <label for="filter-from">"From"</label>
                <input class="input" id="filter-from" name="from" type="date" value=day(filter.from)/>
            </div>
            <div class="field">
                <label for="filter-to">"To"</label>
                <input class="input" id="filter-to" name="to" type="date" value=day(filter.to)/>
            </div>
            <div class="row">
                <button class="button" type="submit">"Filter"</button>
                {clear.map(|clear| view! { <a class="button button-quiet" href=clear>"Clear"</a> })}
            </div>
        </form>
    }
}

fn kinds(chosen: Option<EntryKind>) -> impl IntoView {
    let unusual = chosen.filter(|kind| !KINDS.contains(kind));
    let kinds = KINDS.into_iter().chain(unusual);
    let options = kinds.map(|kind| option(kind.id(), in_words(kind), chosen == Some(kind)));
    view! { {option("", "All", chosen.is_none())} {options.collect_view()} }
}

/// What is chosen: what became of work that was set aside for is told apart by these.
const fn in_words(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Spent => "Spent (charged or captured)",
        EntryKind::Held => "Held (set aside for work)",
        EntryKind::Released => "Released (failed, cancelled or expired)",
        EntryKind::Granted | EntryKind::Expired | EntryKind::Adjusted | EntryKind::ClawedBack => {
            kind.name()
        }
    }
}

fn operations(chosen: Option<Operation>) -> impl IntoView {
    let options = Operation::ALL
        .into_iter()
        .map(|operation| option(operation.id(), operation.name(), chosen == Some(operation)));
    view! { {option("", "All", chosen.is_none())} {options.collect_view()} }
}

fn option(value: &'static str, name: &'static str, chosen: bool) -> impl IntoView {
    view! { <option value=value selected=chosen>{name}</option> }
}
