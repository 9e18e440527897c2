//! What selling depends on, checked by the configuration before it comes here.

use std::time::Duration;

use url::Url;

use crate::server::secret::Secret;

/// How payments are to be taken.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Opens Stripe's API; none means that purchases are off.
    pub secret_key: Option<Secret>,
    /// Sign the webhooks: several while one replaces another.
    pub webhook_secrets: Vec<Secret>,
    /// Where Stripe's API answers.
    pub api_base: Url,
    /// Where customers reach this site.
    pub public_url: Url,
    /// The page with the terms; then Stripe asks for the consent too.
    pub terms_url: Option<Url>,
    /// How long a person is kept waiting for Stripe, retries included.
    pub patience: Duration,
}

impl Settings {
    /// What a person bears in front of a page that doesn't move.
    pub const PATIENCE: Duration = Duration::from_secs(8);

    /// Whether real money is moved.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let key = self.secret_key.as_ref().map(Secret::reveal).unwrap_or_default();
        key.starts_with("sk_live_") || key.starts_with("rk_live_")
    }

    /// The API's address as the client wants it: what it appends starts without a slash.
    #[must_use]
    pub fn base(&self) -> String {
        with_slash(&self.api_base)
    }

    /// The page of auto-recharge, where Stripe sends a customer back to who has saved a card.
    #[must_use]
    pub fn auto_recharge_page(&self) -> String {
        format!("{}settings/auto-recharge", with_slash(&self.public_url))
    }

    /// The page of a purchase, where Stripe sends the customer back to.
    #[must_use]
    pub fn purchase_page(&self, purchase: &str) -> String {
        format!("{}settings/credits/purchases/{purchase}", with_slash(&self.public_url))
    }
}

fn with_slash(url: &Url) -> String {
    let text = url.as_str();
    if text.ends_with('/') { text.to_owned() } else { format!("{text}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(key: &str, public_url: &str) -> Settings {
        Settings {
            secret_key: (!key.is_empty()).then(|| Secret::new(key)),
            webhook_secrets: Vec::new(),
            api_base: "http://127.0.0.1:12111/stripe".parse().unwrap(),
            public_url: public_url.parse().unwrap(),
            terms_url: None,
            patience: Settings::PATIENCE,
        }
    }

    #[test]
    fn a_key_says_whether_money_is_moved() {
        let is_live = |key| settings(key, "http://shop.test").is_live();
        assert!(is_live("sk_live_1") && is_live("rk_live_1"));
        assert!(!is_live("sk_test_1") && !is_live(""));
    }

    #[test]
    fn addresses_are_joined_with_one_slash() {
        let page = |url| settings("", url).purchase_page("pur_1");
        let expected = "https://shop.test/settings/credits/purchases/pur_1";
        assert_eq!(page("https://shop.test"), expected);
        assert_eq!(page("https://shop.test/"), expected);
        assert_eq!(settings("", "http://a.test").base(), "http://127.0.0.1:12111/stripe/");
    }
}
