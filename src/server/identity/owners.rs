//! Whose an account is, for staff who look at it.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, Select};

use super::Email;
use crate::{
    credits::AccountId,
    server::{database::Database, entity::user},
};

/// The owner of an account. Unlike a [`super::Customer`], no proof of who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Their account.
    pub account: AccountId,
    /// Their name on screen.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
}

/// The owner with an e-mail address; staff own nothing.
///
/// # Errors
/// Where the database is away.
pub async fn owner_with_email(database: &Database, email: &Email) -> Result<Option<Owner>, DbErr> {
    one(database, user::Entity::find().filter(user::Column::Email.eq(email.as_str()))).await
}

/// The owner of an account.
///
/// # Errors
/// Where the database is away.
pub async fn owner_of(database: &Database, account: &AccountId) -> Result<Option<Owner>, DbErr> {
    one(database, user::Entity::find().filter(user::Column::AccountId.eq(&account.0))).await
}

async fn one(database: &Database, users: Select<user::Entity>) -> Result<Option<Owner>, DbErr> {
    let user = users.one(database.reader()).await?;
    Ok(user.and_then(|user| {
        let account = AccountId(user.account_id?);
        Some(Owner { account, name: user.name, email: user.email })
    }))
}
