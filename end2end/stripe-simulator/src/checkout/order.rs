//! What the hosted page says of an order.
use serde_json::Value;

use super::html::{link, text, with_links};
use super::money::written;
use crate::books::Books;

/// What is being paid for, ready to be shown.
pub struct Order {
    pub id: String,
    pub merchant: String,
    pub title: String,
    pub lines: Vec<Line>,
    /// What is paid; none where a payment method is only saved.
    pub total: Option<String>,
    pub note: Option<String>,
    pub after_submit: Option<String>,
    pub cancel_url: Option<String>,
    /// What the customer must agree to, as markup.
    pub terms: Option<String>,
}

/// One line of it.
pub struct Line {
    name: String,
    detail: String,
    amount: String,
}

impl Order {
    /// The order of a session.
    pub fn of(books: &Books, session: &Value) -> Self {
        let id = session["id"].as_str().unwrap_or_default().to_owned();
        let merchant = books.settings.merchant.clone();
        let items =
            books.details(&id).map(|details| details.line_items.as_slice()).unwrap_or_default();
        let lines: Vec<Line> = items.iter().map(|item| Line::of(books, item)).collect();
        let saves = session["mode"] == "setup";
        let total = (!saves).then(|| money(&session["amount_total"], &session["currency"]));
        let message = |name: &str| session["custom_text"][name]["message"].as_str().map(with_links);
        let required = session["consent_collection"]["terms_of_service"] == "required";
        let terms_url = books.settings.terms_of_service_url.as_deref().unwrap_or_default();
        let usual = || {
            format!(
                r#"I agree to the <a href="{}" target="_blank" rel="noopener">terms of service</a> of {}."#,
                link(terms_url),
                text(&merchant)
            )
        };
        Self {
            title: match lines.as_slice() {
                [line] => line.name.clone(),
                [] if saves => "Save a payment method".to_owned(),
                _ => format!("Pay {merchant}"),
            },
            terms: required.then(|| message("terms_of_service_acceptance").unwrap_or_else(usual)),
            note: message("submit"),
            after_submit: message("after_submit"),
            cancel_url: session["cancel_url"].as_str().map(str::to_owned),
            id,
            lines,
            total,
            merchant,
        }
    }
}

impl Line {
    fn of(books: &Books, item: &Value) -> Self {
        let quantity = item["quantity"].as_i64().unwrap_or(1);
        let each = money(&item["price"]["unit_amount"], &item["currency"]);
        let product = item["price"]["product"].as_str().and_then(|id| books.get(id));
        let description =
            product.and_then(|product| product["description"].as_str()).unwrap_or_default();
        let counted = if quantity > 1 { format!("{quantity} × {each} ") } else { String::new() };
        Self {
            name: item["description"].as_str().unwrap_or_default().to_owned(),
            detail: format!("{counted}{description}").trim().to_owned(),
            amount: money(&item["amount_total"], &item["currency"]),
        }
    }

    /// The line as a row of the sum.
    pub fn html(&self) -> String {
        let detail = if self.detail.is_empty() {
            String::new()
        } else {
            format!("<small>{}</small>", text(&self.detail))
        };
        format!("<div><dt>{}{detail}</dt><dd>{}</dd></div>\n", text(&self.name), text(&self.amount))
    }
}

fn money(minor: &Value, currency: &Value) -> String {
    written(minor.as_i64().unwrap_or_default(), currency.as_str().unwrap_or_default())
}
