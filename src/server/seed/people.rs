//! The four people of the demo.

use chrono::{DateTime, Days, Months, Utc};
use chrono_tz::Tz;

use super::{PASSWORD, SeedError};
use crate::{
    credits::AccountId,
    server::{
        database::Database,
        identity::{
            password::Passwords,
            users::{self, Email, NewUser, Role},
        },
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

/// When the demo customer came: a year and a half ago.
pub(super) fn demo_opened_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now - Months::new(18)
}

/// When the customer came whose credits expire in six days.
pub(super) fn expiring_opened_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now - Months::new(12) + Days::new(6)
}

impl People {
    /// Adds them; none where they are there already.
    pub async fn add(database: &Database, now: DateTime<Utc>) -> Result<Option<Self>, SeedError> {
        let demo = email("demo");
        if users::with_email(database, &demo).await?.is_some() {
            return Ok(None);
        }
        let hash = Passwords::new()?.hash(PASSWORD).await?;
        let berlin = Tz::Europe__Berlin;
        let person = |email: &Email, name: &str, role: Role| NewUser {
            email: email.clone(),
            name: name.to_owned(),
            role,
            zone: berlin,
            password_hash: hash.clone(),
        };
        let support = person(&email("support"), "Sam Okafor", Role::Support);
        users::add(database, support, now).await?;
        let new = person(&email("new"), "Noa Brandt", Role::Customer);
        users::add(database, new, now).await?;
        let expiring = person(&email("expiring"), "Elif Demir", Role::Customer);
        let expiring = customer(database, expiring, expiring_opened_at(now)).await?;
        let demo = person(&demo, "Mira Lindqvist", Role::Customer);
        let demo = customer(database, demo, demo_opened_at(now)).await?;
        Ok(Some(Self { demo, expiring }))
    }
}

fn email(name: &str) -> Email {
    Email::demo(name)
}
