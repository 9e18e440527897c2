//! NUL in what people send: no text of ours has one, and PostgreSQL refuses a statement with one.
//!
//! Addresses and forms are read in many places, each with its own fields. So it is replaced here,
//! before any of them reads it, as decoders replace bytes that are no text.

use std::error::Error as _;

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{
        StatusCode, Uri,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        uri::PathAndQuery,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

const FORM: &[u8] = b"application/x-www-form-urlencoded";
/// The replacement character, as it stands in an address or a form.
const REPLACEMENT: &str = "%EF%BF%BD";

/// Replaces NUL in the query and in forms. A form is limited by a layer outside of this one.
pub async fn without_nul(request: Request, next: Next) -> Response {
    let (mut parts, mut body) = request.into_parts();
    if parts.uri.query().is_some_and(|query| query.contains("%00")) {
        match replaced_in_query(&parts.uri) {
            Some(uri) => parts.uri = uri,
            None => return StatusCode::URI_TOO_LONG.into_response(),
        }
    }
    let content_type = parts.headers.get(CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(FORM)) {
        match to_bytes(body, usize::MAX).await {
            Ok(form) => {
                let form = replaced_in_form(&form).map_or_else(|| Body::from(form), Body::from);
                parts.headers.remove(CONTENT_LENGTH);
                body = form;
            }
            Err(error) => return unread(&error).into_response(),
        }
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Returns `None` if the address would be longer than one can be.
fn replaced_in_query(uri: &Uri) -> Option<Uri> {
    let query = uri.query().unwrap_or_default().replace("%00", REPLACEMENT);
    let mut parts = uri.clone().into_parts();
    let asked = format!("{}?{query}", uri.path());
    parts.path_and_query = Some(PathAndQuery::try_from(asked).ok()?);
    Uri::from_parts(parts).ok()
}

/// Returns `None` if there is none.
fn replaced_in_form(form: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(form);
    if !text.contains("%00") && !text.contains('\0') {
        return None;
    }
    Some(text.replace("%00", REPLACEMENT).replace('\0', REPLACEMENT))
}

fn unread(error: &axum::Error) -> StatusCode {
    match error.source() {
        Some(cause) if cause.is::<http_body_util::LengthLimitError>() => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Some(cause) if cause.is::<std::io::Error>() => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_becomes_the_replacement_character() {
        let uri = Uri::from_static("http://recharge.test/a?b=%00c&d=%2500");
        let replaced = replaced_in_query(&uri).unwrap().to_string();
        assert_eq!(replaced, "http://recharge.test/a?b=%EF%BF%BDc&d=%2500");
        assert_eq!(replaced_in_form(b"a=%00&b=\0").unwrap(), "a=%EF%BF%BD&b=%EF%BF%BD");
        assert_eq!(replaced_in_form(b"a=%EF"), None);
    }

    #[test]
    fn an_address_that_becomes_too_long_is_none() {
        let uri = Uri::try_from(format!("/?{}", "%00".repeat(20_000))).unwrap();
        assert_eq!(replaced_in_query(&uri), None);
    }
}
