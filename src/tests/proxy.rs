//! A network between the program and PostgreSQL that a test may cut, silence or let lose answers.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
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

/// The network. It ends with the test's runtime.
pub struct Proxy {
    port: u16,
    links: Arc<Mutex<Vec<watch::Sender<Fault>>>>,
    /// Those that a fault has met: it lasts as long as they are told so.
    struck: Mutex<Vec<watch::Sender<Fault>>>,
    cuts: Arc<AtomicUsize>,
    is_silent: Arc<AtomicBool>,
}

impl Proxy {
    /// Puts one before the database of an address.
    pub async fn before(url: &str) -> Self {
        let url = url::Url::parse(url).unwrap();
        let target = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (links, cuts) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicUsize>::default());
        let (known, counted) = (Arc::clone(&links), Arc::clone(&cuts));
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
                link(program, database, receiver, Arc::clone(&counted));
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

    /// Lets this happen to all connections of this moment.
    pub fn strike(&self, fault: Fault) {
        let links: Vec<_> = self.links.lock().unwrap().drain(..).collect();
        for link in &links {
            link.send(fault).ok();
        }
        self.struck.lock().unwrap().extend(links);
    }

    /// Lets nothing arrive any more, on new connections neither.
    pub fn silence_for_good(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
        self.strike(Fault::Silence);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

fn link(
    program: TcpStream,
    database: TcpStream,
    fault: watch::Receiver<Fault>,
    cuts: Arc<AtomicUsize>,
) {
    program.set_nodelay(true).ok();
    database.set_nodelay(true).ok();
    let (from_program, to_program) = program.into_split();
    let (from_database, to_database) = database.into_split();
    tokio::spawn(carry(from_program, to_database, fault.clone(), true));
    tokio::spawn(async move {
        if carry(from_database, to_program, fault, false).await {
            cuts.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// Carries bytes one way; says whether a fault has ended it.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    is_request: bool,
) -> bool {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let now = *fault.borrow_and_update();
        match (now, is_request) {
            (Fault::Cut, _) => return true,
            // Both ends stay open, and nothing is read.
            (Fault::Silence, _) | (Fault::LosesRequests, true) | (Fault::LosesAnswers, false) => {
                std::future::pending().await
            }
            _ => {}
        }
        tokio::select! {
            changed = fault.changed() => {
                if changed.is_err() {
                    return false;
                }
            }
            read = from.read(&mut bytes) => {
                let Ok(count @ 1..) = read else { return false };
                if *fault.borrow() == Fault::CutAnswer && !is_request {
                    return true;
                }
                if to.write_all(&bytes[..count]).await.is_err() {
                    return false;
                }
            }
        }
    }
}
