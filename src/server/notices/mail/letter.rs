//! What a mail looks like: the same words as text and as HTML.

use std::time::{Duration, SystemTime};

use askama::Template;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

use super::MailSettings;
use crate::server::{entity::outbox, notices::words::Words};

/// What both templates say.
#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct Text<'w> {
    words: &'w Words,
    action: &'w str,
    why: &'w str,
    settings: &'w str,
    unsubscribe: Option<&'w str>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'w> {
    words: &'w Words,
    action: &'w str,
    why: &'w str,
    settings: &'w str,
    unsubscribe: Option<&'w str>,
}

/// A message as it goes out.
pub(super) struct Letter {
    pub to: Address,
    pub bytes: Vec<u8>,
}

/// Writes a message; the same one always has the same id.
///
/// # Errors
/// Where its address is none.
pub(super) fn write(
    settings: &MailSettings,
    message: &outbox::Model,
    words: &Words,
    topic: &str,
    unsubscribe: Option<&str>,
) -> Result<Letter, String> {
    let to: Address = message.target.parse().map_err(|error| format!("no address: {error}"))?;
    let why = format!("You get this mail because of your account at Recharge (topic: {topic}).");
    let action = format!("{}{}", settings.site, words.action.1);
    let own = format!("{}/settings/notifications", settings.site);
    let (why, action, own) = (why.as_str(), action.as_str(), own.as_str());
    let text = Text { words, action, why, settings: own, unsubscribe };
    let html = Html { words, action, why, settings: own, unsubscribe };
    let text = text.render().map_err(|error| error.to_string())?;
    let html = html.render().map_err(|error| error.to_string())?;
    let at = SystemTime::UNIX_EPOCH
        + Duration::from_millis(u64::try_from(message.created_at).unwrap_or_default());
    let mut mail = Message::builder()
        .from(settings.from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(words.title.as_str())
        .date(at)
        .message_id(Some(format!("<{}@{}>", message.id, settings.from.email.domain())))
        .raw_header(raw("Auto-Submitted", "auto-generated"));
    if let Some(link) = unsubscribe {
        mail = mail
            .raw_header(raw("List-Unsubscribe", &format!("<{link}>")))
            .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    let parts = MultiPart::alternative()
        .singlepart(SinglePart::plain(text))
        .singlepart(SinglePart::html(html));
    let mail = mail.multipart(parts).map_err(|error| error.to_string())?;
    Ok(Letter { to, bytes: mail.formatted() })
}

/// A header of plain ASCII, which is not folded: a link must stay whole.
fn raw(name: &'static str, value: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), value.to_owned())
}
