//! What the page says in every state.

use super::*;
use crate::credits::{AccountId, Currency, Money};

fn purchase(state: PurchaseState) -> Purchase {
    Purchase {
        id: "pur_1".to_owned(),
        account: AccountId("acc_1".to_owned()),
        is_auto: false,
        package: None,
        credits: Credits::from_thousandths(5_000_000),
        total: Money::new(23_000, Currency::Usd),
        state,
        checkout_url: None,
        receipt_url: None,
        stripe_session: None,
        stripe_payment: None,
        lot: None,
        credits_expire_at: None,
        created_at: "2026-11-21T13:32:10Z".parse().unwrap(),
        charged_at: None,
        stripe_consent: None,
        paid_at: None,
        credited_at: None,
        reason: String::new(),
    }
}

fn status(state: PurchaseState, arrival: Arrival) -> Status {
    Status::of(&purchase(state), arrival, Credits::from_thousandths(7_537_960))
}

#[test]
fn every_state_without_a_payment_says_that_nothing_was_charged() {
    use PurchaseState::{Cancelled, Expired, Failed, Started};
    for state in [Started, Failed, Cancelled, Expired] {
        let status = status(state, Arrival::Direct);
        assert!(status.explanation.contains("Nothing was charged"), "{state:?}");
    }
}

#[test]
fn who_may_have_paid_is_never_told_that_nothing_was_charged() {
    for arrival in [Arrival::Direct, Arrival::Back, Arrival::Ordered, Arrival::Checked] {
        let said = status(PurchaseState::Open, arrival).spoken().to_lowercase();
        assert!(!said.contains("charged"), "{arrival:?}: {said}");
    }
    let direct = status(PurchaseState::Open, Arrival::Direct);
    assert_eq!(direct.title, "Waiting for Stripe to confirm a payment.");
    assert!(direct.explanation.starts_with("If you have paid, nothing is lost"));
    let checked = status(PurchaseState::Open, Arrival::Checked);
    assert!(checked.explanation.starts_with("If you have paid since"));
}

#[test]
fn coming_back_from_stripe_is_told_apart_from_having_paid() {
    let back = status(PurchaseState::Open, Arrival::Back);
    assert_eq!(back.title, "You came back without paying.");
    assert!(back.actions.contains(&Action::Cancel));
    let ordered = status(PurchaseState::Open, Arrival::Ordered);
    assert_eq!(ordered.badge, "Confirming");
    assert!(!ordered.actions.contains(&Action::Cancel), "what may be paid is not cancelled");
}

#[test]
fn a_purchase_that_may_be_paid_can_be_checked_and_one_that_waits_can_be_paid() {
    for state in PurchaseState::ALL {
        let actions = status(state, Arrival::Direct).actions;
        let is_paid_elsewhere = matches!(
            state,
            PurchaseState::Open | PurchaseState::Processing | PurchaseState::NeedsReview
        );
        assert!(!is_paid_elsewhere || actions.contains(&Action::Check), "{state:?}");
        let can_pay = actions.iter().any(|action| matches!(action, Action::Pay(_)));
        assert_eq!(can_pay, matches!(state, PurchaseState::Started | PurchaseState::Open));
    }
}

#[test]
fn credited_names_the_credits_and_the_new_balance() {
    let status = status(PurchaseState::Credited, Arrival::Ordered);
    assert_eq!(
        status.spoken(),
        "5,000 credits are yours to spend. Your balance is now 7,537.96 credits."
    );
    assert_eq!(status.steps, [Progress::Done; 4]);
}

#[test]
fn a_failed_payment_says_why() {
    let mut purchase = purchase(PurchaseState::Failed);
    purchase.reason = "The bank refused. Nothing was charged.".to_owned();
    let status = Status::of(&purchase, Arrival::Direct, Credits::ZERO);
    assert!(status.explanation.starts_with("The bank refused. Nothing was charged."));
}
