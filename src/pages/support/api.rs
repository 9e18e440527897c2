//! What the pages of support ask the server for.

use leptos::prelude::*;

use super::{SupportAccountPage, SupportSearchPage};
use crate::pages::error::PageError;

/// The account whose owner signs in with an e-mail address.
///
/// # Errors
/// Where the visitor is none of us, or the database can't be read.
#[server]
pub async fn load_search(email: String) -> Result<SupportSearchPage, PageError> {
    use super::FoundAccount;
    use crate::{
        pages::layout::StaffViewer,
        server::{AppState, http::explained::Explained, identity},
    };
    let staff = identity::staff().explained()?;
    let state = expect_context::<AppState>();
    let owner = match email.parse() {
        Ok(address) => identity::owner_with_email(&state.database, &address).await.explained()?,
        Err(_) => None,
    };
    let mut found = None;
    if let Some(owner) = owner {
        let (available, _) = state.ledger.balance(&owner.account).await.explained()?;
        found = Some(FoundAccount {
            id: owner.account,
            name: owner.name,
            email: owner.email,
            available,
        });
    }
    let staff = StaffViewer { name: staff.name, email: staff.email };
    Ok(SupportSearchPage { staff, email, found })
}

/// An account with the rows of its history that the address asks for.
///
/// # Errors
/// Where the visitor is none of us, there is no such account, or the database can't be read.
#[server]
pub async fn load_account(id: String, address: String) -> Result<SupportAccountPage, PageError> {
    use super::{AccountHead, DatedPurchase};
    use crate::{
        credits::AccountId,
        pages::{history::HistoryQuery, layout::StaffViewer},
        server::{AppState, http::explained::Explained, identity},
    };
    let staff = identity::staff().explained()?;
    let (state, id) = (expect_context::<AppState>(), AccountId(id));
    let owner = identity::owner_of(&state.database, &id).await.explained()?;
    let HistoryQuery { filter, cursor, open, cycle } = HistoryQuery::parse(&address);
    let overview = state.ledger.overview(&id, cycle).await.explained()?;
    let history = state.ledger.history(&id, filter, cursor, open).await.explained()?;
    let in_zone = |at| crate::server::clock::in_named_zone(at, &overview.zone);
    let purchases = state.payments.purchases(&id).await.explained()?;
    let purchases = purchases.into_iter().map(|purchase| DatedPurchase {
        started_at: in_zone(purchase.created_at),
        credited_at: purchase.credited_at.map(in_zone),
        purchase,
    });
    let purchases = purchases.collect();
    let recharge = state.payments.auto_recharge(&id).await.explained()?;
    let (name, email) = owner.map(|owner| (owner.name, owner.email)).unwrap_or_default();
    let staff = StaffViewer { name: staff.name, email: staff.email };
    let head = AccountHead { id, name, email };
    Ok(SupportAccountPage { staff, head, overview, history, purchases, recharge })
}
