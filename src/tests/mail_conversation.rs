//! The mail server's side of a conversation (RFC 5321; RFC 3207 for STARTTLS).

use std::{future::pending, sync::Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::mailbox::{Command, Does, Encrypts, State, read};

/// Talks with a client for as long as it stays; none where it goes away.
pub async fn receive(stream: TcpStream, encrypts: &Encrypts, state: &Mutex<State>) -> Option<()> {
    match encrypts {
        Encrypts::Never => {
            let mut plain = Conversation::new(stream, state);
            plain.say("220 test").await?;
            plain.converse().await
        }
        Encrypts::FromTheFirstByte(acceptor) => {
            let mut encrypted = Conversation::new(acceptor.accept(stream).await.ok()?, state);
            encrypted.is_encrypted = true;
            encrypted.say("220 test").await?;
            encrypted.converse().await
        }
        Encrypts::OnceAsked(acceptor) => {
            let mut plain = Conversation::new(stream, state);
            plain.offers_encryption = true;
            plain.say("220 test").await?;
            plain.converse().await?;
            let stream = acceptor.accept(plain.stream.into_inner()).await.ok()?;
            let mut encrypted = Conversation::new(stream, state);
            encrypted.is_encrypted = true;
            encrypted.converse().await
        }
    }
}

struct Conversation<'a, S> {
    stream: BufReader<S>,
    state: &'a Mutex<State>,
    offers_encryption: bool,
    is_encrypted: bool,
    /// What is done with the message that is being handed over, from whom it is, and to whom.
    does: Does,
    from: String,
    to: String,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Conversation<'a, S> {
    fn new(stream: S, state: &'a Mutex<State>) -> Self {
        let (stream, does) = (BufReader::new(stream), Does::Take);
        let (from, to) = Default::default();
        Self { stream, state, offers_encryption: false, is_encrypted: false, does, from, to }
    }

    async fn say(&mut self, line: &str) -> Option<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
        self.stream.flush().await.ok()
    }

    async fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.stream.read_line(&mut line).await.ok()?;
        (length > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Answers until the client wants to encrypt; none where it is gone.
    async fn converse(&mut self) -> Option<()> {
        loop {
            let line = self.hear().await?;
            let is_encrypted = self.is_encrypted;
            self.state.lock().unwrap().commands.push(Command { line: line.clone(), is_encrypted });
            let verb = line.to_ascii_uppercase();
            match verb.as_str() {
                "STARTTLS" if self.offers_encryption => return self.say("220 go on").await,
                "DATA" => self.take().await?,
                _ => {
                    let answer = self.answer(&verb, &line);
                    self.say(answer).await?;
                }
            }
        }
    }

    fn answer(&mut self, verb: &str, line: &str) -> &'static str {
        if verb.starts_with("EHLO") {
            return match self.offers_encryption {
                true => "250-test\r\n250-STARTTLS\r\n250 AUTH PLAIN",
                false => "250-test\r\n250 AUTH PLAIN",
            };
        }
        if verb.starts_with("MAIL FROM:") {
            self.does = self.state.lock().unwrap().does.pop_front().unwrap_or(Does::Take);
            self.from = address(line);
            if let Does::AnswerSender(answer) = self.does {
                return answer;
            }
        }
        if verb.starts_with("RCPT TO:") {
            self.to = address(line);
            if self.state.lock().unwrap().hangs_up_on.contains(&self.to) {
                return "421 too much at once";
            }
            if let Does::AnswerRecipient(answer) = self.does {
                return answer;
            }
        }
        match verb {
            _ if verb.starts_with("AUTH ") => "235 welcome",
            "STARTTLS" => "502 never",
            "QUIT" => "221 bye",
            _ => "250 fine",
        }
    }

    /// Takes a message, or not.
    async fn take(&mut self) -> Option<()> {
        self.say("354 go on").await?;
        let mut content = String::new();
        loop {
            let line = self.hear().await?;
            if line == "." {
                break;
            }
            content.push_str(line.strip_prefix('.').unwrap_or(&line));
            content.push('\n');
        }
        if let Does::AnswerContent(answer) = self.does {
            return self.say(answer).await;
        }
        let mail = read(&content, self.from.clone(), self.to.clone());
        self.state.lock().unwrap().mails.push(mail);
        match self.does {
            Does::TakeAndVanish => None,
            Does::TakeAndSayNothing => pending().await,
            _ => self.say("250 taken").await,
        }
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
