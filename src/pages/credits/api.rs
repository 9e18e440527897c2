//! What Credits Management asks the server for.

use chrono::NaiveDate;
use leptos::prelude::*;

use super::CreditsPage;
use crate::pages::error::PageError;

/// The page of the customer who asks, with the usage of the cycle that contains a day.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_credits(cycle: Option<NaiveDate>) -> Result<CreditsPage, PageError> {
    use super::Rates;
    use crate::{
        pages::{
            buy::{Sale, Shop},
            layout::Viewer,
        },
        server::{AppState, clock::in_named_zone, http::explained::Explained, identity},
    };
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let overview = state.ledger.overview(&customer.account, cycle).await.explained()?;
    let viewer = Viewer {
        name: customer.name,
        email: customer.email,
        unread: customer.unread,
        available: overview.available,
    };
    let version = state.catalogues.in_effect();
    let catalogue = &version.catalogue;
    let sale = Sale {
        shop: Shop::new(catalogue, &overview),
        intent: uuid::Uuid::now_v7().to_string(),
        is_open: state.payments.is_on(),
    };
    let since = in_named_zone(version.effective_from, &overview.zone);
    let (card, version) = (catalogue.rate_card.clone(), catalogue.version.clone());
    let rates = Rates { card, version, since };
    Ok(CreditsPage { viewer, overview, sale, rates })
}
