//! How a key is written: `rcg_<id>_<secret>`, in the header `Authorization: Bearer …`.

use axum::http::HeaderValue;

use super::super::random::{NoRandomness, random_hex};
use crate::server::secret::Secret;

/// What every key begins with, so that scanners of leaked secrets know ours.
const PREFIX: &str = "rcg_";
const SCHEME: &str = "Bearer";
/// The public half names the key, the other proves it.
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// A key as its owner holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which key it is; no secret.
    pub id: String,
    /// What proves it.
    pub secret: Secret,
}

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn new() -> Result<Self, NoRandomness> {
        Self::with_id(random_hex::<ID_BYTES>()?)
    }

    /// A new one for a key that there is.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn with_id(id: String) -> Result<Self, NoRandomness> {
        Ok(Self { id, secret: Secret::new(&random_hex::<SECRET_BYTES>()?) })
    }

    /// As it is shown to its owner, once.
    #[must_use]
    pub fn text(&self) -> Secret {
        Secret::new(&format!("{PREFIX}{}_{}", self.id, self.secret.reveal()))
    }

    /// Reads the header in which a program sends its key; none where there is no key in it.
    #[must_use]
    pub fn from_header(header: &HeaderValue) -> Option<Self> {
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        let token = scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim())?;
        let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let is_whole = is_hex(id, ID_BYTES) && is_hex(secret, SECRET_BYTES);
        is_whole.then(|| Self { id: id.to_owned(), secret: Secret::new(secret) })
    }
}

fn is_hex(text: &str, bytes: usize) -> bool {
    text.len() == 2 * bytes && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_the_header_as_it_was_shown() {
        let token = Token::new().unwrap();
        for scheme in ["Bearer ", "bearer ", "BEARER  "] {
            let header = format!("{scheme}{}", token.text().reveal());
            assert_eq!(Token::from_header(&header.parse().unwrap()).as_ref(), Some(&token));
        }
    }

    #[test]
    fn what_is_no_key_is_no_key() {
        let whole = Token::new().unwrap().text();
        let text = whole.reveal();
        let short = &text[..text.len() - 1];
        let upper = text.to_uppercase();
        for header in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            text.to_owned(),
            format!("Basic {text}"),
            format!("Bearer {short}"),
            format!("Bearer {text}0"),
            format!("Bearer {upper}"),
            format!("Bearer sk_{text}"),
            "Bearer rcg__".to_owned(),
            "Bearer rcg_1_2".to_owned(),
        ] {
            assert_eq!(Token::from_header(&header.parse().unwrap()), None, "{header:?}");
        }
        let bytes = HeaderValue::from_bytes(b"Bearer rcg_\xff").unwrap();
        assert_eq!(Token::from_header(&bytes), None);
    }

    #[test]
    fn debug_does_not_tell_the_secret() {
        let token = Token::new().unwrap();
        let shown = format!("{token:?} {:?}", token.text());
        assert!(shown.contains(&token.id) && !shown.contains(token.secret.reveal()), "{shown}");
    }
}
