//! Workers that drive the served API and write down what was acknowledged.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use recharge::{
    credits::{AccountId, Command, Credits, Note, Source, Validity},
    server::{
        clock::Clock,
        database::Database,
        identity::{ApiKeys, Scope, api_keys::NewApiKey},
        ledger::{Ledger, open_account},
    },
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    databases::TestDatabase,
    survival::{Acknowledged, Found, entries},
};

/// A service of the platform that asks over the network, and the account it charges.
#[derive(Clone)]
pub struct Worker {
    pub account: AccountId,
    pub key: String,
    address: String,
    client: reqwest::Client,
    acknowledged: Arc<AtomicUsize>,
}

/// A request: its address, its idempotency key, its body.
pub type Sent = (String, String, Value);

/// What one worker knows: what was acknowledged, in the order in which it asked, and what it sent
/// without being told what became of it.
#[derive(Debug, Default)]
pub struct Log {
    pub acknowledged: Vec<Acknowledged>,
    pub unknown: Vec<Sent>,
}

impl Log {
    fn unknown_keys(&self) -> impl Iterator<Item = String> {
        self.unknown.iter().flat_map(sent_keys)
    }
}

/// The keys of the entries that a request leads to: its own, or one for each charge of a batch.
fn sent_keys((_, key, body): &Sent) -> Vec<String> {
    match body["items"].as_array() {
        Some(items) => (0..items.len()).map(|index| format!("{key}\u{1f}{index}")).collect(),
        None => vec![key.clone()],
    }
}

/// The numbers of the entries that an answer tells of.
fn told_entries(told: &Value) -> Vec<i64> {
    match told["results"].as_array() {
        Some(results) => {
            results.iter().map(|result| &result["usage"]).flat_map(told_entries).collect()
        }
        None => vec![told["entry"].as_i64().unwrap()],
    }
}

/// Returns what an answer acknowledges, which its client has heard just now.
pub fn acknowledged(sent: &Sent, asked: Instant, told: &Value) -> Vec<Acknowledged> {
    let heard = Instant::now();
    let entries = sent_keys(sent).into_iter().zip(told_entries(told));
    entries.map(|(key, entry)| Acknowledged { key, entry, asked, heard }).collect()
}

/// Whether all was done: a part of a batch may have met a server that could not write.
fn is_whole(told: &Value) -> bool {
    let Some(results) = told["results"].as_array() else { return true };
    let statuses: Vec<_> = results.iter().map(|result| &result["status"]).collect();
    assert!(statuses.iter().all(|status| [200, 503].contains(&status.as_u64().unwrap())));
    statuses.iter().all(|status| **status == 200)
}

impl Worker {
    /// A worker of an account with a million credits.
    pub async fn new(test: &TestDatabase, address: &str) -> Self {
        let (database, clock) = (test.database.clone(), Clock::default());
        let opened = open_account(database.writer(), chrono_tz::UTC, 1, clock.now()).await;
        let account = opened.unwrap();
        let grant = Command::Grant {
            source: Source::Promotion,
            amount: Credits::try_from_whole(1_000_000).unwrap(),
            validity: Validity::OneYear,
            purchase: None,
            note: Note::default(),
        };
        let ledger = Ledger::start(database.clone(), clock.clone());
        ledger.execute(&account, "grant", grant).await.unwrap();
        ledger.close().await;
        let new = NewApiKey {
            name: "Worker".to_owned(),
            account: None,
            scopes: [Scope::Read, Scope::Spend, Scope::Grant].into_iter().collect(),
            ceiling: None,
            intent: None,
        };
        let made = ApiKeys::new(database, clock).make(new).await.unwrap();
        let key = format!("Bearer {}", made.text.reveal());
        // Nobody waits long for a server that was killed.
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy();
        let (address, client) = (address.to_owned(), client.build().unwrap());
        Self { account, key, address, client, acknowledged: Arc::default() }
    }

    /// Sends a request once: the answer, or none where nobody knows what became of it.
    pub async fn send(&self, sent: &Sent) -> Option<Value> {
        let (path, key, body) = sent;
        let request = self.client.post(format!("http://{}/api/v1{path}", self.address));
        let request = request.header("authorization", &self.key).header("idempotency-key", key);
        let answer = request.json(body).send().await.ok()?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.ok()?;
        match status {
            200 | 201 if is_whole(&body) => {
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
                Some(body)
            }
            200 | 503 => None,
            _ => panic!("{path} was answered with {status}: {body}"),
        }
    }

    /// Until so much more was acknowledged.
    pub async fn has_done(&self, more: usize) {
        let (before, started) = (self.acknowledged.load(Ordering::SeqCst), Instant::now());
        while self.acknowledged.load(Ordering::SeqCst) < before + more {
            assert!(started.elapsed() < Duration::from_secs(20), "nothing is done");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Does everything that a service can ask for, in turn, until it is told to stop.
    pub fn work(&self, name: String, stop: &Arc<AtomicBool>) -> JoinHandle<Log> {
        let (worker, stop) = (self.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            let (mut log, mut hold) = (Log::default(), None);
            for number in 0.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (path, body) = worker.errand(number, hold.as_deref());
                let (sent, asked) = ((path, format!("{name}-{number}"), body), Instant::now());
                match worker.send(&sent).await {
                    Some(told) => {
                        log.acknowledged.extend(acknowledged(&sent, asked, &told));
                        hold = (told["state"] == "open")
                            .then(|| told["id"].as_str().unwrap().to_owned());
                    }
                    None => {
                        log.unknown.push(sent);
                        // Nothing more is asked of a hold before it is known how it is.
                        hold = None;
                        // Who gets no answer waits a moment.
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
            log
        })
    }

    /// What is asked next: what fits the hold that the worker has, or what needs none.
    pub fn errand(&self, number: usize, hold: Option<&str>) -> (String, Value) {
        let charge = json!({"account": self.account.0, "operation": "backtest", "amount": "1"});
        match (number % 9, hold) {
            (1 | 3 | 5, _) => ("/holds".to_owned(), charge),
            (2, Some(hold)) => (format!("/holds/{hold}/capture"), json!({"amount": "0.5"})),
            (4, Some(hold)) => (format!("/holds/{hold}/release"), json!({"reason": "failed"})),
            (6, Some(hold)) => {
                let longer = json!({"ttl_seconds": 7_200, "more": "0.5"});
                (format!("/holds/{hold}/extend"), longer)
            }
            // All of it, with what was set aside on top.
            (7, Some(hold)) => (format!("/holds/{hold}/capture"), json!({})),
            (8, _) => ("/usage/batch".to_owned(), json!({"items": [charge, charge, charge]})),
            (0, _) => {
                let given = json!({"amount": "2", "description": "Autumn research credits"});
                (format!("/accounts/{}/grants", self.account.0), given)
            }
            _ => ("/usage".to_owned(), charge),
        }
    }

    /// The entries of the account by the key of their request.
    pub async fn entries(&self, test: &TestDatabase) -> BTreeMap<String, Vec<i64>> {
        self.entries_in(&test.database).await
    }

    /// The same in another database.
    pub async fn entries_in(&self, database: &Database) -> BTreeMap<String, Vec<i64>> {
        let entries = entries(database, &self.account).await.into_iter();
        entries.map(|(key, found)| (key.trim_start_matches("api:").to_owned(), found)).collect()
    }

    /// Holds what was acknowledged against what is there. It must be there once, and in the order
    /// of the answers; what is unknown may be there once.
    pub async fn check(&self, test: &TestDatabase, logs: &[Log]) -> Found {
        for log in logs {
            assert!(log.acknowledged.is_sorted_by_key(|it| it.entry), "not in their order");
        }
        let acknowledged = logs.iter().flat_map(|log| log.acknowledged.iter().cloned());
        let unknown: Vec<_> = logs.iter().flat_map(Log::unknown_keys).collect();
        Found::in_entries(&self.entries(test).await, acknowledged.collect(), &unknown)
    }

    /// Sends again what is unknown. Then all of it must be there once, and the books add up.
    pub async fn settle(&self, test: &TestDatabase, logs: &[Log]) -> Found {
        for sent in logs.iter().flat_map(|log| &log.unknown) {
            assert!(self.send(sent).await.is_some(), "{sent:?} has no outcome");
        }
        let keys = logs.iter().flat_map(|log| {
            let known = log.acknowledged.iter().map(|it| it.key.clone());
            known.chain(log.unknown_keys())
        });
        let found = Found::once_in_entries(self.entries(test).await, keys);
        let ledger = Ledger::start(test.database.clone(), Clock::default());
        ledger.verify().await.unwrap();
        found
    }
}
