//! The people who sign in.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::{Customer, Staff, password::PasswordError};
use crate::{
    credits::AccountId,
    server::{
        clock::to_millis,
        database::{Database, Transaction, is_taken},
        entity::user,
        ledger::open_account,
    },
};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Sees and fills their own account.
    Customer,
    /// Sees every account, changes none.
    Support,
}

/// Somebody who signed in, proven to be what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// A customer.
    Customer(Customer),
    /// One of us.
    Staff(Staff),
}

/// Somebody to be added.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Their address.
    pub email: Email,
    /// Their name on screen.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The time zone of their account.
    pub zone: Tz,
    /// From [`super::password::Passwords::hash`].
    pub password_hash: String,
}

/// An e-mail address in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

/// Why a text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address looks like name@example.com")]
pub struct NoEmail;

/// Why somebody can't be added.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// Somebody has this address.
    #[error("{0} can sign in already")]
    Taken(Email),
    /// The name is empty or too long.
    #[error("the name must have 1 to 200 characters")]
    Name,
    /// The password can't be used.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl FromStr for Email {
    type Err = NoEmail;

    fn from_str(text: &str) -> Result<Self, NoEmail> {
        let text = text.trim().to_ascii_lowercase();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= 254;
        let (name, host) = text.rsplit_once('@').ok_or(NoEmail)?;
        if !is_plain || name.is_empty() || name.contains('@') || host.is_empty() {
            return Err(NoEmail);
        }
        Ok(Self(text))
    }
}

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Person {
    /// The same with how many notices they have not read; staff have none.
    pub(super) fn with_unread(self, notices: i64) -> Self {
        match self {
            Self::Customer(customer) => {
                let unread = u32::try_from(notices).unwrap_or(u32::MAX);
                Self::Customer(Customer { unread, ..customer })
            }
            staff @ Self::Staff(_) => staff,
        }
    }

    /// The id of the user.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Customer(customer) => &customer.user,
            Self::Staff(staff) => &staff.user,
        }
    }
}

/// Adds somebody; a customer gets an empty account, whose id is returned. It has no entries yet:
/// credits only ever arrive through the ledger.
///
/// # Errors
/// Where somebody has the address already, or the database fails.
pub async fn add(
    database: &Database,
    new: NewUser,
    now: DateTime<Utc>,
) -> Result<Option<AccountId>, AddUserError> {
    let user = new_user(&new.email, &new.name, now).ok_or(AddUserError::Name)?;
    let user = user::Model { password_hash: new.password_hash, ..user };
    let (role, zone) = (new.role, new.zone);
    let added = database.write(move |transaction| {
        let user = user.clone();
        Box::pin(async move { insert(transaction, user, role, zone, now).await })
    });
    added.await.map_err(|error| {
        if is_taken(&error) { AddUserError::Taken(new.email) } else { error.into() }
    })
}

/// A customer without password and account yet; none where the name is empty or too long.
pub(super) fn new_user(email: &Email, name: &str, now: DateTime<Utc>) -> Option<user::Model> {
    let name = name.trim();
    let is_name = (1..=200).contains(&name.chars().count()) && !name.contains(char::is_control);
    is_name.then(|| user::Model {
        id: format!("usr_{}", Uuid::now_v7().simple()),
        email: email.to_string(),
        name: name.to_owned(),
        password_hash: String::new(),
        role: Role::Customer.as_str().to_owned(),
        account_id: None,
        created_at: to_millis(now),
    })
}

/// Writes somebody down, a customer with an empty account.
pub(super) async fn insert(
    transaction: &Transaction,
    mut user: user::Model,
    role: Role,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Option<AccountId>, DbErr> {
    let account = match role {
        Role::Customer => {
            let anchor_day = now.with_timezone(&zone).day();
            Some(open_account(transaction, zone, anchor_day, now).await?)
        }
        Role::Support => None,
    };
    role.as_str().clone_into(&mut user.role);
    user.account_id = account.as_ref().map(|account| account.0.clone());
    let user = user.into_active_model().reset_all();
    user::Entity::insert(user).exec_without_returning(transaction).await?;
    Ok(account)
}

/// Somebody with this address, and the hash of their password.
///
/// # Errors
/// Where the database is away.
pub async fn with_email(
    database: &Database,
    email: &Email,
) -> Result<Option<(Person, String)>, DbErr> {
    let users = user::Entity::find().filter(user::Column::Email.eq(email.as_str()));
    let user = users.one(database.reader()).await?;
    user.map(|mut user| {
        let hash = std::mem::take(&mut user.password_hash);
        Ok((Person::try_from(user)?, hash))
    })
    .transpose()
}

/// Somebody by their id.
///
/// # Errors
/// Where the database is away.
pub async fn with_id(database: &Database, id: &str) -> Result<Option<Person>, DbErr> {
    let user = user::Entity::find_by_id(id).one(database.reader()).await?;
    user.map(Person::try_from).transpose()
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Support => "support",
        }
    }
}

impl TryFrom<user::Model> for Person {
    type Error = DbErr;

    fn try_from(row: user::Model) -> Result<Self, DbErr> {
        let user::Model { id: user, name, email, .. } = row;
        match (row.role.as_str(), row.account_id) {
            ("customer", Some(account)) => {
                let account = AccountId(account);
                Ok(Self::Customer(Customer { user, account, name, email, unread: 0 }))
            }
            ("support", None) => Ok(Self::Staff(Staff { user, name, email })),
            (role, _) => Err(DbErr::Type(format!("user {user} has the role {role:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mail_addresses_are_kept_in_lower_case() {
        let email: Email = " Demo@Recharge.TEST ".parse().expect("an address");
        assert_eq!(email.as_str(), "demo@recharge.test");
    }

    #[test]
    fn what_is_no_e_mail_address_is_refused() {
        for text in ["", "demo", "@recharge.test", "demo@", "a b@c.test", "a@b@c.test", "é@c.test"]
        {
            assert_eq!(text.parse::<Email>(), Err(NoEmail), "{text:?}");
        }
    }
}
