//! The page /settings/credits/buy: the picker, the confirmation, or what is wrong.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    confirmation::{Confirmation, ProblemNotice},
    picker::{Picker, Sale, introduction},
    problem::Problem,
    shop::Choice,
};
use crate::{
    components::{Empty, Glyph},
    pages::layout::{MenuEntry, SettingsLayout, Viewer},
};

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuyPage {
    /// Who looks at it.
    pub viewer: Viewer,
    /// What is for sale.
    pub sale: Sale,
    /// What was chosen; nothing yet at first.
    pub choice: Option<Choice>,
    /// Why the last attempt came back here.
    pub problem: Option<Problem>,
}

/// The page for what was loaded.
#[component]
pub fn BuyView(
    /// What it shows.
    page: BuyPage,
) -> impl IntoView {
    let BuyPage { viewer, sale, choice, problem } = page;
    // Where purchases are still off, the order itself says so.
    let problem = problem.filter(|problem| sale.is_open || *problem != Problem::Off);
    let credits = choice.as_ref().map(|choice| choice.credits(&sale.shop));
    let (title, content) = match (choice, credits) {
        (Some(choice), Some(Ok(credits))) => {
            let order = view! { <Confirmation sale choice credits problem /> };
            ("Check your order", order.into_any())
        }
        (Some(_), Some(Err(None))) => ("No such package", view! { <NoSuchPackage /> }.into_any()),
        (choice, _) => {
            let picker = view! {
                <div class="page-head">
                    <div>
                        <h1>"Buy credits"</h1>
                        <p>{introduction(&sale.shop)}</p>
                    </div>
                </div>
                <div class="stack">
                    {problem.map(|problem| view! { <ProblemNotice problem /> })}
                    <Picker sale choice />
                </div>
            };
            ("Buy credits", picker.into_any())
        }
    };
    view! {
        <SettingsLayout viewer title current=MenuEntry::Credits>
            {content}
        </SettingsLayout>
    }
}

#[component]
fn NoSuchPackage() -> impl IntoView {
    view! {
        <div class="panel">
            <Empty glyph=Glyph::Search title="There is no such package">
                <p>
                    "It may have been taken off sale. Nothing was charged; what is sold today is one step away."
                </p>
                <a class="button button-primary" href="/settings/credits/buy">"See the packages"</a>
            </Empty>
        </div>
    }
}
