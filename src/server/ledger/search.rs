//! Finding a text in whatever case it is written: alike on both databases, and in rows that are
//! not written yet.
//!
//! SQLite's LOWER knows ASCII alone, and PostgreSQL's what its locale knows. So neither is asked:
//! every letter of what is searched for stands as the set of its forms, in GLOB or in a regular
//! expression, and no column needs to be folded.

use sea_orm::{
    DbBackend,
    sea_query::{BinOper, Expr, ExprTrait, IntoColumnRef, SimpleExpr},
};

/// Letters that have a form which neither their upper nor their lower case leads to.
const OTHER_FORMS: [(char, char); 2] = [('σ', 'ς'), ('ß', 'ẞ')];

/// A text that is searched for: of each character all forms.
pub(super) struct Searched(Vec<Vec<char>>);

impl Searched {
    pub fn new(text: &str) -> Self {
        Self(text.chars().map(forms).collect())
    }

    /// Whether a text has it somewhere.
    pub fn is_in(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let is_here =
            |part: &[char]| part.iter().zip(&self.0).all(|(it, forms)| forms.contains(it));
        self.0.is_empty() || text.windows(self.0.len()).any(is_here)
    }

    /// Whether a column has it somewhere, for a query.
    pub fn is_in_column(&self, backend: DbBackend, column: impl IntoColumnRef) -> SimpleExpr {
        let operator = if backend == DbBackend::Sqlite { "GLOB" } else { "~" };
        Expr::col(column).binary(BinOper::Custom(operator), self.pattern(backend))
    }

    fn pattern(&self, backend: DbBackend) -> String {
        let is_glob = backend == DbBackend::Sqlite;
        let mut pattern = String::new();
        for forms in &self.0 {
            match forms.as_slice() {
                // Between brackets it stands for itself.
                [one] if is_glob && matches!(one, '*' | '?' | '[') => {
                    pattern.extend(['[', *one, ']']);
                }
                [one] if !is_glob && one.is_ascii_punctuation() => pattern.extend(['\\', *one]),
                [one] => pattern.push(*one),
                several => {
                    pattern.push('[');
                    pattern.extend(several);
                    pattern.push(']');
                }
            }
        }
        if is_glob { format!("*{pattern}*") } else { pattern }
    }
}

/// A character and the same letter in other cases. What becomes several characters in another
/// case is only itself.
fn forms(char: char) -> Vec<char> {
    let small = only(char.to_lowercase()).unwrap_or(char);
    let small = OTHER_FORMS.iter().find(|(_, other)| *other == small).map_or(small, |(it, _)| *it);
    let large = only(small.to_uppercase()).unwrap_or(small);
    let other = OTHER_FORMS.iter().find(|(it, _)| *it == small).map_or(small, |(_, other)| *other);
    let mut forms = vec![char];
    for form in [small, large, other] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

fn only(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_searched_text_matches_itself_and_no_wildcards() {
        let searched = Searched::new("5*_[É]^-\\%");
        assert_eq!(searched.pattern(DbBackend::Sqlite), r"*5[*]_[[][Éé]]^-\%*");
        assert_eq!(searched.pattern(DbBackend::Postgres), r"5\*\_\[[Éé]\]\^\-\\\%");
    }

    #[test]
    fn a_letter_is_found_in_every_case() {
        for text in ["Überblick", "ÜBERBLICK", "der überblick"] {
            assert!(Searched::new("überBlick").is_in(text), "{text}");
            assert!(Searched::new("ÜBERBLICK").is_in(text), "{text}");
        }
        assert!(Searched::new("οδος").is_in("ΟΔΟΣ") && Searched::new("ΟΔΟΣ").is_in("οδος"));
        assert!(Searched::new("straße").is_in("STRAẞE") && Searched::new("İ").is_in("İ"));
        assert!(!Searched::new("überblick").is_in("uberblick"));
        assert!(!Searched::new("longer than this").is_in("this"));
    }
}
