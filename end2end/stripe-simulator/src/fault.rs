//! Faults: how an answer can go wrong on its way, without the books being wrong.
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What happens to the next requests on a path.
///
/// ```
/// use stripe_simulator::Fault;
/// let once_bad_gateway = Fault::on("POST", "/v1/checkout/sessions").status(502).html("<h1>Bad gateway</h1>").times(1);
/// let answer_lost = Fault::on("POST", "/v1/checkout/sessions").after_doing().drop_connection().times(1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `GET`, `POST`; empty for both.
    #[serde(default)]
    pub method: String,
    /// How the path begins.
    pub path: String,
    /// Answer this status instead.
    #[serde(default)]
    pub status: Option<u16>,
    /// The body that goes with it; a Stripe error when empty.
    #[serde(default)]
    pub body: Option<String>,
    /// The body is HTML, not JSON.
    #[serde(default)]
    pub html: bool,
    /// Wait this long first.
    #[serde(default)]
    pub delay_ms: u64,
    /// Do what was asked, and only then wait, fail or drop the answer.
    #[serde(default)]
    pub after_doing: bool,
    /// Close the connection without an answer.
    #[serde(default)]
    pub drop_connection: bool,
    /// How many more requests it meets; `None` for all.
    #[serde(default)]
    pub times: Option<u32>,
}

impl Fault {
    /// A fault that does nothing yet.
    #[must_use]
    pub fn on(method: &str, path: &str) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            status: None,
            body: None,
            html: false,
            delay_ms: 0,
            after_doing: false,
            drop_connection: false,
            times: None,
        }
    }

    /// Answer this status instead.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Answer with this page, as a proxy in between would.
    #[must_use]
    pub fn html(mut self, body: &str) -> Self {
        self.body = Some(body.into());
        self.html = true;
        self
    }

    /// Wait before going on.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Do what was asked first.
    #[must_use]
    pub fn after_doing(mut self) -> Self {
        self.after_doing = true;
        self
    }

    /// Close the connection without an answer.
    #[must_use]
    pub fn drop_connection(mut self) -> Self {
        self.drop_connection = true;
        self
    }

    /// Only for so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn meets(&self, method: &str, path: &str) -> bool {
        (self.method.is_empty() || self.method.eq_ignore_ascii_case(method))
            && path.starts_with(&self.path)
            && self.times != Some(0)
    }
}

/// The faults that are set; the first that meets a request is used.
#[derive(Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn all(&self) -> &[Fault] {
        &self.0
    }

    /// The fault for this request; counts it.
    pub fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let found = self.0.iter_mut().find(|fault| fault.meets(method, path))?;
        let fault = found.clone();
        found.times = found.times.map(|times| times - 1);
        self.0.retain(|fault| fault.times != Some(0));
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_its_method_and_path_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.add(Fault::on("post", "/v1/checkout").status(500).times(2));
        assert!(faults.take("GET", "/v1/checkout/sessions").is_none());
        assert!(faults.take("POST", "/v1/events").is_none());
        assert!(faults.take("POST", "/v1/checkout/sessions").is_some());
        assert!(faults.take("POST", "/v1/checkout/sessions").is_some());
        assert!(faults.take("POST", "/v1/checkout/sessions").is_none());
    }
}
