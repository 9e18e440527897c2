//! What may know what. Imports point down: the pure rules know nothing of ours, the ledger only
//! them and its tables, and only the router knows the pages.

use std::collections::HashSet;

use super::{
    manifest, nothing_breaks,
    references::{Reference, references},
    sources::{Source, sources},
    table::{DOORS, KNOW_NO_DOOR, MAY_KNOW, ONLY_KNOWN_TO, PURE},
};

/// Whether a path is this one or below it.
fn is_in(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_in_any(path: &str, above: &[&str]) -> bool {
    above.iter().any(|above| is_in(path, above))
}

fn crate_names() -> HashSet<String> {
    let manifest = manifest("Cargo.toml");
    let tables = [&manifest["dependencies"], &manifest["dev-dependencies"]];
    let names = tables.into_iter().flat_map(|table| table.as_table().unwrap().keys());
    names.map(|name| name.replace('-', "_")).collect()
}

/// What the program names, without its integration tests, which may know everything.
fn all_references() -> Vec<Reference> {
    let crates = crate_names();
    let ours = sources(&["src"]).into_iter().filter(|it| !it.file.starts_with("src/tests/"));
    ours.flat_map(|source| references(&source, &crates)).collect()
}

/// Why this may not be named here.
fn objection(reference: &Reference) -> Option<&'static str> {
    let Reference { place, target, .. } = reference;
    let ours = target.strip_prefix("crate::");
    if ours.is_some_and(|ours| !may_know(reference, ours)) {
        return Some("imports point down");
    }
    let named = ours.unwrap_or(target);
    let mut secrets = ONLY_KNOWN_TO.iter().filter(|(secret, _)| is_in(named, secret));
    let not_told = secrets.any(|(_, told)| !is_in_any(place, told));
    if not_told {
        return Some("only some may know it");
    }
    if ours.is_none() && is_in_any(place, KNOW_NO_DOOR) && is_in_any(target, DOORS) {
        return Some("it is below the doors");
    }
    let is_test = place.split("::").any(|module| module == "tests");
    if ours.is_none() && !is_test && is_in(place, "credits") && !is_in_any(target, PURE) {
        return Some("the rules are pure");
    }
    None
}

fn may_know(reference: &Reference, ours: &str) -> bool {
    let rules = MAY_KNOW.iter().filter(|(place, _)| is_in(&reference.place, place));
    let rule = rules.max_by_key(|(place, _)| place.len());
    let is_told = rule.is_some_and(|(_, targets)| is_in_any(ours, targets));
    let is_page = is_in(&reference.place, "pages");
    is_told || is_page && reference.in_server_body && is_in(ours, "server")
}

/// The lines of a file with this text that break the table.
fn objections(file: &str, text: &str) -> Vec<(usize, &'static str)> {
    let source = Source { file: file.to_owned(), text: text.to_owned() };
    let named = references(&source, &crate_names());
    named.iter().filter_map(|it| Some((it.spot.line, objection(it)?))).collect()
}

#[test]
fn imports_point_down() {
    let references = all_references();
    let broken = references.iter().filter_map(|reference| {
        let why = objection(reference)?;
        Some(format!("{}: {} names {}: {why}", reference.spot, reference.place, reference.target))
    });
    nothing_breaks("The table in table.rs says who may know what.", &broken.collect::<Vec<_>>());
}

#[test]
fn the_table_speaks_of_modules_that_there_are() {
    let references = all_references();
    let places = MAY_KNOW.iter().map(|rule| rule.0).chain(KNOW_NO_DOOR.iter().copied());
    let told = ONLY_KNOWN_TO.iter().flat_map(|rule| rule.1.iter().copied());
    let silent = places
        .chain(told)
        .filter(|place| !references.iter().any(|it| it.place == *place || is_in(&it.place, place)));
    let silent: Vec<_> = silent.map(str::to_owned).collect();
    nothing_breaks("A rule for a module that is no more says nothing.", &silent);
    let unheard = ONLY_KNOWN_TO.iter().map(|rule| rule.0).filter(|name| {
        let targets = references.iter().map(|it| it.target.trim_start_matches("crate::"));
        targets.filter(|target| is_in(target, name)).count() == 0
    });
    nothing_breaks("Nobody names it.", &unheard.map(str::to_owned).collect::<Vec<_>>());
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
