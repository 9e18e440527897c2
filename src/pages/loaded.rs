//! How a page comes by its data: one blocking resource a route, read once.

use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::error::{ErrorPage, PageError};

/// Shows a page once its data is there, or why it can't be shown.
///
/// A page has one such resource and none inside it: several on one page, or one inside another,
/// can keep an answer waiting for ever.
pub fn loaded<Page, Shown>(
    page: Resource<Result<Page, PageError>>,
    show: impl Fn(Page) -> Shown + Clone + Send + Sync + 'static,
) -> impl IntoView
where
    Page: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    Shown: IntoView + 'static,
{
    let content = move || {
        let show = show.clone();
        Suspend::new(async move {
            match page.await {
                Ok(page) => show(page).into_any(),
                Err(error) => view! { <ErrorPage error/> }.into_any(),
            }
        })
    };
    view! { <Suspense>{content}</Suspense> }
}
