//! How mail goes out: over SMTP, or into files.

use std::{fs, net::Ipv4Addr, path::PathBuf, time::Duration};

use lettre::{
    message::Mailbox,
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Certificate, TlsParameters},
        extension::ClientId,
    },
};
use url::{Host, Url};

use crate::server::secret::Secret;

/// The sender where none is named, which is enough for files.
const NOBODY: &str = "Recharge <recharge@localhost>";

/// How long a server may take for one message.
const USUAL_PATIENCE_S: u64 = 30;

/// What a certificate in a file begins with (RFC 7468, section 5.1).
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// How mail goes out, and from whom.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// By which way.
    pub via: Via,
    /// From whom.
    pub(super) from: Mailbox,
    /// The origin of the site, to which its links lead.
    pub(super) site: String,
}

/// The ways out.
#[derive(Clone, Debug)]
pub enum Via {
    /// To a mail server.
    Smtp(Server),
    /// A file for each, for development.
    Files(PathBuf),
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) hello: ClientId,
    pub(super) patience: Duration,
    /// Who may vouch for the server, beside the authorities of the web.
    authority: Option<Certificate>,
    user: String,
    password: Option<Secret>,
}

/// How a mail server is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// From the first byte.
    Always,
    /// From STARTTLS on; without it nothing is sent.
    Required,
    /// From STARTTLS on, where the server offers it.
    Offered,
}

impl MailSettings {
    /// Reads the settings; what is wrong is the name of one, and why.
    ///
    /// # Errors
    /// The first one that can't be used.
    pub fn new(
        smtp_url: Option<&str>,
        from: Option<&str>,
        folder: PathBuf,
        site: &Url,
    ) -> Result<Self, (&'static str, String)> {
        let given =
            |text: Option<&str>| text.map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned);
        let via = match given(smtp_url) {
            Some(url) => Via::Smtp(Server::parse(&url).map_err(|why| ("SMTP_URL", why))?),
            None => Via::Files(folder),
        };
        let from = match (given(from), &via) {
            (Some(from), _) => from,
            (None, Via::Files(_)) => NOBODY.to_owned(),
            (None, Via::Smtp(_)) => {
                let why = "is missing although SMTP_URL is set: name the sender, such as Recharge <credits@example.com>";
                return Err(("MAIL_FROM", why.to_owned()));
            }
        };
        let from = from.parse().map_err(|_| {
            (
                "MAIL_FROM",
                format!("({from}) must be an address, such as Recharge <credits@example.com>"),
            )
        })?;
        Ok(Self { via, from, site: site.origin().ascii_serialization() })
    }
}

impl Server {
    /// Reads `smtp://USER:PASSWORD@HOST:PORT?tls=required&timeout=30&ca=FILE`, or `smtps://` for
    /// encryption from the first byte.
    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
        let host = url.host().ok_or("must name a host, such as smtp://mail.example.com:587")?;
        let password = url.password().map(decoded).transpose()?;
        let is_here = match &host {
            // An address of numbers is a name here: smtp is no scheme of the web.
            Host::Domain(name) => {
                let address = name.parse::<Ipv4Addr>();
                *name == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let asked = |name| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
        let tls = asked("tls");
        let encryption = match (url.scheme(), tls.as_deref()) {
            ("smtps", None) => Encryption::Always,
            ("smtp", Some("required")) => Encryption::Required,
            // A password goes over no network that can be listened to.
            ("smtp", None) if password.is_some() && !is_here => Encryption::Required,
            ("smtp", None | Some("offered")) => Encryption::Offered,
            ("smtp" | "smtps", Some(_)) => {
                return Err("may say tls=required or tls=offered".to_owned());
            }
            _ => return Err("must start with smtp:// or smtps://".to_owned()),
        };
        let seconds =
            asked("timeout").map(|text| text.parse().ok().filter(|it| (1..=30).contains(it)));
        let seconds =
            seconds.unwrap_or(Some(USUAL_PATIENCE_S)).ok_or("may say timeout=1 to timeout=30")?;
        let usual = if encryption == Encryption::Always { 465 } else { 587 };
        let server = Self {
            host: url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(usual),
            encryption,
            hello: ClientId::default(),
            patience: Duration::from_secs(seconds),
            authority: asked("ca").map(|file| authority(&file)).transpose()?,
            user: decoded(url.username())?,
            password: password.as_deref().map(Secret::new),
        };
        // What can't be used is said now, not with the first mail.
        server.tls().map_err(|error| format!("can't be encrypted: {error}"))?;
        Ok(server)
    }

    /// How its connection is encrypted: to a server with a certificate for this name alone.
    pub(super) fn tls(&self) -> Result<TlsParameters, Error> {
        let tls = TlsParameters::builder(self.host.clone());
        match &self.authority {
            Some(authority) => tls.add_root_certificate(authority.clone()).build(),
            None => tls.build(),
        }
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let password = self.password.as_ref()?.reveal().to_owned();
        Some(Credentials::new(self.user.clone(), password))
    }
}

/// Reads the certificates of somebody's own authority.
fn authority(file: &str) -> Result<Certificate, String> {
    let no_use = |why: &str| format!("says ca={file}, a file that {why}");
    let text = fs::read(file).map_err(|error| no_use(&format!("can't be read: {error}")))?;
    if !text.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE) {
        return Err(no_use("holds no certificate in PEM form"));
    }
    Certificate::from_pem(&text).map_err(|_| no_use("holds a broken certificate"))
}

/// A part of an address without its `%40`.
fn decoded(part: &str) -> Result<String, String> {
    let form = format!("x={}", part.replace('+', "%2B"));
    let pair = url::form_urlencoded::parse(form.as_bytes()).next();
    pair.map(|(_, value)| value.into_owned()).ok_or_else(|| "can't be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<Server, String> {
        Server::parse(url)
    }

    #[test]
    fn a_password_is_sent_encrypted_or_not_at_all() {
        for (url, encryption, port) in [
            ("smtps://a:b@mail.example.com", Encryption::Always, 465),
            ("smtp://a:b@mail.example.com", Encryption::Required, 587),
            ("smtp://mail.example.com:25", Encryption::Offered, 25),
            ("smtp://mail.example.com?tls=required", Encryption::Required, 587),
            ("smtp://a:b@127.0.0.1:2525", Encryption::Offered, 2_525),
        ] {
            let server = server(url).unwrap();
            assert_eq!((server.encryption, server.port), (encryption, port), "{url}");
        }
    }

    #[test]
    fn a_password_may_have_any_character_and_is_not_shown() {
        let server =
            server("smtps://me%40example.com:p%2Fs+%C3%A9canary@mail.example.com").unwrap();
        let password = server.password.as_ref().unwrap().reveal();
        assert_eq!((server.user.as_str(), password), ("me@example.com", "p/s+\u{e9}canary"));
        assert!(!format!("{server:?}").contains("canary"));
    }

    #[test]
    fn what_is_no_mail_server_is_refused_in_one_sentence() {
        for url in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://h?tls=no",
            "smtp://h?timeout=0",
            "smtps://h?ca=not/there.pem",
            "smtps://h?ca=Cargo.toml",
        ] {
            let why = server(url).unwrap_err();
            assert!(!why.is_empty() && !why.ends_with('.'), "{url}: {why}");
        }
        let site = "http://127.0.0.1:3000".parse().unwrap();
        let smtp = Some("smtp://mail.example.com");
        let refused = |from| MailSettings::new(smtp, from, PathBuf::new(), &site).unwrap_err().0;
        assert_eq!((refused(None), refused(Some("nobody"))), ("MAIL_FROM", "MAIL_FROM"));
    }
}
