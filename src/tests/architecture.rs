//! The shape of the program, held by a machine: what may know what, how large things may be, and
//! what is written in two places.

mod imports;
mod references;
mod sources;
mod table;

use std::{collections::BTreeSet, fs::read_to_string};

use sources::{Source, files_below, root, sources};

/// Every folder with Rust in it.
const RUST: [&str; 4] =
    ["src", "migration/src", "end2end/stripe-simulator/src", "end2end/stripe-simulator/tests"];
const LARGEST_FILE_LINES: usize = 300;
const LARGEST_FUNCTION_LINES: usize = 70;

/// Holds that nothing breaks the rule; says each place that does.
#[track_caller]
fn nothing_breaks(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}\n", broken.join("\n  "));
}

fn manifest(file: &str) -> toml::Table {
    read_to_string(root().join(file)).unwrap().parse().unwrap()
}

/// The lines of a text that hold one of some words, as `file:line: word`.
fn lines_with(file: &str, text: &str, words: &[&str]) -> Vec<String> {
    let in_line = |(index, line): (usize, &str)| {
        let word = words.iter().find(|word| line.contains(**word))?;
        Some(format!("{file}:{}: {word}", index + 1))
    };
    text.lines().enumerate().filter_map(in_line).collect()
}

#[test]
fn the_only_two_feature_gates_stand_in_the_map() {
    let gates = sources(&["src"]).into_iter().flat_map(|Source { file, text, .. }| {
        // Written apart, so that this line is none.
        lines_with(&file, &text, &[concat!("feature ", "="), concat!("feature", "=")])
    });
    let (in_the_map, elsewhere): (Vec<_>, Vec<_>) =
        gates.partition(|gate| gate.starts_with("src/lib.rs:"));
    nothing_breaks("What only one target compiles is behind the gates of src/lib.rs.", &elsewhere);
    assert_eq!(in_the_map.len(), 2, "one gate for the server, one for the islands: {in_the_map:?}");
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let large = sources(&RUST).into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LARGEST_FILE_LINES).then(|| format!("{}:{lines}: {lines} lines", source.file))
    });
    nothing_breaks("A file has at most 300 lines.", &large.collect::<Vec<_>>());
}

#[test]
fn a_function_fits_on_a_screen() {
    let functions = sources(&RUST).into_iter().flat_map(|source| source.functions());
    let large = functions.filter(|function| function.lines > LARGEST_FUNCTION_LINES);
    let said = large.map(|it| format!("{}: {} has {} lines", it.spot, it.name, it.lines));
    nothing_breaks("A function has at most 70 lines.", &said.collect::<Vec<_>>());
}

/// Whether a line of code asks for all columns: `SELECT *`, `RETURNING *`, `lots.*`.
fn asks_for_all_columns(line: &str) -> bool {
    let of_a_table = |(index, all): (usize, &str)| {
        let before = line[..index].chars().next_back().is_some_and(char::is_alphanumeric);
        let behind = line[index + all.len()..].chars().next();
        before && behind.is_none_or(|behind| matches!(behind, ',' | ' ' | '"' | '\\'))
    };
    let asks = ["SELECT *", "DISTINCT *", "RETURNING *"].iter().any(|all| line.contains(all));
    !line.trim_start().starts_with("//") && (asks || line.match_indices(".*").any(of_a_table))
}

#[test]
fn statements_name_the_columns_that_they_read() {
    for line in ["\"SELECT * FROM lots\"", "  lots.*, due.number", "SELECT due.*", "RETURNING *\""]
    {
        assert!(asks_for_all_columns(line), "{line}");
    }
    let broken = sources(&["src/server", "migration/src"]).into_iter().flat_map(|source| {
        let lines = source.text.lines().enumerate().filter(|(_, line)| asks_for_all_columns(line));
        let said = lines.map(|(index, line)| format!("{}:{}: {line}", source.file, index + 1));
        said.collect::<Vec<_>>()
    });
    let rule = "A statement names its columns: a later release may add some while this one serves.";
    nothing_breaks(rule, &broken.collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later_and_no_lint_or_test_is_switched_off() {
    const WRITTEN_BY_US: [&str; 8] = ["rs", "ts", "css", "sh", "py", "toml", "md", "file"];
    const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!(")];
    const OFF: [&str; 3] =
        [concat!("#[all", "ow("), concat!("#![all", "ow("), concat!("#[ign", "ore")];
    let ours = files_below("").into_iter().filter(|file| {
        let end = file.rsplit(['.', '/']).next().unwrap_or_default().to_lowercase();
        WRITTEN_BY_US.iter().any(|kind| end.ends_with(kind))
    });
    let broken = ours.flat_map(|file| {
        let text = read_to_string(root().join(&file)).unwrap();
        let off = if file.ends_with(".rs") { lines_with(&file, &text, &OFF) } else { Vec::new() };
        [lines_with(&file, &text, &LATER), off].concat()
    });
    let rule = "What is in the tree is done; `#[expect]` says why a lint is wrong here.";
    nothing_breaks(rule, &broken.collect::<Vec<_>>());
}

#[test]
fn the_deployed_server_has_the_options_that_its_pages_were_built_with() {
    let options = |file| manifest(file)["package"]["metadata"]["leptos"].clone();
    assert_eq!(options("Leptos.toml"), options("Cargo.toml"), "Leptos.toml and Cargo.toml");
}

#[test]
fn the_simulator_is_no_part_of_the_program_nor_the_program_of_the_migrations() {
    let depends = |file: &str| {
        let manifest = manifest(file);
        let named =
            ["dependencies", "build-dependencies"].iter().filter_map(|key| manifest.get(*key));
        named.flat_map(|table| table.as_table().unwrap().clone()).collect::<toml::Table>()
    };
    let names = |file: &str, name: &str| {
        depends(file).iter().any(|(key, value)| {
            key == name
                || value.get("package").is_some_and(|package| package.as_str() == Some(name))
        })
    };
    assert!(names("Cargo.toml", "migration"), "this test reads the dependencies");
    assert!(
        !names("Cargo.toml", "stripe-simulator"),
        "Cargo.toml: the simulator is for tests only"
    );
    for file in ["migration/Cargo.toml", "end2end/stripe-simulator/Cargo.toml"] {
        assert!(!names(file, "recharge"), "{file}: it never imports the app");
    }
}

#[test]
fn every_style_file_is_part_of_the_style_sheet() {
    let main = read_to_string(root().join("style/main.css")).unwrap();
    let named = main.lines().filter_map(|line| line.strip_prefix("@import \"")?.split('"').next());
    let named: BTreeSet<String> = named.map(|name| format!("style/{name}")).collect();
    let files: BTreeSet<String> =
        files_below("style").into_iter().filter(|file| file != "style/main.css").collect();
    let alone = files.symmetric_difference(&named).cloned().collect::<Vec<_>>();
    nothing_breaks("style/main.css imports each file of style/, and no other.", &alone);
}
