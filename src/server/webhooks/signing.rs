//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`, in base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use rand::{TryRng, rngs::SysRng};
use sha2::Sha256;

use crate::server::secret::Secret;

/// What every secret begins with, so that scanners of leaked secrets know it.
pub const PREFIX: &str = "whsec_";
/// Standard Webhooks asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// A new secret; none where the system has no randomness to give.
#[must_use]
pub fn new_secret() -> Option<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    SysRng.try_fill_bytes(&mut bytes).ok()?;
    Some(Secret::new(&format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes))))
}

/// The header `webhook-signature`: one signature for each secret, with blanks between them.
#[must_use]
pub fn signatures(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = secrets.iter().filter_map(|secret| sign(secret, id, timestamp, body));
    signed.collect::<Vec<_>>().join(" ")
}

fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let key = secret.reveal();
    let key = BASE64_STANDARD.decode(key.strip_prefix(PREFIX).unwrap_or(key)).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `standardwebhooks` 1.1.0 of Python and its like sign for the same.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secrets = [Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
        let signed = signatures(
            &secrets,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_secrets_are_replaced_both_sign() {
        let secrets = [new_secret().unwrap(), new_secret().unwrap()];
        let both = signatures(&secrets, "msg_1", 1, b"{}");
        let alone = secrets.map(|secret| signatures(&[secret], "msg_1", 1, b"{}"));
        assert_eq!(both, alone.join(" "));
        assert_ne!(alone[0], alone[1]);
    }

    #[test]
    fn a_secret_has_32_random_bytes() {
        let [one, other] = [new_secret().unwrap(), new_secret().unwrap()];
        assert_ne!(one.reveal(), other.reveal());
        let bytes = BASE64_STANDARD.decode(one.reveal().strip_prefix(PREFIX).unwrap());
        assert_eq!(bytes.unwrap().len(), SECRET_BYTES);
    }
}
