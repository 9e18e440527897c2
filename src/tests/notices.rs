//! What customers are told: once for each cause, not again and again, and not of what is over.

use chrono::TimeDelta;
use recharge::{
    credits::{AccountId, Caps, Command, Event, EventKind},
    server::{
        clock::Clock,
        entity::{event, notice, outbox},
        events,
        ledger::Ledger,
        notices::Notices,
    },
};
use sea_orm::{EntityTrait, QueryOrder};

use crate::{
    app::{TestApp, Visitor},
    commands::{credits, grant, spend},
    databases::on_both_databases,
};

on_both_databases!(
    ten_crossings_in_a_day_make_one_mail,
    what_is_still_so_after_the_cooldown_is_told_then,
    a_balance_is_told_of_once_when_low_once_at_zero_and_once_when_back,
    the_last_word_is_not_that_it_is_low_when_it_is_not,
    what_is_there_again_is_not_called_recovered_below_the_threshold,
    nobody_is_told_of_what_is_over,
    two_processes_tell_of_an_event_once,
    what_nobody_can_read_holds_up_nobody,
);

/// Somebody who wants to be warned below 100 credits.
pub struct Warned {
    app: TestApp,
    pub visitor: Visitor,
    pub account: AccountId,
    ledger: Ledger,
    notices: Notices,
    clock: Clock,
    commands: u32,
}

impl Warned {
    pub async fn of(app: &TestApp) -> Self {
        let visitor = app.customer().await;
        let account = visitor.account.clone().unwrap();
        let (ledger, notices) = (app.state.ledger.clone(), app.state.notices.clone());
        ledger.warn_below(&account, Some(credits(100))).await.unwrap();
        let (app, clock) = (app.clone(), app.clock.clone());
        Self { app, visitor, account, ledger, notices, clock, commands: 0 }
    }

    pub async fn does(&mut self, command: Command) {
        self.commands += 1;
        self.ledger.execute(&self.account, &self.commands.to_string(), command).await.unwrap();
    }

    pub async fn is_told(&self) {
        self.notices.tell(self.clock.now()).await.unwrap();
    }

    /// What they were told by mail and in the inbox, in order.
    async fn heard(&self) -> (Vec<EventKind>, Vec<EventKind>) {
        let reader = self.app.database.reader();
        let events = event::Entity::find().all(reader).await.unwrap();
        let kind = |id: &str| {
            let row = events.iter().find(|row| row.id == id).unwrap();
            row.kind.parse::<EventKind>().unwrap()
        };
        let mails = outbox::Entity::find().order_by_asc(outbox::Column::Id).all(reader);
        let notices = notice::Entity::find().order_by_asc(notice::Column::Id).all(reader);
        (
            mails.await.unwrap().iter().map(|row| kind(&row.event_id)).collect(),
            notices.await.unwrap().iter().map(|row| kind(&row.event_id)).collect(),
        )
    }
}

async fn ten_crossings_in_a_day_make_one_mail(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    customer.does(grant(120)).await;
    for _ in 0..10 {
        customer.does(spend(40)).await;
        customer.is_told().await;
        customer.does(grant(40)).await;
        customer.is_told().await;
        customer.clock.advance(TimeDelta::hours(2));
    }
    let (mails, notices) = customer.heard().await;
    assert_eq!(mails, [EventKind::Low]);
    assert_eq!(notices, [EventKind::Low, EventKind::Recovered]);
    customer.clock.advance(TimeDelta::days(3));
    customer.is_told().await;
    assert_eq!(customer.heard().await.0.len(), 1, "what is over is not told later either");
}

async fn what_is_still_so_after_the_cooldown_is_told_then(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    customer.does(grant(120)).await;
    for _ in 0..3 {
        customer.does(spend(40)).await;
        customer.is_told().await;
        customer.does(grant(40)).await;
        customer.is_told().await;
    }
    customer.does(spend(40)).await;
    customer.is_told().await;
    customer.clock.advance(TimeDelta::hours(23));
    customer.is_told().await;
    assert_eq!(customer.heard().await.0, [EventKind::Low]);
    customer.clock.advance(TimeDelta::hours(1));
    for _ in 0..2 {
        customer.is_told().await;
        customer.clock.advance(TimeDelta::days(2));
    }
    assert_eq!(customer.heard().await.0, [EventKind::Low, EventKind::Low]);
}

async fn a_balance_is_told_of_once_when_low_once_at_zero_and_once_when_back(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    customer.does(grant(200)).await;
    for amount in [100, 1, 30, 69] {
        customer.does(spend(amount)).await;
        customer.is_told().await;
        customer.is_told().await;
    }
    customer.does(grant(500)).await;
    customer.is_told().await;
    let (mails, notices) = customer.heard().await;
    assert_eq!(mails, [EventKind::Low, EventKind::Depleted]);
    assert_eq!(notices, [EventKind::Low, EventKind::Depleted, EventKind::Recovered]);
}

async fn the_last_word_is_not_that_it_is_low_when_it_is_not(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    customer.does(grant(120)).await;
    // Told at once, told at once, told a day after the first, told a day after the second.
    for (hours, command) in [(1, spend(40)), (1, grant(40)), (22, spend(40)), (0, grant(40))] {
        customer.does(command).await;
        customer.is_told().await;
        customer.clock.advance(TimeDelta::hours(hours));
        customer.is_told().await;
    }
    customer.clock.advance(TimeDelta::hours(1));
    customer.is_told().await;
    let (low, recovered) = (EventKind::Low, EventKind::Recovered);
    assert_eq!(customer.heard().await.1, [low, recovered, low, recovered]);
}

async fn what_is_there_again_is_not_called_recovered_below_the_threshold(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    customer.does(grant(120)).await;
    customer.does(spend(120)).await;
    customer.is_told().await;
    customer.does(grant(40)).await;
    customer.is_told().await;
    let inbox = customer.notices.inbox(&customer.account, None).await.unwrap();
    let words = &inbox.notices[0].words;
    assert_eq!(words.title, "There are credits in your account again");
    customer.does(grant(1_000)).await;
    customer.is_told().await;
    let (depleted, recovered) = (EventKind::Depleted, EventKind::Recovered);
    assert_eq!(customer.heard().await.1, [depleted, recovered, recovered]);
    assert!(
        words.text.contains(
            "40 credits were there when it rose, still below your threshold of 100 credits"
        )
    );
}

async fn nobody_is_told_of_what_is_over(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    customer.does(grant(120)).await;
    customer.does(spend(40)).await;
    customer.does(grant(40)).await;
    let lot_ends = customer.clock.now() + TimeDelta::days(7);
    let expiring = Event::Expiring { amount: credits(5), expires_at: lot_ends, days: 7 };
    let caps = Caps { all: Some(credits(150)), ..Caps::default() };
    customer.ledger.set_caps(&customer.account, caps).await.unwrap();
    customer.does(spend(85)).await;
    customer.does(grant(100)).await;
    customer.ledger.set_caps(&customer.account, Caps::default()).await.unwrap();
    let writer = app.database.writer();
    let now = customer.clock.now();
    events::record(writer, &customer.account, "lot", &expiring, now).await.unwrap();
    let kinds = event::Entity::find().all(app.database.reader()).await.unwrap();
    assert!(kinds.len() >= 4, "{kinds:?}");
    customer.is_told().await;
    assert_eq!(customer.heard().await, (vec![], vec![]));
    let told = event::Entity::find().all(app.database.reader()).await.unwrap();
    assert!(told.iter().all(|row| row.told_at.is_some()), "{told:?}");
}

async fn two_processes_tell_of_an_event_once(app: TestApp) {
    let other = app.with_settings(&[]).await;
    let mut accounts = Vec::new();
    for _ in 0..12 {
        accounts.push(Warned::of(&app).await);
    }
    for customer in &mut accounts {
        customer.does(grant(120)).await;
        for _ in 0..5 {
            customer.does(spend(40)).await;
            customer.does(grant(40)).await;
        }
        customer.does(spend(40)).await;
    }
    let now = app.clock.now();
    let (one, two) = tokio::join!(app.state.notices.tell(now), other.state.notices.tell(now));
    assert!(one.unwrap() + two.unwrap() >= 12);
    // What one had locked, the other has left to it.
    app.state.notices.tell(now).await.unwrap();
    let (mails, notices) = accounts[0].heard().await;
    assert_eq!(mails, [EventKind::Low; 12]);
    assert_eq!(notices, [EventKind::Low; 12]);
}

async fn what_nobody_can_read_holds_up_nobody(app: TestApp) {
    let mut customer = Warned::of(&app).await;
    customer.does(grant(120)).await;
    customer.does(spend(40)).await;
    app.home.tamper("UPDATE events SET data = '{\"from\": \"a later program\"}'").await;
    customer.does(spend(80)).await;
    customer.is_told().await;
    assert_eq!(customer.heard().await.1, [EventKind::Depleted]);
}
