//! The books, for operators: `recharge reconcile` and `recharge accept-clock`.

use std::time::Duration;

use chrono::TimeDelta;

use crate::server::{
    catalogue::file,
    clock_watch,
    config::Config,
    payments::{Away, Report},
    serve::{self, StartError},
};

/// How long the command begins something new: it is to deal with all that waits.
const RUN: Duration = Duration::from_mins(10);

/// Why a command about the books failed, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Stripe or the database is away.
    #[error("Not reconciled: {0}.")]
    Reconcile(#[from] Away),
    /// A person must look at something, or something could not be dealt with.
    #[error("Reconciled, but {0}.")]
    Open(String),
    /// The database refuses.
    #[error("The clock could not be accepted: {0}.")]
    Accept(sea_orm::DbErr),
}

/// Compares with Stripe once. Returns a report, and an error if a person must look at something,
/// whenever it was found, or if anything was not dealt with.
pub(super) async fn reconcile(
    config: Config,
) -> Result<(Report, Result<(), BooksError>), BooksError> {
    let catalogue = file::load(config.catalogue.as_deref()).map_err(StartError::from)?;
    let database = serve::connect(&config).await?;
    let clock = serve::trusted_clock(&config, &database).await?;
    let state = serve::start(config, &catalogue, database, clock).await?;
    let report = state.payments.reconcile_within(TimeDelta::zero(), RUN).await?;
    let in_review = state.payments.in_review().await?;
    let unknown_here = state.payments.unknown_here().await?;
    state.payments.close().await;
    state.ledger.close().await;
    let agreed = match report.open(&in_review, &unknown_here) {
        None => Ok(()),
        Some(open) => Err(BooksError::Open(open)),
    };
    Ok((report, agreed))
}

/// Accepts the machine's clock although the database has later rows.
pub(super) async fn accept_clock(config: &Config) -> Result<&'static str, BooksError> {
    let database = serve::connect(config).await?;
    clock_watch::accept(&database).await.map_err(BooksError::Accept)?;
    Ok("The clock of this machine is accepted: start the server again.")
}
