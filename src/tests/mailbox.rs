//! A mail server in a test: takes what it is given, refuses it, or goes away in the middle.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::mail_conversation::receive;

/// What the server does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Takes it.
    Take,
    /// Answers this to its sender.
    AnswerSender(&'static str),
    /// Answers this to its recipient.
    AnswerRecipient(&'static str),
    /// Answers this to its content.
    AnswerContent(&'static str),
    /// Takes it and is gone before it says so.
    TakeAndVanish,
    /// Takes it and says nothing any more.
    TakeAndSayNothing,
}

/// How the server encrypts.
#[derive(Clone)]
pub enum Encrypts {
    Never,
    FromTheFirstByte(TlsAcceptor),
    OnceAsked(TlsAcceptor),
}

/// A command as it arrived.
#[derive(Clone, Debug)]
pub struct Command {
    pub line: String,
    pub is_encrypted: bool,
}

/// A message as it arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    pub from: String,
    pub to: String,
    /// By their names in lower case, unfolded.
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub html: String,
}

/// What the server is to do, and what it was told.
#[derive(Default)]
pub struct State {
    pub mails: Vec<Mail>,
    pub does: VecDeque<Does>,
    pub commands: Vec<Command>,
    pub hangs_up_on: Vec<String>,
    connections: usize,
}

/// The server; it ends with its last connection when it is dropped.
pub struct MailServer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MailServer {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        Self::listen(address, Encrypts::Never).await
    }

    pub async fn that(encrypts: Encrypts) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), encrypts).await
    }

    async fn listen(address: SocketAddr, encrypts: Encrypts) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut conversations = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                shared.lock().unwrap().connections += 1;
                let (state, encrypts) = (Arc::clone(&shared), encrypts.clone());
                conversations.spawn(async move { receive(stream, &encrypts, &state).await });
            }
        });
        Self { address, state, task }
    }

    /// What it does with the next messages; with those after them it does nothing special.
    pub fn will(&self, does: &[Does]) {
        self.state().does.extend(does);
    }

    /// For these recipients it has no time, however often it is asked, and ends the conversation.
    pub fn hangs_up_on(&self, recipients: &[String]) {
        self.state().hangs_up_on = recipients.to_vec();
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.state().mails.clone()
    }

    /// All that was said to it, but for the messages.
    pub fn commands(&self) -> Vec<Command> {
        self.state().commands.clone()
    }

    pub fn connections(&self) -> usize {
        self.state().connections
    }

    /// As a setting of the server.
    pub fn setting(&self) -> String {
        format!("--smtp-url=smtp://{}?timeout=1", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Reads a message with two parts, text and HTML.
pub fn read(content: &str, from: String, to: String) -> Mail {
    let content = content.replace("\r\n", "\n");
    let (head, body) = content.split_once("\n\n").unwrap();
    let headers = headers(head);
    let boundary = headers["content-type"].split("boundary=\"").nth(1).unwrap();
    let boundary = boundary.split('"').next().unwrap();
    let boundary = format!("--{boundary}");
    let part = |kind: &str| {
        let mut parts = body.split(&boundary).filter_map(|it| it.split_once("\n\n"));
        let (head, body) = parts.find(|(head, _)| head.contains(kind)).unwrap();
        decoded(head, body)
    };
    Mail { from, to, text: part("text/plain"), html: part("text/html"), headers }
}

fn headers(head: &str) -> BTreeMap<String, String> {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let pairs = unfolded.lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect()
}

/// A part without its transfer encoding.
fn decoded(head: &str, body: &str) -> String {
    if !head.contains("quoted-printable") {
        assert!(head.contains("7bit"), "{head}");
        return body.to_owned();
    }
    let body = body.replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), body.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'=' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}
