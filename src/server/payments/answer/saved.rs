//! Payment methods that were saved, and payments that were made with them.

use serde_json::Value;

use super::{AGREED, ASKED_AT, PURCHASE, RECHARGE, Session, codes, instant, text};

/// What a session saves, or has saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedMethod {
    /// The account that it is for, as we wrote it on the session.
    pub account: String,
    /// When it was asked for, in milliseconds.
    pub asked_at: i64,
    /// Whether its owner agreed there that it takes the place of the one that is charged.
    pub is_agreed: bool,
    /// Stripe's customer.
    pub customer: String,
    /// `pm_…`; empty until it is saved.
    pub method: String,
    /// `visa`, or the kind of the method where it is no card.
    pub brand: String,
    /// The last four digits, where it has any.
    pub last4: String,
}

impl SavedMethod {
    /// Reads what a session saves; none where it is for a payment.
    pub(super) fn read(session: &Value) -> Option<Self> {
        if session["mode"] != "setup" {
            return None;
        }
        let metadata = &session["metadata"];
        let account = text(&metadata[RECHARGE]).filter(|it| session["client_reference_id"] == **it);
        let asked_at = metadata[ASKED_AT].as_str().and_then(|text| text.parse().ok());
        let intent = &session["setup_intent"];
        let method = Some(&intent["payment_method"]).filter(|_| intent["status"] == "succeeded");
        let kind = method.and_then(|method| text(&method["type"])).unwrap_or_default();
        let of = |name: &str| method.and_then(|method| text(&method[&kind][name]));
        Some(Self {
            account: account.unwrap_or_default(),
            asked_at: asked_at.unwrap_or_default(),
            is_agreed: metadata[AGREED] == "true",
            customer: super::id_of(&session["customer"]).unwrap_or_default(),
            method: method.and_then(super::id_of).unwrap_or_default(),
            last4: of("last4").unwrap_or_default(),
            brand: of("brand").unwrap_or(kind),
        })
    }
}

impl Session {
    /// Reads a payment that was made without its customer, in the words of a session: nobody can
    /// do anything about it any more. None where it has no id.
    #[must_use]
    pub fn of_payment(value: &Value) -> Option<Self> {
        let id = text(&value["id"])?;
        let progress = text(&value["status"]).unwrap_or_default();
        let is_paid = progress == "succeeded";
        // Whoever would have to act is not there.
        let waits_for_nobody =
            matches!(progress.as_str(), "requires_action" | "requires_confirmation");
        let purchase = text(&value["metadata"][PURCHASE]);
        Some(Self {
            payment: Some(id.clone()),
            id,
            is_off_session: true,
            saves: None,
            status: "complete".to_owned(),
            payment_status: if is_paid { "paid" } else { "unpaid" }.to_owned(),
            amount_subtotal: value["amount"].as_i64(),
            amount_total: value["amount_received"].as_i64(),
            currency: text(&value["currency"]).unwrap_or_default(),
            livemode: value["livemode"].as_bool(),
            client_reference_id: purchase.clone(),
            metadata_purchase: purchase,
            url: None,
            payment_progress: if waits_for_nobody {
                "requires_payment_method".to_owned()
            } else {
                progress
            },
            payment_error: text(&value["last_payment_error"]["message"]),
            payment_codes: codes(value),
            receipt_url: text(&value["latest_charge"]["receipt_url"]),
            charged_at: instant(&value["latest_charge"]["created"]),
            consent: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_is_read_in_the_words_of_a_session() {
        let read = |status: &str, received: i64| {
            Session::of_payment(&json!({
                "id": "pi_1", "status": status, "amount": 5, "amount_received": received,
                "metadata": { "purchase": "pur_1" }, "latest_charge": { "receipt_url": "r" },
                "last_payment_error": { "code": "card_declined", "decline_code": "lost_card" },
            }))
            .unwrap()
        };
        let paid = read("succeeded", 5);
        assert!(paid.is_paid() && paid.is_off_session);
        assert_eq!((paid.amount_subtotal, paid.amount_total), (Some(5), Some(5)));
        assert_eq!((paid.purchase(), paid.receipt_url.as_deref()), (Some("pur_1"), Some("r")));
        for unpaid in ["processing", "requires_payment_method", "canceled", "anything"] {
            let session = read(unpaid, 0);
            assert!(!session.is_paid(), "{unpaid}");
            assert_eq!(session.payment_progress, unpaid);
        }
        assert_eq!(read("requires_action", 0).payment_progress, "requires_payment_method");
        assert_eq!(read("canceled", 0).payment_codes, ["card_declined", "lost_card"]);
    }

    #[test]
    fn a_session_that_saves_says_what_and_for_whom() {
        let session = |status: &str, reference: &str| {
            let method = json!({ "id": "pm_1", "type": "card", "card": { "brand": "visa", "last4": "4242" } });
            let intent = json!({ "status": status, "payment_method": method });
            SavedMethod::read(&json!({
                "mode": "setup", "customer": "cus_1", "client_reference_id": reference,
                "metadata": { "auto_recharge": "acc_1", "asked_at": "17" }, "setup_intent": intent,
            }))
            .unwrap()
        };
        let saved = session("succeeded", "acc_1");
        assert_eq!((saved.account.as_str(), saved.asked_at), ("acc_1", 17));
        assert_eq!((&*saved.customer, &*saved.method, &*saved.brand), ("cus_1", "pm_1", "visa"));
        assert_eq!(saved.last4, "4242");
        assert_eq!(session("succeeded", "acc_2").account, "", "somebody else's reference");
        assert_eq!(session("requires_action", "acc_1").method, "", "not saved yet");
        assert_eq!(SavedMethod::read(&json!({ "mode": "payment" })), None);
    }
}
