//! The users whom the platform brings along, under its own names for them.
//!
//! Bringing somebody twice is bringing them once: the same external id is always the same account.
//! They have no password, so that only the platform's links sign them in.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, ExprTrait,
    IntoActiveModel, QueryFilter,
};

use super::{
    Email, Role,
    users::{insert, new_user},
};
use crate::{
    credits::AccountId,
    server::{
        clock::to_millis,
        database::{Database, Transaction, is_taken},
        entity::{external_account, user},
        requests::{Known, Request},
    },
};

/// The longest name that a platform has for one of its users.
pub const LONGEST_EXTERNAL_ID: usize = 200;
/// Others who bring the same user at the same time can win so often.
const ATTEMPTS: u32 = 5;

/// Somebody whom the platform brings along, as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bring {
    /// What the platform calls them.
    pub external_id: String,
    /// Where they get mail.
    pub email: String,
    /// Their name on screen.
    pub name: String,
    /// The time zone of their billing cycle. It counts when the account is opened: a cycle that
    /// has begun keeps its days.
    pub zone: String,
}

/// Somebody who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// Their account.
    pub account: AccountId,
    /// Whether it was opened by this call.
    pub is_new: bool,
    /// Whether the same request has brought them before: then nothing happened now.
    pub replayed: bool,
}

/// Why somebody can't be brought along.
#[derive(Debug, thiserror::Error)]
pub enum BringError {
    /// What the platform says about them can't be used.
    #[error("{field}: {message}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The e-mail address is somebody else's.
    #[error("{0} belongs to another account")]
    EmailTaken(Email),
    /// The request's key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

/// What was asked for, read.
#[derive(Clone)]
struct Wanted {
    external_id: String,
    user: user::Model,
    email: Email,
    zone: Tz,
}

/// Brings somebody along: opens an account for them, or brings their e-mail address and name up
/// to date; once for one request.
///
/// # Errors
/// Where a field can't be used, the address is somebody else's, the request's key was used for
/// something else, or the database fails.
pub async fn bring(
    database: &Database,
    bring: &Bring,
    request: Option<&Request>,
    now: DateTime<Utc>,
) -> Result<Brought, BringError> {
    let wanted = read(bring, now)?;
    let mut attempt = 1;
    loop {
        let asked = (wanted.clone(), request.cloned());
        let work = database.write(move |transaction| {
            let (wanted, request) = asked.clone();
            Box::pin(async move { once(transaction, wanted, request, now).await })
        });
        match work.await {
            Ok(brought) => return brought.ok_or(BringError::KeyReused),
            Err(error) if !is_taken(&error) => return Err(error.into()),
            // Somebody has the address, or the same user was brought at the same time.
            Err(_) if is_another(database, &wanted).await? => {
                return Err(BringError::EmailTaken(wanted.email));
            }
            Err(error) if attempt == ATTEMPTS => return Err(error.into()),
            Err(_) => attempt += 1,
        }
    }
}

/// The account of somebody whom the platform has brought along.
///
/// # Errors
/// Where the database is away.
pub async fn account_of_external(
    database: &Database,
    external_id: &str,
) -> Result<Option<AccountId>, DbErr> {
    // PostgreSQL can't even be asked for a NUL.
    if external_id.contains('\0') {
        return Ok(None);
    }
    let found = external_account::Entity::find_by_id(external_id).one(database.reader()).await?;
    Ok(found.map(|found| AccountId(found.account_id)))
}

fn read(bring: &Bring, now: DateTime<Utc>) -> Result<Wanted, BringError> {
    let wrong = |field, message: &str| BringError::Field { field, message: message.to_owned() };
    let external_id = bring.external_id.clone();
    let is_id = (1..=LONGEST_EXTERNAL_ID).contains(&external_id.chars().count())
        && !external_id.contains(char::is_control);
    if !is_id {
        let message = format!("must have 1 to {LONGEST_EXTERNAL_ID} characters");
        return Err(wrong("external_id", &message));
    }
    let email: Email = bring
        .email
        .parse()
        .map_err(|_| wrong("email", "an e-mail address looks like name@example.com"))?;
    let user = new_user(&email, &bring.name, now)
        .ok_or_else(|| wrong("name", "must have 1 to 200 characters"))?;
    let zone = bring.zone.parse().map_err(|_| {
        wrong("zone", "is no time zone that we know; write it like Europe/Berlin or UTC")
    })?;
    Ok(Wanted { external_id, user, email, zone })
}

/// None where the request's key was used for something else.
async fn once(
    transaction: &Transaction,
    wanted: Wanted,
    request: Option<Request>,
    now: DateTime<Utc>,
) -> Result<Option<Brought>, DbErr> {
    let Some(request) = request else { return write(transaction, wanted, now).await.map(Some) };
    match request.known(transaction).await? {
        Known::New => {
            let brought = write(transaction, wanted, now).await?;
            request.led_to(transaction, &brought.kept(), now).await?;
            Ok(Some(brought))
        }
        Known::LedTo(kept) => Ok(Brought::read(&kept)),
        Known::Reused => Ok(None),
    }
}

impl Brought {
    /// As it stands beside the request's key.
    fn kept(&self) -> String {
        let how = if self.is_new { "opened" } else { "found" };
        format!("{how} {}", self.account)
    }

    fn read(kept: &str) -> Option<Self> {
        let (how, account) = kept.split_once(' ')?;
        let account = AccountId(account.to_owned());
        Some(Self { account, is_new: how == "opened", replayed: true })
    }
}

async fn write(
    transaction: &Transaction,
    wanted: Wanted,
    now: DateTime<Utc>,
) -> Result<Brought, DbErr> {
    let Wanted { external_id, user, zone, .. } = wanted;
    if let Some(known) = external_account::Entity::find_by_id(&external_id).one(transaction).await?
    {
        update(transaction, &known.user_id, user).await?;
        let account = AccountId(known.account_id);
        return Ok(Brought { account, is_new: false, replayed: false });
    }
    let user_id = user.id.clone();
    let account = insert(transaction, user, Role::Customer, zone, now).await?;
    let account = account.ok_or_else(|| DbErr::Custom("a customer without account".to_owned()))?;
    let row = external_account::Model {
        external_id,
        account_id: account.0.clone(),
        user_id,
        created_at: to_millis(now),
    };
    let row = row.into_active_model().reset_all();
    external_account::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(Brought { account, is_new: true, replayed: false })
}

/// Brings a user's e-mail address and name up to date.
async fn update(transaction: &Transaction, id: &str, wanted: user::Model) -> Result<(), DbErr> {
    let changed = user::Column::Email.ne(&wanted.email).or(user::Column::Name.ne(&wanted.name));
    user::Entity::update_many()
        .set(user::ActiveModel {
            email: Set(wanted.email),
            name: Set(wanted.name),
            ..Default::default()
        })
        .filter(user::Column::Id.eq(id))
        .filter(changed)
        .exec(transaction)
        .await?;
    Ok(())
}

/// Whether the address is that of another user than this one.
async fn is_another(database: &Database, wanted: &Wanted) -> Result<bool, DbErr> {
    let users = user::Entity::find().filter(user::Column::Email.eq(wanted.email.as_str()));
    let Some(user) = users.one(database.writer()).await? else { return Ok(false) };
    let known = external_account::Entity::find_by_id(&wanted.external_id);
    let known = known.one(database.writer()).await?;
    Ok(known.is_none_or(|known| known.user_id != user.id))
}
