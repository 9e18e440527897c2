//! What a process keeps of an account is never believed without proof: what another process or a
//! setting has changed counts from the next command on.

use chrono::{TimeDelta, TimeZone};
use chrono_tz::Tz;
use recharge::{
    credits::{AccountId, Caps, Command, Refusal},
    server::{
        clock::Clock,
        entity::{event, usage_daily},
        ledger::{Ledger, LedgerError, Outcome, open_account},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    commands::{credits, grant, spend},
    databases::{TestDatabase, on_both_databases},
};

on_both_databases!(
    what_another_process_has_added_can_be_spent_at_once,
    what_another_process_has_spent_is_gone_at_once,
    a_key_that_another_process_has_used_is_known,
    a_cap_that_is_set_elsewhere_counts_at_once,
    a_threshold_that_is_set_elsewhere_is_watched_at_once,
    a_zone_that_is_set_elsewhere_counts_the_days_at_once,
    time_passes_for_what_is_kept,
);

/// Two processes on one database, and an account with 10 credits that the first one has used last.
struct Two {
    test: TestDatabase,
    clock: Clock,
    account: AccountId,
    first: Ledger,
    second: Ledger,
}

impl Two {
    async fn given(test: TestDatabase) -> Self {
        let clock = Clock::default();
        let opened = clock.now();
        let account = open_account(test.database.writer(), Tz::UTC, 1, opened).await.unwrap();
        let first = Ledger::start(test.database.clone(), clock.clone());
        let second = Ledger::start(test.another_process().await, clock.clone());
        let two = Self { test, clock, account, first, second };
        two.first("granted", grant(12)).await.unwrap();
        two.first("kept", spend(1)).await.unwrap();
        two.first("used", spend(1)).await.unwrap();
        two
    }

    async fn first(&self, key: &str, command: Command) -> Result<Outcome, LedgerError> {
        self.first.execute(&self.account, key, command).await
    }

    async fn second(&self, key: &str, command: Command) -> Result<Outcome, LedgerError> {
        self.second.execute(&self.account, key, command).await
    }

    /// The books add up, with so many entries.
    async fn has_entries(&self, count: u64) {
        assert_eq!(self.first.verify().await.unwrap().entries, count);
    }
}

async fn what_another_process_has_added_can_be_spent_at_once(test: TestDatabase) {
    let two = Two::given(test).await;
    two.first("all", spend(10)).await.unwrap();
    two.second("more", grant(5)).await.unwrap();
    assert_eq!(two.first("again", spend(5)).await.unwrap().available_after, credits(0));
    two.has_entries(6).await;
}

async fn what_another_process_has_spent_is_gone_at_once(test: TestDatabase) {
    let two = Two::given(test).await;
    two.second("theirs", spend(8)).await.unwrap();
    assert_eq!(two.first("fits", spend(2)).await.unwrap().available_after, credits(0));
    two.second("more", grant(1)).await.unwrap();
    two.second("gone", spend(1)).await.unwrap();
    let refused = two.first("too-much", spend(1)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::InsufficientCredits { .. })));
    two.has_entries(7).await;
}

async fn a_key_that_another_process_has_used_is_known(test: TestDatabase) {
    let two = Two::given(test).await;
    // Not the account's last change: the first process has it as it is.
    two.second("theirs", spend(3)).await.unwrap();
    for key in ["ours", "also-ours"] {
        two.first(key, spend(1)).await.unwrap();
    }
    let again = two.first("theirs", spend(3)).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.available_after, credits(7));
    let reused = two.first("theirs", spend(4)).await.unwrap_err();
    assert_eq!(reused, LedgerError::Refused(Refusal::KeyReused));
    assert_eq!(two.first("next", spend(1)).await.unwrap().available_after, credits(4));
    two.has_entries(7).await;
}

async fn a_cap_that_is_set_elsewhere_counts_at_once(test: TestDatabase) {
    let two = Two::given(test).await;
    let caps = Caps { all: Some(credits(3)), ..Caps::default() };
    two.second.set_caps(&two.account, caps).await.unwrap();
    two.first("fits", spend(1)).await.unwrap();
    let refused = two.first("above", spend(1)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::SpendCap { .. })), "{refused:?}");
    two.second.set_caps(&two.account, Caps::default()).await.unwrap();
    two.first("free", spend(1)).await.unwrap();
}

async fn a_threshold_that_is_set_elsewhere_is_watched_at_once(test: TestDatabase) {
    let two = Two::given(test).await;
    two.second.warn_below(&two.account, Some(credits(9))).await.unwrap();
    two.first("below", spend(2)).await.unwrap();
    let told = event::Entity::find().all(two.test.database.reader()).await.unwrap();
    let kinds: Vec<_> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["credits.low"]);
}

async fn a_zone_that_is_set_elsewhere_counts_the_days_at_once(test: TestDatabase) {
    let two = Two::given(test).await;
    // A quarter to midnight in UTC, where the day in Kiritimati is another one.
    let now = two.clock.now();
    let night = now.date_naive().and_hms_opt(23, 45, 0).unwrap().and_utc() + TimeDelta::days(1);
    two.clock.advance(night - now);
    two.first("in-utc", spend(1)).await.unwrap();
    let zone = Tz::Pacific__Kiritimati;
    two.second.set_billing_cycle(&two.account, 1, zone).await.unwrap();
    two.first("there", spend(1)).await.unwrap();
    let day = zone.from_utc_datetime(&night.naive_utc()).date_naive().to_string();
    let found = usage_daily::Entity::find().filter(usage_daily::Column::Day.eq(day));
    let found = found.one(two.test.database.reader()).await.unwrap().unwrap();
    assert_eq!((found.credits, found.operations), (2_000, 2));
    two.has_entries(5).await;
}

async fn time_passes_for_what_is_kept(test: TestDatabase) {
    let two = Two::given(test).await;
    two.clock.advance(TimeDelta::days(366));
    let refused = two.first("late", spend(1)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::InsufficientCredits { .. })));
    two.has_entries(4).await;
}
