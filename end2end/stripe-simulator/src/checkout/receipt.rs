//! The receipt of a charge, where `receipt_url` leads.
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::html::{answer, document, single, text};
use super::money::written;
use crate::inner::lock;

/// Shows the receipt of a charge that succeeded.
pub async fn show(State(inner): Shared, Path(id): Path<String>) -> Response {
    let books = lock(&inner.books);
    let charge = books
        .get(&id)
        .filter(|charge| charge["object"] == "charge" && charge["receipt_url"].is_string());
    let Some(charge) = charge else {
        return (
            StatusCode::NOT_FOUND,
            answer(single("Receipt not found", &["There is no receipt at this address."], None)),
        )
            .into_response();
    };
    let currency = charge["currency"].as_str().unwrap_or_default();
    let amount = |name: &str| written(charge[name].as_i64().unwrap_or_default(), currency);
    let kind = charge["payment_method_details"]["type"].as_str().unwrap_or_default();
    let last4 = charge["payment_method_details"][kind]["last4"].as_str().unwrap_or_default();
    let method = if kind == "card" { "Card" } else { "Bank debit" };
    let description = charge["description"].as_str().unwrap_or("Payment");
    let refunded = match charge["amount_refunded"].as_i64() {
        Some(1..) => {
            format!("<div><dt>Refunded</dt><dd>{}</dd></div>", text(&amount("amount_refunded")))
        }
        _ => String::new(),
    };
    let content = format!(
        r#"<main class="single">
<h1>Receipt from {merchant}</h1>
<p class="price-big">{total}</p>
<dl class="sums">
<div><dt>{description}</dt><dd>{total}</dd></div>
<div><dt>Paid with</dt><dd>{method} ending in {last4}</dd></div>
<div><dt>Sent to</dt><dd>{email}</dd></div>
{refunded}
<div><dt>Receipt for</dt><dd><code>{id}</code></dd></div>
</dl>
</main>"#,
        merchant = text(&books.settings.merchant),
        total = text(&amount("amount")),
        description = text(description),
        last4 = text(last4),
        email = text(charge["billing_details"]["email"].as_str().unwrap_or("nobody")),
        id = text(&id),
    );
    answer(document("Receipt", &content))
}
