//! Checkout Sessions: made, expired, and what belongs to them out of sight.
use serde_json::{Value, json};

use super::objects::{self, merge, pick};
use super::payment::{Payer, Settlement};
use super::{Books, line_item, random_text};
use crate::api::error::ApiError;

const HALF_AN_HOUR: i64 = 30 * 60;
const A_DAY: i64 = 24 * 3600;

/// What a session keeps besides its object.
#[derive(Clone, Debug, Default)]
pub struct SessionDetails {
    pub line_items: Vec<Value>,
    /// `payment_intent_data` of the request.
    pub intent_data: Value,
    /// Who is being asked for 3D Secure.
    pub challenged: Option<Payer>,
    /// A delayed payment on its way: how it ends, and when it does so by itself.
    pub delayed: Option<(Settlement, Option<i64>)>,
}

impl Books {
    /// Makes a session from parameters that the schema has read.
    ///
    /// # Errors
    /// What Stripe would say about the request.
    pub fn create_session(&mut self, params: &Value) -> Result<Value, ApiError> {
        self.check_session(params)?;
        if params["mode"] == "setup" {
            return Ok(self.create_setup_session(params));
        }
        let now = self.now();
        let (items, products) = line_item::line_items(params, now)?;
        let currency = items.first().map(|item| item["currency"].clone()).unwrap_or(Value::Null);
        let total = line_item::total(&items, &currency)?;
        let id = format!("cs_test_{}", random_text(58));
        let mut session = objects::session(json!({
            "id": id,
            "amount_subtotal": total,
            "amount_total": total,
            "branding_settings": { "display_name": self.settings.merchant },
            "created": now,
            "currency": currency,
            "expires_at": params["expires_at"].as_i64().unwrap_or(now + A_DAY),
            "payment_status": if total == 0 { "no_payment_required" } else { "unpaid" },
            "url": format!("{}/c/pay/{id}", self.settings.base_url),
        }));
        merge(&mut session, pick(params, COPIED));
        merge(&mut session, self.consent_fields(params));
        if session["customer"].is_string() {
            session["customer_creation"] = Value::Null;
        }
        let intent_data = params.get("payment_intent_data").cloned().unwrap_or_else(|| json!({}));
        self.keep_details(
            &id,
            SessionDetails { line_items: items, intent_data, ..SessionDetails::default() },
        );
        products.into_iter().for_each(|product| self.put(product));
        self.put(session.clone());
        Ok(session)
    }

    /// A session that saves a payment method and sells nothing.
    fn create_setup_session(&mut self, params: &Value) -> Value {
        let now = self.now();
        let id = format!("cs_test_{}", random_text(58));
        let intent = self.new_setup_intent(params);
        let mut session = objects::session(json!({
            "id": id,
            "branding_settings": { "display_name": self.settings.merchant },
            "created": now,
            "currency": params["currency"],
            "customer_creation": null,
            "expires_at": params["expires_at"].as_i64().unwrap_or(now + A_DAY),
            "mode": "setup",
            "payment_method_collection": "always",
            "payment_status": "no_payment_required",
            "setup_intent": intent,
            "url": format!("{}/c/pay/{id}", self.settings.base_url),
        }));
        merge(&mut session, pick(params, COPIED));
        merge(&mut session, self.consent_fields(params));
        self.keep_details(&id, SessionDetails::default());
        self.put(session.clone());
        session
    }

    fn check_session(&self, params: &Value) -> Result<(), ApiError> {
        match params["mode"].as_str() {
            Some("payment") => {
                let misplaced = params.get("setup_intent_data");
                refuse_in_mode(misplaced, "setup_intent_data", "payment")?;
            }
            Some("setup") => {
                for name in ["line_items", "payment_intent_data", "submit_type"] {
                    refuse_in_mode(params.get(name), name, "setup")?;
                }
                if params["currency"].is_null() {
                    return Err(ApiError::missing_parameter("currency"));
                }
            }
            Some(other) => {
                return Err(ApiError::not_simulated(&format!("mode={other}")).param("mode"));
            }
            None => return Err(ApiError::missing_parameter("mode")),
        }
        if let Some(other) = params["ui_mode"].as_str().filter(|mode| *mode != "hosted_page") {
            return Err(ApiError::not_simulated(&format!("ui_mode={other}")).param("ui_mode"));
        }
        if params["success_url"].is_null() {
            return Err(ApiError::missing_parameter("success_url"));
        }
        if params["customer"].is_string() && params["customer_email"].is_string() {
            let message = "You may only specify one of these parameters: customer, customer_email.";
            return Err(ApiError::invalid(message).param("customer_email"));
        }
        if let Some(customer) = params["customer"].as_str() {
            // A missing customer is a bad parameter here, not a missing page.
            self.find("customer", customer, "customer").map_err(|mut error| {
                error.status = 400;
                error
            })?;
        }
        self.check_expiry(params)?;
        let consent = params["consent_collection"]["terms_of_service"] == "required";
        if consent && self.settings.terms_of_service_url.is_none() {
            let message = "You cannot collect consent to your terms of service unless a URL is set in the Stripe Dashboard.";
            return Err(ApiError::invalid(message).param("consent_collection[terms_of_service]"));
        }
        if !consent && !params["custom_text"]["terms_of_service_acceptance"].is_null() {
            let message = "You can only set `custom_text[terms_of_service_acceptance]` when `consent_collection[terms_of_service]` is `required`.";
            return Err(
                ApiError::invalid(message).param("custom_text[terms_of_service_acceptance]")
            );
        }
        Ok(())
    }

    fn check_expiry(&self, params: &Value) -> Result<(), ApiError> {
        let Some(expires_at) = params["expires_at"].as_i64() else {
            return Ok(());
        };
        let ahead = expires_at - self.now();
        // Real clocks differ a little; Stripe allows for it as well.
        if ahead < HALF_AN_HOUR - 5 {
            let message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.";
            return Err(ApiError::invalid(message).param("expires_at"));
        }
        if ahead > A_DAY + 5 {
            let message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.";
            return Err(ApiError::invalid(message).param("expires_at"));
        }
        Ok(())
    }

    fn consent_fields(&self, params: &Value) -> Value {
        match params["consent_collection"]["terms_of_service"].as_str() {
            Some(terms) => {
                json!({ "consent_collection": { "payment_method_reuse_agreement": null, "promotions": "none", "terms_of_service": terms } })
            }
            None => json!({}),
        }
    }

    /// Ends an open session; nobody can pay it any more.
    ///
    /// # Errors
    /// `resource_missing`, or a refusal because it isn't open.
    pub fn expire_session(&mut self, id: &str) -> Result<Value, ApiError> {
        let session = self.find("checkout.session", id, "session")?;
        if session["status"] != "open" {
            let status = session["status"].as_str().unwrap_or("unknown");
            let message = format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {status}."
            );
            return Err(ApiError::invalid(message));
        }
        self.change(id, json!({ "status": "expired", "url": null }));
        self.emit("checkout.session.expired", id);
        Ok(self.get(id).cloned().unwrap_or_default())
    }

    /// Does what has fallen due: sessions expire, delayed payments settle.
    pub fn advance(&mut self) {
        let now = self.now();
        let open = |session: &&Value| {
            session["status"] == "open"
                && session["expires_at"].as_i64().is_some_and(|at| at <= now)
        };
        let expired: Vec<String> =
            self.newest_first("checkout.session").filter(open).map(id_of).collect();
        for id in expired.iter().rev() {
            let _ = self.expire_session(id);
        }
        for (id, settlement) in self.due_settlements() {
            let _ = self.settle(&id, settlement);
        }
    }
}

/// Some parameters belong to one mode only.
fn refuse_in_mode(value: Option<&Value>, name: &str, mode: &str) -> Result<(), ApiError> {
    match value {
        None => Ok(()),
        Some(_) => {
            let message = format!("You can not pass `{name}` in `{mode}` mode.");
            Err(ApiError::invalid(message).param(name))
        }
    }
}

const COPIED: &[&str] = &[
    "cancel_url",
    "client_reference_id",
    "custom_text",
    "customer",
    "customer_creation",
    "customer_email",
    "integration_identifier",
    "locale",
    "metadata",
    "origin_context",
    "submit_type",
    "success_url",
];

fn id_of(object: &Value) -> String {
    object["id"].as_str().unwrap_or_default().to_owned()
}
