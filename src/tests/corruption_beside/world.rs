//! A database in which every table has rows of every kind, as the program writes them.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use recharge::{
    credits::{
        AccountId, Command, Credits, HoldTime, Note, Operation, Purchase, PurchaseState, Quantity,
        RechargeForm, Topic, Ways,
    },
    server::{
        entity::{notice, user},
        identity::{self, Bring, Scope, api_keys::NewApiKey, sign_in_links},
        jobs::Jobs,
        ledger::open_account,
        marks,
        notices::LowBalance,
        payments::{Buyer, Choice},
        requests::Request,
        router::router,
        webhooks::Kinds,
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use stripe_simulator::{Config, Fault, Simulator};
use uuid::Uuid;

use crate::{
    app::TestApp,
    catalogues::{published, version},
    commands::{credits, grant, spend},
    databases::{Given, TestDatabase},
    payments_shop::{SOON, WEBHOOK_SECRET, serve, session},
    prices::{KEY, agreed as prices_agreed, signed, stripe_at},
    recharge_shop::{FAILS, GOOD, agreed, form, up_to_5000},
    webhooks_hearing::{Hearing, listen, messages, webhooks_of},
};

/// The server, Stripe, and everything that has happened there.
pub struct World {
    pub app: TestApp,
    stripe: Simulator,
}

impl Given for World {
    async fn given(database: TestDatabase) -> Self {
        let app = TestApp::given(database).await;
        let stripe = Simulator::start(Config::default()).await.unwrap();
        let app = app.with_settings(&[KEY, &signed(), &stripe_at(&stripe)]).await;
        let (address, _) = serve(router(app.state.clone())).await;
        let webhook = format!("http://{address}/webhooks/stripe");
        stripe.add_endpoint(&webhook, WEBHOOK_SECRET).unwrap();
        let world = Self { app, stripe };
        world.comes_about().await;
        world
    }
}

impl World {
    async fn comes_about(&self) {
        Jobs::of(&self.app.state).run_due().await.unwrap();
        self.app.staff().await;
        let mut buyers = Vec::new();
        for _ in 0..5 {
            buyers.push(self.buyer().await);
        }
        let [anna, rest @ ..] = buyers.as_slice() else { unreachable!("there are five") };
        self.platform(anna).await;
        let hearing = Hearing::start().await;
        let all = self.endpoints(&hearing).await;
        self.buys_and_spends(anna).await;
        self.recharges(rest).await;
        self.tells(&all).await;
        self.happens_later(anna).await;
        self.prices(anna).await;
        // A reading of Stripe's events that had no time for all.
        let (writer, now) = (self.app.database.writer(), self.app.clock.now());
        marks::write(writer, "stripe_events_beyond", "1:2", now).await.unwrap();
    }

    async fn buyer(&self) -> Buyer {
        let visitor = self.app.customer().await;
        let users = user::Entity::find().filter(user::Column::Email.eq(&visitor.email));
        let row = users.one(self.app.database.reader()).await.unwrap().unwrap();
        Buyer { user: row.id, account: visitor.account.unwrap(), email: visitor.email }
    }

    /// Keys, somebody whom the platform brings along, a link, and an account of nobody.
    async fn platform(&self, anna: &Buyer) {
        let (app, now) = (&self.app, self.app.clock.now());
        let scopes = [Scope::Read, Scope::Spend].into_iter().collect();
        let intent = Some(Uuid::new_v4());
        let (account, name) = (Some(anna.account.clone()), "Key".to_owned());
        let key = NewApiKey { name, account, scopes, ceiling: Some(credits(9)), intent };
        let made = app.state.api_keys.make(key.clone()).await.unwrap();
        app.state.api_keys.make(NewApiKey { account: None, intent: None, ..key }).await.unwrap();
        app.state.api_keys.revoke(&anna.account, &made.key.id).await.unwrap();
        let bring = Bring {
            external_id: "user-17".to_owned(),
            email: "mira@platform.test".to_owned(),
            name: "Mira".to_owned(),
            zone: "UTC".to_owned(),
        };
        let request = Request::new("bring", "mira");
        identity::bring(&app.database, &bring, Some(&request), now).await.unwrap();
        sign_in_links::make(&app.database, &anna.account, None, now).await.unwrap();
        let before = now - TimeDelta::hours(1);
        open_account(app.database.writer(), chrono_tz::UTC, 1, before).await.unwrap();
    }

    /// Two endpoints that hear, the second with a new secret, and one that was removed. Returns the
    /// first.
    async fn endpoints(&self, hearing: &Hearing) -> String {
        let webhooks = webhooks_of(&self.app);
        let removed = listen(&webhooks, hearing).await.endpoint.id;
        webhooks.remove(&removed).await.unwrap();
        let request = Some(Request::new("endpoint", "all"));
        let all = webhooks.add(&hearing.url(), Kinds::default(), request).await.unwrap();
        let some = Kinds::named(["credits.low", "purchase.credited"]).unwrap();
        let some = webhooks.add(&hearing.url(), some, None).await.unwrap();
        webhooks.rotate(&some.endpoint.id).await.unwrap();
        all.endpoint.id
    }

    async fn order(&self, buyer: &Buyer, choice: Choice) -> Purchase {
        let intent = Uuid::new_v4().to_string();
        let payments = &self.app.state.payments;
        let made = payments.checkout(buyer, &choice, &intent, &prices_agreed()).await.unwrap();
        assert_eq!(made.state, PurchaseState::Open, "{}", made.reason);
        made
    }

    async fn bought(&self, buyer: &Buyer) {
        let purchase = self.order(buyer, Choice::Package("trader".to_owned())).await;
        self.stripe.pay(session(&purchase), stripe_simulator::PayOutcome::Paid).unwrap();
        assert!(self.stripe.idle(SOON).await);
    }

    async fn does(&self, account: &AccountId, command: Command) {
        let key = Uuid::new_v4().to_string();
        self.app.state.ledger.execute(account, &key, command).await.unwrap();
    }

    /// Purchases in every state, spending, a hold, and a balance that runs low.
    async fn buys_and_spends(&self, anna: &Buyer) {
        self.bought(anna).await;
        self.order(anna, Choice::Package("starter".to_owned())).await;
        let cancelled = self.order(anna, Choice::Custom("250".to_owned())).await;
        let payments = self.app.state.payments.clone();
        payments.cancel(&anna.account, &cancelled.id).await.unwrap();
        let ledger = &self.app.state.ledger;
        ledger.warn_below(&anna.account, Some(credits(100))).await.unwrap();
        let hold = Command::Hold {
            operation: Operation::Backtest,
            amount: credits(10),
            lasts: HoldTime::from_seconds(3_600).unwrap(),
            note: Note::default(),
        };
        self.does(&anna.account, hold).await;
        self.does(&anna.account, spend(4_950)).await;
    }

    /// An account that was recharged, one that is paused, one that buys up to a target, and one that
    /// has switched it off.
    async fn recharges(&self, buyers: &[Buyer]) {
        let [bert, dora, carl, elsa] = buyers else { unreachable!("there are four") };
        let payments = &self.app.state.payments;
        for (buyer, card) in [(bert, GOOD), (dora, FAILS)] {
            self.agrees(buyer, card, &form()).await;
            self.does(&buyer.account, grant(499)).await;
        }
        let recharged = payments.recharge_due(self.app.clock.now()).await.unwrap();
        assert_eq!((recharged.credited, recharged.refused), (1, 1));
        self.agrees(carl, GOOD, &up_to_5000()).await;
        self.agrees(elsa, GOOD, &form()).await;
        payments.turn_recharge_off(&elsa.account).await.unwrap();
        self.prefers(elsa).await;
        // The card that is replaced stays saved at Stripe, which is away.
        self.stripe.fault(Fault::on("POST", "/v1/payment_methods/").status(503));
        self.saves_card(bert, GOOD).await;
        assert!(self.stripe.idle(SOON).await);
        self.stripe.clear_faults();
    }

    async fn prefers(&self, buyer: &Buyer) {
        let ways = BTreeMap::from([(Topic::Expiry, Ways { inbox: true, mail: false })]);
        let (notices, now) = (&self.app.state.notices, self.app.clock.now());
        notices.prefer(&buyer.account, &ways, LowBalance::Days(7), now).await.unwrap();
    }

    async fn agrees(&self, buyer: &Buyer, card: &str, form: &RechargeForm) {
        let shown = agreed(&self.saves_card(buyer, card).await);
        let payments = &self.app.state.payments;
        payments.turn_recharge_on(&buyer.account, form, &shown).await.unwrap();
    }

    async fn saves_card(&self, buyer: &Buyer, number: &str) -> String {
        let payments = &self.app.state.payments;
        payments.save_card(buyer).await.unwrap();
        let saved = self.stripe.sessions().pop().unwrap();
        let id = saved["id"].as_str().unwrap();
        self.stripe.complete_with_card(id, number).unwrap();
        assert!(payments.card_saved(&buyer.account, id).await.unwrap());
        payments.auto_recharge(&buyer.account).await.unwrap().card.unwrap().to_string()
    }

    /// People and the platform are told; one message is to be sent again.
    async fn tells(&self, all: &str) {
        let (app, now) = (&self.app, self.app.clock.now());
        app.state.notices.tell(now).await.unwrap();
        app.state.notices.send_mail(now).await.unwrap();
        let webhooks = webhooks_of(app);
        assert!(webhooks.deliver().await.unwrap().taken > 2);
        let sent = messages(app).await;
        let first = sent.iter().find(|message| message.target == all).unwrap();
        let request = Some(Request::new("again", "first"));
        webhooks.resend(&first.id, request).await.unwrap();
        let newest = notice::Entity::find().order_by_desc(notice::Column::Id);
        let newest = newest.one(app.database.reader()).await.unwrap().unwrap();
        let account = AccountId(newest.account_id);
        app.state.notices.mark_read(&account, &newest.id, now).await.unwrap();
    }

    /// What nobody was told of yet, and what waits because it was told a moment ago.
    async fn happens_later(&self, anna: &Buyer) {
        self.does(&anna.account, grant(200)).await;
        self.does(&anna.account, spend(200)).await;
        self.app.state.notices.tell(self.app.clock.now()).await.unwrap();
        self.bought(anna).await;
    }

    /// A quote, and dearer prices that were published for tomorrow.
    async fn prices(&self, anna: &Buyer) {
        let tomorrow = self.app.clock.now() + TimeDelta::days(1);
        published(&self.app, &version("dearer", "10"), Some(tomorrow)).await;
        let quantities = [("iterations", Quantity::from(8)), ("model", Quantity::from("standard"))];
        let quantities = quantities.map(|(name, it)| (name.to_owned(), it)).into();
        let quotes = &self.app.state.quotes;
        let quote = quotes.make(&anna.account, "quote", Operation::Strategy, &quantities).await;
        assert_eq!(quote.unwrap().cost, Credits::try_from_whole(50).unwrap());
    }
}
