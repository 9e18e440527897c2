//! The billing cycle: on which day of the month it begins, in which zone, and what follows.

mod api;
mod form;

use chrono::{DateTime, FixedOffset};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    layout::{MenuEntry, SettingsLayout, Viewer},
    loaded::loaded,
};
use crate::{
    components::{Notice, Tone, day_text, plural},
    credits::Cycle,
};
use api::load_billing_cycle;
use form::CycleForm;

/// How many cycles after this one are shown.
const AHEAD: usize = 3;

/// The form as it was entered, where it came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnteredCycle {
    /// The day of the month.
    pub day: String,
    /// Whether that is none.
    pub is_no_day: bool,
    /// The zone.
    pub zone: String,
    /// Whether nobody knows it.
    pub is_no_zone: bool,
    /// Whether nothing could be saved.
    pub is_away: bool,
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingCyclePage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// The day of the month on which cycles begin.
    pub anchor_day: u32,
    /// The zone in which days do.
    pub zone: String,
    /// The time there.
    pub now: DateTime<FixedOffset>,
    /// Every zone, and what its clocks are ahead of UTC now.
    pub zones: Vec<(String, String)>,
    /// Whether the form was just saved.
    pub is_saved: bool,
    /// What was entered, where the form came back.
    pub entered: Option<EnteredCycle>,
}

/// The page at `/settings/billing-cycle`.
#[component]
pub fn BillingCycleRoute() -> impl IntoView {
    let query = leptos_router::hooks::use_query_map();
    let is_saved = move || query.read().get("saved").is_some();
    let page = Resource::new_blocking(is_saved, load_billing_cycle);
    loaded(page, |page| view! { <BillingCycleView page/> })
}

#[component]
fn BillingCycleView(page: BillingCyclePage) -> impl IntoView {
    let name = "Billing cycle";
    let title = if page.entered.is_some() {
        format!("Nothing was changed: {name}")
    } else {
        name.to_owned()
    };
    let saved = page.is_saved.then(|| {
        view! {
            <Notice tone=Tone::Good title="Your billing cycle is saved.">
                <p>"Usage, spend caps and the history count by it from now on, past days included."</p>
            </Notice>
        }
    });
    let is_away = page.entered.as_ref().is_some_and(|entered| entered.is_away);
    let away = is_away.then(|| {
        view! {
            <Notice tone=Tone::Bad title="We can\u{2019}t reach our records.">
                <p>"Nothing was changed. Try again in a moment."</p>
            </Notice>
        }
    });
    let (today, anchor_day) = (page.now.date_naive(), page.anchor_day);
    view! {
        <SettingsLayout viewer=page.viewer.clone() title current=MenuEntry::BillingCycle>
            <div class="page-head">
                <div>
                    <h1>{name}</h1>
                    <p>
                        "The span in which usage is summed up and spend caps count. When credits expire does not depend on it."
                    </p>
                </div>
            </div>
            <div class="stack">
                {away}
                {saved}
                <CycleForm page/>
            </div>
            <section class="section" aria-labelledby="cycles">
                <div class="section-head"><h2 id="cycles">"Your cycles"</h2></div>
                <div class="panel"><Cycles today anchor_day/></div>
            </section>
        </SettingsLayout>
    }
}

/// This cycle and the next ones, with why one begins earlier than its day.
#[component]
fn Cycles(today: chrono::NaiveDate, anchor_day: u32) -> impl IntoView {
    let this = Cycle::containing(today, anchor_day);
    let cycles = std::iter::successors(Some(this), |cycle| Some(cycle.next(anchor_day)));
    let lines = cycles.take(AHEAD + 1).map(|cycle| {
        let note = why_early(cycle, anchor_day);
        let is_this = cycle == this;
        view! {
            <tr>
                <th scope="row">
                    {day_text(cycle.first)}
                    {is_this.then(|| view! { " " <span class="badge badge-accent">"Now"</span> })}
                    {note.map(|note| view! { <span class="sub">{note}</span> })}
                </th>
                <td>{day_text(cycle.last())}</td>
                <td class="num">{plural(cycle.days(), "day", "days")}</td>
            </tr>
        }
    });
    view! {
        <div class="table-wrap">
            <table class="table cycles">
                <caption class="visually-hidden">"This billing cycle and the next three"</caption>
                <thead>
                    <tr>
                        <th scope="col">"First day"</th>
                        <th scope="col">"Last day"</th>
                        <th scope="col" class="num">"Length"</th>
                    </tr>
                </thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        </div>
    }
}

/// "Day 31: February 2027 has only 28."
fn why_early(cycle: Cycle, anchor_day: u32) -> Option<String> {
    use chrono::Datelike;
    let first = cycle.first;
    (first.day() < anchor_day)
        .then(|| format!("Not day {anchor_day}: {} has {} days", first.format("%B"), first.day()))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn a_cycle_that_begins_early_says_why() {
        let day = |month, day| NaiveDate::from_ymd_opt(2027, month, day).unwrap();
        let february = Cycle::containing(day(3, 1), 31);
        assert_eq!(why_early(february, 31).as_deref(), Some("Not day 31: February has 28 days"));
        assert_eq!(why_early(february.next(31), 31), None);
        assert_eq!(why_early(Cycle::containing(day(3, 1), 28), 28), None);
    }
}
