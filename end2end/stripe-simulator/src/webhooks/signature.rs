//! `Stripe-Signature`, right and wrong.
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::books::real_now;

/// How a webhook is signed. Everything but `Valid` must be refused by its receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// As Stripe signs.
    #[default]
    Valid,
    /// The right signature, but of a body that differs by a byte.
    ChangedBody,
    /// No header.
    Missing,
    /// A header that makes no sense.
    Garbage,
    /// Only the old scheme `v0`.
    V0Only,
    /// Signed with a secret that isn't the endpoint's.
    WrongSecret,
    /// Signed this many seconds ago; Stripe's libraries tolerate 300.
    Stale(i64),
    /// A wrong `v1` and then the right one, as while a secret is being rolled: valid.
    Rolled,
}

/// `t=…,v1=…` for this body: HMAC-SHA256 of `timestamp.body`.
#[must_use]
pub fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
    format!("t={timestamp},v1={}", digest(secret, timestamp, body))
}

fn digest(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The header and the body to send. The time is the machine's, whatever the account's clock says:
/// receivers compare it with theirs.
pub(crate) fn header_and_body(
    signature: Signature,
    secret: &str,
    body: Vec<u8>,
) -> (Option<String>, Vec<u8>) {
    let now = real_now();
    let header = match signature {
        Signature::Valid | Signature::ChangedBody => sign(secret, now, &body),
        Signature::Missing => return (None, body),
        Signature::Garbage => "not a signature at all".into(),
        Signature::V0Only => sign(secret, now, &body).replace("v1=", "v0="),
        Signature::WrongSecret => sign("whsec_somebody_elses", now, &body),
        Signature::Stale(seconds) => sign(secret, now - seconds, &body),
        Signature::Rolled => format!(
            "t={now},v1={},v1={}",
            digest("whsec_old", now, &body),
            digest(secret, now, &body)
        ),
    };
    (Some(header), if signature == Signature::ChangedBody { change_a_byte(body) } else { body })
}

/// Turns one digit of the amount-like text into another, so that the body still parses.
fn change_a_byte(mut body: Vec<u8>) -> Vec<u8> {
    match body.iter_mut().rev().find(|byte| byte.is_ascii_digit()) {
        Some(digit) => *digit = if *digit == b'9' { b'8' } else { *digit + 1 },
        None => body.push(b' '),
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_hmac_of_time_dot_body() {
        // Computed with: printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
        let expected =
            "t=1700000000,v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
        assert_eq!(sign("whsec_test", 1_700_000_000, b"{}"), expected);
    }

    #[test]
    fn a_changed_body_differs_by_exactly_one_byte() {
        let body = br#"{"amount": 1999}"#.to_vec();
        let (header, sent) = header_and_body(Signature::ChangedBody, "whsec_test", body.clone());
        let differing = body.iter().zip(&sent).filter(|(a, b)| a != b).count();
        assert_eq!((differing, sent.len()), (1, body.len()));
        assert!(header.is_some());
    }
}
