//! Customers with auto-recharge in a shop: a saved card, a plan, a balance that falls.

use chrono::TimeDelta;
use recharge::{
    credits::{
        AutoRecharge, Command, Note, Operation, Purchase, PurchaseState, RechargeForm, Source,
        Validity,
    },
    server::{
        entity::{event, purchase},
        payments::{Buyer, Payments, RechargeAgreed, Recharged},
    },
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::Value;
use stripe_simulator::PayOutcome;
use uuid::Uuid;

use crate::{commands::credits, payments_shop::Shop, prices::prices};

/// Pays.
pub const GOOD: &str = "4242 4242 4242 4242";
/// Wants its owner to confirm each payment.
pub const ASKS: &str = "4000 0025 0000 3155";
/// Can be saved, and is declined when it is charged.
pub const FAILS: &str = "4000 0000 0000 0341";
/// Where a saved card is charged.
pub const CHARGE: &str = "/v1/payment_intents";

/// Below 500 credits 5,000 for $230.00 are bought, three times a day, for $690.00 a month.
pub fn form() -> RechargeForm {
    RechargeForm {
        threshold: "500".to_owned(),
        package: "trader".to_owned(),
        amount: String::new(),
        target: String::new(),
        monthly_cap: "690".to_owned(),
        per_day: "3".to_owned(),
        cooldown: "1".to_owned(),
    }
}

/// Below 500 credits what is missing up to 5,000 is bought: for $230.00 at most.
pub fn up_to_5000() -> RechargeForm {
    let (package, target) = (RechargeForm::TARGET.to_owned(), "5000".to_owned());
    RechargeForm { package, target, ..form() }
}

/// Who has read the page and agrees.
pub fn agreed(card: &str) -> RechargeAgreed {
    RechargeAgreed { prices: prices(), card: card.to_owned(), consent: true }
}

impl Shop {
    /// A customer with this card saved, nothing switched on.
    pub async fn customer_with_card(&self, number: &str) -> Buyer {
        let buyer = self.customer().await;
        self.saves_card(&buyer, number).await;
        buyer
    }

    /// A customer who has switched auto-recharge on, with 499 credits: one below the threshold.
    pub async fn low_customer(&self, number: &str) -> Buyer {
        let buyer = self.customer_with_card(number).await;
        self.turns_on(&buyer, &form()).await;
        self.grants(&buyer, 499).await;
        buyer
    }

    /// Saves a card on Stripe's page.
    pub async fn saves_card(&self, buyer: &Buyer, number: &str) {
        let url = self.payments.save_card(buyer).await.unwrap();
        let session = self.stripe.sessions().pop().unwrap();
        assert_eq!(session["url"], url);
        let id = session["id"].as_str().unwrap();
        self.stripe.complete_with_card(id, number).unwrap();
        assert!(self.payments.card_saved(&buyer.account, id).await.unwrap());
        let digits = number.rsplit(' ').next().unwrap();
        assert_eq!(self.recharge_of(buyer).await.card.unwrap().last4, digits);
    }

    /// A customer who has switched auto-recharge on, to be debited from a bank account.
    pub async fn low_customer_by_debit(&self) -> Buyer {
        let buyer = self.customer().await;
        self.payments.save_card(&buyer).await.unwrap();
        let session = self.stripe.sessions().pop().unwrap();
        self.stripe.pay(session["id"].as_str().unwrap(), PayOutcome::Unpaid).unwrap();
        self.hears_all().await;
        self.turns_on(&buyer, &form()).await;
        self.grants(&buyer, 499).await;
        buyer
    }

    /// Agrees to a plan.
    pub async fn turns_on(&self, buyer: &Buyer, form: &RechargeForm) {
        let card = self.recharge_of(buyer).await.card.unwrap().to_string();
        self.payments.turn_recharge_on(&buyer.account, form, &agreed(&card)).await.unwrap();
        assert!(self.recharge_of(buyer).await.is_on);
    }

    /// Gives credits away.
    pub async fn grants(&self, buyer: &Buyer, whole: i64) {
        let grant = Command::Grant {
            source: Source::Promotion,
            amount: credits(whole),
            validity: Validity::OneYear,
            purchase: None,
            note: Note::default(),
        };
        let key = Uuid::new_v4().to_string();
        self.ledger.execute(&buyer.account, &key, grant).await.unwrap();
    }

    /// Spends until so much is left.
    pub async fn spends_down_to(&self, buyer: &Buyer, whole: i64) {
        let amount = self.available(buyer).await - credits(whole);
        let spend =
            Command::Spend { operation: Operation::Analysis, amount, note: Note::default() };
        let key = Uuid::new_v4().to_string();
        self.ledger.execute(&buyer.account, &key, spend).await.unwrap();
    }

    /// The job runs once.
    pub async fn recharges(&self) -> Recharged {
        recharges(self, &self.payments).await
    }

    /// The job runs once, so long after now, with too little left each time.
    pub async fn recharges_after(&self, buyer: &Buyer, later: TimeDelta) -> Recharged {
        self.clock.advance(later);
        self.spends_down_to(buyer, 1).await;
        self.recharges().await
    }

    /// What the customer's page shows.
    pub async fn recharge_of(&self, buyer: &Buyer) -> AutoRecharge {
        self.payments.auto_recharge(&buyer.account).await.unwrap()
    }

    /// However often the job runs and whatever Stripe says: one recharge was made. What the page
    /// shows then, and the recharge.
    pub async fn recharged_once(&self, buyer: &Buyer) -> (AutoRecharge, Purchase) {
        for _ in 0..3 {
            assert_eq!(self.recharges().await, Recharged::default());
        }
        self.hears_all().await;
        self.reconcile().await;
        let made = self.recharge_of(buyer).await;
        let [recharge] = made.recharges.as_slice() else { panic!("{:?}", made.recharges) };
        (made.clone(), recharge.clone())
    }

    /// The payments that were made without their customer, oldest first.
    pub fn charges(&self) -> Vec<Value> {
        self.stripe.all("payment_intent")
    }

    /// Those of them that took money.
    pub fn paid_charges(&self) -> usize {
        self.charges().iter().filter(|payment| payment["status"] == "succeeded").count()
    }

    /// The recharges that were claimed, oldest first.
    pub async fn recharge_rows(&self) -> Vec<purchase::Model> {
        let mut rows = self.all_purchases().await;
        rows.retain(|row| row.kind == "auto");
        rows.sort_by_key(|row| row.created_at);
        rows
    }

    /// The kinds of events about auto-recharge, in the order in which they were written.
    pub async fn told(&self, buyer: &Buyer) -> Vec<String> {
        let mut rows = event::Entity::find()
            .filter(event::Column::AccountId.eq(&buyer.account.0))
            .all(self.test.database.reader())
            .await
            .unwrap();
        rows.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        rows.retain(|row| row.kind.starts_with("auto_recharge") || row.kind == "purchase.failed");
        rows.into_iter().map(|row| row.kind).collect()
    }

    /// Holds what must hold after every recharge: every payment that succeeded is one lot, each
    /// under its own key, and the books add up.
    pub async fn charges_agree(&self) {
        self.books_agree().await;
        let rows = self.recharge_rows().await;
        let payments = self.charges();
        for payment in &payments {
            let id = payment["id"].as_str().unwrap();
            let purchase = payment["metadata"]["purchase"].as_str().unwrap();
            let row = rows.iter().find(|row| row.id == purchase).unwrap();
            assert_eq!(row.stripe_payment.as_deref(), Some(id), "{row:?}");
            let is_paid = payment["status"] == "succeeded";
            let credited = PurchaseState::Credited.id();
            assert_eq!(is_paid, row.state == credited, "{payment} {row:?}");
        }
        let count = |row: &purchase::Model| {
            payments.iter().filter(|payment| payment["metadata"]["purchase"] == row.id).count()
        };
        assert!(rows.iter().all(|row| count(row) <= 1), "a recharge was charged twice");
    }
}

/// The job runs once in one process.
pub async fn recharges(shop: &Shop, payments: &Payments) -> Recharged {
    payments.recharge_due(shop.clock.now()).await.unwrap()
}
