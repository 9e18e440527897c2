//! What the page of auto-recharge asks the server for.

use leptos::prelude::*;

use super::AutoRechargePage;
use crate::pages::error::PageError;

/// Auto-recharge of the customer who asks, with what they entered where the form came back. On the
/// way back from Stripe the card is kept first.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_auto_recharge(address: String) -> Result<AutoRechargePage, PageError> {
    use super::{Asked, EnteredRecharge, Said, Step};
    use crate::{
        pages::layout::Viewer,
        server::{
            AppState, clock::in_named_zone, http::explained::Explained, identity, payments::Away,
        },
    };
    use axum::http::request::Parts;
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let mut asked = Asked::parse(&address);
    if let Some(session) = asked.session.take() {
        asked.said = Some(match state.payments.card_saved(&customer.account, &session).await {
            Ok(true) => Said::CardSaved,
            Ok(false) => Said::CardNotSaved,
            Err(Away::Database) => return Err(Away::Database).explained(),
            Err(_) => Said::Unreachable,
        });
    }
    let parts = use_context::<Parts>();
    if let Some(entered) = parts.and_then(|it| it.extensions.get::<EnteredRecharge>().cloned()) {
        (asked.form, asked.said) = (Some(entered.form), entered.said);
    }
    let recharge = state.payments.auto_recharge(&customer.account).await.explained()?;
    let caps = state.ledger.spend_caps(&customer.account).await.explained()?;
    let viewer = Viewer {
        name: customer.name,
        email: customer.email,
        unread: customer.unread,
        available: caps.available,
    };
    let made = recharge.recharges.iter().map(|it| in_named_zone(it.created_at, &caps.zone));
    let made_at = made.collect();
    let catalogue = state.catalogues.current();
    let packages = catalogue.packages.iter().map(|package| {
        let total = catalogue.schedule.offer(package.credits).total;
        (package.id.clone(), package.credits, total)
    });
    let page = AutoRechargePage {
        viewer,
        is_open: state.payments.is_on(),
        recharge,
        made_at,
        zone: caps.zone,
        packages: packages.collect(),
        currency: catalogue.schedule.currency,
        prices: catalogue.prices(),
        form: <_>::default(),
        problems: <_>::default(),
        step: Step::Standing,
        said: None,
    };
    Ok(page.showing(asked, &catalogue))
}
