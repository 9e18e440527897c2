//! What keeps a customer's page up to date.
//!
//! The server tells by an event that something is new; then the page is fetched again and its parts
//! that have changed are put in place: only the server knows what they look like. A part is any
//! element with an id and `data-live`; it must hold nothing that a person writes into, no island
//! and no `noscript`. What a part has as `data-spoken` is said in a live region when it has changed;
//! the page's own words stand for those of its header.
//!
//! A page that nobody sees neither listens nor fetches: when it is looked at again it asks how far
//! things are, and so it does after the network was away. The same word as before means that
//! nothing was missed.

use std::{cell::RefCell, time::Duration};

use leptos::{
    leptos_dom::helpers::location,
    prelude::*,
    task::spawn_local,
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
    web_sys::{
        Element, EventSource, EventTarget, HtmlElement, HtmlTemplateElement, MessageEvent,
        Response,
        js_sys::{Array, Function, Reflect},
    },
};

/// How long to wait after a fetch before the next one, however much is new.
const PAUSE: Duration = Duration::from_secs(2);
/// How long to be silent after something was said.
const SILENCE: Duration = Duration::from_secs(3);
/// How long to wait after the first refusal, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What can take the focus inside a part.
const FOCUSABLE: &str = "a, button, summary, [tabindex]";

/// Listens for what is new, on every page of a customer.
#[island]
pub fn LivePage() -> impl IntoView {
    Effect::new(|_| {
        for (target, names) in [
            (document().unchecked_into::<EventTarget>(), ["visibilitychange"].as_slice()),
            (window().unchecked_into(), &["online", "focus"]),
        ] {
            hear_of(&target, names);
        }
        // What the page said when it was loaded is no news.
        changed_words();
        listen();
    });
    view! { <p class="visually-hidden" id="said" role="status"></p> }
}

thread_local! {
    /// A page has one stream, and one of these.
    static LIVE: RefCell<Live> = RefCell::default();
    static HEARD: Closure<dyn FnMut(MessageEvent)> = Closure::new(heard);
}

#[derive(Default)]
struct Live {
    source: Option<EventSource>,
    /// How far things are that the page shows; none before the first word.
    version: Option<String>,
    /// Whether a fetch is under way, or was just now.
    is_busy: bool,
    /// Whether there was news since the last fetch began.
    is_behind: bool,
    /// What the parts had to say last, by their ids.
    spoken: Vec<(String, String)>,
    /// Whether something was said just now.
    is_silent: bool,
    refusals: u32,
}

fn live<T>(change: impl FnOnce(&mut Live) -> T) -> T {
    LIVE.with_borrow_mut(change)
}

fn hear_of(target: &EventTarget, names: &[&str]) {
    HEARD.with(|heard| {
        for name in names {
            let heard = heard.as_ref().unchecked_ref();
            target.add_event_listener_with_callback(name, heard).ok();
        }
    });
}

fn heard(event: MessageEvent) {
    match event.type_().as_str() {
        "news" => {
            if is_news(&event) {
                refresh();
            }
        }
        "enough" => hush(),
        "error" => listen_after_refusal(),
        // A window that is looked at again while its stream goes on has missed nothing.
        "focus" if live(|live| live.source.is_some()) => {}
        _ => listen(),
    }
}

/// Opens a stream instead of the one before; closes it where nobody sees the page.
fn listen() {
    hush();
    if document().hidden() {
        return;
    }
    if let Ok(source) = EventSource::new("/settings/events") {
        hear_of(&source, &["news", "enough", "error"]);
        live(|live| live.source = Some(source));
    }
}

fn hush() {
    if let Some(source) = live(|live| live.source.take()) {
        source.close();
    }
}

/// The browser connects again by itself after a lost connection, but not after a refusal.
fn listen_after_refusal() {
    let is_refused = |live: &mut Live| {
        let source = live.source.as_ref()?;
        (source.ready_state() == EventSource::CLOSED).then(|| {
            live.source = None;
            live.refusals = (live.refusals + 1).min(6);
            live.refusals
        })
    };
    if let Some(refusals) = live(is_refused) {
        let wait = (PATIENCE.0 * 2_u32.pow(refusals)).min(PATIENCE.1);
        let again = || {
            if live(|live| live.source.is_none()) {
                listen();
            }
        };
        set_timeout(again, wait);
    }
}

/// Whether the page shows less than this word says. The first word says how long ago that was: the
/// page may have been made before.
fn is_news(event: &MessageEvent) -> bool {
    let data = event.data().as_string().unwrap_or_default();
    let Some((version, age)) = data.split_once(' ') else { return false };
    let page_age = event.time_stamp() as i64;
    live(|live| {
        live.refusals = 0;
        match live.version.replace(version.to_owned()) {
            Some(before) => before != version,
            None => age.parse().is_ok_and(|age: i64| age <= page_age),
        }
    })
}

/// Fetches the page and shows what is new: at once, or after the pause.
fn refresh() {
    let is_busy = live(|live| {
        live.is_behind = true;
        std::mem::replace(&mut live.is_busy, true)
    });
    if !is_busy {
        spawn_local(catch_up());
    }
}

async fn catch_up() {
    live(|live| live.is_behind = false);
    if document().hidden() {
        // Whatever the next word is, it is news.
        live(|live| live.version = Some(String::new()));
    } else {
        match fetch_page().await {
            Some(page) => replace_parts(&page),
            None => live(|live| live.is_behind = true),
        }
    }
    let rested = || {
        if live(|live| {
            live.is_busy = false;
            live.is_behind
        }) {
            refresh();
        }
    };
    set_timeout(rested, PAUSE);
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

/// Puts the changed parts of a fetched page in place.
fn replace_parts(page: &HtmlTemplateElement) {
    let content = page.content();
    let new_part = |old: &Element| content.query_selector(&format!("#{}", old.id())).ok()?;
    for old in inside(&document(), "[data-live]") {
        if let Some(new) = new_part(&old) {
            replace(&old, &new);
        }
    }
    if let Ok(Some(title)) = content.query_selector("title") {
        document().set_title(&title.text_content().unwrap_or_default());
    }
    speak();
}

/// What was unfolded stays so, and what had the focus keeps it.
fn replace(old: &Element, new: &Element) {
    for (old, new) in inside(old, "details").iter().zip(inside(new, "details")) {
        new.toggle_attribute_with_force("open", old.has_attribute("open")).ok();
    }
    if old.outer_html() == new.outer_html() {
        return;
    }
    let active = document().active_element();
    let position = inside(old, FOCUSABLE).iter().position(|it| active.as_ref() == Some(it));
    old.replace_with_with_node_1(new).ok();
    if let Some(element) = position.and_then(|it| inside(new, FOCUSABLE).into_iter().nth(it)) {
        element.unchecked_into::<HtmlElement>().focus().ok();
    }
}

/// What of an element or document matches, in its order.
fn inside(whole: &JsValue, selector: &str) -> Vec<Element> {
    let find = Reflect::get(whole, &"querySelectorAll".into()).unwrap_or_default();
    let find = find.unchecked_into::<Function>();
    let found = find.call1(whole, &selector.into()).map(|list| Array::from(&list));
    found.unwrap_or_default().iter().filter_map(|element| element.dyn_into().ok()).collect()
}

/// Says what has changed, and then nothing for a while.
fn speak() {
    if live(|live| live.is_silent) {
        return;
    }
    if let (Some(words), Some(said)) = (changed_words(), document().get_element_by_id("said")) {
        said.set_text_content(Some(&words));
        live(|live| live.is_silent = true);
        let on = || {
            live(|live| live.is_silent = false);
            speak();
        };
        set_timeout(on, SILENCE);
    }
}

/// What the parts have to say that they hadn't when this was asked before.
fn changed_words() -> Option<String> {
    let mut words: Option<String> = None;
    for part in inside(&document(), "[data-spoken]") {
        let spoken = part.get_attribute("data-spoken").unwrap_or_default();
        if live(|live| live.hears(part.id(), &spoken)) {
            let is_own = part.closest("main").is_ok_and(|main| main.is_some());
            words = match words.filter(|_| !is_own) {
                Some(before) => Some(before + ". " + &spoken),
                None => Some(spoken),
            };
        }
    }
    words
}

impl Live {
    /// Whether a part has something else to say than before.
    fn hears(&mut self, id: String, spoken: &str) -> bool {
        match self.spoken.iter_mut().find(|(known, _)| *known == id) {
            Some((_, before)) if before == spoken => false,
            Some((_, before)) => {
                spoken.clone_into(before);
                true
            }
            None => {
                self.spoken.push((id, spoken.to_owned()));
                true
            }
        }
    }
}
