//! What the page of API keys asks the server for.

use leptos::prelude::*;

use super::ApiKeysPage;
use crate::pages::error::PageError;

/// The keys of the customer who asks, and what came of the form that they sent, if they did.
///
/// # Errors
/// Where nobody is signed in, or the database can't be read.
#[server]
pub async fn load_api_keys(revoked: Option<String>) -> Result<ApiKeysPage, PageError> {
    use super::{FormOutcome, KeyForm, KeyLine};
    use crate::{
        pages::layout::Viewer,
        server::{AppState, clock::in_named_zone, http::explained::Explained, identity},
    };
    use axum::http::request::Parts;
    let customer = identity::customer().explained()?;
    let state = expect_context::<AppState>();
    let overview = state.ledger.overview(&customer.account, None).await.explained()?;
    let keys = state.api_keys.list(&customer.account).await.explained()?;
    let keys: Vec<_> = keys
        .into_iter()
        .map(|listed| KeyLine {
            may_read: listed.key.may(identity::Scope::Read),
            may_spend: listed.key.may(identity::Scope::Spend),
            id: listed.key.id,
            name: listed.key.name,
            ceiling: listed.key.ceiling,
            made_at: in_named_zone(listed.created_at, &overview.zone),
            last_used_at: listed.last_used_at.map(|at| in_named_zone(at, &overview.zone)),
            revoked_at: listed.revoked_at.map(|at| in_named_zone(at, &overview.zone)),
        })
        .collect();
    let outcome = use_context::<Parts>().and_then(|parts| parts.extensions.get().cloned());
    let (form, new_key) = match outcome {
        Some(FormOutcome::Refused(form)) => (form, None),
        Some(FormOutcome::Made(key)) => {
            (KeyForm::fresh(uuid::Uuid::new_v4().to_string()), Some(key))
        }
        None => (KeyForm::fresh(uuid::Uuid::new_v4().to_string()), None),
    };
    let is_revoked = |key: &&KeyLine| key.revoked_at.is_some() && Some(&key.id) == revoked.as_ref();
    Ok(ApiKeysPage {
        viewer: Viewer {
            name: customer.name,
            email: customer.email,
            unread: customer.unread,
            available: overview.available,
        },
        account: customer.account,
        site: state.config.public_origin(),
        zone: overview.zone,
        revoked: keys.iter().find(is_revoked).map(|key| key.name.clone()),
        keys,
        form,
        new_key,
    })
}
