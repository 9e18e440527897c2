//! The same in plain words, with commands that can be run as they stand.

use std::fmt::Write;

use super::examples::{Example, flow, skills};
use crate::credits::Catalogue;

/// How a program comes to a key.
pub fn how_a_key_is_got(origin: &str) -> String {
    format!(
        "The owner of an account makes a key at {origin}/settings/api-keys; it is shown once. A \
         service of the platform, which acts for every account and names it as \"account\" in \
         each request, has its key from the operator: recharge api-key add --service. Reading and \
         quoting take the scope read, spending takes spend."
    )
}

/// The whole text.
pub fn llms(origin: &str, catalogue: &Catalogue) -> String {
    let mut text = format!(
        "# Recharge\n\n> {}\n\n\
         Amounts are credits as text with up to three decimals. Instants are RFC 3339 in UTC.\n\n\
         - [Every route and answer]({origin}/api/v1/openapi.json): OpenAPI 3.1\n\
         - [The same for people]({origin}/api/docs)\n\
         - [The same for programs]({origin}/agent.json): skills with examples\n\n\
         ## Getting a key\n\n{}\n\n## What operations there are\n\n",
        super::DESCRIPTION,
        how_a_key_is_got(origin),
    );
    let flow = flow(catalogue);
    let steps: Vec<_> = flow.iter().map(|skill| skill.id).collect();
    for skill in skills(catalogue).iter().filter(|skill| !steps.contains(&skill.id)) {
        // Writing into a text can't fail.
        writeln!(text, "- {} (`{}`): {}", skill.name, skill.id, skill.description).ok();
    }
    text += "\nThe names, options and ranges of their quantities: GET /api/v1/catalogue.\n\n\
             ## The flow\n\n\
             Ask the price, set credits aside, do the work, then capture or release.\n";
    for skill in &flow {
        write!(text, "\n### {}\n\n{}\n\n", skill.name, skill.description).ok();
        for example in &skill.examples {
            write!(text, "```sh\n{}\n```\n", curl(origin, example)).ok();
        }
    }
    text += "\n$QUOTE and $HOLD are the `id` of the answer before, $ACCOUNT is its `account`.\n";
    text + RULES
}

const RULES: &str = "
## What to do when

- Every POST carries an Idempotency-Key of your own. Send the request again with the same key when \
the connection was lost: it happens once, and its first outcome is told again. The same key with \
other content is refused with 422. New work takes a new key.
- 402 (`insufficient_credits`): nothing was done. `top_up_url` is where a person buys credits; \
afterwards the same request with the same key succeeds. (`spend_cap`): the account has capped what \
it spends in a billing cycle. `left` can still be spent, `resets_at` says when the next cycle \
begins, and `caps_url` is where a person changes the cap.
- 409 (`quote_expired`): make another quote. (`hold_expired`): the credits have returned.
- 422 (`invalid_field`): `field` says what is wrong.
- 429 and 503: come back after `Retry-After` seconds with the same key.
- Every problem is application/problem+json; tell them apart by `code`.
";

/// An example as a command.
fn curl(origin: &str, example: &Example) -> String {
    let path = example.path.replace("{hold}", "$HOLD").replace("{account}", "$ACCOUNT");
    let mut parts = vec![
        format!("curl -X {} \"{origin}{path}\"", example.method),
        "-H \"Authorization: Bearer $RECHARGE_KEY\"".to_owned(),
    ];
    if let Some(headers) = &example.headers {
        parts.push(format!("-H \"Idempotency-Key: {}\"", headers.idempotency_key));
    }
    if let Some(body) = &example.body {
        let body = body.to_string().replace("{quote}", "'$QUOTE'");
        parts.push("-H \"Content-Type: application/json\"".to_owned());
        parts.push(format!("-d '{body}'"));
    }
    parts.join(" \\\n  ")
}
