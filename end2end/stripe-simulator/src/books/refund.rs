//! Refunds: money back to the customer, and refunds that come back.
use serde_json::{Value, json};

use super::objects::{self, merge, pick};
use super::{Books, new_id};
use crate::api::error::ApiError;
use crate::checkout::money::written;

impl Books {
    /// Refunds a charge, or the charge of a payment intent, from parameters that the schema has read.
    ///
    /// # Errors
    /// What Stripe would say: nothing to refund, more than what is left.
    pub fn create_refund(&mut self, params: &Value) -> Result<Value, ApiError> {
        let charge = self.refundable(params)?;
        let id = charge["id"].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| charge[name].as_i64().unwrap_or_default();
        let left = number("amount") - number("amount_refunded");
        if left == 0 {
            let message = format!("Charge {id} has already been refunded.");
            return Err(ApiError::invalid(message).code("charge_already_refunded"));
        }
        let amount = params["amount"].as_i64().unwrap_or(left);
        if amount < 1 {
            let message = "This value must be greater than or equal to 1.";
            return Err(ApiError::invalid(message)
                .code("parameter_invalid_integer")
                .param("amount"));
        }
        if amount > left {
            let money = |minor| written(minor, charge["currency"].as_str().unwrap_or_default());
            let message = format!(
                "Refund amount ({}) is greater than unrefunded amount on charge ({})",
                money(amount),
                money(left)
            );
            return Err(ApiError::invalid(message).param("amount"));
        }
        let refund = self.new_refund(&charge, amount, params);
        let refunded = number("amount_refunded") + amount;
        self.change(&id, json!({ "amount_refunded": refunded, "refunded": amount == left }));
        self.emit("refund.created", &refund);
        self.emit("charge.refunded", &id);
        self.emit("refund.updated", &refund);
        Ok(self.get(&refund).cloned().unwrap_or_default())
    }

    fn refundable(&self, params: &Value) -> Result<Value, ApiError> {
        let id = match (params["charge"].as_str(), params["payment_intent"].as_str()) {
            (Some(charge), _) => charge.to_owned(),
            (None, Some(intent)) => {
                let found = self.find("payment_intent", intent, "payment_intent")?;
                found["latest_charge"].as_str().unwrap_or_default().to_owned()
            }
            (None, None) => {
                let message = "One of the following params should be provided for this request: payment_intent or charge.";
                return Err(ApiError::invalid(message).code("parameter_missing"));
            }
        };
        let charge = self.find("charge", &id, "charge")?;
        if charge["status"] != "succeeded" {
            return Err(ApiError::invalid(format!(
                "Charge {id} has not succeeded and can't be refunded."
            ))
            .param("charge"));
        }
        Ok(charge.clone())
    }

    fn new_refund(&mut self, charge: &Value, amount: i64, params: &Value) -> String {
        let now = self.now();
        let id = new_id("re_3");
        let source = json!({ "id": id, "currency": charge["currency"] });
        let transaction = objects::balance_transaction("refund", &source, -amount, 0, now);
        let mut refund = objects::refund(json!({
            "id": id,
            "amount": amount,
            "balance_transaction": transaction["id"],
            "charge": charge["id"],
            "created": now,
            "currency": charge["currency"],
            "payment_intent": charge["payment_intent"],
        }));
        merge(&mut refund, pick(params, &["metadata", "reason"]));
        self.put(transaction);
        self.put(refund);
        id
    }

    /// Lets a refund come back: the customer's bank did not take it.
    ///
    /// # Errors
    /// `resource_missing`, or a refund that has failed before.
    pub fn fail_refund(&mut self, id: &str) -> Result<Value, ApiError> {
        let refund = self.find("refund", id, "id")?.clone();
        if refund["status"] == "failed" {
            return Err(ApiError::invalid("This refund has failed already."));
        }
        let amount = refund["amount"].as_i64().unwrap_or_default();
        let transaction =
            objects::balance_transaction("refund_failure", &refund, amount, 0, self.now());
        self.change(
            id,
            json!({
                "failure_balance_transaction": transaction["id"],
                "failure_reason": "lost_or_stolen_card",
                "status": "failed",
            }),
        );
        self.put(transaction);
        let charge = self.field(id, "charge");
        let refunded = self
            .get(&charge)
            .and_then(|charge| charge["amount_refunded"].as_i64())
            .unwrap_or_default();
        self.change(&charge, json!({ "amount_refunded": refunded - amount, "refunded": false }));
        self.emit("refund.updated", id);
        self.emit("charge.refund.updated", id);
        self.emit("refund.failed", id);
        Ok(self.get(id).cloned().unwrap_or_default())
    }

    /// The charge that paid a session, an intent or itself.
    ///
    /// # Errors
    /// Nothing has this id, or it has no charge.
    pub fn charge_of(&self, id: &str) -> Result<String, ApiError> {
        let object = self.get(id).ok_or_else(|| ApiError::no_such("object", id, "id"))?;
        let charge = match object["object"].as_str() {
            Some("checkout.session") => {
                self.field(&self.field(id, "payment_intent"), "latest_charge")
            }
            Some("payment_intent") => self.field(id, "latest_charge"),
            _ => id.to_owned(),
        };
        self.find("charge", &charge, "id")?;
        Ok(charge)
    }
}
