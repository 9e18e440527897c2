//! What the payment tracker asks the server for.

use leptos::prelude::*;

use super::{Landing, PurchasePage};
use crate::pages::error::PageError;

/// A purchase of the customer who asks. Who comes from Stripe's page with its session makes it
/// be looked at there once more, so that a paid purchase is credited before the page is shown.
///
/// # Errors
/// Where nobody is signed in, it is not theirs, or the database can't be read.
#[server]
pub async fn load_purchase(id: String, landing: Landing) -> Result<PurchasePage, PageError> {
    use super::Times;
    use crate::{
        pages::layout::Viewer,
        server::{AppState, http::explained::Explained, identity},
    };
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let landed = state.payments.landed(&customer.account, &id, landing.session.as_deref()).await;
    let purchase = landed.explained()?.ok_or(PageError::NotFound).explained()?;
    let overview = state.ledger.overview(&customer.account, None).await.explained()?;
    let catalogue = state.catalogues.current();
    let offer = catalogue.schedule.offer(purchase.credits.whole());
    let is_todays_price = offer.total == purchase.total;
    let in_zone = |at| crate::server::clock::in_named_zone(at, &overview.zone);
    Ok(PurchasePage {
        viewer: Viewer {
            name: customer.name,
            email: customer.email,
            unread: customer.unread,
            available: overview.available,
        },
        arrival: landing.arrival(),
        is_unreachable: landing.is_unreachable,
        balance: overview.balance(),
        times: Times {
            now: overview.now,
            created: in_zone(purchase.created_at),
            charged: purchase.charged_at.map(in_zone),
            paid: purchase.paid_at.map(in_zone),
            credited: purchase.credited_at.map(in_zone),
            expire: purchase.credits_expire_at.map(in_zone),
        },
        offer: is_todays_price.then(|| (offer, catalogue.schedule.clone())),
        zone: overview.zone.clone(),
        purchase,
    })
}
