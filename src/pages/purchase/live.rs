//! The tracker keeps itself up to date.
//!
//! The server tells each change by an event; then the page is fetched again and its changed parts
//! are put in place, so that only the server knows what a purchase looks like. What changed is
//! spoken in a live region that stays.

use std::{str::FromStr, time::Duration};

use leptos::{
    leptos_dom::helpers::location,
    prelude::*,
    task::spawn_local,
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
    web_sys::{Element, EventSource, HtmlTemplateElement, MessageEvent, Response},
};

use crate::credits::PurchaseState;

/// The parts of the page that a purchase changes.
const PARTS: [&str; 2] = ["#purchase", ".app-header .pill"];
/// How long to wait before asking again after a failure.
const RETRY: Duration = Duration::from_secs(3);

/// Listens for news of the purchase that the page shows.
#[island]
pub fn LivePurchase() -> impl IntoView {
    let news = RwSignal::new(String::new());
    let latest = StoredValue::new(0_u32);
    Effect::new(move |_| {
        if shown_state().is_some_and(|state| !state.is_final()) {
            listen(news, latest);
        }
    });
    view! { <p class="visually-hidden" role="status">{news}</p> }
}

/// Follows the changes until the purchase is where it will stay.
fn listen(news: RwSignal<String>, latest: StoredValue<u32>) {
    let Ok(path) = location().pathname() else { return };
    let Ok(source) = EventSource::new(&format!("{path}/events")) else { return };
    let ending = source.clone();
    let on_news = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let data = event.data().as_string().unwrap_or_default();
        let state = data.split('\t').next().and_then(|id| PurchaseState::from_str(id).ok());
        if state.is_some_and(PurchaseState::is_final) {
            ending.close();
        }
        if state.is_some() && state != shown_state() {
            refresh(news, latest);
        }
    });
    let _ = source.add_event_listener_with_callback("purchase", on_news.as_ref().unchecked_ref());
    on_news.forget();
    // The browser reconnects by itself after a lost connection, but not after a refusal.
    let refused = source.clone();
    let on_error = Closure::<dyn FnMut(JsValue)>::new(move |_| {
        if refused.ready_state() == EventSource::CLOSED {
            set_timeout(move || listen(news, latest), RETRY);
        }
    });
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    on_error.forget();
}

/// Fetches the page and shows what is new; the latest answer wins, a failure is tried again.
fn refresh(news: RwSignal<String>, latest: StoredValue<u32>) {
    let number = latest.get_value().wrapping_add(1);
    latest.set_value(number);
    spawn_local(async move {
        let page = fetch_page().await;
        if latest.get_value() != number {
            return;
        }
        if page.is_some_and(|page| replace_parts(&page)) {
            let spoken = part("#purchase").and_then(|part| part.get_attribute("data-spoken"));
            news.set(spoken.unwrap_or_default());
        } else {
            set_timeout(move || refresh(news, latest), RETRY);
        }
    });
}

async fn fetch_page() -> Option<HtmlTemplateElement> {
    let address = location().href().ok()?;
    let response = window().fetch_with_str(&address).await.ok()?;
    let response: Response = response.dyn_into().ok()?;
    if !response.ok() {
        return None;
    }
    let html = response.text().ok()?.await.ok()?.as_string()?;
    let template: HtmlTemplateElement =
        document().create_element("template").ok()?.dyn_into().ok()?;
    template.set_inner_html(&html);
    Some(template)
}

/// Puts the parts of a fetched page in place; says whether it was the purchase's page.
fn replace_parts(page: &HtmlTemplateElement) -> bool {
    let content = page.content();
    for selector in PARTS {
        let new = content.query_selector(selector).ok().flatten();
        if let (Some(old), Some(new)) = (part(selector), new) {
            let _ = old.replace_with_with_node_1(&new);
        } else if selector == PARTS[0] {
            return false;
        }
    }
    true
}

fn shown_state() -> Option<PurchaseState> {
    part(PARTS[0])?.get_attribute("data-state")?.parse().ok()
}

fn part(selector: &str) -> Option<Element> {
    document().query_selector(selector).ok().flatten()
}
