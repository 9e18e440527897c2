//! What the page that confirms an order asks the server for.

use leptos::prelude::*;

use super::{BuyPage, Choice};
use crate::pages::error::PageError;

/// The order of the customer who asks, or the picker where nothing fit for sale was chosen.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_buy(
    choice: Option<Choice>,
    problem: Option<String>,
) -> Result<BuyPage, PageError> {
    use super::{Problem, Sale, Shop};
    use crate::{
        pages::layout::Viewer,
        server::{AppState, http::explained::Explained, identity},
    };
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let overview = state.ledger.overview(&customer.account, None).await.explained()?;
    let shop = Shop::new(&state.catalogues.current(), &overview);
    if choice.as_ref().is_some_and(|choice| choice.is_unknown(&shop)) {
        let response = expect_context::<leptos_axum::ResponseOptions>();
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    let viewer = Viewer {
        name: customer.name,
        email: customer.email,
        unread: customer.unread,
        available: overview.available,
    };
    let intent = uuid::Uuid::now_v7().to_string();
    let sale = Sale { shop, intent, is_open: state.payments.is_on() };
    let problem = problem.and_then(|code| Problem::from_code(&code));
    Ok(BuyPage { viewer, sale, choice, problem })
}
