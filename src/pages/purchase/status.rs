//! Where a purchase is, in words: one place for what every state says and offers.

use super::landing::Arrival;
use crate::{
    components::Tone,
    credits::{Credits, Purchase, PurchaseState},
    pages::buy::grouped,
};

/// What the customer can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go to Stripe's page, again or for the first time.
    Pay(&'static str),
    /// Give the purchase up.
    Cancel,
    /// Ask Stripe again.
    Check,
    /// Start over with the same amount.
    BuyAgain,
}

/// How far one step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Behind us.
    Done,
    /// Under way.
    Now,
    /// Ahead.
    Ahead,
    /// It won't come.
    Never,
}

/// What the page says about a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The state in a word or two.
    pub badge: &'static str,
    /// Whether that is good news.
    pub tone: Tone,
    /// The fact.
    pub title: String,
    /// What it means, what was charged, what to do.
    pub explanation: String,
    /// What can be done, the best thing first.
    pub actions: Vec<Action>,
    /// Started, paid, confirmed, credited.
    pub steps: [Progress; 4],
    /// What the step that is under way waits for, or how long it takes.
    pub wait: &'static str,
}

impl Status {
    /// What to say about a purchase, to somebody who came this way and has this balance.
    #[must_use]
    pub fn of(purchase: &Purchase, arrival: Arrival, balance: Credits) -> Self {
        match purchase.state {
            PurchaseState::Started if purchase.is_auto => asked(&purchase.reason),
            PurchaseState::Failed if purchase.is_auto => refused(&purchase.reason),
            PurchaseState::Started => started(&purchase.reason),
            PurchaseState::Open if arrival == Arrival::Ordered => processing(arrival),
            PurchaseState::Open => open(arrival),
            PurchaseState::Processing => processing(arrival),
            PurchaseState::Credited => credited(purchase, balance),
            PurchaseState::Failed => failed(&purchase.reason),
            PurchaseState::Cancelled => cancelled(),
            PurchaseState::Expired => expired(),
            PurchaseState::NeedsReview => needs_review(),
        }
    }

    /// What a screen reader says when the page has changed by itself.
    #[must_use]
    pub fn spoken(&self) -> String {
        format!("{} {}", self.title, self.explanation)
    }
}

fn started(reason: &str) -> Status {
    let (tone, title) = match reason {
        "" => (Tone::Info, "Your order is written down. The payment has not begun."),
        _ => (Tone::Bad, "The payment service can\u{2019}t be reached."),
    };
    Status {
        badge: PurchaseState::Started.name(),
        tone,
        title: title.to_owned(),
        explanation:
            "Nothing was charged, and your order is kept: trying again can\u{2019}t buy it twice."
                .to_owned(),
        actions: vec![Action::Pay("Try again"), Action::Cancel],
        steps: [Progress::Done, Progress::Ahead, Progress::Ahead, Progress::Ahead],
        wait: "",
    }
}

/// An auto-recharge of which nobody knows yet whether it was charged.
fn asked(reason: &str) -> Status {
    let explanation = match reason {
        "" => "Auto-recharge has asked Stripe to charge your saved card.",
        reason => reason,
    };
    Status {
        badge: "Under way",
        tone: Tone::Info,
        title: "Auto-recharge is charging your card.".to_owned(),
        explanation: format!("{explanation} It is never charged twice for this."),
        actions: vec![Action::Check],
        steps: [Progress::Done, Progress::Now, Progress::Ahead, Progress::Ahead],
        wait: "usually under 10 seconds",
    }
}

/// An auto-recharge that brought nothing.
fn refused(reason: &str) -> Status {
    Status {
        badge: PurchaseState::Failed.name(),
        tone: Tone::Bad,
        title: "Auto-recharge could not charge your card.".to_owned(),
        explanation: format!("{reason} What to do stands in Settings, Auto-recharge."),
        actions: vec![Action::BuyAgain, Action::Check],
        steps: [Progress::Done, Progress::Never, Progress::Never, Progress::Never],
        wait: "",
    }
}

/// A purchase of whose payment nothing is known here: it may have been paid all the same, also
/// since Stripe was asked.
fn open(arrival: Arrival) -> Status {
    let (title, explanation) = match arrival {
        Arrival::Back => (
            "You came back without paying.",
            "Stripe has told us of no payment. You can go on where you stopped, or cancel.",
        ),
        Arrival::Checked => (
            "Stripe had no payment from you when we asked.",
            "If you have paid since, the credits come with Stripe\u{2019}s confirmation, and this page changes by itself. If you have not, you can pay now, or cancel.",
        ),
        Arrival::Direct | Arrival::Ordered => (
            "Waiting for Stripe to confirm a payment.",
            "If you have paid, nothing is lost: the credits come with Stripe\u{2019}s confirmation, and this page changes by itself. If you have not, you can pay now, or cancel.",
        ),
    };
    Status {
        badge: PurchaseState::Open.name(),
        tone: Tone::Info,
        title: title.to_owned(),
        explanation: explanation.to_owned(),
        actions: vec![Action::Pay("Continue to payment"), Action::Check, Action::Cancel],
        steps: [Progress::Done, Progress::Now, Progress::Ahead, Progress::Ahead],
        wait: "on Stripe\u{2019}s page",
    }
}

fn processing(arrival: Arrival) -> Status {
    let title = match arrival {
        Arrival::Checked => "We have just asked: Stripe is still confirming your payment.",
        _ => "Stripe has your payment. We are confirming it.",
    };
    Status {
        badge: PurchaseState::Processing.name(),
        tone: Tone::Info,
        title: title.to_owned(),
        explanation: "This page changes by itself. You may leave: the credits arrive all the same. Cards take seconds, bank debits can take days.".to_owned(),
        actions: vec![Action::Check],
        steps: [Progress::Done, Progress::Done, Progress::Now, Progress::Ahead],
        wait: "cards: seconds; bank debits: days",
    }
}

fn credited(purchase: &Purchase, balance: Credits) -> Status {
    Status {
        badge: PurchaseState::Credited.name(),
        tone: Tone::Good,
        title: format!("{} credits are yours to spend.", grouped(purchase.credits.whole())),
        explanation: format!("Your balance is now {balance} credits."),
        actions: Vec::new(),
        steps: [Progress::Done; 4],
        wait: "",
    }
}

fn failed(reason: &str) -> Status {
    let explanation = match reason {
        "" => "Nothing was charged. You can buy again with another way to pay.".to_owned(),
        reason => {
            format!("{reason} You can buy again with another way to pay.")
        }
    };
    Status {
        badge: PurchaseState::Failed.name(),
        tone: Tone::Bad,
        title: "The payment failed.".to_owned(),
        explanation,
        actions: vec![Action::BuyAgain, Action::Check],
        steps: [Progress::Done, Progress::Never, Progress::Never, Progress::Never],
        wait: "",
    }
}

fn cancelled() -> Status {
    Status {
        badge: PurchaseState::Cancelled.name(),
        tone: Tone::Neutral,
        title: "This purchase was cancelled.".to_owned(),
        explanation: "Nothing was charged.".to_owned(),
        actions: vec![Action::BuyAgain],
        steps: [Progress::Done, Progress::Never, Progress::Never, Progress::Never],
        wait: "",
    }
}

fn expired() -> Status {
    Status {
        badge: PurchaseState::Expired.name(),
        tone: Tone::Neutral,
        title: "This order has expired.".to_owned(),
        explanation: "It was not paid in time. Nothing was charged.".to_owned(),
        actions: vec![Action::BuyAgain, Action::Check],
        steps: [Progress::Done, Progress::Never, Progress::Never, Progress::Never],
        wait: "",
    }
}

fn needs_review() -> Status {
    Status {
        badge: PurchaseState::NeedsReview.name(),
        tone: Tone::Warning,
        title: "We are looking at this payment.".to_owned(),
        explanation: "What Stripe reports differs from your order, so a person checks it before anything is credited. Nothing is lost; you don\u{2019}t need to do anything.".to_owned(),
        actions: vec![Action::Check],
        steps: [Progress::Done, Progress::Done, Progress::Now, Progress::Ahead],
        wait: "a person checks it",
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
