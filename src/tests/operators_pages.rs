//! What operators read is complete: every setting, every option and every alert has its place.

use std::{collections::BTreeSet, fs::read_to_string, path::Path};

use proc_macro2::{TokenStream, TokenTree};
use tempfile::TempDir;

use crate::program::{run, text};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate").join(name);
    read_to_string(path).unwrap()
}

/// What `--help` says, of the program and of each command and its commands.
fn helps() -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let mut helps = Vec::new();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = open.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = text(&run(folder.path(), &arguments).stdout);
        for name in commands(&help) {
            open.push([command.as_slice(), &[name]].concat());
        }
        helps.push(help);
    }
    assert!(helps.len() > 20, "{} commands", helps.len());
    helps
}

/// The commands that a help lists: those that are indented by two.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.is_empty() || line.starts_with("  "));
    let name = |line: &str| {
        let line = line.strip_prefix("  ")?;
        let is_name = line.starts_with(|first: char| first.is_ascii_lowercase());
        is_name.then(|| line.split(' ').next().unwrap_or_default().to_owned())
    };
    listed.filter_map(name).filter(|name| name != "help").collect()
}

/// The values in a text that stand between these words and the bracket that ends them.
fn bracketed<'t>(text: &'t str, begin: &str) -> Vec<&'t str> {
    let parts = text.split(begin).skip(1);
    parts.map(|part| part.split(']').next().unwrap_or_default()).collect()
}

/// Each setting of a page with its row.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let name = |line: &'_ str| {
        let name = line.strip_prefix("| `")?.split('`').next()?;
        let is_setting = name.chars().all(|it| it.is_ascii_uppercase() || it == '_');
        is_setting.then_some(name.len())
    };
    page.lines().filter_map(|line| name(line).map(|length| (&line[3..3 + length], line))).collect()
}

#[test]
fn the_page_of_settings_has_exactly_those_that_help_names() {
    let (helps, page) = (helps(), page("settings.md"));
    let environment = helps.iter().flat_map(|help| bracketed(help, "[env: "));
    let environment = environment.map(|it| it.split('=').next().unwrap_or_default());
    let environment: BTreeSet<_> = environment.collect();
    let rows = rows(&page);
    let named: BTreeSet<_> = rows.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, environment);
    assert_eq!(rows.len(), named.len(), "a setting stands in one row");
    for (name, row) in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{name}: {row}");
    }
}

#[test]
fn the_page_of_settings_has_the_defaults_that_help_names() {
    let (helps, page) = (helps(), page("settings.md"));
    let rows = rows(&page);
    let mut compared = 0;
    for help in helps {
        // From one option to the next, in one line.
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for option in words.split(" --").skip(1) {
            let setting = bracketed(option, "[env: ").first().copied();
            let Some(setting) = setting else { continue };
            let setting = setting.split('=').next().unwrap_or_default();
            let (_, row) = rows.iter().find(|(name, _)| *name == setting).unwrap();
            let default = bracketed(option, "[default: ").first().copied();
            let cell = row.split(" | ").nth(1).unwrap().trim();
            match default {
                Some(default) => {
                    assert!(cell.starts_with(&format!("`{default}`")), "{setting}: {default}");
                    compared += 1;
                }
                None => assert!(!cell.starts_with('`'), "{setting} has no default"),
            }
        }
    }
    assert!(compared > 0);
}

#[test]
fn the_page_of_settings_has_every_command_with_its_options() {
    let page = page("settings.md");
    for help in helps() {
        for name in commands(&help) {
            assert!(page.contains(&name), "the command {name}");
        }
        for line in help.lines().map(str::trim_start) {
            let option = line.trim_start_matches("-h, ").trim_start_matches("-V, ");
            let Some(option) = option.strip_prefix("--") else { continue };
            let name = option.split([' ', '.']).next().unwrap_or_default();
            let setting = name.to_uppercase().replace('-', "_");
            let is_there = page.contains(&format!("`--{name}`"))
                || page.contains(&format!("`--{name} "))
                || page.contains(&format!("| `{setting}` |"))
                || ["help", "version"].contains(&name);
            assert!(is_there, "the option --{name}");
        }
    }
}

/// Every text that stands in quotes in a source.
fn texts(source: &str) -> Vec<String> {
    let mut open = vec![source.parse::<TokenStream>().unwrap()];
    let mut texts = Vec::new();
    while let Some(tokens) = open.pop() {
        for token in tokens {
            match token {
                TokenTree::Group(group) => open.push(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                    texts.extend(text.ok().map(|text| text.value()));
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }
    texts
}

fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        if path.is_dir() {
            sources(&path)
        } else if path.extension().is_some_and(|end| end == "rs") {
            vec![read_to_string(path).unwrap()]
        } else {
            Vec::new()
        }
    };
    entries.flat_map(read).collect()
}

/// The first sentence of each alert that the server can log, with … for what is only known then.
fn alerts() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server");
    let mut alerts = BTreeSet::new();
    for source in sources(&folder) {
        // A trouble of readiness is an alert too.
        let reports = source.contains("report(Trouble::");
        for text in texts(&source) {
            let is_sentence =
                ["The ", "the tables no longer"].iter().any(|it| text.starts_with(it));
            let sentence = match text.strip_prefix("ALERT") {
                Some(": {sentence}") => continue,
                Some(words) => words.trim_start_matches(':').trim_start(),
                None if reports && is_sentence => &text,
                None => continue,
            };
            alerts.insert(first_sentence(sentence));
        }
    }
    assert!(alerts.len() > 15, "{alerts:#?}");
    alerts
}

fn first_sentence(text: &str) -> String {
    let text = text.split(": ").next().unwrap_or_default();
    let text = text.split(". ").next().unwrap_or_default().trim_end_matches('.');
    let parts = text.split('{').enumerate();
    let parts = parts.map(|(number, part)| match part.split_once('}') {
        Some((_, rest)) if number > 0 => format!("…{rest}"),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// Whether a heading says a sentence, in which … may be anything.
fn says(heading: &str, sentence: &str) -> bool {
    let parts: Vec<_> = sentence.split('…').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let mut rest = heading;
    heading.starts_with(first)
        && heading.ends_with(last)
        && parts.iter().all(|part| {
            let after = rest.split_once(part).map(|(_, after)| after);
            rest = after.unwrap_or(rest);
            after.is_some()
        })
}

#[test]
fn every_alert_has_its_section_and_every_section_its_alert() {
    let (page, alerts) = (page("alerts.md"), alerts());
    let sections: Vec<_> = page
        .split("\n### `ALERT")
        .skip(1)
        .map(|section| {
            let (heading, rest) = section.split_once("`\n").unwrap();
            let end = rest.find("\n#").unwrap_or(rest.len());
            (heading.trim_start_matches(": ").trim_start(), &rest[..end])
        })
        .collect();
    for alert in &alerts {
        let found = sections.iter().filter(|(heading, _)| says(heading, alert)).count();
        assert_eq!(found, 1, "the sections of {alert:?}");
    }
    for (heading, section) in sections {
        assert!(alerts.iter().any(|alert| says(heading, alert)), "nobody says {heading:?}");
        for part in ["**It means**", "**Still works**", "**Do**:\n1. "] {
            assert!(section.contains(part), "{part} of {heading:?}");
        }
    }
}
