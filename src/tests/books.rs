//! Verifies the ledger and every table beside it at the end of a test: `recharge verify` must find
//! nothing where nobody has changed a row.

use std::panic::Location;

use recharge::server::{clock::Clock, database::Database, ledger::Ledger, verify};

use crate::app::TestApp;

/// Holds that all adds up.
#[track_caller]
pub fn add_up(ledger: &Ledger, database: &Database, clock: &Clock) -> impl Future<Output = ()> {
    let asked = Location::caller();
    async move {
        ledger.verify().await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        let beside = verify::beside_the_ledger(database, clock).await.unwrap();
        assert_eq!(beside.named, [], "{asked}");
    }
}

impl TestApp {
    /// Holds that all adds up.
    #[track_caller]
    pub fn adds_up(&self) -> impl Future<Output = ()> {
        add_up(&self.state.ledger, &self.database, &self.clock)
    }
}
