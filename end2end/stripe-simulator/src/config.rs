//! What a simulator is started with, and what it refuses to be started with.
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A webhook endpoint: where events go and the secret that signs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address on this machine, plain HTTP.
    pub url: String,
    /// Signing secret, `whsec_…`.
    pub secret: String,
}

/// How often and how fast a webhook that was not answered with 2xx is sent again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles from there. Stripe waits minutes to hours.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 12,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(30),
        }
    }
}

/// Everything that can be set when a simulator starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Loopback address and port; port 0 takes a free one.
    pub addr: String,
    /// The only secret key to accept; `None` accepts any `sk_test_…` and `rk_test_…`.
    pub secret_key: Option<String>,
    /// Where events are delivered.
    pub webhooks: Vec<Endpoint>,
    /// The name that the hosted page shows.
    pub merchant: String,
    /// Terms of service of the account. `None`: consent can't be asked for, as at Stripe without this setting.
    pub terms_of_service_url: Option<String>,
    /// What the simulator calls itself in links, when browsers reach it under another address.
    pub public_url: Option<String>,
    /// How long the hosted page waits for a 2xx to `checkout.session.completed` before it redirects.
    pub redirect_wait: Duration,
    /// When a delayed payment settles by itself; `None` leaves it to the controls.
    pub settle_after: Option<Duration>,
    /// Retries of webhooks.
    pub retry: Retry,
    /// How long a webhook endpoint may take to answer.
    pub webhook_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: "127.0.0.1:0".into(),
            secret_key: None,
            webhooks: Vec::new(),
            merchant: "Recharge".into(),
            terms_of_service_url: Some("/terms".into()),
            public_url: None,
            redirect_wait: Duration::from_secs(10),
            settle_after: None,
            retry: Retry::default(),
            webhook_timeout: Duration::from_secs(20),
        }
    }
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Neither address nor port could be read.
    #[error("{0} is not an address with a port, like 127.0.0.1:12111")]
    BadAddress(String),
    /// Only this machine may talk to a simulator.
    #[error(
        "{0} is not a loopback address: the Stripe simulator serves this machine only (127.0.0.1 or [::1])"
    )]
    NotLoopback(SocketAddr),
    /// Somebody else listens there.
    #[error("{0} is already taken: stop the other program or choose another port with --addr")]
    Taken(SocketAddr),
    /// A live key must never meet a simulator.
    #[error(
        "a live Stripe key was given: the simulator takes test keys only (sk_test_… or rk_test_…)"
    )]
    LiveKey,
    /// A key of no known kind.
    #[error("the secret key must begin with sk_test_ or rk_test_")]
    BadKey,
    /// A webhook address outside this machine, or not plain HTTP.
    #[error(
        "webhook address {0} refused: it must be http:// on this machine (127.0.0.1, [::1] or localhost)"
    )]
    BadWebhook(String),
    /// The socket could not be opened.
    #[error("could not listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

impl Config {
    /// The socket address to listen on, when everything in the configuration is allowed.
    pub(crate) fn checked(&self) -> Result<SocketAddr, StartError> {
        if let Some(key) = &self.secret_key {
            if is_live_key(key) {
                return Err(StartError::LiveKey);
            }
            if !is_test_key(key) {
                return Err(StartError::BadKey);
            }
        }
        for endpoint in &self.webhooks {
            endpoint.checked()?;
        }
        let text = self.addr.replacen("localhost:", "127.0.0.1:", 1);
        let addr: SocketAddr =
            text.parse().map_err(|_| StartError::BadAddress(self.addr.clone()))?;
        if !addr.ip().is_loopback() {
            return Err(StartError::NotLoopback(addr));
        }
        Ok(addr)
    }
}

impl Endpoint {
    pub(crate) fn checked(&self) -> Result<(), StartError> {
        let refused = || StartError::BadWebhook(self.url.clone());
        let url = url::Url::parse(&self.url).map_err(|_| refused())?;
        let local = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if url.scheme() == "http" && local { Ok(()) } else { Err(refused()) }
    }
}

pub(crate) fn is_live_key(key: &str) -> bool {
    key.starts_with("sk_live_") || key.starts_with("rk_live_")
}

pub(crate) fn is_test_key(key: &str) -> bool {
    key.starts_with("sk_test_") || key.starts_with("rk_test_")
}
