//! What a session may do to a purchase.

use super::*;

fn row(state: PurchaseState) -> Row {
    Row {
        kind: rows::CHECKOUT.to_owned(),
        id: "pur_1".to_owned(),
        account_id: "acc_1".to_owned(),
        user_id: "usr_1".to_owned(),
        intent: "i".to_owned(),
        package: None,
        credits: 5_000_000,
        total: 23_000,
        currency: "usd".to_owned(),
        catalogue_version: "1".to_owned(),
        terms: String::new(),
        terms_accepted_at: 0,
        state: state.id().to_owned(),
        reason: String::new(),
        idempotency_key: "k".to_owned(),
        livemode: false,
        stripe_session: Some("cs_1".to_owned()),
        stripe_payment: None,
        checkout_url: None,
        checkout_ends_at: None,
        receipt_url: None,
        lot: None,
        created_at: 0,
        updated_at: 0,
        paid_at: None,
        credited_at: None,
        charged_at: None,
        stripe_consent: None,
    }
}

fn session(status: &str, payment: &str) -> Session {
    Session {
        id: "cs_1".to_owned(),
        status: status.to_owned(),
        payment_status: payment.to_owned(),
        amount_subtotal: Some(23_000),
        amount_total: Some(23_000),
        currency: "usd".to_owned(),
        livemode: Some(false),
        client_reference_id: Some("pur_1".to_owned()),
        ..Session::default()
    }
}

fn paid() -> Session {
    session("complete", "paid")
}

#[test]
fn a_paid_session_credits_from_every_state_but_review() {
    for state in PurchaseState::ALL {
        let expected = match state {
            PurchaseState::Credited => Verdict::Credited,
            PurchaseState::NeedsReview => Verdict::Stay,
            _ => Verdict::Credit,
        };
        assert_eq!(judge(&row(state), &paid()), Ok(expected), "{state:?}");
    }
}

#[test]
fn whatever_differs_from_the_order_is_looked_at_by_a_person() {
    let other = |change: fn(&mut Session)| {
        let mut session = paid();
        change(&mut session);
        session
    };
    let sessions = [
        other(|session| session.amount_total = Some(22_999)),
        other(|session| session.amount_subtotal = Some(23_001)),
        other(|session| session.amount_total = None),
        other(|session| session.currency = "eur".to_owned()),
        other(|session| session.livemode = Some(true)),
        other(|session| session.livemode = None),
        other(|session| session.client_reference_id = Some("pur_2".to_owned())),
        other(|session| session.client_reference_id = None),
    ];
    for session in sessions {
        let verdict = judge(&row(PurchaseState::Open), &session).unwrap();
        assert!(matches!(verdict, Verdict::Review(_)), "{session:?}");
    }
}

#[test]
fn a_session_that_is_not_the_purchases_own_never_credits_it() {
    let stranger = Session { id: "cs_2".to_owned(), ..paid() };
    for state in PurchaseState::ALL {
        assert_eq!(judge(&row(state), &stranger), Ok(Verdict::Stranger));
    }
}

#[test]
fn an_old_answer_never_takes_a_purchase_back() {
    let old = [session("open", "unpaid"), session("complete", "unpaid"), session("expired", "x")];
    for state in PurchaseState::ALL.into_iter().filter(|state| state.is_final()) {
        for session in &old {
            let verdict = judge(&row(state), session).unwrap();
            assert!(matches!(verdict, Verdict::Stay | Verdict::Credited), "{state:?} {session:?}");
        }
    }
    let mut money_seen = row(PurchaseState::Processing);
    money_seen.paid_at = Some(1);
    for session in &old {
        assert_eq!(judge(&money_seen, session), Ok(Verdict::Stay));
    }
}

#[test]
fn a_delayed_payment_is_processing_until_it_fails_or_is_paid() {
    let waiting =
        Session { payment_progress: "processing".to_owned(), ..session("complete", "unpaid") };
    let moved = Verdict::Move(PurchaseState::Processing, String::new());
    assert_eq!(judge(&row(PurchaseState::Open), &waiting), Ok(moved));
    assert_eq!(judge(&row(PurchaseState::Processing), &waiting), Ok(Verdict::Stay));
    let failed = Session {
        payment_progress: "requires_payment_method".to_owned(),
        payment_error: Some("The bank refused.".to_owned()),
        ..waiting
    };
    let reason = "The bank refused. Nothing was charged.".to_owned();
    let moved = Verdict::Move(PurchaseState::Failed, reason);
    assert_eq!(judge(&row(PurchaseState::Processing), &failed), Ok(moved));
}

#[test]
fn a_declined_card_leaves_the_checkout_open() {
    let declined = Session {
        payment_progress: "requires_payment_method".to_owned(),
        ..session("open", "unpaid")
    };
    assert_eq!(judge(&row(PurchaseState::Open), &declined), Ok(Verdict::Stay));
}

#[test]
fn an_unknown_status_changes_nothing() {
    for (status, payment) in [("new_status", "paid"), ("complete_ish", "unpaid"), ("", "")] {
        let verdict = judge(&row(PurchaseState::Open), &session(status, payment));
        assert_eq!(verdict, Ok(Verdict::Stay));
    }
}
