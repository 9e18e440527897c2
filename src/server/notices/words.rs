//! What customers read of an event, in the inbox and by mail: the fact, what it means, and what
//! can be done.

use chrono::{DateTime, Utc};

use crate::{
    credits::{Credits, Event, Operation, grouped},
    server::clock::in_named_zone,
};

const BUY: (&str, &str) = ("Buy credits", "/settings/credits/buy");
const AUTO_RECHARGE: &str = "/settings/auto-recharge";

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The fact, in one line: also the subject of a mail.
    pub title: String,
    /// What it means.
    pub text: String,
    /// What can be done, and at which path of the site.
    pub action: (&'static str, String),
}

impl Words {
    /// Of an event, for a customer in a zone. The cause names what it is about.
    #[must_use]
    pub fn of(event: &Event, cause: &str, at: DateTime<Utc>, zone: &str) -> Self {
        let day = |at| in_named_zone(at, zone).format("%-d %b %Y").to_string();
        let (title, text) = match event {
            Event::Low { .. } | Event::Depleted | Event::Recovered { .. } => balance(event),
            Event::Expiring { amount, expires_at, .. } => {
                let end = in_named_zone(*expires_at, zone);
                let days = (end.date_naive() - in_named_zone(at, zone).date_naive()).num_days();
                let minute = end.format("%-d %b %Y, %H:%M");
                (expiring_title(*amount, days), expiring_text(&format!("{minute} ({zone})")))
            }
            Event::CapReached { operation, cap, used, percent, until } => {
                let until = until.format("%-d %b %Y").to_string();
                cap_reached(*operation, *cap, *used, *percent, &until)
            }
            Event::PurchaseCredited { credits, expires_at, .. } => (
                format!("{} now in your account", are(*credits)),
                format!("Thank you for your purchase. You can use them until {}. Your receipt is kept with the purchase.", day(*expires_at)),
            ),
            Event::PurchaseFailed { credits, total, reason, .. } => (
                format!("Your payment of {total} failed"),
                format!("{} The {} were not added to your account. You can try again with another card.", sentence(reason), with_unit(*credits)),
            ),
            Event::AutoRechargeMade { credits, total, .. } => (
                format!("Auto-recharge bought {} for {total}", with_unit(*credits)),
                "Your balance fell below the threshold that you set, so your saved card was charged. The credits are in your account.".to_owned(),
            ),
            Event::AutoRechargeFailed { credits, total, reason, .. } => (
                format!("Auto-recharge could not buy {}", with_unit(*credits)),
                format!("{} The payment would have been {total}; nothing was charged. We will try again.", sentence(reason)),
            ),
            Event::AutoRechargePaused { reason } => (
                "Auto-recharge is paused".to_owned(),
                format!("{} Nothing is bought for you until you turn it on again.", sentence(reason)),
            ),
            Event::PriceChanged { effective_from, before, after, known, operations, .. } => {
                price_changed(*before, *after, *effective_from <= at, &day(*effective_from), (*known, *operations))
            }
        };
        Self { title, text, action: action(event, cause) }
    }
}

fn balance(event: &Event) -> (String, String) {
    match event {
        Event::Low { balance, low_at } => (
            format!("Your balance is below {}", with_unit(*low_at)),
            format!("{} left when it fell below your threshold. Work that costs more than what is left will not start.", were(*balance)),
        ),
        Event::Recovered { balance, low_at: Some(low_at) } => (
            "There are credits in your account again".to_owned(),
            format!("{} there when it rose, still below your threshold of {}. Work that costs more than what is left will not start.", were(*balance), with_unit(*low_at)),
        ),
        Event::Recovered { balance, low_at: None } => (
            "Your balance has recovered".to_owned(),
            format!("{} there when it rose again. We tell you when it runs low the next time.", were(*balance)),
        ),
        _ => (
            "Your credits are used up".to_owned(),
            "New work starts again as soon as there are credits in your account. Your history and your settings stay as they are.".to_owned(),
        ),
    }
}

/// In days as they are left: a reminder may come later than it was due.
fn expiring_title(amount: Credits, days: i64) -> String {
    let verb = if amount == ONE { "expires" } else { "expire" };
    let when = match days {
        ..=0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    };
    format!("{} {verb} {when}", with_unit(amount))
}

fn expiring_text(moment: &str) -> String {
    format!(
        "What is still unused on {moment} is forfeited. Credits that expire first are always spent first."
    )
}

fn cap_reached(
    operation: Option<Operation>,
    cap: Credits,
    used: Credits,
    percent: u8,
    until: &str,
) -> (String, String) {
    let whose =
        operation.map_or_else(String::new, |operation| format!(" for {}", operation.name()));
    let count = format!("{used} of {} are used or held in this billing cycle.", with_unit(cap));
    if percent < 100 {
        return (
            format!("{percent} % of your spend cap{whose} is used"),
            format!(
                "{count} Work that would pass the cap will not start before {until}, when the next cycle begins."
            ),
        );
    }
    (
        format!("Your spend cap{whose} is reached"),
        format!(
            "{count} Work that would pass the cap does not start until {until}, when the next cycle begins, or until you raise the cap."
        ),
    )
}

fn price_changed(
    before: Credits,
    after: Credits,
    is_in_effect: bool,
    from: &str,
    (known, operations): (u32, u32),
) -> (String, String) {
    let (change, verb) = (change(before, after), if is_in_effect { "changed" } else { "change" });
    if known == 0 {
        return (
            format!("Our prices {verb} on {from}"),
            format!(
                "Your last 30 days cost {}. None of their operations could be priced again, so we can\u{2019}t say what they would have cost. The credits that you have stay the same, and so does every price that was quoted to you.",
                with_unit(before)
            ),
        );
    }
    let [told, all] = [known, operations].map(|count| grouped(count.into()));
    let basis = if known == operations {
        "Every operation of these days was priced again.".to_owned()
    } else {
        format!(
            "{told} of {all} operations could be priced again; the others are taken to change like those of their type."
        )
    };
    (
        format!("Our prices {verb} on {from}: {change} for work like yours"),
        format!(
            "Your last 30 days cost {}; at the new prices they would have cost {after}. {basis} The credits that you have stay the same, and so does every price that was quoted to you.",
            with_unit(before)
        ),
    )
}

/// "6 % more", "0.4 % less".
fn change(before: Credits, after: Credits) -> String {
    let difference = i128::from((after - before).thousandths());
    let base = i128::from(before.thousandths().max(1));
    let tenths = (difference.abs() * 1_000 + base / 2) / base;
    let word = if difference < 0 { "less" } else { "more" };
    match (tenths / 10, tenths % 10) {
        (0, 0) => format!("under 0.1 % {word}"),
        (whole, 0) => format!("{whole} % {word}"),
        (whole, tenth) => format!("{whole}.{tenth} % {word}"),
    }
}

fn action(event: &Event, cause: &str) -> (&'static str, String) {
    let to = |label, path: &str| (label, path.to_owned());
    let purchase = |label, id: &str| (label, format!("/settings/credits/purchases/{id}"));
    match event {
        Event::Low { .. } | Event::Depleted => to(BUY.0, BUY.1),
        Event::Recovered { .. } => match cause.parse::<i64>() {
            Ok(row) => {
                ("See what came in", format!("/settings/credits/history?open={row}#row-{row}"))
            }
            Err(_) => to("See your balance", "/settings/credits"),
        },
        Event::Expiring { .. } => to("See what expires when", "/settings/credits#lots"),
        Event::CapReached { .. } => to("See your spend caps", "/settings/spend-caps"),
        Event::PurchaseCredited { purchase: id, .. }
        | Event::AutoRechargeMade { purchase: id, .. } => {
            purchase("See the purchase and its receipt", id)
        }
        Event::PurchaseFailed { purchase: id, .. } => purchase("See the purchase", id),
        Event::AutoRechargeFailed { .. } => to("See auto-recharge", AUTO_RECHARGE),
        Event::AutoRechargePaused { .. } => to("Set up auto-recharge again", AUTO_RECHARGE),
        Event::PriceChanged { .. } => to("See what operations cost", "/settings/credits#estimate"),
    }
}

const ONE: Credits = Credits::from_thousandths(1_000);

/// "1 credit", "842.5 credits".
fn with_unit(amount: Credits) -> String {
    if amount == ONE { "1 credit".to_owned() } else { format!("{amount} credits") }
}

/// "1 credit is", "842.5 credits are".
fn are(amount: Credits) -> String {
    format!("{} {}", with_unit(amount), if amount == ONE { "is" } else { "are" })
}

/// "1 credit was", "842.5 credits were".
fn were(amount: Credits) -> String {
    format!("{} {}", with_unit(amount), if amount == ONE { "was" } else { "were" })
}

/// What others wrote, as a sentence.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let end = if text.is_empty() || text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{text}{end}")
}
