//! Whatever fails at a write or a commit, before the database gets it or after it has carried it
//! out: a connection that breaks, a statement that the database refuses, a panic, or the end of the
//! process. What was acknowledged is there once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use chrono_tz::UTC;
use futures::future::BoxFuture;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use recharge::{
    credits::{
        AccountId, Captured, Command, HoldTime, Note, Operation, PurchaseState, ReleaseReason,
    },
    server::{
        clock::Clock,
        database::{Database, Fate, Fates, Fault, Faults, Limits, writes},
        ledger::{Ledger, LedgerError, Outcome, open_account},
        payments::Payments,
    },
};
use stripe_simulator::WebhookPolicy;

use crate::{
    api_crash::Served,
    api_load::Worker,
    commands::{credits, grant, spend},
    databases::{TestDatabase, on_both_databases, seed},
    payments_shop::{Shop, sell, settings},
    survival::{Found, entries, times},
};

on_both_databases!(
    a_command_that_meets_a_failure_anywhere_is_carried_out_once_when_it_is_sent_again,
    a_payment_that_meets_a_failure_anywhere_is_credited_once,
    a_process_that_ends_at_any_write_has_lost_nothing,
);

/// How long a command may find the ledger unavailable after one failure.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Every so many points are tried; `TEST_EVERY_POINT` tries all.
const STRIDE: usize = 6;
/// How often a process ends at one of its writes, and the last of these writes.
const ENDS: usize = 5;
const LAST_WRITE: u64 = 150;
/// What a database answers on a full disk.
const SQLITE_FULL: &str = "13";
const POSTGRES_FULL: &str = "53100";

/// Fails at one write, once.
pub struct AtWrite {
    at: u64,
    is_before: bool,
    fault: Fault,
    seen: AtomicU64,
    is_armed: AtomicBool,
}

impl AtWrite {
    pub fn new(at: u64, is_before: bool, fault: Fault) -> Arc<Self> {
        let (seen, is_armed) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { at, is_before, fault, seen, is_armed })
    }

    pub fn arm(&self) {
        self.is_armed.store(true, Ordering::SeqCst);
    }

    /// Whether there were so many writes that it has failed.
    pub fn has_failed(&self) -> bool {
        self.seen.load(Ordering::SeqCst) > self.at
    }
}

impl Fates for AtWrite {
    fn decide(&self, _: u64, statement: &str) -> BoxFuture<'static, Fate> {
        let mut fate = Fate::default();
        if self.is_armed.load(Ordering::SeqCst)
            && writes(statement)
            && self.seen.fetch_add(1, Ordering::SeqCst) == self.at
        {
            let fault = if self.is_before { &mut fate.before } else { &mut fate.after };
            *fault = Some(self.fault);
        }
        Box::pin(std::future::ready(fate))
    }
}

/// The points in turn: each write with each fault, before and after it. What is refused is not
/// carried out.
pub fn points(database: &Database) -> impl Iterator<Item = (u64, bool, Fault)> + use<> {
    let refuses = Fault::Refuses(if database.is_sqlite() { SQLITE_FULL } else { POSTGRES_FULL });
    let all = (0..).flat_map(move |at| {
        let before = [Fault::Breaks, Fault::Panics, refuses].map(|fault| (at, true, fault));
        let after = [Fault::Breaks, Fault::Panics].map(|fault| (at, false, fault));
        before.into_iter().chain(after)
    });
    all.step_by(if is_long() { 1 } else { STRIDE })
}

pub fn is_long() -> bool {
    std::env::var_os("TEST_EVERY_POINT").is_some()
}

/// The ends in turn: before and after each write. The short form tries some of them.
fn ends() -> Vec<(u64, &'static str)> {
    let mut random = StdRng::seed_from_u64(seed());
    let mut ends: Vec<_> =
        (1..=LAST_WRITE).flat_map(|at| [(at, "before"), (at, "after")]).collect();
    ends.shuffle(&mut random);
    ends.truncate(if is_long() { ends.len() } else { ENDS });
    ends
}

/// Connects as another process, whose writes these decide on.
pub async fn connect(test: &TestDatabase, fates: &Arc<AtWrite>) -> Database {
    let faults = Faults::new(Arc::clone(fates) as Arc<dyn Fates>);
    let connected = Database::connect_with_faults(&test.url, None, Limits::SERVING, &faults).await;
    connected.unwrap()
}

/// Another process of the shop, whose writes these decide on.
pub async fn failing(shop: &Shop, fates: &Arc<AtWrite>) -> (Payments, Ledger) {
    let database = connect(&shop.test, fates).await;
    let ledger = Ledger::start(database.clone(), shop.clock.clone());
    let settings = settings(&shop.stripe.base_url());
    (sell(&database, &shop.clock, &ledger, settings).await, ledger)
}

/// Each kind of command, with its key: the entry of each has its number in this order.
fn commands() -> Vec<(&'static str, Command)> {
    let hold = |whole| Command::Hold {
        operation: Operation::Backtest,
        amount: credits(whole),
        lasts: HoldTime::DEFAULT,
        note: Note::default(),
    };
    let captured = Captured::Exactly(credits(15));
    vec![
        ("grant", grant(100)),
        ("spend", spend(10)),
        ("hold", hold(20)),
        ("extend", Command::Extend { hold: 3, lasts: None, more: credits(5), ceiling: None }),
        ("capture", Command::Capture { hold: 3, amount: captured, detail: None }),
        ("hold again", hold(30)),
        ("release", Command::Release { hold: 6, reason: ReleaseReason::Failed }),
    ]
}

/// Sends a command until it has an outcome.
pub async fn insist(ledger: &Ledger, account: &AccountId, key: &str, command: Command) -> Outcome {
    let begun = Instant::now();
    loop {
        match ledger.execute(account, key, command.clone()).await {
            Ok(outcome) => return outcome,
            Err(LedgerError::Unavailable) => assert!(begun.elapsed() < PATIENCE, "{key}"),
            Err(error) => panic!("{key}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn a_command_that_meets_a_failure_anywhere_is_carried_out_once_when_it_is_sent_again(
    test: TestDatabase,
) {
    let (clock, mut tried) = (Clock::default(), 0);
    let (mut found, mut longest) = (Found::default(), Duration::ZERO);
    let books = Ledger::start(test.database.clone(), clock.clone());
    for (at, is_before, fault) in points(&test.database) {
        let opened = open_account(test.database.writer(), UTC, 1, clock.now()).await;
        let (account, fates) = (opened.unwrap(), AtWrite::new(at, is_before, fault));
        let ledger = Ledger::start(connect(&test, &fates).await, clock.clone());
        let begun = Instant::now();
        fates.arm();
        for (number, (key, command)) in (1..).zip(commands()) {
            let outcome = insist(&ledger, &account, key, command).await;
            assert_eq!(outcome.seq, number, "{key}, {fault:?} at {at}");
        }
        let took = begun.elapsed();
        assert!(took < Limits::SERVING.connection, "{fault:?} at {at} held all off for {took:?}");
        longest = longest.max(took);
        let done = entries(&test.database, &account).await;
        for (number, (key, _)) in (1..).zip(commands()) {
            let done = done.get(key).map_or(0, |found| times(found, Some(number)));
            found.note(&format!("{key}, {fault:?} at {at}"), done, true);
        }
        found.acknowledged += commands().len();
        let balance = books.balance(&account).await.unwrap();
        assert_eq!(balance, (credits(75), credits(0)), "{fault:?} at {at}");
        ledger.close().await;
        if !fates.has_failed() {
            break;
        }
        tried += 1;
    }
    assert!(tried >= 5, "only {tried} writes failed");
    books.verify().await.unwrap();
    books.close().await;
    found.report(tried, longest);
}

async fn a_payment_that_meets_a_failure_anywhere_is_credited_once(shop: Shop) {
    shop.stripe.webhooks(WebhookPolicy::drop_all());
    let (mut tried, mut found, mut longest) = (0, Found::default(), Duration::ZERO);
    for (at, is_before, fault) in points(&shop.test.database) {
        let fates = AtWrite::new(at, is_before, fault);
        let (payments, ledger) = failing(&shop, &fates).await;
        let buyer = shop.customer().await;
        let purchase = shop.order(&buyer).await;
        shop.pay(&purchase);
        fates.arm();
        let begun = Instant::now();
        while shop.look(&purchase).await.state != PurchaseState::Credited {
            payments.reconcile(TimeDelta::zero()).await.ok();
            assert!(
                begun.elapsed() < PATIENCE,
                "{fault:?} at {at}: {:?}",
                shop.look(&purchase).await
            );
        }
        longest = longest.max(begun.elapsed());
        found.note(&format!("{fault:?} at {at}"), shop.lots(&purchase).await, true);
        found.acknowledged += 1;
        assert_eq!(shop.available(&buyer).await, purchase.credits, "{fault:?} at {at}");
        ledger.close().await;
        if !fates.has_failed() {
            break;
        }
        tried += 1;
    }
    assert!(tried >= 2, "only {tried} writes failed");
    shop.books_agree().await;
    found.report(tried, longest);
}

async fn a_process_that_ends_at_any_write_has_lost_nothing(test: TestDatabase) {
    let mut served = Served::new(&test).await;
    let worker = Worker::new(&test, &served.address).await;
    let (mut all, mut found) = (Vec::new(), Found::default());
    for (round, (at, when)) in ends().into_iter().enumerate() {
        let stop = Arc::default();
        let ready = served.start_with(&[("FAULT_AT", &format!("{at}:{when}"))]).await;
        let working = worker.work(round.to_string(), &stop);
        if ready.is_some() {
            served.has_ended().await;
        }
        stop.store(true, Ordering::SeqCst);
        let log = working.await.unwrap();
        found = found.and(worker.check(&test, std::slice::from_ref(&log)).await);
        all.push(log);
    }
    let ready = served.start().await;
    found.and(worker.settle(&test, &all).await).report(all.len(), ready);
}
