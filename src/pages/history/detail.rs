//! What a row shows when it is opened: the lots it took from, and how to trace it.

use leptos::prelude::*;

use crate::{
    components::{Column, Day, Moment},
    credits::{Credits, EntryKind, HoldState, Row, RowDetail, RowHold, RowSource, Source},
    pages::place::Place,
};

/// The row below an opened row.
#[component]
pub fn Detail(
    /// Where the history is.
    place: Place,
    /// The opened row.
    row: Row,
    /// What it shows.
    detail: RowDetail,
) -> impl IntoView {
    let heading = sources_heading(row.kind);
    let is_customer = place == Place::Settings;
    let seq = row.seq;
    view! {
        <tr class="detail" id=format!("detail-{seq}")>
            <td colspan="5">
                <div class="detail-grid">
                    {(!detail.sources.is_empty()).then(|| view! {
                        <div>
                            <h3>{heading}</h3>
                            <Sources place sources=detail.sources/>
                        </div>
                    })}
                    {detail.hold.map(|hold| view! {
                        <div>
                            <h3>"Hold"</h3>
                            <HoldFacts hold/>
                        </div>
                    })}
                    <div>
                        <h3>"Trace"</h3>
                        <Trace row/>
                    </div>
                    {is_customer.then(|| view! {
                        <p class="wide fine muted">
                            {format!("A row is never changed or deleted. If row {seq} is wrong, tell support its number: they add a row that puts it right.")}
                        </p>
                    })}
                </div>
            </td>
        </tr>
    }
}

const fn sources_heading(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Granted => "Credits received",
        EntryKind::Spent => "Paid from",
        EntryKind::Held => "Set aside from",
        EntryKind::Released => "Given back to",
        EntryKind::Expired => "Forfeited from",
        EntryKind::Adjusted => "Credits concerned",
        EntryKind::ClawedBack => "Taken back from",
    }
}

#[component]
fn Sources(place: Place, sources: Vec<RowSource>) -> impl IntoView {
    let column = Column::of(sources.iter().map(|source| source.amount));
    let lines = sources.into_iter().map(|source| {
        let name = source_name(source.source, source.granted_at);
        let link = source.purchase.map(|id| place.purchase(&id));
        view! {
            <tr>
                <td>
                    {match link {
                        Some(link) => view! { <a href=link>{name}</a> }.into_any(),
                        None => name.into_any(),
                    }}
                    <span class="sub">"Expires " <Day at=source.expires_at/></span>
                </td>
                <td class="num">{column.cell(source.amount)}</td>
            </tr>
        }
    });
    view! {
        <table class="table">
            <thead>
                <tr><th scope="col">"Source"</th><th scope="col" class="num">"Credits"</th></tr>
            </thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}

/// "Bought on 2 Dec 2025".
fn source_name(source: Source, at: chrono::DateTime<chrono::FixedOffset>) -> String {
    let day = crate::components::day_text(at.date_naive());
    match source {
        Source::Purchase => format!("Bought on {day}"),
        Source::Promotion => format!("Promotion of {day}"),
        Source::Goodwill => format!("Goodwill of {day}"),
    }
}

/// What was set aside before the work, and what became of it.
#[component]
fn HoldFacts(hold: RowHold) -> impl IntoView {
    let amount = |credits: Credits| format!("{credits} credits");
    let (state, ending) = match hold.state {
        HoldState::Open => ("Set aside for work under way", "Lapses"),
        HoldState::Captured => ("Charged", "Would have lapsed"),
        HoldState::Released => ("Released", "Would have lapsed"),
        HoldState::Lapsed => ("Expired, released", "Lapsed"),
    };
    let settled = (hold.state != HoldState::Open).then(|| {
        view! {
            <dt>"Charged"</dt><dd>{amount(hold.captured)}</dd>
            <dt>"Returned"</dt><dd>{amount(hold.amount - hold.captured)}</dd>
        }
    });
    view! {
        <dl class="facts">
            <dt>"State"</dt><dd>{state}</dd>
            <dt>"Set aside"</dt><dd>{amount(hold.amount)}", "<Moment at=hold.made_at/>{format!(" (row {})", hold.seq)}</dd>
            {settled}
            <dt>{ending}</dt><dd><Moment at=hold.expires_at/></dd>
        </dl>
    }
}

#[component]
fn Trace(row: Row) -> impl IntoView {
    let operation = row.operation.map(|operation| operation.name().to_owned());
    let held = (!row.held_after.is_zero()).then(|| format!("{} credits", row.held_after));
    let some = |text: String| (!text.is_empty()).then_some(text);
    view! {
        <dl class="facts">
            <dt>"Row"</dt><dd>{row.seq}</dd>
            <dt>"Kind"</dt><dd>{row.kind.name()}</dd>
            {fact("Operation", operation)}
            {some(row.note.reference).map(|reference| view! {
                <dt>"Reference"</dt><dd><code>{reference}</code></dd>
            })}
            {fact("Rate card", some(row.note.rate_card))}
            {fact("Held after", held)}
        </dl>
    }
}

fn fact(term: &'static str, text: Option<String>) -> impl IntoView {
    text.map(|text| view! { <dt>{term}</dt><dd>{text}</dd> })
}
