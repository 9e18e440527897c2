//! R2 and R3 for every command: a crowd sets aside, settles, extends, spends and grants at once,
//! from several processes, and each client remembers what it was told and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use chrono::TimeDelta;
use futures::future::join_all;
use recharge::{
    credits::{
        AccountId, Captured, Command, Credits, HoldTime, Note, Operation, Refusal, ReleaseReason,
        Source, Validity,
    },
    server::{
        clock::Clock,
        entity::{account, entry, hold, lot},
        ledger::{Ledger, LedgerError, Outcome, open_account},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use tokio::task::JoinSet;

use crate::{
    databases::{TestDatabase, on_both_databases},
    survival::{Acknowledged, are_in_the_order_of_the_answers},
};

const TASKS: usize = 64;
/// What each task wants to set aside, one hold after the other.
const HOLDS: usize = 6;
const COST: i64 = 7_500;

on_both_databases!(
    every_command_of_a_crowd_is_done_once_and_in_order,
    every_command_through_two_processes_is_done_once_and_in_order,
    every_command_through_four_processes_is_done_once_and_in_order,
);

async fn every_command_of_a_crowd_is_done_once_and_in_order(test: TestDatabase) {
    crowds(&test, 1).await;
}

async fn every_command_through_two_processes_is_done_once_and_in_order(test: TestDatabase) {
    crowds(&test, 2).await;
}

async fn every_command_through_four_processes_is_done_once_and_in_order(test: TestDatabase) {
    crowds(&test, 4).await;
}

/// What a client was told of one of its requests, when it asked and when it first heard.
struct Told {
    account: usize,
    key: String,
    asked: Instant,
    heard: Instant,
    outcome: Outcome,
}

impl Told {
    fn acknowledged(&self) -> Acknowledged {
        let Self { key, asked, heard, outcome, .. } = self;
        Acknowledged { key: key.clone(), entry: outcome.seq, asked: *asked, heard: *heard }
    }
}

/// A program that sends each request three times at once.
struct Client {
    ledgers: Vec<Ledger>,
    account: (usize, AccountId),
    task: usize,
    told: Vec<Told>,
}

async fn crowds(test: &TestDatabase, processes: usize) {
    for accounts in [1, 16] {
        crowd(test, accounts, processes).await;
    }
}

/// 64 tasks on so many accounts, through so many processes.
pub async fn crowd(test: &TestDatabase, accounts: usize, processes: usize) {
    let connecting = (0..processes).map(|_| test.another_process());
    let started = |database| Ledger::start(database, Clock::default());
    let ledgers: Vec<_> = join_all(connecting).await.into_iter().map(started).collect();
    let affordable = TASKS * HOLDS / accounts / 2;
    let opening = (0..accounts).map(|_| half_affordable(test, &ledgers[0], affordable));
    let opened = join_all(opening).await;
    let mut setting_aside = JoinSet::new();
    for task in 0..TASKS {
        let account = (task % accounts, opened[task % accounts].clone());
        let client = Client { ledgers: ledgers.clone(), account, task, told: Vec::new() };
        setting_aside.spawn(client.set_aside());
    }
    let clients = setting_aside.join_all().await;
    let holds = clients.iter().map(|client| client.told.len());
    assert_eq!(holds.sum::<usize>(), accounts * affordable, "exactly what is affordable");
    let settling: JoinSet<_> = clients.into_iter().map(Client::settle_and_spend).collect();
    let told: Vec<_> = settling.join_all().await.into_iter().flatten().collect();
    every_kind_was_told(&told);
    for (number, account) in opened.iter().enumerate() {
        let told: Vec<_> = told.iter().filter(|told| told.account == number).collect();
        adds_up(test, account, &told).await;
        are_in_the_order_of_the_answers(told.iter().map(|told| told.acknowledged()).collect());
    }
    ledgers[0].verify().await.unwrap();
    join_all(ledgers.iter().map(Ledger::close)).await;
}

/// An account that can set aside so often, and not once more, from two lots that no cost divides.
async fn half_affordable(test: &TestDatabase, ledger: &Ledger, affordable: usize) -> AccountId {
    let now = Clock::default().now();
    let opened = open_account(test.database.writer(), chrono_tz::UTC, 1, now).await;
    let (account, all) = (opened.unwrap(), COST * i64::try_from(affordable).unwrap() + COST - 1);
    for (key, amount) in [("first", all / 3), ("second", all - all / 3)] {
        ledger.execute(&account, key, grant(amount)).await.unwrap();
    }
    account
}

fn grant(amount: i64) -> Command {
    Command::Grant {
        source: Source::Goodwill,
        amount: Credits::from_thousandths(amount),
        validity: Validity::Until(Clock::default().now() + TimeDelta::days(30)),
        purchase: None,
        note: Note::default(),
    }
}

fn capture(hold: i64, amount: i64) -> Command {
    Command::Capture {
        hold,
        amount: Captured::Exactly(Credits::from_thousandths(amount)),
        detail: None,
    }
}

fn extend(hold: i64, more: i64) -> Command {
    let (more, lasts) = (Credits::from_thousandths(more), HoldTime::from_seconds(7_200));
    Command::Extend { hold, lasts, more, ceiling: None }
}

fn release(hold: i64) -> Command {
    Command::Release { hold, reason: ReleaseReason::Failed }
}

impl Client {
    async fn set_aside(mut self) -> Self {
        for number in 0..HOLDS {
            let hold = Command::Hold {
                operation: Operation::Backtest,
                amount: Credits::from_thousandths(COST),
                lasts: HoldTime::DEFAULT,
                note: Note::default(),
            };
            let (told, refused) = self.ask(&format!("hold-{number}"), hold).await;
            // Nothing returns while a crowd only sets aside.
            assert!(told.is_none() || refused == 0, "some copies of a request were refused");
            self.told.extend(told);
        }
        self
    }

    /// Settles its holds in every way; grants and spends between.
    async fn settle_and_spend(mut self) -> Vec<Told> {
        let holds: Vec<_> = self.told.iter().map(|told| told.outcome.hold.unwrap()).collect();
        for number in 0..HOLDS {
            let spend = Command::Spend {
                operation: Operation::Analysis,
                amount: Credits::from_thousandths(COST / 2),
                note: Note::default(),
            };
            self.does(&format!("spend-{number}"), spend).await;
            if let Some(hold) = holds.get(number) {
                self.settle(*hold, (self.task + number) % 6).await;
            }
            self.does(&format!("grant-{number}"), grant(COST / 5)).await;
        }
        self.told
    }

    async fn settle(&mut self, hold: i64, way: usize) {
        let first = format!("settle-{hold}");
        match way {
            0 => assert!(self.does(&first, capture(hold, COST)).await),
            1 => assert!(self.does(&first, capture(hold, COST / 3)).await),
            2 => assert!(self.does(&first, release(hold)).await),
            3 => {
                let extended = self.does(&format!("extend-{hold}"), extend(hold, COST / 4)).await;
                let amount = if extended { COST + COST / 4 } else { COST };
                assert!(self.does(&first, capture(hold, amount)).await);
            }
            4 => {
                // Two parts of a program that disagree: one of them has its way.
                let (one, other) = (capture(hold, COST / 2), release(hold));
                let key = format!("release-{hold}");
                let (one, other) = tokio::join!(self.ask(&first, one), self.ask(&key, other));
                let told: Vec<_> = one.0.into_iter().chain(other.0).collect();
                assert_eq!(told.len(), 1, "hold {hold} is settled once");
                self.told.extend(told);
            }
            _ => {} // Still under way at the end.
        }
    }

    async fn does(&mut self, key: &str, command: Command) -> bool {
        let (told, _) = self.ask(key, command).await;
        let is_done = told.is_some();
        self.told.extend(told);
        is_done
    }

    /// Sends a request three times at once, through different processes: one outcome, or none;
    /// and how many copies were refused.
    async fn ask(&self, key: &str, command: Command) -> (Option<Told>, usize) {
        let (key, asked) = (format!("{}-{key}", self.task), Instant::now());
        let copies = (0..3).map(|copy| {
            let ledger = &self.ledgers[(self.task + copy) % self.ledgers.len()];
            let asking = ledger.execute(&self.account.1, &key, command.clone());
            async move { (asking.await, Instant::now()) }
        });
        let (mut told, mut refused) = (Vec::<Told>::new(), 0);
        for (answer, heard) in join_all(copies).await {
            match answer {
                Ok(outcome) => {
                    let (account, key) = (self.account.0, key.clone());
                    told.push(Told { account, key, asked, heard, outcome });
                }
                Err(LedgerError::Refused(refusal)) => {
                    assert!(is_true(&refusal), "{key}: {refusal}");
                    refused += 1;
                }
                Err(error) => panic!("{key}: {error}"),
            }
        }
        let news = told.iter().filter(|told| !told.outcome.replayed).count();
        assert_eq!(news, told.len().min(1), "{key} is carried out once");
        told.sort_by_key(|told| (told.heard, told.outcome.seq));
        assert!(told.iter().all(|copy| copy.outcome.seq == told[0].outcome.seq), "{key}");
        (told.into_iter().next(), refused)
    }
}

fn is_true(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::InsufficientCredits { needed, available, .. } => needed > available,
        refusal => matches!(refusal, Refusal::HoldSettled { .. }),
    }
}

fn every_kind_was_told(told: &[Told]) {
    let kinds: BTreeSet<_> = told.iter().map(|told| told.outcome.kind.id()).collect();
    assert_eq!(kinds, ["granted", "held", "released", "spent"].into_iter().collect());
    assert!(told.iter().any(|told| told.key.contains("extend")), "no hold was extended");
}

/// The entries are what the clients were told, and balance, lots and holds are their sums.
async fn adds_up(test: &TestDatabase, account: &AccountId, told: &[&Told]) {
    let reader = test.database.reader();
    let rows = entry::Entity::find().filter(entry::Column::AccountId.eq(&account.0));
    let rows = rows.order_by_asc(entry::Column::Seq).all(reader).await.unwrap();
    assert_eq!(rows.len(), told.len() + 2, "an entry for each request, and no other");
    let by_key: BTreeMap<_, _> = told.iter().map(|told| (told.key.as_str(), *told)).collect();
    let (mut available, mut held, mut open) = (0, 0, BTreeMap::new());
    for (row, seq) in rows.iter().zip(1..) {
        (available, held) = (available + row.available_change, held + row.held_change);
        assert_eq!((row.seq, row.available_after, row.held_after), (seq, available, held));
        assert!(available >= 0 && held >= 0);
        if let Some(hold) = row.hold {
            *open.entry(hold).or_insert(0) += row.held_change;
        }
        let key = row.request_key.as_deref().unwrap();
        let Some(told) = by_key.get(key) else {
            assert!(["first", "second"].contains(&key), "{key} was never asked");
            continue;
        };
        let it = &told.outcome;
        assert_eq!((it.seq, it.kind.id(), it.hold), (row.seq, row.kind.as_str(), row.hold));
        let changes = (it.available_change.thousandths(), it.held_change.thousandths());
        assert_eq!(changes, (row.available_change, row.held_change));
    }
    let lots = lot::Entity::find().filter(lot::Column::AccountId.eq(&account.0));
    let lots = lots.all(reader).await.unwrap();
    let sums = lots.iter().fold((0, 0), |sum, lot| (sum.0 + lot.remaining, sum.1 + lot.held));
    assert_eq!(sums, (available, held));
    let holds = hold::Entity::find().filter(hold::Column::AccountId.eq(&account.0));
    let holds = holds.all(reader).await.unwrap();
    let left = |hold: &hold::Model| if hold.state == "open" { hold.amount } else { 0 };
    let sums: BTreeMap<_, _> = holds.iter().map(|hold| (hold.number, left(hold))).collect();
    assert_eq!(sums, open, "the holds are what their entries say");
    let row = account::Entity::find_by_id(&account.0).one(reader).await.unwrap();
    assert_eq!(row.map(|row| (row.available, row.held)), Some((available, held)));
}
