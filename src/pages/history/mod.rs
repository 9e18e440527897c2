//! The history: every change of the balance, filtered, paged by keys, each row with its reasons.

mod api;
mod detail;
mod filters;
mod proof;
mod query;
mod table;
mod view;

use leptos::prelude::*;

pub use filters::Filters;
pub use proof::Proof;
pub use query::HistoryQuery;
pub(super) use query::decode;
pub use table::{HistoryTable, KindBadge};
pub use view::{HistoryRoute, HistoryRoutePage, HistoryView};

use super::place::Place;
use crate::{
    components::{Empty, Glyph, Icon, Pager, days_from_to, plural},
    credits::{Cursor, HistoryFilter, HistoryPage, Row},
};

/// Filters, rows, and the way to further rows: the whole panel.
#[component]
pub fn HistoryPanel(
    /// Where the history is.
    place: Place,
    /// The rows.
    page: HistoryPage,
    /// What the address asks for.
    query: HistoryQuery,
    /// Whether the sum stands above the rows.
    #[prop(optional)]
    with_proof: bool,
) -> impl IntoView {
    let filter = page.filter.clone();
    if page.rows.is_empty() && query.cursor.is_none() && filter == HistoryFilter::default() {
        return view! {
            <div class="panel" id="history-panel" data-live="">
                <Empty glyph=Glyph::History title="No rows yet">
                    <p>"Every change of the balance gets a row that says why: bought, spent, expired."</p>
                </Empty>
            </div>
        }
        .into_any();
    }
    let proof = with_proof.then(|| view! { <Proof filter=filter.clone() rows=page.rows.clone()/> });
    let rows = if page.rows.is_empty() {
        let clear = place.history(&HistoryQuery::default());
        view! { <NothingFound filter=filter.clone() clear/> }.into_any()
    } else {
        let (place, page, query) = (place.clone(), page.clone(), query.clone());
        view! { <HistoryTable place page query/> }.into_any()
    };
    view! {
        <div class="panel" id="history-panel">
            // What is being written into the filter stays when rows are added.
            <Filters place=place.clone() query=query.clone()/>
            <div id="history-rows" data-live="">
                {proof}
                {rows}
                <FurtherRows place page query/>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn NothingFound(filter: HistoryFilter, clear: String) -> impl IntoView {
    let is_backwards = matches!((filter.from, filter.to), (Some(from), Some(to)) if from > to);
    let words = if is_backwards {
        "The first day is after the last one: swap them."
    } else {
        "Nothing in the history fits this filter. Try fewer filters, or a longer time."
    };
    view! {
        <Empty glyph=Glyph::Search title="No rows match">
            <p>{words}</p>
            <a class="button" href=clear>"Clear the filter"</a>
        </Empty>
    }
}

#[component]
fn FurtherRows(place: Place, page: HistoryPage, query: HistoryQuery) -> impl IntoView {
    let csv = (!page.rows.is_empty()).then(|| place.csv(&page.filter));
    let link = |cursor: Option<Cursor>| {
        cursor.map(|cursor| {
            let query = HistoryQuery { cursor: Some(cursor), open: None, ..query.clone() };
            place.history(&query)
        })
    };
    view! {
        <Pager
            label="Pages of the history"
            shown=shown(&page.rows)
            newer=link(page.newer)
            older=link(page.older)
        >
            {csv.map(|csv| view! {
                <a class="button button-quiet" href=csv download=true>
                    <Icon glyph=Glyph::Download/>
                    "All rows as CSV"
                </a>
            })}
        </Pager>
    }
}

/// "25 rows, 18 Nov – 21 Nov 2026".
fn shown(rows: &[Row]) -> String {
    let count = plural(i64::try_from(rows.len()).unwrap_or(i64::MAX), "row", "rows");
    match (rows.last(), rows.first()) {
        (Some(oldest), Some(newest)) => {
            let days = days_from_to(oldest.at.date_naive(), newest.at.date_naive());
            format!("{count}, {days}")
        }
        _ => "No rows".to_owned(),
    }
}
