//! The customer's inbox: what they were told, newest first.

use chrono::{DateTime, FixedOffset, Utc};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use super::{Notices, words::Words};
use crate::{
    credits::{AccountId, EventKind},
    server::{
        clock::{from_millis, in_named_zone, to_millis},
        entity::{account, event, notice},
        events,
    },
};

/// Notices of one page.
const PAGE: usize = 20;

/// Where a page starts: the id of the notice before or behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// With older notices than this one.
    Before(String),
    /// With newer ones.
    After(String),
}

/// One notice, in words for its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// What sort of event it tells of.
    pub kind: EventKind,
    /// What it says.
    pub words: Words,
    /// When it happened, in the zone of the account.
    pub at: DateTime<FixedOffset>,
    /// Whether the customer has read it.
    pub is_read: bool,
}

/// One page of the inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// Newest first.
    pub notices: Vec<Notice>,
    /// The zone in which they are told.
    pub zone: String,
    /// Where newer ones are.
    pub newer: Option<Place>,
    /// Where older ones are.
    pub older: Option<Place>,
}

impl Notices {
    /// One page of the inbox of an account.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn inbox(&self, account: &AccountId, place: Option<Place>) -> Result<Inbox, DbErr> {
        let owner = account::Entity::find_by_id(&account.0).one(self.database.reader()).await?;
        let zone = owner.map(|owner| owner.zone).unwrap_or_default();
        let mut found = self.rows(account, place.as_ref()).await?;
        let goes_newer = matches!(place, Some(Place::After(_)));
        let has_more = found.len() > PAGE;
        found.truncate(PAGE);
        if goes_newer {
            found.reverse();
        }
        let id = |row: Option<&(notice::Model, event::Model)>| row.map(|row| row.0.id.clone());
        let (first, last) = (id(found.first()), id(found.last()));
        let has_newer = if goes_newer { has_more } else { place.is_some() };
        let has_older = goes_newer || has_more;
        Ok(Inbox {
            newer: first.filter(|_| has_newer).map(Place::After),
            older: last.filter(|_| has_older).map(Place::Before),
            notices: found.into_iter().filter_map(|row| notice_of(row, &zone)).collect(),
            zone,
        })
    }

    async fn rows(
        &self,
        account: &AccountId,
        place: Option<&Place>,
    ) -> Result<Vec<(notice::Model, event::Model)>, DbErr> {
        use notice::Column;
        let told =
            notice::Entity::belongs_to(event::Entity).from(Column::EventId).to(event::Column::Id);
        let select = notice::Entity::find().filter(Column::AccountId.eq(&account.0));
        let select = match place {
            Some(Place::Before(id)) => select.filter(Column::Id.lt(id)).order_by_desc(Column::Id),
            Some(Place::After(id)) => select.filter(Column::Id.gt(id)).order_by_asc(Column::Id),
            None => select.order_by_desc(Column::Id),
        };
        let limit = u64::try_from(PAGE + 1).unwrap_or(u64::MAX);
        let found = select
            .limit(limit)
            .join(JoinType::InnerJoin, told.into())
            .select_also(event::Entity)
            .all(self.database.reader())
            .await?;
        Ok(found.into_iter().filter_map(|(notice, event)| Some((notice, event?))).collect())
    }

    /// Marks notices as read, up to the newest that the customer has seen.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn mark_read(
        &self,
        account: &AccountId,
        newest: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        use notice::Column;
        notice::Entity::update_many()
            .filter(Column::AccountId.eq(&account.0))
            .filter(Column::ReadAt.is_null())
            .filter(Column::Id.lte(newest))
            .col_expr(Column::ReadAt, Expr::value(to_millis(now)))
            .exec(self.database.writer())
            .await?;
        Ok(())
    }
}

/// None where only a later program can read it.
fn notice_of((row, event): (notice::Model, event::Model), zone: &str) -> Option<Notice> {
    let at = from_millis(event.at);
    let told = events::read(&event).ok()?;
    Some(Notice {
        id: row.id,
        kind: told.kind(),
        words: Words::of(&told, &event.cause, at, zone),
        at: in_named_zone(at, zone),
        is_read: row.read_at.is_some(),
    })
}
