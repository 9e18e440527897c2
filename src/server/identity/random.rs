//! Secrets that we hand out, and the hashes by which we know them again.

use rand::{TryRng, rngs::SysRng};
use sha2::{Digest, Sha256};

/// The machine has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// So many bytes from the operating system, as hexadecimal digits.
///
/// # Errors
/// Where the system has none to give.
pub fn random_hex<const BYTES: usize>() -> Result<String, NoRandomness> {
    let mut bytes = [0; BYTES];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(hex::encode(bytes))
}

/// What is stored of a secret. Not salted: its 256 random bits are in no table of hashes.
#[must_use]
pub fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

/// Whether two texts are equal, found out in a time that only depends on their length.
#[must_use]
pub fn is_equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let differences = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_given_twice() {
        let (one, other) = (random_hex::<32>().unwrap(), random_hex::<32>().unwrap());
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
    }

    #[test]
    fn texts_are_equal_from_the_first_to_the_last_byte() {
        assert!(is_equal("", "") && is_equal("abc", "abc"));
        for other in ["", "ab", "abd", "xbc", "abcd"] {
            assert!(!is_equal("abc", other) && !is_equal(other, "abc"), "{other}");
        }
    }
}
