//! Sending what is due: each endpoint's queue by itself, a few messages at a time.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Add,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use hyper::body::Bytes;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, sea_query::Expr,
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    Endpoint, Webhooks,
    outcome::Outcome,
    patience::{pause_after, pause_asked_for},
    payload::{Whose, payload},
};
use crate::server::{
    clock::{from_millis, to_millis},
    entity::{external_account, outbox},
    events,
    outbox::{Attempt, Channel, Message, keep, lease_to, settle},
};

/// How many messages are sent to one endpoint at a time; those of one account one after the other.
const AT_ONCE: u32 = 8;
/// How long a run waits for its endpoints. Who is slower is served on beside the next runs.
const PATIENCE: Duration = Duration::from_secs(2);
/// It says by this that it wants nothing more.
const GONE: u16 = 410;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages that were taken.
    pub taken: u64,
    /// Messages that were not.
    pub failed: u64,
}

impl Add for Delivered {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { taken: self.taken + other.taken, failed: self.failed + other.failed }
    }
}

/// Frees an endpoint for the next run, however this one ends.
struct Busy {
    endpoints: Arc<Mutex<HashSet<String>>>,
    id: String,
}

impl Busy {
    /// None where somebody is at it.
    fn take(endpoints: &Arc<Mutex<HashSet<String>>>, id: &str) -> Option<Self> {
        let is_free =
            endpoints.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        is_free.then(|| Self { endpoints: Arc::clone(endpoints), id: id.to_owned() })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Webhooks {
    /// Sends what is due, and tells what came of it. It doesn't wait long for endpoints that are
    /// slow: they are served on, and the next run leaves them alone.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn deliver(&self) -> Result<Delivered, DbErr> {
        let mut sending = JoinSet::new();
        for target in self.due().await? {
            let Some(busy) = Busy::take(&self.busy, &target) else { continue };
            let webhooks = self.clone();
            let serving = self.sending.track_future(async move {
                let delivered = webhooks.serve(&busy.id).await;
                drop(busy);
                delivered
            });
            sending.spawn(serving);
        }
        let (mut delivered, mut failed) = (Delivered::default(), None);
        let until = Instant::now() + PATIENCE;
        while let Ok(Some(served)) = timeout_at(until, sending.join_next()).await {
            match served.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string()))) {
                Ok(served) => delivered = delivered + served,
                Err(error) => failed = Some(error),
            }
        }
        sending.detach_all();
        failed.map_or(Ok(delivered), Err)
    }

    /// The endpoints that something is due for.
    async fn due(&self) -> Result<Vec<String>, DbErr> {
        #[derive(FromQueryResult)]
        struct Due {
            target: String,
        }
        let due = outbox::Entity::find()
            .select_only()
            .column(outbox::Column::Target)
            .distinct()
            .filter(Expr::cust("channel = 'webhook' AND state = 'waiting'"))
            .filter(outbox::Column::DueAt.lte(to_millis(self.clock.now())));
        let due = due.into_model::<Due>().all(self.database.finder()).await?;
        Ok(due.into_iter().map(|due| due.target).collect())
    }

    /// Sends an endpoint what is due for it, until nothing is or none of it is taken.
    async fn serve(&self, id: &str) -> Result<Delivered, DbErr> {
        let mut delivered = Delivered::default();
        while !self.ending.is_cancelled() {
            let endpoint = self.find(id).await?.filter(|it| it.disabled_at.is_none());
            let Some(endpoint) = endpoint else {
                self.give_up(id).await?;
                break;
            };
            let now = self.clock.now();
            let batch = lease_to(&self.database, Channel::Webhook, id, AT_ONCE, now).await?;
            if batch.is_empty() {
                break;
            }
            let _kept = keep(&self.database, &batch);
            let sent = self.send_all(&endpoint, batch).await?;
            delivered = delivered + sent;
            if sent.taken == 0 {
                break;
            }
        }
        Ok(delivered)
    }

    async fn send_all(&self, to: &Endpoint, batch: Vec<Message>) -> Result<Delivered, DbErr> {
        let external_ids = self.external_ids(&batch).await?;
        let mut by_account: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for message in batch {
            by_account.entry(message.0.account_id.clone()).or_default().push(message);
        }
        let sending = by_account.into_iter().map(|(account, messages)| {
            let external_id = external_ids.get(&account).cloned();
            self.send_in_order(to, Whose { account, external_id }, messages)
        });
        let sent = try_join_all(sending).await?;
        Ok(sent.into_iter().fold(Delivered::default(), Delivered::add))
    }

    async fn external_ids(&self, batch: &[Message]) -> Result<HashMap<String, String>, DbErr> {
        let accounts = batch.iter().map(|(message, _)| message.account_id.clone());
        let known = external_account::Entity::find()
            .filter(external_account::Column::AccountId.is_in(accounts))
            .all(self.database.reader())
            .await?;
        Ok(known.into_iter().map(|known| (known.account_id, known.external_id)).collect())
    }

    async fn send_in_order(
        &self,
        to: &Endpoint,
        whose: Whose,
        messages: Vec<Message>,
    ) -> Result<Delivered, DbErr> {
        let mut sent = Delivered::default();
        for message in &messages {
            // What is leased and not sent is due again soon.
            if self.ending.is_cancelled() {
                break;
            }
            let is_taken = self.send_one(to, whose.clone(), message).await?;
            sent.taken += u64::from(is_taken);
            sent.failed += u64::from(!is_taken);
        }
        Ok(sent)
    }

    /// Sends a message and writes down what came of it; says whether it was taken.
    async fn send_one(
        &self,
        to: &Endpoint,
        whose: Whose,
        (message, event): &Message,
    ) -> Result<bool, DbErr> {
        let payload = payload(&events::read(event)?, from_millis(event.at), whose);
        let body =
            serde_json::to_vec(&payload).map_err(|error| DbErr::Custom(error.to_string()))?;
        let (at, begun) = (self.clock.now(), Instant::now());
        let answer = self.send(to, &message.id, Bytes::from(body)).await;
        let outcome = Outcome::of(answer, &to.secrets);
        self.log(to, message, &outcome, at, begun.elapsed()).await?;
        if outcome.status == Some(GONE) {
            tracing::warn!(endpoint = to.id, "a webhook endpoint says that it is gone");
            self.switch(&to.id, false).await?;
        }
        let now = self.clock.now();
        let attempt = attempt(&outcome, message, now);
        if attempt != Attempt::Sent {
            let (endpoint, message, error) = (&to.id, &message.id, outcome.to_string());
            tracing::info!(endpoint, message, error, "a webhook was not taken");
        }
        settle(&self.database, message, &attempt, now).await?;
        Ok(attempt == Attempt::Sent)
    }

    /// Nobody is there to be told: the endpoint was removed, or is disabled.
    async fn give_up(&self, id: &str) -> Result<(), DbErr> {
        outbox::Entity::update_many()
            .col_expr(outbox::Column::State, Expr::value("given_up"))
            .col_expr(outbox::Column::FinishedAt, Expr::value(to_millis(self.clock.now())))
            .col_expr(outbox::Column::LastError, Expr::value("the endpoint takes nothing any more"))
            .filter(Expr::cust("channel = 'webhook' AND state = 'waiting'"))
            .filter(outbox::Column::Target.eq(id))
            .exec(self.database.writer())
            .await?;
        Ok(())
    }
}

fn attempt(outcome: &Outcome, message: &outbox::Model, now: DateTime<Utc>) -> Attempt {
    if outcome.is_taken {
        return Attempt::Sent;
    }
    let attempts = u32::try_from(message.attempts).unwrap_or_default();
    let is_gone = outcome.status == Some(GONE);
    let own = pause_after(attempts, rand::random()).filter(|_| !is_gone);
    let asked = outcome.retry_after.map(|asked| asked.wait(now)).unwrap_or_default();
    let again_after = own.map(|own| pause_asked_for(own, asked));
    Attempt::Failed { error: outcome.to_string(), again_after }
}
