//! A running simulator and its controls, for tests in the same process.
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::error::ApiError;
use crate::api::recorder::RequestSeen;
use crate::books::dispute::Verdict;
use crate::books::payment::{PayOutcome, Payer, Settlement};
use crate::config::{Config, Endpoint, StartError};
use crate::fault::Fault;
use crate::inner::{Inner, lock};
use crate::server;
use crate::webhooks::delivery::{Attempt, Delivery, DeliveryState};
use crate::webhooks::policy::WebhookPolicy;
use crate::webhooks::signature::Signature;

/// A simulator that listens until it is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use stripe_simulator::{Config, Endpoint, PayOutcome, Simulator};
/// let webhook = Endpoint { url: "http://127.0.0.1:3000/webhooks/stripe".into(), secret: "whsec_test".into() };
/// let simulator = Simulator::start(Config { webhooks: vec![webhook], ..Config::default() }).await?;
/// // … the application creates a session through `simulator.base_url()` …
/// let session = &simulator.sessions()[0];
/// simulator.pay(session["id"].as_str().unwrap_or_default(), PayOutcome::Paid)?;
/// # Ok(()) }
/// ```
pub struct Simulator {
    inner: Arc<Inner>,
    addr: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl Simulator {
    /// Starts listening. Needs a Tokio runtime, on which everything then runs.
    ///
    /// # Errors
    /// An address that isn't this machine's or is taken, a live key, a webhook outside this machine.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let wanted = config.checked()?;
        let listener = TcpListener::bind(wanted).await.map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => StartError::Taken(wanted),
            _ => StartError::Listen(wanted, error),
        })?;
        let addr = listener.local_addr().map_err(|error| StartError::Listen(wanted, error))?;
        let inner = Inner::new(config, format!("http://{addr}"));
        let router = server::router(Arc::clone(&inner));
        let tasks = vec![
            tokio::spawn(server::run(listener, router, Arc::clone(&inner))),
            tokio::spawn(Arc::clone(&inner).keep_time()),
        ];
        Ok(Self { inner, addr, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Adds a webhook endpoint; it hears of events from now on.
    ///
    /// # Errors
    /// An address outside this machine.
    pub fn add_endpoint(&self, url: &str, secret: &str) -> Result<(), StartError> {
        let endpoint = Endpoint { url: url.to_owned(), secret: secret.to_owned() };
        endpoint.checked()?;
        lock(&self.inner.courier).endpoints.push(endpoint);
        Ok(())
    }

    /// Pays a session as if its customer had done so on the hosted page; answers with the session.
    ///
    /// # Errors
    /// A session that doesn't exist or isn't open; the card's refusal for outcomes that are one.
    pub fn pay(&self, session: &str, outcome: PayOutcome) -> Result<Value, ApiError> {
        self.inner.change(|books| {
            books.pay(session, &Payer::for_outcome(outcome))?;
            books.find("checkout.session", session, "session").cloned()
        })
    }

    /// Completes a session with the test card of this number, its owner confirming whatever the
    /// bank asks; answers with the session.
    ///
    /// # Errors
    /// An unknown number, a session that doesn't exist or isn't open, the card's refusal.
    pub fn complete_with_card(&self, session: &str, number: &str) -> Result<Value, ApiError> {
        self.inner.change(|books| books.complete_with_card(session, number))
    }

    /// Ends a delayed payment; answers with the session.
    ///
    /// # Errors
    /// A session that doesn't exist or has no delayed payment on its way.
    pub fn settle(&self, session: &str, settlement: Settlement) -> Result<Value, ApiError> {
        self.inner.change(|books| books.settle(session, settlement))
    }

    /// Expires an open session; answers with it.
    ///
    /// # Errors
    /// A session that doesn't exist or isn't open.
    pub fn expire(&self, session: &str) -> Result<Value, ApiError> {
        self.inner.change(|books| books.expire_session(session))
    }

    /// Refunds a charge (or that of a session or an intent), in full when no amount is given; answers with the refund.
    ///
    /// # Errors
    /// Nothing to refund, or more than what is left.
    pub fn refund(&self, id: &str, amount: Option<i64>) -> Result<Value, ApiError> {
        self.inner.change(|books| {
            let charge = books.charge_of(id)?;
            books.create_refund(&json!({ "charge": charge, "amount": amount }))
        })
    }

    /// Lets a refund fail after it had succeeded; answers with it.
    ///
    /// # Errors
    /// A refund that doesn't exist or has failed before.
    pub fn fail_refund(&self, refund: &str) -> Result<Value, ApiError> {
        self.inner.change(|books| books.fail_refund(refund))
    }

    /// Opens a dispute about a charge (or that of a session or an intent); an inquiry withdraws no money.
    ///
    /// # Errors
    /// A charge that doesn't exist, never succeeded or has its dispute already.
    pub fn dispute(&self, id: &str, inquiry: bool) -> Result<Value, ApiError> {
        self.inner.change(|books| {
            let charge = books.charge_of(id)?;
            books.open_dispute(&charge, inquiry)
        })
    }

    /// Ends a dispute; answers with it.
    ///
    /// # Errors
    /// A dispute that doesn't exist, is over, or can't end like this.
    pub fn close_dispute(&self, dispute: &str, verdict: Verdict) -> Result<Value, ApiError> {
        self.inner.change(|books| books.close_dispute(dispute, verdict))
    }

    /// Warns of fraud about a charge (or that of a session or an intent); answers with the warning.
    ///
    /// # Errors
    /// A charge that doesn't exist.
    pub fn warn_of_fraud(&self, id: &str) -> Result<Value, ApiError> {
        self.inner.change(|books| {
            let charge = books.charge_of(id)?;
            books.warn_of_fraud(&charge)
        })
    }

    /// Changes fields of any object (deep, `null` included) without an event, for tests of mismatches.
    ///
    /// # Errors
    /// Nothing has this id.
    pub fn alter(&self, id: &str, fields: Value) -> Result<Value, ApiError> {
        self.inner.change(|books| books.alter(id, fields))
    }

    /// Any object by its id, as the API would show it unexpanded.
    #[must_use]
    pub fn object(&self, id: &str) -> Option<Value> {
        lock(&self.inner.books).get(id).cloned()
    }

    /// All Checkout Sessions, oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<Value> {
        self.all("checkout.session")
    }

    /// All events, oldest first, delivered or not.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.all("event")
    }

    /// All objects of one kind, such as `payment_intent`, oldest first.
    #[must_use]
    pub fn all(&self, object: &str) -> Vec<Value> {
        let mut all: Vec<Value> = lock(&self.inner.books).newest_first(object).cloned().collect();
        all.reverse();
        all
    }

    /// Everything that was asked of the API, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestSeen> {
        lock(&self.inner.recorder).all().to_vec()
    }

    /// The requests of one method to one exact path.
    #[must_use]
    pub fn requests_to(&self, method: &str, path: &str) -> Vec<RequestSeen> {
        self.requests()
            .into_iter()
            .filter(|seen| seen.method == method && seen.path == path)
            .collect()
    }

    /// Sets a fault; several are used in the order in which they were set.
    pub fn fault(&self, fault: Fault) {
        lock(&self.inner.faults).add(fault);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        lock(&self.inner.faults).clear();
    }

    /// Sets how webhooks behave from now on.
    pub fn webhooks(&self, policy: WebhookPolicy) {
        self.inner.set_policy(policy);
    }

    /// All deliveries and their attempts, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.inner.courier).deliveries.clone()
    }

    /// Delivers an event again to every endpoint, whatever the policy says.
    ///
    /// # Errors
    /// No such event.
    pub fn resend(&self, event: &str) -> Result<(), ApiError> {
        self.inner.resend(event)
    }

    /// Writes an event of any type around any object, and delivers it. Answers with the event's id.
    pub fn send_event(&self, kind: &str, object: Value) -> String {
        self.inner.change(|books| books.publish_event(kind, object))
    }

    /// Posts any body to every endpoint, signed as told, once; answers with what each endpoint said.
    pub async fn post_webhook(
        &self,
        body: impl Into<Vec<u8>>,
        signature: Signature,
    ) -> Vec<Attempt> {
        let body = body.into();
        let endpoints = lock(&self.inner.courier).endpoints.clone();
        let mut attempts = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            attempts.push(self.inner.post(&endpoint, body.clone(), signature).await);
        }
        attempts
    }

    /// Waits until no delivery is under way any more; `false` when the time was up first.
    pub async fn idle(&self, within: Duration) -> bool {
        self.inner.wait_for_deliveries(within, |all| !all.iter().any(Delivery::is_under_way)).await
    }

    /// Waits until an event of this type has been taken by an endpoint; `false` when the time was up first.
    pub async fn delivered(&self, kind: &str, within: Duration) -> bool {
        let taken = |delivery: &Delivery| {
            delivery.event_type == kind && delivery.state == DeliveryState::Delivered
        };
        self.inner.wait_for_deliveries(within, |all| all.iter().any(taken)).await
    }

    /// Moves the account's clock: sessions expire and delayed payments settle as if the time had passed.
    /// Signatures keep the machine's time.
    pub fn advance_clock(&self, by: Duration) {
        self.inner.advance_clock(by);
    }

    /// Forgets everything but the configuration and the endpoints.
    pub fn reset(&self) {
        self.inner.reset();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.inner.stop();
    }
}
