//! How a customer wants to be told: by which way of which topic, and below which balance.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, JoinType, QueryFilter,
    QuerySelect, sea_query::OnConflict,
};

use super::Notices;
use crate::{
    credits::{AccountId, Credits, Topic, Ways},
    server::{
        database::Transaction,
        entity::{account, notice_preference, runway_warning},
        ledger::ReadError,
    },
};

/// Days of runway below which customers are warned who chose nothing.
pub const USUAL_DAYS: u32 = 7;
/// The most days of runway that can be asked for.
pub const MOST_DAYS: u32 = 90;

/// When a balance counts as low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowBalance {
    /// Only nothing left is told.
    Never,
    /// Below this many credits.
    Below(Credits),
    /// When it lasts fewer days than this at the account's pace.
    Days(u32),
}

/// What a customer chose, or the usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// By which ways they hear of each topic.
    pub ways: BTreeMap<Topic, Ways>,
    /// When their balance counts as low.
    pub low_balance: LowBalance,
    /// What that is in credits now, where it is anything.
    pub low_at: Option<Credits>,
    /// The zone in which instants are told.
    pub zone: String,
}

/// The ways of a topic: what was chosen, else the usual. What concerns money can't be left out.
pub(super) fn chosen(topic: Topic, choices: &[notice_preference::Model]) -> Ways {
    let own = choices.iter().find(|choice| choice.topic == topic.id());
    own.filter(|_| topic.is_optional())
        .map_or_else(|| topic.usual(), |own| Ways { inbox: own.inbox, mail: own.mail })
}

impl Notices {
    /// What a customer chose; none where there is no such account.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn preferences(&self, account: &AccountId) -> Result<Option<Preferences>, DbErr> {
        let reader = self.database.reader();
        let warning = account::Entity::belongs_to(runway_warning::Entity)
            .from(account::Column::Id)
            .to(runway_warning::Column::AccountId);
        let found = account::Entity::find_by_id(&account.0)
            .join(JoinType::LeftJoin, warning.into())
            .select_also(runway_warning::Entity)
            .one(reader)
            .await?;
        let Some((row, warning)) = found else { return Ok(None) };
        let choices = notice_preference::Entity::find()
            .filter(notice_preference::Column::AccountId.eq(&account.0))
            .all(reader)
            .await?;
        let low_at = row.low_at.map(Credits::from_thousandths);
        let low_balance = match (warning.map(|warning| warning.days), low_at) {
            (None, _) => LowBalance::Days(USUAL_DAYS),
            (Some(Some(days)), _) => LowBalance::Days(days.unsigned_abs()),
            (Some(None), Some(low_at)) => LowBalance::Below(low_at),
            (Some(None), None) => LowBalance::Never,
        };
        let ways = Topic::ALL.map(|topic| (topic, chosen(topic, &choices)));
        Ok(Some(Preferences { ways: ways.into(), low_balance, low_at, zone: row.zone }))
    }

    /// Keeps what a customer chose. What can't be left out stays as it is.
    ///
    /// # Errors
    /// Where there is no such account, or the database fails.
    pub async fn prefer(
        &self,
        account: &AccountId,
        ways: &BTreeMap<Topic, Ways>,
        low_balance: LowBalance,
        now: DateTime<Utc>,
    ) -> Result<(), ReadError> {
        let (id, wanted) = (account.clone(), ways.clone());
        let written = self.database.write(move |transaction| {
            let (id, wanted) = (id.clone(), wanted.clone());
            Box::pin(async move {
                for (topic, ways) in wanted.into_iter().filter(|(topic, _)| topic.is_optional()) {
                    choose(transaction, &id, topic, ways).await?;
                }
                warn_by(transaction, &id, low_balance).await
            })
        });
        written.await?;
        match low_balance {
            LowBalance::Never => self.ledger.warn_below(account, None).await,
            LowBalance::Below(low_at) => self.ledger.warn_below(account, Some(low_at)).await,
            LowBalance::Days(days) => {
                // Until anything has been consumed, there is no pace to go by.
                let low_at = self.lasting(account, days, now).await?;
                self.ledger.warn_below(account, low_at).await
            }
        }
    }

    /// Sends a customer no more mail about a topic; says whether that could be done.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn send_no_more(&self, account: &AccountId, topic: Topic) -> Result<bool, DbErr> {
        if !topic.is_optional() {
            return Ok(false);
        }
        let id = account.clone();
        let written = self.database.write(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                let choices =
                    notice_preference::Entity::find_by_id((id.0.clone(), topic.id().to_owned()));
                let choices: Vec<_> = choices.one(transaction).await?.into_iter().collect();
                let ways = Ways { mail: false, ..chosen(topic, &choices) };
                choose(transaction, &id, topic, ways).await
            })
        });
        written.await.map(|()| true)
    }
}

async fn choose(
    transaction: &Transaction,
    account: &AccountId,
    topic: Topic,
    ways: Ways,
) -> Result<(), DbErr> {
    use notice_preference::Column;
    let row = notice_preference::Model {
        account_id: account.0.clone(),
        topic: topic.id().to_owned(),
        inbox: ways.inbox,
        mail: ways.mail,
    };
    let mut instead = OnConflict::columns([Column::AccountId, Column::Topic]);
    instead.update_columns([Column::Inbox, Column::Mail]);
    notice_preference::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(instead)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn warn_by(
    transaction: &Transaction,
    account: &AccountId,
    low_balance: LowBalance,
) -> Result<(), DbErr> {
    use runway_warning::Column;
    let days = match low_balance {
        LowBalance::Days(days) => i32::try_from(days.clamp(1, MOST_DAYS)).ok(),
        LowBalance::Never | LowBalance::Below(_) => None,
    };
    let row = runway_warning::Model { account_id: account.0.clone(), days };
    let mut instead = OnConflict::column(Column::AccountId);
    instead.update_column(Column::Days);
    runway_warning::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(instead)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
