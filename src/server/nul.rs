//! Replaces NUL in what people send: no text of ours has one, and PostgreSQL refuses a statement
//! with one.
//!
//! Addresses and forms are read in many places, each with its own fields. So NUL is replaced here,
//! before any of them reads it, as decoders replace bytes that are not text.

use std::{error::Error, io, iter::successors};

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
/// NUL, and NUL for readers that decode twice, as the router of pages does.
const NULS: [&str; 2] = ["%00", "%2500"];
/// The replacement character, as it stands in an address or a form.
const REPLACEMENT: &str = "%EF%BF%BD";

/// Replaces NUL in the query and in forms. An outer layer limits the size of a form.
pub async fn without_nul(request: Request, next: Next) -> Response {
    let (mut parts, mut body) = request.into_parts();
    if parts.uri.query().is_some_and(has_nul) {
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

fn has_nul(text: &str) -> bool {
    NULS.iter().any(|nul| text.contains(nul)) || text.contains('\0')
}

fn replaced(text: &str) -> String {
    NULS.iter().fold(text.replace('\0', REPLACEMENT), |text, nul| text.replace(nul, REPLACEMENT))
}

/// Replaces NUL in the query. Returns `None` if the address would become too long.
fn replaced_in_query(uri: &Uri) -> Option<Uri> {
    let query = replaced(uri.query().unwrap_or_default());
    let mut parts = uri.clone().into_parts();
    let asked = format!("{}?{query}", uri.path());
    parts.path_and_query = Some(PathAndQuery::try_from(asked).ok()?);
    Uri::from_parts(parts).ok()
}

/// Replaces NUL in a form. Returns `None` if the form has none.
fn replaced_in_form(form: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(form);
    has_nul(&text).then(|| replaced(&text))
}

/// Returns the status for a body that can't be read. Each layer around it wraps the error of the
/// layer inside.
fn unread(error: &(dyn Error + 'static)) -> StatusCode {
    let is_late = |cause: &&(dyn Error + 'static)| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
    };
    let causes = || successors(Some(error), |&error| error.source());
    if causes().any(|cause| cause.is::<http_body_util::LengthLimitError>()) {
        StatusCode::PAYLOAD_TOO_LARGE
    } else if causes().any(|cause| is_late(&cause)) {
        StatusCode::REQUEST_TIMEOUT
    } else {
        StatusCode::BAD_REQUEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_becomes_the_replacement_character() {
        let uri = Uri::from_static("http://recharge.test/a?b=%00c&d=%2500&e=%2501");
        let replaced = replaced_in_query(&uri).unwrap().to_string();
        assert_eq!(replaced, "http://recharge.test/a?b=%EF%BF%BDc&d=%EF%BF%BD&e=%2501");
        assert_eq!(replaced_in_form(b"a=%00&b=\0").unwrap(), "a=%EF%BF%BD&b=%EF%BF%BD");
        assert_eq!(replaced_in_form(b"a=%EF"), None);
    }

    #[test]
    fn an_address_that_becomes_too_long_is_none() {
        let uri = Uri::try_from(format!("/?{}", "%00".repeat(20_000))).unwrap();
        assert_eq!(replaced_in_query(&uri), None);
    }
}
