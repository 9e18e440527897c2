//! What is read of Stripe's answers, whatever else stands there.

use serde_json::json;

use super::*;

#[test]
fn a_session_is_read_whatever_else_stands_in_it() {
    let session = Session::read(&json!({
        "id": "cs_1", "status": "complete", "payment_status": "paid", "amount_total": 5,
        "payment_intent": { "id": "pi_1", "status": "succeeded", "new": [1, { "a": null }],
            "latest_charge": { "receipt_url": "https://receipt.test", "created": 1_795_267_920 } },
        "consent": { "promotions": null, "terms_of_service": "accepted" },
        "something": "else",
    }))
    .unwrap();
    assert!(session.is_paid());
    assert_eq!(session.payment.as_deref(), Some("pi_1"));
    assert_eq!(session.receipt_url.as_deref(), Some("https://receipt.test"));
    assert_eq!((session.amount_total, session.amount_subtotal), (Some(5), None));
    assert_eq!(session.charged_at, Some(1_795_267_920));
    assert_eq!(session.consent.as_deref(), Some("accepted"));
}

#[test]
fn what_is_unknown_is_not_paid() {
    let is_paid = |status: Value, payment: Value| {
        let session = json!({ "id": "cs_1", "status": status, "payment_status": payment });
        Session::read(&session).unwrap().is_paid()
    };
    assert!(is_paid(json!("complete"), json!("paid")));
    assert!(is_paid(json!("complete"), json!("no_payment_required")));
    // A session without a price says so before anybody has confirmed it.
    assert!(!is_paid(json!("open"), json!("no_payment_required")));
    assert!(!is_paid(json!("complete"), json!("partially_paid")));
    assert!(!is_paid(json!("complete"), json!(null)));
    assert!(!is_paid(json!(7), json!(["paid"])));
    assert!(Session::read(&json!({ "id": 1 })).is_none());
}

#[test]
fn an_event_of_an_unknown_type_or_shape_still_has_an_id() {
    let event = Event::read(r#"{"id":"evt_1","type":"a.new","data":[1],"livemode":"?"}"#);
    let event = event.unwrap();
    assert_eq!((event.id.as_str(), event.object_id.as_deref()), ("evt_1", None));
    assert_eq!(event.session(), None);
    assert!(Event::read("{\"type\":\"x\"}").is_none() && Event::read("nonsense").is_none());
}

#[test]
fn a_page_says_where_the_next_one_starts() {
    let page = |has_more: bool| {
        let data = json!([{ "id": "evt_2" }, { "no": "id" }, { "id": "evt_1" }]);
        EventPage::read(&json!({ "data": data, "has_more": has_more }))
    };
    assert_eq!(page(true).next.as_deref(), Some("evt_1"));
    assert_eq!(page(false).next, None);
    assert_eq!(page(false).events.len(), 2);
}
