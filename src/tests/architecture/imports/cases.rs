//! The table of imports, tried on a few lines each.

use super::{Source, crate_names, objection, references};

/// The lines of a file with this text that break the table.
fn objections(file: &str, text: &str) -> Vec<(usize, &'static str)> {
    let source = Source::of(file.to_owned(), text.to_owned());
    let named = references(&source, &crate_names());
    named.iter().filter_map(|it| Some((it.spot.line, objection(it)?))).collect()
}

#[test]
fn a_page_knows_the_server_only_inside_a_server_function() {
    let page = "
        use crate::{credits::Lot, server::ledger::Ledger};
        #[server]
        async fn load(id: crate::server::Id) -> Result<(), E> {
            use crate::server::{AppState, identity};
            crate::server::entity::lot::find().await
        }
        #[component]
        fn View() -> impl IntoView { view! { <p>{crate::server::words::hello()}</p> } }";
    let expected = [
        (2, "imports point down"),
        (4, "imports point down"),
        (6, "only some may know it"),
        (9, "imports point down"),
    ];
    assert_eq!(objections("src/pages/lots/api.rs", page), expected);
}

#[test]
fn what_is_pure_names_neither_ours_nor_a_clock() {
    let rule = "
        use std::fmt;
        use chrono::Utc;
        use super::super::components::icon;
        use sea_orm::DbErr;
        #[derive(serde::Serialize, axum::extract::FromRef)]
        struct Lot;
        mod tests { use super::*; use crate::server; use chrono_tz::Tz; }";
    let expected = [
        (4, "imports point down"),
        (5, "the rules are pure"),
        (6, "the rules are pure"),
        (8, "imports point down"),
    ];
    assert_eq!(objections("src/credits/lot.rs", rule), expected);
}

#[test]
fn the_ledger_is_below_the_doors_and_one_file_speaks_with_stripe() {
    let client = "mod stripe; use axum::Json; use self::stripe::Gateway; fn f() { stripe::f() }";
    assert_eq!(objections("src/server/payments/mod.rs", client), [(1, "it is below the doors")]);
    let refund = "use stripe::Client; fn f(id: &stripe_types::Id) {}";
    assert_eq!(objections("src/server/payments/stripe.rs", refund), []);
    let told_to_one = [(1, "only some may know it"), (1, "only some may know it")];
    assert_eq!(objections("src/server/payments/refunds.rs", refund), told_to_one);
    let post = "use super::super::payments::Payments;\nuse crate::app::App;\nuse leptos as web;";
    let expected =
        [(1, "imports point down"), (2, "imports point down"), (3, "it is below the doors")];
    assert_eq!(objections("src/server/ledger/post.rs", post), expected);
    assert_eq!(objections("src/server/seed/mod.rs", "use crate::app::App;")[0].0, 1);
}
