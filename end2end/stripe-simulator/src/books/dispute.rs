//! Disputes and early fraud warnings: the customer's bank has doubts.
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Books, new_id, objects};
use crate::api::error::ApiError;

/// How a dispute ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The bank believed the shop: the money comes back.
    Won,
    /// The bank believed its customer.
    Lost,
    /// An inquiry that never became a dispute.
    WarningClosed,
}

impl Verdict {
    fn status(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::WarningClosed => "warning_closed",
        }
    }
}

impl Books {
    /// Opens a dispute about a charge; an inquiry withdraws no money.
    ///
    /// # Errors
    /// `resource_missing`, or a charge that has its dispute already or never succeeded.
    pub fn open_dispute(&mut self, charge: &str, inquiry: bool) -> Result<Value, ApiError> {
        let object = self.find("charge", charge, "charge")?.clone();
        if object["status"] != "succeeded" || object["disputed"] == true {
            return Err(
                ApiError::invalid(format!("Charge {charge} can't be disputed.")).param("charge")
            );
        }
        let id = new_id("du_1");
        let now = self.now();
        let dispute = objects::dispute(json!({
            "id": id,
            "amount": object["amount"],
            "charge": charge,
            "created": now,
            "currency": object["currency"],
            "evidence_details": { "due_by": now + 9 * 86_400 },
            "is_charge_refundable": inquiry,
            "livemode": object["livemode"],
            "payment_intent": object["payment_intent"],
            "payment_method_details": { "card": { "case_type": if inquiry { "inquiry" } else { "chargeback" } } },
            "status": if inquiry { "warning_needs_response" } else { "needs_response" },
        }));
        self.put(dispute);
        self.change(charge, json!({ "disputed": true }));
        self.emit("charge.dispute.created", &id);
        if !inquiry {
            self.move_funds(&id, -1);
            self.emit("charge.dispute.funds_withdrawn", &id);
        }
        Ok(self.get(&id).cloned().unwrap_or_default())
    }

    /// Ends a dispute.
    ///
    /// # Errors
    /// `resource_missing`, a dispute that is over, or a verdict that doesn't fit an inquiry or a dispute.
    pub fn close_dispute(&mut self, id: &str, verdict: Verdict) -> Result<Value, ApiError> {
        let status =
            self.find("dispute", id, "dispute")?["status"].as_str().unwrap_or_default().to_owned();
        let fits = match verdict {
            Verdict::WarningClosed => status == "warning_needs_response",
            Verdict::Won | Verdict::Lost => status == "needs_response",
        };
        if !fits {
            let message =
                format!("A dispute with a status of {status} can't become {}.", verdict.status());
            return Err(ApiError::invalid(message));
        }
        self.change(id, json!({ "status": verdict.status() }));
        if verdict == Verdict::Won {
            self.move_funds(id, 1);
            self.emit("charge.dispute.funds_reinstated", id);
        }
        self.emit("charge.dispute.closed", id);
        Ok(self.get(id).cloned().unwrap_or_default())
    }

    /// Adds the withdrawal (−1) or the return (1) of the disputed money.
    fn move_funds(&mut self, id: &str, sign: i64) {
        let dispute = self.get(id).cloned().unwrap_or_default();
        let amount = sign * dispute["amount"].as_i64().unwrap_or_default();
        let fee = if sign < 0 { 1500 } else { 0 };
        let transaction =
            objects::balance_transaction("adjustment", &dispute, amount, fee, self.now());
        let mut all = dispute["balance_transactions"].as_array().cloned().unwrap_or_default();
        all.push(transaction.clone());
        self.put(transaction);
        self.change(id, json!({ "balance_transactions": all }));
    }

    /// Warns of fraud before any dispute.
    ///
    /// # Errors
    /// `resource_missing`
    pub fn warn_of_fraud(&mut self, charge: &str) -> Result<Value, ApiError> {
        let object = self.find("charge", charge, "charge")?;
        let warning = json!({
            "id": new_id("issfr_1"),
            "object": "radar.early_fraud_warning",
            "actionable": object["refunded"] == false && object["disputed"] == false,
            "charge": charge,
            "created": self.now(),
            "fraud_type": "made_with_stolen_card",
            "livemode": object["livemode"],
            "payment_intent": object["payment_intent"],
        });
        let id = warning["id"].as_str().unwrap_or_default().to_owned();
        self.put(warning.clone());
        self.emit("radar.early_fraud_warning.created", &id);
        Ok(warning)
    }
}
