//! The failures of the server in the words of a page, with the status that says the same to
//! machines.

use axum::http::StatusCode;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use sea_orm::DbErr;

use crate::{
    pages::error::PageError,
    server::{identity::Stranger, ledger::ReadError, payments::Away},
};

/// Turns a failure into the page that stands in its place.
pub trait Explained<T> {
    /// What there is, or why the page can't be shown; then the answer has the status for it.
    ///
    /// # Errors
    /// In the words of a page.
    fn explained(self) -> Result<T, PageError>;
}

impl<T, Failure: Explain> Explained<T> for Result<T, Failure> {
    fn explained(self) -> Result<T, PageError> {
        self.map_err(|failure| {
            let error = failure.explain();
            answer_with(error);
            error
        })
    }
}

/// A failure that a page can tell of.
trait Explain {
    fn explain(self) -> PageError;
}

impl Explain for PageError {
    fn explain(self) -> PageError {
        self
    }
}

impl Explain for Stranger {
    fn explain(self) -> PageError {
        PageError::SignIn
    }
}

impl Explain for ReadError {
    fn explain(self) -> PageError {
        match self {
            Self::UnknownAccount => PageError::NotFound,
            Self::Unavailable => PageError::Unavailable,
        }
    }
}

impl Explain for Away {
    fn explain(self) -> PageError {
        PageError::Unavailable
    }
}

impl Explain for DbErr {
    fn explain(self) -> PageError {
        tracing::error!(error = %self, "a page could not be read");
        PageError::Unavailable
    }
}

fn answer_with(error: PageError) {
    let status = StatusCode::from_u16(error.status());
    if let (Some(options), Ok(status)) = (use_context::<ResponseOptions>(), status) {
        options.set_status(status);
    }
}
