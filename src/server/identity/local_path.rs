//! Where a visitor goes after signing in: a path on this site, and nothing else.

use std::fmt;

use url::Url;

/// Longer ones are nobody's bookmark.
const LONGEST: usize = 2_000;

/// A path with its query, proven to stay on this site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// Reads a path that came from outside; none where a browser might read it as another site.
    ///
    /// Browsers drop tabs and line breaks, and read `\` as `/`; so none of them is let in.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_path = text.starts_with('/') && !text.starts_with("//");
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !is_path || !is_plain || text.len() > LONGEST {
            return None;
        }
        let base = Url::parse("https://recharge.invalid").ok()?;
        let url = base.join(text).ok()?;
        if url.origin() != base.origin() || url.path().starts_with("//") {
            return None;
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        // What had to be escaped is longer now.
        let path = format!("{}{query}", url.path());
        (path.len() <= LONGEST).then_some(Self(path))
    }

    /// Whether it is this page or below it.
    #[must_use]
    pub fn is_under(&self, page: &str) -> bool {
        let path = self.0.split('?').next().unwrap_or_default();
        is_under(path, page)
    }

    /// The address of the sign-in page that leads back here.
    #[must_use]
    pub fn sign_in(&self) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &self.0)
            .finish();
        format!("/sign-in?{query}")
    }
}

/// Whether a path is this page or below it.
#[must_use]
pub fn is_under(path: &str, page: &str) -> bool {
    path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_site_are_kept() {
        for path in [
            "/",
            "/settings/credits",
            "/settings/credits?cycle=2026-11-01",
            "/settings/credits/history?text=a%20b&before=25",
            "/support?email=demo%40recharge.test",
        ] {
            assert_eq!(LocalPath::parse(path).map(|path| path.to_string()).as_deref(), Some(path));
        }
    }

    #[test]
    fn nothing_leads_to_another_site() {
        for text in [
            "",
            " ",
            "settings/credits",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\nSet-Cookie: a=b",
            "/\0",
            "\u{1}/settings",
            " /settings",
            "/\u{2028}/evil.example",
            "/é",
            "https:evil.example",
            "https://evil.example",
            "HTTPS://evil.example/settings",
            "javascript:alert(1)",
            "data:text/html,hello",
            "?next=/settings",
            "@evil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/%2e//evil.example",
        ] {
            assert_eq!(LocalPath::parse(text), None, "{text:?}");
        }
        assert_eq!(LocalPath::parse(&format!("/{}", "a".repeat(LONGEST))), None);
        assert_eq!(LocalPath::parse(&format!("/{}", "{".repeat(LONGEST - 1))), None);
    }

    #[test]
    fn the_sign_in_page_leads_back() {
        let path = LocalPath::parse("/settings/credits/history?text=a&kind=spent").expect("local");
        assert_eq!(
            path.sign_in(),
            "/sign-in?next=%2Fsettings%2Fcredits%2Fhistory%3Ftext%3Da%26kind%3Dspent"
        );
    }

    #[test]
    fn a_page_is_above_its_own_paths_only() {
        for (path, under) in [
            ("/support", true),
            ("/support?email=a", true),
            ("/support/accounts/1", true),
            ("/supporters", false),
            ("/settings/support", false),
        ] {
            let path = LocalPath::parse(path).expect("local");
            assert_eq!(path.is_under("/support"), under, "{path}");
        }
    }
}
