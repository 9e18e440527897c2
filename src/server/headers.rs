//! The headers that make browsers careful.

use axum::{
    http::{
        HeaderName, HeaderValue,
        header::{
            CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::Response,
};

use super::config::Config;

/// Where `cargo leptos watch` tells pages to load again.
const RELOAD: &str = " ws://127.0.0.1:3001 ws://localhost:3001";

/// The headers that every answer carries.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    checkout_origin: String,
    reload: &'static str,
    common: Vec<(HeaderName, HeaderValue)>,
}

impl SecurityHeaders {
    /// The headers for this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut common = vec![
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            // "no-referrer" would make browsers send "Origin: null" with our own forms.
            (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        ];
        if config.is_https() {
            let one_year = HeaderValue::from_static("max-age=31536000");
            common.push((STRICT_TRANSPORT_SECURITY, one_year));
        }
        let reload = if std::env::var_os("LEPTOS_WATCH").is_some() { RELOAD } else { "" };
        Self { checkout_origin: config.checkout_origin(), reload, common }
    }

    /// The policy of a page whose scripts carry this nonce; without one no script runs at all.
    ///
    /// The one foreign place that a form may lead to is where customers pay.
    #[must_use]
    pub fn content_policy(&self, nonce: Option<&str>) -> HeaderValue {
        let scripts = nonce.map_or_else(
            || "'none'".to_owned(),
            |nonce| format!("'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'"),
        );
        let Self { checkout_origin: checkout, reload, .. } = self;
        let policy = format!(
            "default-src 'self'; script-src {scripts}; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'{reload}; form-action 'self' {checkout}; frame-ancestors 'none'; \
             base-uri 'none'"
        );
        // Both parts are plain ASCII: a nonce is base64, an origin is what a URL parser wrote.
        HeaderValue::try_from(policy)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
    }

    /// Adds what is not there yet.
    #[must_use]
    pub fn add_to(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        for (name, value) in &self.common {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        headers.entry(CONTENT_SECURITY_POLICY).or_insert_with(|| self.content_policy(None));
        response
    }
}
