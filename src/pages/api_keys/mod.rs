//! API keys: the keys with which a customer's programs read their balance and spend their credits.
//!
//! - [`form`]: what is asked for, and what is wrong with it at which field;
//! - [`made`]: a new key with its secret, shown in the answer to the form and never again;
//! - [`table`]: the keys there are, and the way to revoke one, which asks first;
//! - [`view`]: the page. Nothing on it needs a script; with one the new key can be copied.

mod api;
mod form;
mod made;
mod table;
mod view;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

pub use form::{FormProblem, KeyForm};
pub use made::{FormOutcome, NewKey};
pub use table::KeyLine;
pub use view::{ApiKeysPage, ApiKeysView};

use super::loaded::loaded;
use api::load_api_keys;

/// The page at `/settings/api-keys`.
#[component]
pub fn ApiKeysRoute() -> impl IntoView {
    let query = use_query_map();
    let revoked = move || query.read().get("revoked");
    let page = Resource::new_blocking(revoked, load_api_keys);
    loaded(page, |page| view! { <ApiKeysView page/> })
}
