//! The keys of programs: who is known by them, for how long, and what nobody learns.

use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Credits},
    server::{
        entity::api_key,
        identity::{
            ApiKey, ApiKeys, KeyProblem, Scope,
            api_keys::{MadeKey, MakeKeyError, NewApiKey},
        },
    },
};
use sea_orm::{EntityTrait, PaginatorTrait};
use uuid::Uuid;

use crate::{app::TestApp, databases::on_both_databases};

on_both_databases!(
    a_program_is_known_by_its_key,
    what_is_no_key_that_works_is_always_the_same,
    a_revoked_key_is_refused_within_a_second_by_every_process,
    only_a_hash_of_the_secret_is_stored,
    a_key_of_another_account_cannot_be_revoked,
    a_key_of_an_account_never_grants,
    what_is_wrong_with_a_key_is_said,
    a_form_that_is_sent_twice_makes_one_key,
    a_form_that_is_sent_again_later_makes_and_shows_nothing,
    an_account_has_so_many_keys_and_no_more,
    use_is_written_down_at_most_once_a_minute,
    without_the_database_nobody_knows,
);

/// A key to be made for an account.
pub fn new_key(account: &AccountId, scopes: &[Scope]) -> NewApiKey {
    NewApiKey {
        name: "Worker".to_owned(),
        account: Some(account.clone()),
        scopes: scopes.iter().copied().collect(),
        ceiling: None,
        intent: None,
    }
}

/// A new customer's account.
async fn account(app: &TestApp) -> AccountId {
    app.customer().await.account.unwrap()
}

async fn key_of(app: &TestApp, account: &AccountId) -> MadeKey {
    app.state.api_keys.make(new_key(account, &[Scope::Read, Scope::Spend])).await.unwrap()
}

async fn ask(keys: &ApiKeys, text: &str) -> Result<ApiKey, KeyProblem> {
    let header = HeaderValue::from_str(&format!("Bearer {text}")).unwrap();
    keys.authenticate(Some(&header)).await
}

async fn a_program_is_known_by_its_key(app: TestApp) {
    let account = account(&app).await;
    let ceiling = Some(Credits::from_thousandths(100_500));
    let made = app.state.api_keys.make(NewApiKey { ceiling, ..new_key(&account, &[Scope::Spend]) });
    let made = made.await.unwrap();
    let another = ApiKeys::new(app.home.another_process().await, app.clock.clone());
    for keys in [&app.state.api_keys, &another] {
        let key = ask(keys, made.text.reveal()).await.unwrap();
        assert_eq!(key, made.key);
        assert!(key.may(Scope::Spend) && !key.may(Scope::Read) && !key.may(Scope::Grant));
        assert!(key.acts_for(&account) && !key.acts_for(&AccountId("acc_other".to_owned())));
        assert_eq!(key.ceiling, ceiling);
    }
    let service = NewApiKey { account: None, ..new_key(&account, &[Scope::Grant, Scope::Read]) };
    let service = app.state.api_keys.make(service).await.unwrap();
    let key = ask(&app.state.api_keys, service.text.reveal()).await.unwrap();
    assert!(key.account.is_none() && key.acts_for(&account) && key.may(Scope::Grant));
}

async fn what_is_no_key_that_works_is_always_the_same(app: TestApp) {
    let account = account(&app).await;
    let keys = &app.state.api_keys;
    let (made, revoked) = (key_of(&app, &account).await, key_of(&app, &account).await);
    assert!(keys.revoke(&account, &revoked.key.id).await.unwrap());
    let text = made.text.reveal();
    let wrong_secret = format!("rcg_{}_{}", made.key.id, "0".repeat(64));
    let unknown = format!("rcg_{}_{}", "0".repeat(16), text.rsplit('_').next().unwrap());
    let swapped =
        format!("rcg_{}_{}", made.key.id, revoked.text.reveal().rsplit('_').next().unwrap());
    let malformed = &text[1..];
    for text in [&wrong_secret, &unknown, &swapped, malformed, revoked.text.reveal(), ""] {
        assert_eq!(ask(keys, text).await, Err(KeyProblem::Wrong), "{text}");
    }
    assert_eq!(keys.authenticate(None).await, Err(KeyProblem::Missing));
    assert!(ask(keys, text).await.is_ok());
}

async fn a_revoked_key_is_refused_within_a_second_by_every_process(app: TestApp) {
    let account = account(&app).await;
    let made = key_of(&app, &account).await;
    let another = ApiKeys::new(app.home.another_process().await, app.clock.clone());
    assert!(ask(&another, made.text.reveal()).await.is_ok(), "the other process has found it");
    assert!(app.state.api_keys.revoke(&account, &made.key.id).await.unwrap());
    let revoked = Instant::now();
    let here = ask(&app.state.api_keys, made.text.reveal()).await;
    assert_eq!(here, Err(KeyProblem::Wrong), "at once where it was revoked");
    loop {
        let asked_after = revoked.elapsed();
        if ask(&another, made.text.reveal()).await.is_err() {
            break;
        }
        assert!(asked_after < Duration::from_secs(1), "still accepted after {asked_after:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let first = app.state.api_keys.list(&account).await.unwrap()[0].revoked_at;
    app.clock.advance(TimeDelta::hours(1));
    assert!(app.state.api_keys.revoke(&account, &made.key.id).await.unwrap(), "twice is once");
    assert_eq!(app.state.api_keys.list(&account).await.unwrap()[0].revoked_at, first);
}

async fn only_a_hash_of_the_secret_is_stored(app: TestApp) {
    let account = account(&app).await;
    let made = key_of(&app, &account).await;
    let secret = made.text.reveal().rsplit('_').next().unwrap();
    let rows = api_key::Entity::find().all(app.database.reader()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].secret_hash.len() == 64 && !format!("{rows:?}").contains(secret));
    let listed = app.state.api_keys.list(&account).await.unwrap();
    for shown in [format!("{made:?}"), format!("{listed:?}"), format!("{:?}", app.state.api_keys)] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let with_hash = format!("rcg_{}_{}", made.key.id, rows[0].secret_hash);
    assert_eq!(ask(&app.state.api_keys, &with_hash).await, Err(KeyProblem::Wrong));
}

async fn a_key_of_another_account_cannot_be_revoked(app: TestApp) {
    let (owner, stranger) = (account(&app).await, account(&app).await);
    let keys = &app.state.api_keys;
    let made = key_of(&app, &owner).await;
    let service = NewApiKey { account: None, ..new_key(&owner, &[Scope::Read]) };
    let service = keys.make(service).await.unwrap();
    for id in [&made.key.id, &service.key.id, "unknown", ""] {
        assert!(!keys.revoke(&stranger, id).await.unwrap(), "{id}");
    }
    assert!(ask(keys, made.text.reveal()).await.is_ok());
    assert!(ask(keys, service.text.reveal()).await.is_ok());
    assert!(keys.list(&stranger).await.unwrap().is_empty());
    assert!(!keys.revoke_any("unknown").await.unwrap());
    assert!(keys.revoke_any(&service.key.id).await.unwrap());
    assert_eq!(ask(keys, service.text.reveal()).await, Err(KeyProblem::Wrong));
}

async fn a_key_of_an_account_never_grants(app: TestApp) {
    let account = account(&app).await;
    let made = app.state.api_keys.make(new_key(&account, &[Scope::Read, Scope::Grant])).await;
    assert!(matches!(made, Err(MakeKeyError::Grant)), "{made:?}");
    key_of(&app, &account).await;
    let by_hand = app.database.writer();
    let forced = sea_orm::ConnectionTrait::execute_unprepared(
        by_hand,
        "UPDATE api_keys SET may_grant = true",
    );
    forced.await.unwrap_err();
}

async fn what_is_wrong_with_a_key_is_said(app: TestApp) {
    let account = account(&app).await;
    let good = || new_key(&account, &[Scope::Read]);
    let named = |name: &str| NewApiKey { name: name.to_owned(), ..good() };
    let limited =
        |thousandths| NewApiKey { ceiling: Some(Credits::from_thousandths(thousandths)), ..good() };
    for (new, part) in [
        (named(""), "1 to 80 characters"),
        (named("  "), "1 to 80 characters"),
        (named(&"é".repeat(81)), "1 to 80 characters"),
        (named("two\nlines"), "1 to 80 characters"),
        (named("nul\0"), "1 to 80 characters"),
        (NewApiKey { scopes: [].into_iter().collect(), ..good() }, "choose what the key may do"),
        (limited(0), "more than 0"),
        (limited(-1), "more than 0"),
    ] {
        let said = app.state.api_keys.make(new).await.unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
    assert!(app.state.api_keys.list(&account).await.unwrap().is_empty());
    let longest = app.state.api_keys.make(named(&"é".repeat(80))).await.unwrap();
    let trimmed = app.state.api_keys.make(named(" Worker ")).await.unwrap();
    assert_eq!((longest.key.name.chars().count(), trimmed.key.name.as_str()), (80, "Worker"));
}

async fn a_form_that_is_sent_twice_makes_one_key(app: TestApp) {
    let account = account(&app).await;
    let intent = Some(Uuid::new_v4());
    let clicks = (0..5).map(|_| {
        let (keys, new) = (app.state.api_keys.clone(), new_key(&account, &[Scope::Read]));
        tokio::spawn(async move { keys.make(NewApiKey { intent, ..new }).await })
    });
    let made = futures::future::join_all(clicks.collect::<Vec<_>>()).await;
    let made: Vec<_> = made.into_iter().map(|made| made.unwrap().unwrap()).collect();
    let keys = app.state.api_keys.list(&account).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert!(made.iter().all(|made| made.key == keys[0].key));
    let mut working = 0;
    for made in &made {
        working += usize::from(ask(&app.state.api_keys, made.text.reveal()).await.is_ok());
    }
    assert_eq!(working, 1, "one secret works: the one of the answer that came last");
}

async fn a_form_that_is_sent_again_later_makes_and_shows_nothing(app: TestApp) {
    let account = account(&app).await;
    let intent = Some(Uuid::new_v4());
    let new = || NewApiKey { intent, ..new_key(&account, &[Scope::Read]) };
    let made = app.state.api_keys.make(new()).await.unwrap();
    app.clock.advance(TimeDelta::seconds(10));
    let again = app.state.api_keys.make(new()).await;
    assert!(matches!(&again, Err(MakeKeyError::Made(id)) if *id == made.key.id), "{again:?}");
    assert!(ask(&app.state.api_keys, made.text.reveal()).await.is_ok(), "the first one works on");
    assert_eq!(app.state.api_keys.list(&account).await.unwrap().len(), 1);
}

async fn an_account_has_so_many_keys_and_no_more(app: TestApp) {
    let account = account(&app).await;
    let mut last = key_of(&app, &account).await;
    for _ in 1..50 {
        last = key_of(&app, &account).await;
    }
    let more = app.state.api_keys.make(new_key(&account, &[Scope::Read])).await;
    assert!(matches!(more, Err(MakeKeyError::TooMany)), "{more:?}");
    assert!(app.state.api_keys.revoke(&account, &last.key.id).await.unwrap());
    key_of(&app, &account).await;
    let listed = app.state.api_keys.list(&account).await.unwrap();
    assert_eq!(listed.len(), 51);
    assert_eq!(listed[50].key.id, last.key.id, "those that work come first");
    key_of(&app, &self::account(&app).await).await;
}

/// When the key was last used, once that is written down as later than before.
async fn used_after(
    app: &TestApp,
    account: &AccountId,
    before: Option<chrono::DateTime<chrono::Utc>>,
) -> chrono::DateTime<chrono::Utc> {
    let started = Instant::now();
    loop {
        let used = app.state.api_keys.list(account).await.unwrap()[0].last_used_at;
        if let Some(used) = used.filter(|used| Some(*used) > before) {
            return used;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "nobody writes it down");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn use_is_written_down_at_most_once_a_minute(app: TestApp) {
    let account = account(&app).await;
    let made = key_of(&app, &account).await;
    let another = ApiKeys::new(app.home.another_process().await, app.clock.clone());
    let first_at = app.clock.now();
    assert!(ask(&app.state.api_keys, made.text.reveal()).await.is_ok());
    let first = used_after(&app, &account, None).await;
    assert!(first >= first_at);
    app.clock.advance(TimeDelta::seconds(30));
    for keys in [&app.state.api_keys, &another] {
        assert!(ask(keys, made.text.reveal()).await.is_ok());
    }
    app.clock.advance(TimeDelta::seconds(31));
    let second_at = app.clock.now();
    assert!(ask(&app.state.api_keys, made.text.reveal()).await.is_ok());
    let second = used_after(&app, &account, Some(first)).await;
    assert!(second >= second_at, "nothing was written half a minute after the first");
}

async fn without_the_database_nobody_knows(app: TestApp) {
    let account = account(&app).await;
    let made = key_of(&app, &account).await;
    assert_eq!(api_key::Entity::find().count(app.database.reader()).await.unwrap(), 1);
    app.database.reader().close();
    app.database.writer().close();
    let fresh = ApiKeys::new(app.database.clone(), app.clock.clone());
    assert_eq!(ask(&fresh, made.text.reveal()).await, Err(KeyProblem::Unavailable));
    assert_eq!(fresh.authenticate(None).await, Err(KeyProblem::Missing));
}
