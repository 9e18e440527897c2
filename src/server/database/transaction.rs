//! An open transaction: all its statements go over one connection.

use std::fmt;

use sea_orm::{DbBackend, DbErr};
use tokio::sync::Mutex;

use super::{
    ask::{Ask, Told, connection_by_asking},
    pool::{Lent, Listener},
};

/// An open transaction. If it is dropped without [`Transaction::commit`], its connection is closed
/// and nothing of it is kept.
pub struct Transaction {
    lent: Mutex<Lent>,
    backend: DbBackend,
    listener: Option<Listener>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Transaction {
    pub(super) fn new(lent: Lent, backend: DbBackend, listener: Option<Listener>) -> Self {
        Self { lent: Mutex::new(lent), backend, listener }
    }

    /// Keeps what was written.
    ///
    /// # Errors
    /// If the database refuses, or doesn't say whether it was kept; the connection is closed then.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.lent.into_inner().session()?.commit().await
    }

    /// Takes back what was written.
    ///
    /// # Errors
    /// If the database doesn't answer; the connection is closed then, and nothing is kept either.
    pub async fn roll_back(self) -> Result<(), DbErr> {
        self.lent.into_inner().session()?.roll_back().await
    }

    const fn backend(&self) -> DbBackend {
        self.backend
    }

    async fn ask(&self, ask: Ask) -> Result<Told, DbErr> {
        if let (Some(listener), Some(sql)) = (&self.listener, ask.prepared()) {
            listener(sql);
        }
        self.lent.lock().await.session()?.ask(ask).await
    }
}

connection_by_asking!(Transaction);
