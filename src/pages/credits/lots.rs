//! The lots: what was bought or given, what is left of it, and when that expires.

use leptos::prelude::*;

use super::{
    timeline::Timeline,
    words::{estimate, with_unit},
};
use crate::{
    components::{Column, Day, Empty, Glyph, day_text, relative_days},
    credits::{LotLine, Overview, Source},
    pages::place::Place,
};

/// The section "Credits by expiry"; nothing before the first credits arrive.
#[component]
pub fn Lots(
    /// Who looks at it.
    place: Place,
    /// The account.
    overview: Overview,
) -> impl IntoView {
    let never_had_any = overview.lots.is_empty() && overview.history.rows.is_empty();
    let sum = (!overview.lots.is_empty()).then(|| with_unit(overview.balance()));
    let content = if overview.lots.is_empty() {
        view! {
            <Empty glyph=Glyph::Coin title="No credits left">
                <p>"What you buy appears here with the day on which it expires."</p>
            </Empty>
        }
        .into_any()
    } else {
        view! {
            <Timeline lots=overview.lots.clone() now=overview.now/>
            <LotTable place overview/>
        }
        .into_any()
    };
    (!never_had_any).then(|| {
        view! {
            <section class="section" aria-labelledby="lots">
                <div class="section-head">
                    <h2 id="lots">"Credits by expiry"</h2>
                    <p>
                        "Credits that expire first are spent first."
                        {sum.map(|sum| format!(" Together they are the balance of {sum}."))}
                    </p>
                </div>
                <div class="panel">{content}</div>
            </section>
        }
    })
}

#[component]
fn LotTable(place: Place, overview: Overview) -> impl IntoView {
    let left = |lot: &LotLine| lot.remaining + lot.held;
    let remaining = Column::of(overview.lots.iter().map(left).chain([overview.balance()]));
    let granted = Column::of(overview.lots.iter().map(|lot| lot.granted));
    let balance = remaining.cell(overview.balance());
    let today = overview.now.date_naive();
    let lines = overview.lots.into_iter().map(|lot| {
        let link = lot.purchase.as_ref().map(|(id, _)| place.purchase(id));
        let name = lot_name(&lot);
        let held = lot.held.is_positive().then(|| format!("{} of it held", lot.held));
        view! {
            <tr>
                <td>
                    {match link {
                        Some(link) => view! { <a href=link>{name}</a> }.into_any(),
                        None => name.into_any(),
                    }}
                    <span class="sub">{lot_origin(&lot)}</span>
                </td>
                <td class="num">
                    <span>{remaining.cell(left(&lot))}</span>
                    {held.map(|held| view! { <span class="sub">{held}</span> })}
                </td>
                <td class="num granted" data-label="of">{granted.cell(lot.granted)}</td>
                <td class="expires">
                    <Day at=lot.expires_at/>
                    <span class="sub">{relative_days(lot.expires_at.date_naive(), today)}</span>
                </td>
                <td class="forecast">{forecast(&lot)}</td>
            </tr>
        }
    });
    view! {
        <div class="table-wrap">
            <table class="table table-cards lots">
                <caption class="visually-hidden">"Credits by expiry, soonest first"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Credits"</th>
                        <th scope="col" class="num">"Remaining"</th>
                        <th scope="col" class="num">"Granted"</th>
                        <th scope="col">"Expires"</th>
                        <th scope="col">"At your pace"</th>
                    </tr>
                </thead>
                <tbody>{lines.collect_view()}</tbody>
                <tfoot>
                    <tr>
                        <th scope="row">"Balance"</th>
                        <td class="num">{balance}</td>
                        <td class="granted"></td>
                        <td class="expires"></td>
                        <td class="forecast"></td>
                    </tr>
                </tfoot>
            </table>
        </div>
    }
}

/// "Bought on 2 Dec 2025", or what the gift was called.
pub fn lot_name(lot: &LotLine) -> String {
    match lot.source {
        Source::Purchase => format!("Bought on {}", day_text(lot.granted_at.date_naive())),
        _ if !lot.description.is_empty() => lot.description.clone(),
        Source::Promotion => "Promotion".to_owned(),
        Source::Goodwill => "Goodwill from support".to_owned(),
    }
}

fn lot_origin(lot: &LotLine) -> String {
    match &lot.purchase {
        Some((_, paid)) => format!("for {paid}"),
        None => format!("Received {}", day_text(lot.granted_at.date_naive())),
    }
}

/// What becomes of a lot at the current pace; amber only for what will be lost.
fn forecast(lot: &LotLine) -> AnyView {
    match lot.prospect {
        Some(prospect) if prospect.left.is_positive() => {
            view! { <span class="warn">"About " {estimate(prospect.left)} " left, then forfeited"</span> }
                .into_any()
        }
        Some(prospect) => {
            let day = prospect.ends_at.with_timezone(lot.expires_at.offset()).date_naive();
            view! { "Used up about " <span class="nowrap">{day_text(day)}</span> }.into_any()
        }
        None if lot.remaining.is_zero() => "All of it is held".into_any(),
        None => view! { <span class="muted">"Not known yet"</span> }.into_any(),
    }
}
