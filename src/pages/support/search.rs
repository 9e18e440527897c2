//! The start page of support: an account is found by the e-mail address of its owner.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

use super::api::load_search;
use crate::{
    components::{Empty, Glyph, Icon},
    credits::{AccountId, Credits},
    pages::{
        layout::{StaffViewer, SupportLayout},
        loaded::loaded,
    },
};

/// An account that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundAccount {
    /// Which one.
    pub id: AccountId,
    /// The name of its owner.
    pub name: String,
    /// The e-mail address of its owner.
    pub email: String,
    /// What it can spend.
    pub available: Credits,
}

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportSearchPage {
    /// Who looks at it.
    pub staff: StaffViewer,
    /// What was searched for; empty before a search.
    pub email: String,
    /// What was found.
    pub found: Option<FoundAccount>,
}

/// The route `/support`.
#[component]
pub fn SupportSearchRoute() -> impl IntoView {
    let query = use_query_map();
    let email = move || query.read().get_str("email").unwrap_or_default().trim().to_owned();
    let page = Resource::new_blocking(email, load_search);
    loaded(page, |page| view! { <SupportSearchView page/> })
}

/// The page with its data.
#[component]
pub fn SupportSearchView(
    /// What it shows.
    page: SupportSearchPage,
) -> impl IntoView {
    let SupportSearchPage { staff, email, found } = page;
    let searched = !email.is_empty();
    let result = match found {
        Some(found) => view! { <Found found/> }.into_any(),
        None if searched => view! {
            <div class="panel section">
                <Empty glyph=Glyph::Search title="No account with this address">
                    <p>"Addresses are compared whole, in any case. Ask the customer which one they sign in with."</p>
                </Empty>
            </div>
        }
        .into_any(),
        None => ().into_any(),
    };
    view! {
        <SupportLayout staff title="Accounts">
            <div class="page-head">
                <div>
                    <h1>"Accounts"</h1>
                    <p>"Read only: you see what the customer sees."</p>
                </div>
            </div>
            <SearchForm email/>
            {result}
        </SupportLayout>
    }
}

/// The form that finds an account.
#[component]
pub fn SearchForm(
    /// What was searched for.
    #[prop(optional)]
    email: String,
) -> impl IntoView {
    view! {
        <form class="panel search-bar" method="get" action="/support" role="search">
            <div class="field">
                <label for="email">"Find an account by e-mail address"</label>
                <input
                    class="input"
                    id="email"
                    name="email"
                    type="search"
                    maxlength="254"
                    placeholder="name@example.com"
                    autocomplete="off"
                    value=email
                />
            </div>
            <button class="button button-primary" type="submit">
                <Icon glyph=Glyph::Search/>
                "Search"
            </button>
        </form>
    }
}

#[component]
fn Found(found: FoundAccount) -> impl IntoView {
    let link = format!("/support/accounts/{}", found.id);
    view! {
        <section class="section" aria-labelledby="found">
            <div class="section-head"><h2 id="found">"1 account found"</h2></div>
            <div class="panel">
                <div class="table-wrap">
                    <table class="table table-cards found">
                        <thead>
                            <tr>
                                <th scope="col">"Owner"</th>
                                <th scope="col">"Account"</th>
                                <th scope="col" class="num">"Available"</th>
                            </tr>
                        </thead>
                        <tbody>
                            <tr>
                                <td>
                                    <a class="link" href=link>{found.name}</a>
                                    <span class="sub">{found.email}</span>
                                </td>
                                <td class="account"><code>{found.id.to_string()}</code></td>
                                <td class="num">{found.available.to_string()} " credits"</td>
                            </tr>
                        </tbody>
                    </table>
                </div>
            </div>
        </section>
    }
}
