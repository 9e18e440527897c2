//! Compares the books with Stripe's, and accepts the clock that they are kept by.

use chrono::TimeDelta;

use crate::server::{
    catalogue::file,
    clock_watch,
    config::Config,
    payments::{Away, Report},
    serve::{self, StartError},
};

/// Why the books could not be found in order, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Stripe or the database is away.
    #[error("Not reconciled: {0}.")]
    Reconcile(#[from] Away),
    /// A person must look at something.
    #[error("Reconciled, but a person must look at {0}.")]
    Open(String),
    /// The database refuses.
    #[error("The clock could not be accepted: {0}.")]
    Accept(sea_orm::DbErr),
}

/// Compares with Stripe once. Returns what was found, and whether nobody must look at anything.
pub(super) async fn reconcile(
    config: Config,
) -> Result<(Report, Result<(), BooksError>), BooksError> {
    let catalogue = file::load(config.catalogue.as_deref()).map_err(StartError::from)?;
    let database = serve::connect(&config).await?;
    let clock = serve::trusted_clock(&config, &database).await?;
    let state = serve::start(config, &catalogue, database, clock).await?;
    let report = state.payments.reconcile(TimeDelta::zero()).await?;
    let in_review = state.payments.in_review().await?;
    state.payments.close().await;
    state.ledger.close().await;
    let agreed = match report.open(&in_review) {
        None => Ok(()),
        Some(open) => Err(BooksError::Open(open)),
    };
    Ok((report, agreed))
}

/// Believes the machine's clock although the database has later rows.
pub(super) async fn accept_clock(config: &Config) -> Result<&'static str, BooksError> {
    let database = serve::connect(config).await?;
    clock_watch::accept(&database).await.map_err(BooksError::Accept)?;
    Ok("The clock of this machine is accepted: start the server again.")
}
