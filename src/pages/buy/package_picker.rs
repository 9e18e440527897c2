//! The form that buys, alive: amount, price and outcome follow the choice without a server call.
//!
//! The form's own fields are the state. Every change is read from them, and at the start too: what
//! was entered before the island woke up counts. Without the island the same form works; the style
//! sheet then hides a summary that is out of date and shows "Show total".

use leptos::{
    ev::{Event, SubmitEvent, pageshow},
    html::Form,
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{HtmlFormElement, HtmlInputElement},
};

use super::{
    amount_field::AmountField,
    order::{Outcome, Sums, Terms},
    shop::{Choice, Shop, grouped},
    slider::{credits_at, position},
    worth_list::WorthList,
};

/// The form; its children are the parts that never change.
#[island]
pub fn PackagePicker(
    /// What is sold, and to whom.
    shop: Shop,
    /// What is chosen at first.
    choice: Choice,
    /// Whether anything can be bought now.
    is_open: bool,
    /// The package cards.
    children: Children,
) -> impl IntoView {
    let form = NodeRef::<Form>::new();
    let is_entered = matches!(choice, Choice::Custom(_));
    let choice = RwSignal::new(choice);
    let show_error = RwSignal::new(is_entered);
    let is_busy = RwSignal::new(false);
    let is_live = RwSignal::new(false);
    let shop = StoredValue::new(shop);
    let credits =
        Memo::new(move |_| shop.with_value(|shop| choice.with(|choice| choice.credits(shop))));

    Effect::new(move |_| {
        if let Some(form) = form.get() {
            choice.set(read(&form));
            is_live.set(true);
            let _ = window_event_listener(pageshow, move |_| is_busy.set(false));
        }
    });
    let on_input = move |event: Event| {
        if let Some(form) = form.get_untracked() {
            shop.with_value(|shop| follow(shop, &form, &event));
            choice.set(read(&form));
            show_error.set(false);
        }
    };
    let on_submit = move |event: SubmitEvent| {
        if is_busy.get_untracked() {
            event.prevent_default();
        } else if credits.with_untracked(Result::is_err) {
            event.prevent_default();
            show_error.set(true);
            if let Some(amount) = form.get_untracked().and_then(|form| field(&form, "amount")) {
                let _ = amount.focus();
            }
        } else {
            is_busy.set(true);
        }
    };
    view! {
        <form
            node_ref=form
            class="panel buy"
            class:is-live=is_live
            method="post"
            action="/settings/credits/buy"
            autocomplete="off"
            on:input=on_input
            on:change=move |_| show_error.set(true)
            on:submit=on_submit
        >
            {children()}
            <div class="buy-choose">
                <AmountField shop choice credits show_error />
                {move || {
                    credits.get().ok().map(|credits| view! { <WorthList shop=shop.get_value() credits /> })
                }}
            </div>
            <div class="buy-summary">
                <div class="summary-live">
                    {move || shop.with_value(|shop| summary(shop, credits.get().ok()))}
                </div>
                <Terms shop=shop.get_value() />
                <PayButton is_open is_busy />
                <p class="fine">"You pay on Stripe. We never see your card."</p>
            </div>
        </form>
    }
}

fn summary(shop: &Shop, credits: Option<i64>) -> AnyView {
    let Some(credits) = credits else {
        return view! {
            <h3>"Your own amount"</h3>
            <p class="no-total">"Enter how many credits you want: the price appears here."</p>
        }
        .into_any();
    };
    let offer = shop.schedule.offer(credits);
    let spoken = format!("{} credits for {}", grouped(credits), offer.total);
    view! {
        <h3>{grouped(credits)} " credits"</h3>
        <output class="visually-hidden" for="amount">{spoken}</output>
        <Sums offer schedule=shop.schedule.clone() />
        <Outcome shop=shop.clone() credits />
    }
    .into_any()
}

#[component]
fn PayButton(is_open: bool, is_busy: RwSignal<bool>) -> impl IntoView {
    view! {
        <button
            class="button button-primary button-wide"
            type="submit"
            disabled=move || !is_open || is_busy.get()
            aria-busy=move || is_busy.get().then_some("true")
        >
            {move || is_busy.get().then(|| view! { <span class="spinner" aria-hidden="true"></span> })}
            "Continue to payment"
        </button>
        <button
            class="button button-wide show-total"
            type="submit"
            formmethod="get"
            formaction="/settings/credits/buy"
            formnovalidate=true
        >
            "Show total"
        </button>
    }
}

/// Brings the other fields in line with the one that was changed.
fn follow(shop: &Shop, form: &HtmlFormElement, event: &Event) {
    let changed = event_target::<HtmlInputElement>(event);
    let amount = field(form, "amount");
    let slider = field(form, "slider");
    let write = |input: Option<HtmlInputElement>, number: i64| {
        if let Some(input) = input {
            input.set_value(&number.to_string());
        }
    };
    match (changed.name().as_str(), changed.id().as_str()) {
        ("amount", _) => choose_custom(form),
        (_, "slider") => {
            let position = changed.value().parse().unwrap_or(0);
            write(amount, credits_at(&shop.schedule, position));
            choose_custom(form);
            return;
        }
        ("package", _) => {
            if let Ok(credits) = read(form).credits(shop) {
                write(amount, credits);
            }
        }
        _ => return,
    }
    if let Ok(credits) = read(form).credits(shop) {
        write(slider, position(&shop.schedule, credits));
    }
}

fn choose_custom(form: &HtmlFormElement) {
    if let Some(custom) = field(form, "custom") {
        custom.set_checked(true);
    }
}

/// What the fields say.
fn read(form: &HtmlFormElement) -> Choice {
    let chosen = form.query_selector("[name=package]:checked").ok().flatten();
    let chosen = chosen.and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
    let amount = field(form, "amount").map(|input| input.value());
    let package = chosen.map(|input| input.value());
    Choice::read(package, amount).unwrap_or_else(|| Choice::Custom(String::new()))
}

/// The field with this id.
fn field(form: &HtmlFormElement, id: &str) -> Option<HtmlInputElement> {
    form.query_selector(&format!("#{id}")).ok().flatten()?.dyn_into().ok()
}
