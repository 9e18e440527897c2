//! What an operator's collector asks for, in the text format of Prometheus.

use std::fmt::{Display, Write};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::server::{
    AppState, jobs,
    outbox::{self, Waiting},
    readiness::Trouble,
};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of figures while it is written.
#[derive(Debug, Default)]
struct Figures(String);

impl Figures {
    /// One figure with a value for each job.
    fn by_job<V: Display>(&mut self, name: &str, kind: &str, help: &str, values: &[(&str, V)]) {
        self.by("job", name, kind, help, values);
    }

    /// One figure with a value for each of something.
    fn by<V: Display>(
        &mut self,
        label: &str,
        name: &str,
        kind: &str,
        help: &str,
        values: &[(&str, V)],
    ) {
        self.head(name, kind, help);
        for (of, value) in values {
            // Writing to a text can't fail; names of our own need no escaping.
            writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}").ok();
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        writeln!(self.0, "{name} {value}").ok();
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
    }
}

/// GET /metrics: what this process counts, and what stands in the database.
///
/// Who sets `METRICS_TOKEN` is asked for it as a bearer token; without one there are no metrics in
/// production, because the figures of a business are nobody's business.
pub async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Response {
    if let Err(refusal) = may_read(&state, &headers) {
        return refusal.into_response();
    }
    let mut figures = Figures::default();
    counted(&mut figures, &state);
    edge(&mut figures, &state);
    let stands = timeout(state.deadlines.figures, standing(&mut figures, &state)).await;
    let stands = stands.unwrap_or(false);
    // Those of this process are told even where the database is away.
    figures.one("recharge_database_up", "gauge", "Whether the database answers.", u8::from(stands));
    ([(header::CONTENT_TYPE, TEXT)], figures.0).into_response()
}

fn may_read(state: &AppState, headers: &HeaderMap) -> Result<(), StatusCode> {
    let Some(token) = &state.config.metrics_token else {
        let is_open = !state.config.is_production();
        return if is_open { Ok(()) } else { Err(StatusCode::NOT_FOUND) };
    };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // Of digests nobody learns by the time it takes how much of a token was right.
    let is_right = Sha256::digest(given) == Sha256::digest(token.reveal());
    if is_right { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
}

/// What this process has counted since it started.
fn counted(figures: &mut Figures, state: &AppState) {
    let counts = state.job_counts.all();
    let of = |value: fn(&jobs::Count) -> u64| {
        counts.iter().map(|(name, count)| (*name, value(count))).collect::<Vec<_>>()
    };
    let (counter, jobs) = ("counter", "recharge_job");
    let runs = of(|count| count.runs);
    figures.by_job(&format!("{jobs}_runs_total"), counter, "Runs of a job here.", &runs);
    let failures = of(|count| count.failures);
    figures.by_job(&format!("{jobs}_failures_total"), counter, "Failed runs here.", &failures);
    let done = of(|count| count.done);
    figures.by_job(&format!("{jobs}_done_total"), counter, "What runs here have done.", &done);
    let help = "Acknowledged commands that stand in no file, because it can\u{2019}t be written.";
    let unwritten = state.ledger.unwritten_acknowledgements();
    figures.one("recharge_acknowledged_unwritten", "gauge", help, unwritten);
    let payments = state.payments.counters();
    let rejected = payments.rejected_webhooks();
    let help = "Webhooks of Stripe's whose signature was missing, wrong or too old.";
    figures.one("recharge_rejected_webhooks_total", counter, help, rejected);
    let help = "Payments that a person must look at.";
    figures.one("recharge_purchase_reviews_total", counter, help, payments.reviews());
    let mail = state.notices.counters();
    figures.one("recharge_mail_sent_total", counter, "Mails that were taken.", mail.sent());
    let help = "Attempts to send a mail that failed.";
    figures.one("recharge_mail_failures_total", counter, help, mail.failed());
    let help = "Mails that were refused for good, or could not be sent for days.";
    figures.one("recharge_mail_given_up_total", counter, help, mail.given_up());
    let help = "Whether the mail server can\u{2019}t be used just now; mail waits meanwhile.";
    figures.one("recharge_mail_server_away", "gauge", help, u8::from(mail.is_away()));
}

/// What speaks against sending requests to this process, and how many clients it has.
fn edge(figures: &mut Figures, state: &AppState) {
    let troubles = state.readiness.all();
    let troubles = Trouble::ALL.map(|it| (it.id(), u8::from(troubles.contains_key(&it))));
    let help = "Whether this process has a trouble that makes it not ready.";
    figures.by("trouble", "recharge_trouble", "gauge", help, &troubles);
    let (counts, gauge, counter) = (&state.connections, "gauge", "counter");
    let help = "Connections of clients.";
    figures.one("recharge_connections", gauge, help, counts.open());
    let help = "Connections that this process takes at once.";
    figures.one("recharge_connections_most", gauge, help, counts.most());
    let help = "Connections that carry a stream of events.";
    figures.one("recharge_connections_streams", gauge, help, counts.streams());
    let help = "Connections without a request that gave way to new ones.";
    figures.one("recharge_connections_gave_way_total", counter, help, counts.gave_way());
    let help = "Connections without a seat and requests without memory, sent away.";
    figures.one("recharge_connections_sent_away_total", counter, help, counts.sent_away());
    let help = "Seconds since the oldest batch was taken that is not written.";
    let age = state.ledger.age_of_batch().unwrap_or_default().as_secs_f64();
    figures.one("recharge_ledger_batch_age_seconds", gauge, help, age);
}

/// What stands in the database, for all processes alike; false where it is away.
async fn standing(figures: &mut Figures, state: &AppState) -> bool {
    let now = state.clock.now();
    let standings = jobs::standings(&state.database, now).await;
    let (Ok(standings), Ok(waiting)) = (standings, outbox::waiting(&state.database).await) else {
        return false;
    };
    let lags: Vec<_> =
        standings.iter().map(|it| (it.name.as_str(), it.lag.num_seconds())).collect();
    let help = "For how long a slot has been due that no process has done.";
    figures.by_job("recharge_job_lag_seconds", "gauge", help, &lags);
    let claimed = |it: &jobs::Standing| it.claimed_at.timestamp();
    let claimed: Vec<_> = standings.iter().map(|it| (it.name.as_str(), claimed(it))).collect();
    let help = "When a process last began a slot, in seconds since 1970.";
    figures.by_job("recharge_job_begun_seconds", "gauge", help, &claimed);
    let of = |value: &dyn Fn(&Waiting) -> i64| {
        let value = |name: &'static str| {
            let found = waiting.iter().find(|it| it.channel == name);
            (name, found.map_or(0, value))
        };
        ["mail", "webhook"].map(value)
    };
    let help = "Messages that wait to be sent.";
    let (name, messages) = ("recharge_outbox_waiting", of(&|it| it.messages));
    figures.by("channel", name, "gauge", help, &messages);
    let help = "For how long the oldest of them has waited.";
    let age = of(&|it| (now.timestamp_millis() - it.since).max(0) / 1_000);
    figures.by("channel", "recharge_outbox_waiting_seconds", "gauge", help, &age);
    true
}
