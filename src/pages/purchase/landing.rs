//! How somebody came to the tracker, from its address.

use serde::{Deserialize, Serialize};

/// How the customer came to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// By a link.
    Direct,
    /// From Stripe, without paying.
    Back,
    /// From Stripe, with the payment ordered.
    Ordered,
    /// After asking us to look again.
    Checked,
}

/// What the address says besides the purchase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landing {
    /// Stripe's session, which Stripe puts into the address after the payment.
    pub session: Option<String>,
    /// Whether the customer turned back on Stripe's page.
    pub is_back: bool,
    /// Whether the customer has asked us to look again.
    pub is_checked: bool,
    /// Whether Stripe could not be reached for what was asked last.
    pub is_unreachable: bool,
}

impl Landing {
    /// Reads the address by the names of its parts.
    #[must_use]
    pub fn read(part: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            session: part("session_id").filter(|session| is_id(session)),
            is_back: part("returned").is_some(),
            is_checked: part("checked").is_some(),
            is_unreachable: part("problem").is_some_and(|problem| problem == "unreachable"),
        }
    }

    /// How the customer came to the page.
    #[must_use]
    pub const fn arrival(&self) -> Arrival {
        match (&self.session, self.is_back) {
            (Some(_), _) => Arrival::Ordered,
            (None, true) => Arrival::Back,
            (None, false) if self.is_checked => Arrival::Checked,
            (None, false) => Arrival::Direct,
        }
    }
}

/// Whether a text can be an id of Stripe's.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(parts: &[(&str, &str)]) -> Arrival {
        let part =
            |name: &str| parts.iter().find(|part| part.0 == name).map(|part| part.1.to_owned());
        Landing::read(part).arrival()
    }

    #[test]
    fn a_session_in_the_address_means_that_the_payment_was_ordered() {
        assert_eq!(arrival(&[]), Arrival::Direct);
        assert_eq!(arrival(&[("returned", "1")]), Arrival::Back);
        assert_eq!(arrival(&[("session_id", "cs_test_1")]), Arrival::Ordered);
        assert_eq!(arrival(&[("session_id", "")]), Arrival::Direct);
        assert_eq!(arrival(&[("session_id", "\0")]), Arrival::Direct);
        assert_eq!(arrival(&[("checked", "1")]), Arrival::Checked);
    }
}
