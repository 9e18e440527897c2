//! Who is told, and how they want to be.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};

use super::preferences::chosen;
use crate::server::database::Transaction;
use crate::{
    credits::{Topic, Ways},
    server::entity::{account, event, notice_preference, user},
};

/// The customers of a batch of events, by their account.
pub(super) struct Customers {
    found: HashMap<String, Customer>,
}

/// Somebody who may be told.
pub(super) struct Customer {
    pub account: account::Model,
    pub email: String,
    choices: Vec<notice_preference::Model>,
}

impl Customer {
    /// By which ways they hear of a topic.
    pub fn ways(&self, topic: Topic) -> Ways {
        chosen(topic, &self.choices)
    }
}

impl Customers {
    /// Reads whose events these are.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn of(transaction: &Transaction, events: &[event::Model]) -> Result<Self, DbErr> {
        let mut ids: Vec<_> = events.iter().map(|event| event.account_id.clone()).collect();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Self { found: HashMap::new() });
        }
        let accounts = account::Entity::find().filter(account::Column::Id.is_in(ids.clone()));
        let users = user::Entity::find().filter(user::Column::AccountId.is_in(ids.clone()));
        let choices = notice_preference::Entity::find()
            .filter(notice_preference::Column::AccountId.is_in(ids));
        let accounts = accounts.all(transaction).await?;
        let mut emails: HashMap<_, _> = users
            .all(transaction)
            .await?
            .into_iter()
            .filter_map(|user| Some((user.account_id?, user.email)))
            .collect();
        let choices = choices.all(transaction).await?;
        let customer = |account: account::Model| {
            let email = emails.remove(&account.id)?;
            let own = choices.iter().filter(|choice| choice.account_id == account.id);
            let choices = own.cloned().collect();
            Some((account.id.clone(), Customer { account, email, choices }))
        };
        Ok(Self { found: accounts.into_iter().filter_map(customer).collect() })
    }

    /// Whose account this is.
    pub fn find(&self, account: &str) -> Option<&Customer> {
        self.found.get(account)
    }
}
