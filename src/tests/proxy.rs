//! A network between the program and PostgreSQL that a test may cut, silence or let lose answers.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What happens to the connections that are open at this moment. New ones pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Both ends hear at once that it is gone.
    Cut,
    /// What the program sends arrives; it is cut before the answer.
    CutAnswer,
    /// Nothing arrives any more, and nobody hears of it.
    Silence,
    /// What the program sends doesn't arrive any more; answers do.
    LosesRequests,
    /// Answers don't arrive any more; what the program sends does.
    LosesAnswers,
}

/// A connection that was cut.
pub struct Cut {
    pub fault: Fault,
    /// What the program has asked there and got no answer to. Nothing if the connection was idle.
    asked: Vec<u8>,
}

impl Cut {
    /// Returns whether the program waits for the answer to something that has these bytes in it.
    pub fn met(&self, bytes: &[u8]) -> bool {
        self.asked.windows(bytes.len()).any(|part| part == bytes)
    }
}

/// The network. It ends with the test's runtime.
pub struct Proxy {
    port: u16,
    links: Arc<Mutex<Vec<watch::Sender<Fault>>>>,
    /// Those that a fault has met: it lasts as long as they are told so.
    struck: Mutex<Vec<watch::Sender<Fault>>>,
    cuts: Arc<Mutex<Vec<Cut>>>,
    is_silent: Arc<AtomicBool>,
}

impl Proxy {
    /// Puts one before the database of an address.
    pub async fn before(url: &str) -> Self {
        let url = url::Url::parse(url).unwrap();
        let target = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (links, cuts) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (known, noted) = (Arc::clone(&links), Arc::clone(&cuts));
        let is_silent = Arc::<AtomicBool>::default();
        let silences = Arc::clone(&is_silent);
        tokio::spawn(async move {
            while let Ok((program, _)) = listener.accept().await {
                let Ok(database) = TcpStream::connect(target.clone()).await else { continue };
                let receiver = {
                    let mut known = known.lock().unwrap();
                    let is_silent = silences.load(Ordering::SeqCst);
                    let first = if is_silent { Fault::Silence } else { Fault::Pass };
                    let (sender, receiver) = watch::channel(first);
                    known.push(sender);
                    receiver
                };
                link(program, database, receiver, Arc::clone(&noted));
            }
        });
        Self { port, links, struck: Mutex::default(), cuts, is_silent }
    }

    /// The database's address through this network.
    pub fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }

    /// Lets this happen to all connections of this moment, and returns how many there are.
    pub fn strike(&self, fault: Fault) -> usize {
        let links: Vec<_> = self.links.lock().unwrap().drain(..).collect();
        // Of a connection that has ended nobody hears any more.
        let struck = links.iter().filter(|link| link.send(fault).is_ok()).count();
        self.struck.lock().unwrap().extend(links);
        struck
    }

    /// Lets nothing arrive any more, on new connections neither.
    pub fn silence_for_good(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
        self.strike(Fault::Silence);
    }

    /// Lets new connections pass again. Those that are silent stay so.
    pub fn let_new_ones_pass(&self) {
        self.is_silent.store(false, Ordering::SeqCst);
    }

    /// Returns the connections that were cut since it was asked last.
    pub fn take_cuts(&self) -> Vec<Cut> {
        std::mem::take(&mut self.cuts.lock().unwrap())
    }
}

fn link(
    program: TcpStream,
    database: TcpStream,
    fault: watch::Receiver<Fault>,
    cuts: Arc<Mutex<Vec<Cut>>>,
) {
    program.set_nodelay(true).ok();
    database.set_nodelay(true).ok();
    let (from_program, to_program) = program.into_split();
    let (from_database, to_database) = database.into_split();
    let asked = Arc::<Mutex<Vec<u8>>>::default();
    let (asking, faults) = (Arc::clone(&asked), fault.clone());
    tokio::spawn(async move {
        carry(from_program, to_database, faults, true, &asking).await;
    });
    tokio::spawn(async move {
        if let Some(fault) = carry(from_database, to_program, fault, false, &asked).await {
            let asked = std::mem::take(&mut *asked.lock().unwrap());
            cuts.lock().unwrap().push(Cut { fault, asked });
        }
    });
}

/// Carries bytes one way, and keeps what was asked and not answered yet. Returns the fault that has
/// cut the connection, or `None` if an end of it has gone.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    is_request: bool,
    asked: &Mutex<Vec<u8>>,
) -> Option<Fault> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let now = *fault.borrow_and_update();
        match (now, is_request) {
            (Fault::Cut, _) => return Some(now),
            // Both ends stay open, and nothing is read.
            (Fault::Silence, _) | (Fault::LosesRequests, true) | (Fault::LosesAnswers, false) => {
                std::future::pending().await
            }
            _ => {}
        }
        tokio::select! {
            changed = fault.changed() => {
                changed.ok()?;
            }
            read = from.read(&mut bytes) => {
                let Ok(count @ 1..) = read else { return None };
                if *fault.borrow() == Fault::CutAnswer && !is_request {
                    return Some(Fault::CutAnswer);
                }
                if is_request {
                    asked.lock().unwrap().extend(&bytes[..count]);
                } else {
                    asked.lock().unwrap().clear();
                }
                to.write_all(&bytes[..count]).await.ok()?;
            }
        }
    }
}
