//! The proofs of `make soak` and the table of docs/reliability.md: what the table names is proved.

use std::{collections::BTreeSet, fs::read_to_string, path::Path};

fn file(name: &str) -> String {
    read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The modules of all proofs: the last part of each line `"R1 words;environment;times;modules"`.
fn proved() -> Vec<String> {
    let script = file("scripts/soak.sh");
    let proofs = script.lines().filter_map(|line| line.strip_prefix("  \"R")?.strip_suffix('"'));
    let modules = proofs.flat_map(|proof| proof.rsplit(';').next().unwrap().split(' '));
    modules.map(str::to_owned).collect()
}

/// The modules in the last column of the first table.
fn tabled() -> BTreeSet<String> {
    let page = file("docs/reliability.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("|--"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_end_matches('|').rsplit('|').next().unwrap());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_module_about_what_must_survive_is_in_exactly_one_proof() {
    let all = proved();
    let proved: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(all.len(), proved.len(), "a module is in two proofs: {all:?}");
    for module in &proved {
        file(&format!("src/tests/{module}.rs"));
    }
    let tabled = tabled();
    assert!(tabled.len() > 20, "the table was not found: {tabled:?}");
    let missing: Vec<_> = tabled.difference(&proved).collect();
    assert!(missing.is_empty(), "scripts/soak.sh has no proof with {missing:?}");
}
