//! Mail and the password of its sender go to the mail server that is meant, and nobody listens.

use std::io::Write;

use recharge::server::notices::Delivered;
use tempfile::NamedTempFile;

use crate::{
    app::TestApp,
    certificates::Certified,
    databases::on_both_databases,
    mail::{FROM, send, stored, waiting},
    mailbox::{Encrypts, MailServer},
};

on_both_databases!(
    mail_and_password_are_encrypted_from_the_first_byte_or_from_starttls_on,
    a_server_that_nobody_vouches_for_gets_neither_mail_nor_password,
    where_encryption_is_required_a_server_that_offers_none_gets_nothing,
);

/// Where the test's servers are.
const HERE: &str = "127.0.0.1";

/// The certificate in a file, as an operator has it.
fn file(certified: &Certified) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(certified.certificate.pem().as_bytes()).unwrap();
    file
}

/// Sends a mail through `server`, reached by this scheme and with these words after `?`.
async fn sent(app: &TestApp, server: &MailServer, scheme: &str, words: &str) -> Delivered {
    let address = server.address;
    let url = format!("--smtp-url={scheme}://me:canary@{address}?timeout=5&{words}");
    let app = app.with_settings(&[&url, FROM]).await;
    let account = app.customer().await.account.unwrap();
    waiting(&app, &account, "a").await;
    send(&app).await
}

/// Whether this server was told nothing but a greeting, and the mail waits.
async fn expect_nothing_said(app: &TestApp, server: &MailServer, why: &str) {
    for command in server.commands() {
        let is_harmless =
            ["EHLO", "STARTTLS", "QUIT"].iter().any(|it| command.line.starts_with(it));
        assert!(is_harmless, "{command:?}");
    }
    assert_eq!(server.mails().len(), 0);
    let rows = stored(app).await;
    let row = rows.iter().max_by_key(|row| row.created_at).unwrap();
    assert_eq!(row.state, "waiting");
    assert!(row.last_error.contains(why) && !row.last_error.contains("canary"), "{row:?}");
}

async fn mail_and_password_are_encrypted_from_the_first_byte_or_from_starttls_on(app: TestApp) {
    let certified = Certified::new(HERE);
    let (acceptor, file) = (&certified.acceptor, file(&certified));
    let ca = format!("ca={}", file.path().display());
    for (encrypts, scheme, words) in [
        (Encrypts::FromTheFirstByte(acceptor.clone()), "smtps", ca.clone()),
        (Encrypts::OnceAsked(acceptor.clone()), "smtp", format!("tls=required&{ca}")),
        (Encrypts::OnceAsked(acceptor.clone()), "smtp", ca.clone()),
    ] {
        let server = MailServer::that(encrypts).await;
        let outcome = sent(&app, &server, scheme, &words).await;
        assert_eq!(outcome, Delivered { sent: 1, ..Delivered::default() }, "{scheme} {words}");
        assert_eq!(server.mails().len(), 1);
        let commands = server.commands();
        for verb in ["AUTH PLAIN", "MAIL FROM", "RCPT TO", "DATA"] {
            let said = commands.iter().filter(|command| command.line.starts_with(verb));
            let is_encrypted: Vec<_> = said.map(|command| command.is_encrypted).collect();
            assert_eq!(is_encrypted, [true], "{verb}: {commands:?}");
        }
    }
}

async fn a_server_that_nobody_vouches_for_gets_neither_mail_nor_password(app: TestApp) {
    let (here, elsewhere) = (Certified::new(HERE), Certified::new("mail.example"));
    let known = file(&elsewhere);
    let knowing = format!("tls=required&ca={}", known.path().display());
    for (certified, words) in [
        (&here, "tls=required"),
        (&here, &knowing),
        // It is vouched for, but by another name.
        (&elsewhere, &knowing),
    ] {
        let server = MailServer::that(Encrypts::OnceAsked(certified.acceptor.clone())).await;
        assert_eq!(sent(&app, &server, "smtp", words).await.sent, 0, "{words}");
        expect_nothing_said(&app, &server, "certificate").await;
    }
}

async fn where_encryption_is_required_a_server_that_offers_none_gets_nothing(app: TestApp) {
    let server = MailServer::start().await;
    assert_eq!(sent(&app, &server, "smtp", "tls=required").await.sent, 0);
    expect_nothing_said(&app, &server, "").await;
    let server = MailServer::start().await;
    assert_eq!(sent(&app, &server, "smtps", "timeout=1").await.sent, 0);
    assert_eq!(server.mails().len(), 0);
}
