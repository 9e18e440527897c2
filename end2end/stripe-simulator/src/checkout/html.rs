//! Markup that every page shares. Everything that comes from outside goes through `text` or `link`.
use axum::response::Response;

/// Text for an element or a quoted attribute.
pub fn text(raw: &str) -> String {
    raw.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// An address for `href`; anything but http(s) becomes harmless.
pub fn link(url: &str) -> String {
    if url.starts_with("http://") || url.starts_with("https://") { text(url) } else { "#".into() }
}

/// Stripe's custom texts know one piece of markup: `[words](https://…)`.
pub fn with_links(raw: &str) -> String {
    let mut out = String::new();
    let mut rest = raw;
    while let Some((before, words, url, after)) = next_link(rest) {
        out.push_str(&text(before));
        out.push_str(&format!(
            r#"<a href="{}" target="_blank" rel="noopener">{}</a>"#,
            link(url),
            text(words)
        ));
        rest = after;
    }
    out.push_str(&text(rest));
    out
}

fn next_link(raw: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, opened) = raw.split_once('[')?;
    let (words, rest) = opened.split_once("](")?;
    let (url, after) = rest.split_once(')')?;
    Some((before, words, url, after))
}

/// A whole page around the given content.
pub fn document(title: &str, content: &str) -> String {
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/checkout.css">
</head>
<body>
<header class="simulator-bar"><p>Stripe simulator: no real payment</p></header>
{content}
</body>
</html>
"##,
        title = text(title),
    )
}

/// A page with one message and perhaps one way on.
pub fn single(title: &str, paragraphs: &[&str], next: Option<(&str, &str)>) -> String {
    let paragraphs: String = paragraphs
        .iter()
        .map(|words| format!("<p class=\"secondary\">{}</p>\n", text(words)))
        .collect();
    let next = next.map(|(words, url)| {
        format!(
            "<p><a class=\"button button-primary\" href=\"{}\">{}</a></p>\n",
            link(url),
            text(words)
        )
    });
    let content = format!(
        "<main class=\"single\">\n<h1>{}</h1>\n{paragraphs}{}</main>",
        text(title),
        next.unwrap_or_default()
    );
    document(title, &content)
}

/// The page as an answer.
pub fn answer(page: String) -> Response {
    super::page_headers(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(text(r#"<b a="1">&'"#), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
        assert_eq!(link("javascript:alert(1)"), "#");
    }

    #[test]
    fn custom_texts_may_hold_links() {
        let html = with_links("See [the <terms>](https://a.test/t) & more");
        assert_eq!(
            html,
            r#"See <a href="https://a.test/t" target="_blank" rel="noopener">the &lt;terms&gt;</a> &amp; more"#
        );
        assert_eq!(with_links("no [link"), "no [link");
    }
}
