//! The four people of the demo.

use chrono::{DateTime, Days, Months, Utc};
use chrono_tz::Tz;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::{PASSWORD, SeedError};
use crate::{
    credits::AccountId,
    server::{
        database::Database,
        entity::user,
        identity::{self, AddUserError, NewUser, Passwords, Role},
    },
};

/// A customer of the demo.
pub(super) struct Customer {
    pub user: String,
    pub account: AccountId,
}

/// Those of them who get a history.
pub(super) struct People {
    pub demo: Customer,
    pub expiring: Customer,
}

/// When the demo customer came: a year and a half ago, on a day that puts today into the middle of
/// a billing cycle.
pub(super) fn demo_opened_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now - Days::new(16) - Months::new(18)
}

/// When the customer came whose credits expire in six days.
pub(super) fn expiring_opened_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now - Months::new(12) + Days::new(6)
}

impl People {
    /// Adds them; none where they are there already.
    pub async fn add(database: &Database, now: DateTime<Utc>) -> Result<Option<Self>, SeedError> {
        let hash = Passwords::new().map_err(AddUserError::from)?.hash(PASSWORD).await;
        let hash = hash.map_err(AddUserError::from)?;
        let person = |address: &str, name: &str, role: Role| -> Result<NewUser, SeedError> {
            Ok(NewUser {
                email: format!("{address}@recharge.test").parse()?,
                name: name.to_owned(),
                role,
                zone: Tz::Europe__Berlin,
                password_hash: hash.clone(),
            })
        };
        let demo = person("demo", "Mira Lindqvist", Role::Customer)?;
        let demo = match customer(database, demo, demo_opened_at(now)).await {
            Err(SeedError::People(AddUserError::Taken(_))) => return Ok(None),
            added => added?,
        };
        let expiring = person("expiring", "Elif Demir", Role::Customer)?;
        let expiring = customer(database, expiring, expiring_opened_at(now)).await?;
        for (address, name, role) in
            [("new", "Noa Brandt", Role::Customer), ("support", "Sam Okafor", Role::Support)]
        {
            identity::add(database, person(address, name, role)?, now).await?;
        }
        Ok(Some(Self { demo, expiring }))
    }
}

async fn customer(
    database: &Database,
    person: NewUser,
    opened_at: DateTime<Utc>,
) -> Result<Customer, SeedError> {
    let account = identity::add(database, person, opened_at).await?.unwrap_or_default();
    let user: Option<String> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::AccountId.eq(&account.0))
        .into_tuple()
        .one(database.writer())
        .await?;
    let user = user.ok_or_else(|| DbErr::RecordNotFound(format!("the user of {account}")))?;
    Ok(Customer { user, account })
}
