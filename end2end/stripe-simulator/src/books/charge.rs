//! Intents and charges: made, succeeded, failed.
use serde_json::{Value, json};

use super::objects::{self, merge, pick};
use super::payment::Payer;
use super::{Books, new_id, random_text};
use crate::api::error::ApiError;

impl Books {
    pub(crate) fn new_payment_method(&mut self, payer: &Payer) -> String {
        let id = new_id("pm_1");
        let kind = payer.instrument.kind();
        let method = objects::payment_method(json!({
            "id": id,
            "billing_details": { "email": payer.email, "name": payer.name },
            "created": self.now(),
            "type": kind,
            kind: payer.instrument.payment_method_details(),
        }));
        self.put(method);
        self.instruments.insert(id.clone(), payer.instrument);
        id
    }

    /// The session's intent, made at the first attempt to pay.
    pub(crate) fn intent_for(&mut self, id: &str, method: &str) -> String {
        let existing = self.field(id, "payment_intent");
        if !existing.is_empty() {
            self.change(&existing, json!({ "payment_method": method }));
            return existing;
        }
        let session = self.get(id).cloned().unwrap_or_default();
        let asked = self.details(id).map(|details| details.intent_data.clone()).unwrap_or_default();
        let mut fields = asked;
        merge(
            &mut fields,
            json!({
                "amount": session["amount_total"],
                "currency": session["currency"],
                "customer": session["customer"],
                "livemode": session["livemode"],
                "payment_method": method,
            }),
        );
        let intent = self.new_intent(&fields);
        self.change(id, json!({ "payment_intent": intent }));
        intent
    }

    /// A new intent from the fields that requests may give.
    pub(crate) fn new_intent(&mut self, fields: &Value) -> String {
        let id = new_id("pi_3");
        let mut object = objects::payment_intent(json!({
            "id": id,
            "client_secret": format!("{id}_secret_{}", random_text(25)),
            "created": self.now(),
        }));
        merge(&mut object, pick(fields, GIVEN));
        self.put(object);
        self.emit("payment_intent.created", &id);
        id
    }

    pub(crate) fn new_charge(
        &mut self,
        intent: &str,
        payer: &Payer,
        method: &str,
        authenticated: bool,
    ) -> String {
        let object = self.get(intent).cloned().unwrap_or_default();
        let id = new_id(if payer.instrument.kind() == "card" { "ch_3" } else { "py_3" });
        let kind = payer.instrument.kind();
        let amount = object["amount"].as_i64().unwrap_or_default();
        let mut charge = objects::charge(json!({
            "id": id,
            "billing_details": { "email": payer.email, "name": payer.name },
            "calculated_statement_descriptor": self.settings.merchant.to_uppercase(),
            "created": self.now(),
            "payment_intent": intent,
            "payment_method": method,
            "payment_method_details": { "type": kind, kind: payer.instrument.charge_details(amount, authenticated) },
        }));
        merge(
            &mut charge,
            pick(
                &object,
                &[
                    "amount",
                    "currency",
                    "customer",
                    "description",
                    "livemode",
                    "metadata",
                    "receipt_email",
                ],
            ),
        );
        self.put(charge);
        id
    }

    pub(crate) fn succeed(&mut self, intent: &str, charge: &str) {
        let object = self.get(charge).cloned().unwrap_or_default();
        let amount = object["amount"].as_i64().unwrap_or_default();
        let fee = amount * 29 / 1000 + 30;
        let transaction =
            objects::balance_transaction("charge", &object, amount, fee.min(amount), self.now());
        self.change(
            charge,
            json!({
                "amount_captured": amount,
                "balance_transaction": transaction["id"],
                "captured": true,
                "outcome": outcome("approved_by_network", "authorized", "Payment complete."),
                "paid": true,
                "receipt_url": format!("{}/receipts/{charge}", self.settings.base_url),
                "status": "succeeded",
            }),
        );
        self.put(transaction);
        self.emit("charge.succeeded", charge);
        self.change(
            intent,
            json!({
                "amount_received": amount,
                "last_payment_error": null,
                "latest_charge": charge,
                "status": "succeeded",
            }),
        );
        self.emit("payment_intent.succeeded", intent);
    }

    /// Refuses a charge on the spot; the error is what the payer is told.
    pub(crate) fn refuse(
        &mut self,
        intent: &str,
        payer: &Payer,
        method: &str,
        error: ApiError,
    ) -> ApiError {
        let charge = self.new_charge(intent, payer, method, false);
        self.fail(intent, &charge, &error);
        let intent = self.get(intent).cloned().unwrap_or_default();
        error.about("charge", json!(charge)).about("payment_intent", intent)
    }

    pub(crate) fn fail(&mut self, intent: &str, charge: &str, error: &ApiError) {
        let reason = error.decline_code.unwrap_or("generic_decline");
        self.change(charge, json!({
            "failure_code": error.code,
            "failure_message": error.message,
            "outcome": merged(outcome("declined_by_network", "issuer_declined", "The bank did not return any further details with this decline."), json!({ "reason": reason })),
            "status": "failed",
        }));
        self.emit("charge.failed", charge);
        let method = self.get(&self.field(intent, "payment_method")).cloned().unwrap_or_default();
        let last_error =
            merged(error.object(), json!({ "charge": charge, "payment_method": method }));
        self.change(
            intent,
            json!({
                "last_payment_error": null,
                "latest_charge": charge,
                "payment_method": null,
                "status": "requires_payment_method",
            }),
        );
        self.change(intent, json!({ "last_payment_error": last_error }));
        self.emit("payment_intent.payment_failed", intent);
    }
}

/// What requests may say of an intent.
const GIVEN: &[&str] = &[
    "amount",
    "automatic_payment_methods",
    "capture_method",
    "currency",
    "customer",
    "description",
    "livemode",
    "metadata",
    "payment_method",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
];

fn outcome(network_status: &str, kind: &str, seller_message: &str) -> Value {
    json!({
        "advice_code": null,
        "network_advice_code": null,
        "network_decline_code": null,
        "network_status": network_status,
        "reason": null,
        "risk_level": "normal",
        "risk_score": 17,
        "seller_message": seller_message,
        "type": kind,
    })
}

fn merged(mut object: Value, fields: Value) -> Value {
    merge(&mut object, fields);
    object
}
