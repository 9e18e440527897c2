//! The rows of the history. A row opens in place: its address names it, so it needs no script.

use leptos::prelude::*;

use super::{HistoryQuery, detail::Detail};
use crate::{
    components::{Column, Moment},
    credits::{EntryKind, HistoryPage, Row},
    pages::{operation::OperationBadge, place::Place},
};

/// A page of rows, newest first.
#[component]
pub fn HistoryTable(
    /// Where the history is.
    place: Place,
    /// The rows, and which of them is open.
    page: HistoryPage,
    /// What the address asks for.
    query: HistoryQuery,
) -> impl IntoView {
    let zone = page.zone;
    let amounts = Column::of(page.rows.iter().map(|row| row.amount));
    let balances = Column::of(page.rows.iter().map(|row| row.balance_after));
    let rows = page.rows.into_iter().map(|row| {
        let detail = page.open.clone().filter(|detail| detail.seq == row.seq);
        let open = detail.is_none().then_some(row.seq);
        let link = row_link(&place, &query, open, row.seq);
        let opened = detail.map(|detail| {
            view! { <Detail place=place.clone() row=row.clone() detail/> }
        });
        let is_open = opened.is_some();
        view! { <Line row link is_open amounts balances/> {opened} }
    });
    view! {
        <div class="table-wrap">
            <table class="table table-cards history">
                <caption class="visually-hidden">"Rows of the history, newest first"</caption>
                <thead>
                    <tr>
                        <th scope="col">{format!("Date ({zone})")}</th>
                        <th scope="col">"Description"</th>
                        <th scope="col">"Operation"</th>
                        <th scope="col" class="num">"Credits"</th>
                        <th scope="col" class="num">"Balance after"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

/// Opens a row, or closes the one that is open; the page stays at it either way.
fn row_link(place: &Place, query: &HistoryQuery, open: Option<i64>, seq: i64) -> String {
    let query = HistoryQuery { open, ..query.clone() };
    match open {
        Some(_) => place.history(&query),
        None => format!("{}{query}#row-{seq}", place.history_path()),
    }
}

#[component]
fn Line(row: Row, link: String, is_open: bool, amounts: Column, balances: Column) -> impl IntoView {
    let class = is_open.then_some("open");
    let amount = amounts.cell(row.amount.signed());
    let amount_class = if row.amount.is_positive() { "plus" } else { "" };
    let second_line = second_line(&row);
    let title = if row.note.description.is_empty() {
        row.kind.name().to_owned()
    } else {
        row.note.description
    };
    view! {
        <tr class=class id=format!("row-{}", row.seq)>
            <td class="when"><Moment at=row.at/></td>
            <td class="what">
                <a href=link aria-expanded=if is_open { "true" } else { "false" }>{title}</a>
                {second_line.map(|text| view! { <span class="sub">{text}</span> })}
            </td>
            <td class="kind">
                {match row.operation {
                    Some(operation) => view! { <OperationBadge operation/> }.into_any(),
                    None => view! { <KindBadge kind=row.kind/> }.into_any(),
                }}
            </td>
            <td class="num amount"><span class=amount_class>{amount}</span></td>
            <td class="num after" data-label="Balance">{balances.cell(row.balance_after)}</td>
        </tr>
    }
}

/// What was priced, and what a hold set aside: that moves no ownership. What a hold gave back
/// says so itself.
fn second_line(row: &Row) -> Option<String> {
    let held = match row.kind {
        EntryKind::Held if row.held_change.is_positive() => {
            format!("{} credits held", row.held_change)
        }
        _ => String::new(),
    };
    let parts = [row.note.detail.clone(), held];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What kind of row it is, on a badge.
#[component]
pub fn KindBadge(
    /// Which kind.
    kind: EntryKind,
) -> impl IntoView {
    let class = match kind {
        EntryKind::Granted => "badge badge-good",
        EntryKind::Expired => "badge badge-warn",
        EntryKind::ClawedBack => "badge badge-bad",
        EntryKind::Spent | EntryKind::Held | EntryKind::Released | EntryKind::Adjusted => "badge",
    };
    view! { <span class=class>{kind.name()}</span> }
}
