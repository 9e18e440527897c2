//! The payment page and the 3D Secure page.
use super::form::{Entered, Problem};
use super::html::{document, link, text};
use super::order::{Line, Order};
use crate::books::cards::TEST_CARDS;

/// The payment page.
pub fn pay(order: &Order, entered: &Entered, problem: Option<&Problem>) -> String {
    let title = format!("{} · {}", verb(order), order.merchant);
    document(
        &title,
        &format!(
            "<main class=\"checkout\">\n{}\n{}\n</main>",
            summary(order),
            form(order, entered, problem)
        ),
    )
}

/// What the page is for.
fn verb(order: &Order) -> &'static str {
    if order.total.is_some() { "Pay" } else { "Save" }
}

fn summary(order: &Order) -> String {
    let back = order.cancel_url.as_ref().map(|url| {
        format!(
            "<p class=\"small\"><a href=\"{}\">Back to {}</a></p>",
            link(url),
            text(&order.merchant)
        )
    });
    let lines: String = order.lines.iter().map(Line::html).collect();
    let note = order
        .note
        .as_ref()
        .map(|note| format!("<p class=\"small secondary terms-note\">{note}</p>"));
    let sums = order.total.as_ref().map(|total| {
        format!(
            r#"<p class="price-big">{total}</p>
<dl class="sums">
{lines}<div><dt>Tax</dt><dd>none added</dd></div>
<div class="total"><dt>Total due</dt><dd>{total}</dd></div>
</dl>"#,
            total = text(total),
        )
    });
    let nothing = || r#"<p class="secondary">Nothing is charged now.</p>"#.to_owned();
    format!(
        r#"<section aria-labelledby="what"><div>
{back}
<h1 class="order-title" id="what">{title}</h1>
{sums}
{note}
</div></section>"#,
        back = back.unwrap_or_default(),
        title = text(&order.title),
        sums = sums.unwrap_or_else(nothing),
        note = note.unwrap_or_default(),
    )
}

const LOCK: &str = r#"<svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2"/></svg>"#;

fn form(order: &Order, entered: &Entered, problem: Option<&Problem>) -> String {
    let whole = problem.filter(|problem| problem.field.is_empty());
    let notice = whole.map(|problem| format!("<p class=\"notice\" role=\"alert\"><strong>{}</strong><span>Nothing was charged.</span></p>", text(&problem.message)));
    let cancel = order
        .cancel_url
        .as_ref()
        .map(|url| format!("<a class=\"button\" href=\"{}\">Cancel</a>", link(url)));
    let after = order
        .after_submit
        .as_ref()
        .map(|words| format!("<p class=\"small secondary\">{words}</p>"));
    format!(
        r#"<section aria-labelledby="pay"><div>
<h2 id="pay">{verb}</h2>
<form class="pay-form" method="post" action="/c/pay/{id}" novalidate>
{notice}
{email}
{methods}
{card}
{terms}
<button class="button button-primary" type="submit">{LOCK}{action} (simulated)</button>
{after}
{cancel}
</form>
{cards}
</div></section>"#,
        id = text(&order.id),
        notice = notice.unwrap_or_default(),
        email = field(
            "email",
            "E-mail",
            &entered.email,
            r#"type="email" autocomplete="email""#,
            problem
        ),
        methods = methods(&entered.method),
        card = card_fields(entered, problem),
        terms = order
            .terms
            .as_ref()
            .map(|terms| consent(terms, entered.terms.is_some(), problem))
            .unwrap_or_default(),
        verb = verb(order),
        action = order.total.as_ref().map_or_else(
            || "Save payment method".to_owned(),
            |total| format!("Pay {}", text(total)),
        ),
        after = after.unwrap_or_default(),
        cancel = cancel.unwrap_or_default(),
        cards = test_cards(),
    )
}

fn card_fields(entered: &Entered, problem: Option<&Problem>) -> String {
    let numeric = |name, label, value: &str, autocomplete: &str| {
        let attributes = format!(r#"inputmode="numeric" autocomplete="{autocomplete}""#);
        field(name, label, value, &attributes, problem)
    };
    format!(
        r#"<div class="card-fields">
{card}
<div class="pair">
{expiry}
{cvc}
</div>
</div>"#,
        card = numeric("card", "Card number", &entered.card, "cc-number"),
        expiry = numeric("expiry", "Expiry", &entered.expiry, "cc-exp"),
        cvc = numeric("cvc", "Security code", &entered.cvc, "cc-csc"),
    )
}

fn field(
    name: &'static str,
    label: &str,
    value: &str,
    attributes: &str,
    problem: Option<&Problem>,
) -> String {
    let (invalid, message) = complaint(name, problem);
    format!(
        r#"<div class="field"><label for="p-{name}">{label}</label><input class="input" id="p-{name}" name="{name}" {attributes} value="{value}"{invalid}>{message}</div>"#,
        value = text(value),
    )
}

/// The attributes that mark a wrong field, and the words below it.
fn complaint(name: &str, problem: Option<&Problem>) -> (String, String) {
    match problem.filter(|problem| problem.field == name) {
        None => (String::new(), String::new()),
        Some(problem) => (
            format!(r#" aria-invalid="true" aria-describedby="p-{name}-error" autofocus"#),
            format!(
                r#"<p class="error" id="p-{name}-error" role="alert">{}</p>"#,
                text(&problem.message)
            ),
        ),
    }
}

fn methods(chosen: &str) -> String {
    let all = [
        ("card", "Card"),
        ("delayed-paid", "Bank debit, pays later"),
        ("delayed-failed", "Bank debit, fails"),
    ];
    let options = all.map(|(value, words)| {
        let checked = if value == chosen { " checked" } else { "" };
        format!(
            r#"<label><input type="radio" name="method" value="{value}"{checked}>{words}</label>"#
        )
    });
    format!(
        "<fieldset><legend>Method</legend><div class=\"segments\">{}</div></fieldset>",
        options.concat()
    )
}

fn consent(terms: &str, agreed: bool, problem: Option<&Problem>) -> String {
    let (invalid, message) = match problem.filter(|problem| problem.field == "terms") {
        None => complaint("terms", None),
        Some(_) => complaint(
            "terms",
            Some(&Problem {
                field: "terms",
                message: "Agree to the terms to go on. Nothing was charged.".into(),
            }),
        ),
    };
    let checked = if agreed { " checked" } else { "" };
    format!(
        r#"<div class="field"><label class="check"><input type="checkbox" name="terms" value="accepted"{checked}{invalid}><span>{terms}</span></label>{message}</div>"#
    )
}

fn test_cards() -> String {
    let rows: String = TEST_CARDS
        .iter()
        .map(|card| {
            format!("<tr><td><code>{}</code></td><td>{}</td></tr>\n", card.spaced(), card.meaning)
        })
        .collect();
    format!(
        r#"<details open>
<summary>Test cards</summary>
<table class="table">
<caption class="visually-hidden">Test card numbers and what they do</caption>
<thead><tr><th scope="col">Number</th><th scope="col">What happens</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
</details>"#
    )
}

/// The bank's page for 3D Secure.
pub fn challenge(order: &Order) -> String {
    let content = format!(
        r#"<main class="single">
<h1>3D Secure</h1>
<p class="secondary">Your bank would now ask you to confirm {what} {merchant}. Here you choose what it finds.</p>
<form class="pay-form" method="post" action="/c/pay/{id}/3d-secure">
<button class="button button-primary" type="submit" name="result" value="complete">Complete</button>
<button class="button button-plain" type="submit" name="result" value="fail">Fail</button>
</form>
</main>"#,
        what = order.total.as_ref().map_or_else(
            || "that your payment method is saved for".to_owned(),
            |total| format!("this payment of {} to", text(total)),
        ),
        merchant = text(&order.merchant),
        id = text(&order.id),
    );
    document("3D Secure", &content)
}
