//! What clients heard from the program, held against the database: the order of the entries, what
//! is lost and what was done twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use recharge::{
    credits::AccountId,
    server::{database::Database, entity::entry},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// A request that the program acknowledged: its entry, and when its client asked and heard.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub key: String,
    pub entry: i64,
    pub asked: Instant,
    pub heard: Instant,
}

/// Holds R3 for one account: a request that was answered before another one was sent has the
/// earlier entry, whoever sent them.
#[track_caller]
pub fn are_in_the_order_of_the_answers(mut asked: Vec<Acknowledged>) {
    let mut heard = asked.clone();
    asked.sort_by_key(|it| it.asked);
    heard.sort_by_key(|it| it.heard);
    let (mut heard, mut latest) = (heard.into_iter().peekable(), 0);
    for it in asked {
        while let Some(before) = heard.next_if(|before| before.heard < it.asked) {
            latest = latest.max(before.entry);
        }
        let Acknowledged { key, entry, .. } = it;
        assert!(entry > latest, "{key} was asked after the answer with entry {latest}: {entry}");
    }
}

/// Returns the entries of an account by the keys of their requests.
pub async fn entries(database: &Database, account: &AccountId) -> BTreeMap<String, Vec<i64>> {
    let rows = entry::Entity::find().filter(entry::Column::AccountId.eq(&account.0));
    let mut entries = BTreeMap::<String, Vec<i64>>::new();
    for row in rows.all(database.reader()).await.unwrap() {
        entries.entry(row.request_key.unwrap_or_default()).or_default().push(row.seq);
    }
    entries
}

/// Returns how often a request was done. An entry with another number than its client heard doesn't
/// count.
pub fn times(entries: &[i64], heard: Option<i64>) -> usize {
    if heard.is_none_or(|entry| entries.contains(&entry)) { entries.len() } else { 0 }
}

/// What a test has found in the database.
#[must_use = "only the report says what is lost"]
#[derive(Debug, Default)]
pub struct Found {
    /// Requests that the program acknowledged.
    pub acknowledged: usize,
    /// Requests whose clients heard no outcome.
    pub unknown: usize,
    lost: BTreeSet<String>,
    doubled: BTreeSet<String>,
}

impl Found {
    /// Holds the entries of an account against what its clients heard. What was acknowledged must be
    /// there once, and in the order of the answers; what is unknown may be there once.
    pub fn in_entries(
        entries: &BTreeMap<String, Vec<i64>>,
        acknowledged: Vec<Acknowledged>,
        unknown: &[String],
    ) -> Self {
        let done = |key: &str, heard| entries.get(key).map_or(0, |found| times(found, heard));
        let mut found = Self::of(acknowledged.len(), unknown.len());
        for Acknowledged { key, entry, .. } in &acknowledged {
            found.note(key, done(key, Some(*entry)), true);
        }
        for key in unknown {
            found.note(key, done(key, None), false);
        }
        are_in_the_order_of_the_answers(acknowledged);
        found
    }

    /// Holds the entries of an account against all keys that its clients used, after the outcome of
    /// each is known: each key must be there once, and no other.
    pub fn once_in_entries(
        mut entries: BTreeMap<String, Vec<i64>>,
        keys: impl IntoIterator<Item = String>,
    ) -> Self {
        entries.remove("grant");
        let mut found = Self::default();
        for key in keys {
            found.note(&key, entries.remove(&key).unwrap_or_default().len(), true);
        }
        assert!(entries.is_empty(), "nobody has asked for these: {entries:?}");
        found
    }

    /// Begins with these requests, of which nothing is known yet.
    pub fn of(acknowledged: usize, unknown: usize) -> Self {
        Self { acknowledged, unknown, ..Self::default() }
    }

    /// Notes how often a request was done, which must be done once or may be.
    pub fn note(&mut self, key: &str, times: usize, must_be_done: bool) {
        if must_be_done && times == 0 {
            self.lost.insert(key.to_owned());
        }
        if times > 1 {
            self.doubled.insert(key.to_owned());
        }
    }

    /// Adds what was found elsewhere, or later.
    pub fn and(mut self, other: Self) -> Self {
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.lost.extend(other.lost);
        self.doubled.extend(other.doubled);
        self
    }

    /// Prints the line that `make soak` adds up, and holds that nothing is lost and that nothing
    /// was done twice. `recovered` is the longest time until work went on after a fault.
    #[track_caller]
    pub fn report(self, faults: usize, recovered: Duration) {
        let Self { acknowledged, unknown, lost, doubled } = self;
        println!(
            "RESULT faults={faults} acknowledged={acknowledged} unknown={unknown} lost={} \
             doubled={} recovered_ms={}",
            lost.len(),
            doubled.len(),
            recovered.as_millis(),
        );
        assert!(lost.is_empty() && doubled.is_empty(), "lost {lost:?}, done twice {doubled:?}");
    }
}

#[test]
fn what_is_lost_or_done_twice_is_counted_once() {
    let mut found = Found::of(3, 1);
    for (key, times, must_be_done) in
        [("right", 1, true), ("lost", 0, true), ("twice", 2, true), ("not done", 0, false)]
    {
        found.note(key, times, must_be_done);
    }
    let mut later = Found::of(0, 0);
    later.note("lost", times(&[7], Some(6)), true);
    later.note("twice", times(&[4, 5], Some(5)), true);
    let found = found.and(later);
    assert_eq!((found.acknowledged, found.unknown), (3, 1));
    assert_eq!((found.lost.len(), found.doubled.len()), (1, 1));
}

/// Requests as (asked, heard, entry), in milliseconds.
fn answers(all: &[(u64, u64, i64)]) -> Vec<Acknowledged> {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let answer = |(asked, heard, entry): &(u64, u64, i64)| Acknowledged {
        key: format!("asked at {asked}"),
        entry: *entry,
        asked: at(*asked),
        heard: at(*heard),
    };
    all.iter().map(answer).collect()
}

#[test]
fn requests_at_the_same_time_may_have_any_order() {
    are_in_the_order_of_the_answers(answers(&[(0, 10, 2), (5, 15, 1), (11, 12, 3), (16, 20, 4)]));
}

#[test]
#[should_panic(expected = "asked at 11 was asked after the answer with entry 2: 1")]
fn an_entry_before_one_that_was_answered_earlier_is_noticed() {
    are_in_the_order_of_the_answers(answers(&[(0, 10, 2), (5, 15, 3), (11, 12, 1)]));
}
