//! One message over one connection: to an address that was looked at before, with no redirect
//! followed, no proxy, and little of the answer read.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

use super::{addresses::is_public, retry_after::RetryAfter};

/// Who we say we are.
const AGENT: &str = concat!("Recharge-Webhooks/", env!("CARGO_PKG_VERSION"));
/// How much of an answer's body is read.
const ANSWER_BYTES: usize = 1024;
/// How long it is waited for.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);
/// How much its status and headers may take.
const HEAD_BYTES: usize = 16 * 1024;

/// Finds the addresses of a host.
pub trait Resolve: Send + Sync {
    /// All that there are.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// Asks as every program of this machine does.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// Whoever a certificate of the public web was given to.
#[must_use]
pub fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// Sends. Clones share everything.
#[derive(Clone)]
pub struct Wire {
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    allow_private: bool,
    timeout: Duration,
}

/// A message as it goes out.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Its id, the same each time that it is sent.
    pub id: String,
    /// When this attempt is made, in seconds since 1970.
    pub timestamp: i64,
    /// Its signatures.
    pub signature: String,
    /// What it says.
    pub body: Bytes,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What the body begins with.
    pub text: String,
    /// From when on it wants to be asked again, where it says so.
    pub retry_after: Option<RetryAfter>,
}

impl Answer {
    /// Whether it says that the message was taken.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        matches!(self.status, 200..300)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The host has no address.
    #[error("the host can't be found: {0}")]
    Unknown(io::Error),
    /// It leads to where no message goes.
    #[error("{0} is no public address")]
    NotPublic(std::net::IpAddr),
    /// Nobody took the connection, or it broke.
    #[error("no connection: {0}")]
    Connect(io::Error),
    /// What came is no HTTP, or ended early.
    #[error("no answer: {0}")]
    Broken(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer in {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// No request can be made of it.
    #[error("the address can't be asked")]
    Address,
}

impl Wire {
    /// One that finds hosts so, believes these roots, and waits so long for each answer.
    pub fn new(
        resolver: Arc<dyn Resolve>,
        roots: RootCertStore,
        allow_private: bool,
        timeout: Duration,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { resolver, tls: TlsConnector::from(Arc::new(tls)), allow_private, timeout })
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(&self, url: &Url, sending: &Sending) -> Result<Answer, WireError> {
        let exchange = tokio::time::timeout(self.timeout, self.exchange(url, sending));
        let exchanged = exchange.await.unwrap_or(Err(WireError::TimedOut(self.timeout)));
        let (response, _driving) = exchanged?;
        let status = response.status().as_u16();
        let retry_after = RetryAfter::of(status, response.headers());
        Ok(Answer { status, text: beginning(response.into_body()).await, retry_after })
    }

    async fn exchange(&self, url: &Url, sending: &Sending) -> Result<Exchanged, WireError> {
        let addresses = self.addresses(url).await?;
        let stream = TcpStream::connect(&*addresses).await.map_err(WireError::Connect)?;
        if url.scheme() == "http" {
            return exchange(stream, url, sending).await;
        }
        let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|_| WireError::Address)?;
        let stream = self.tls.connect(name, stream).await.map_err(WireError::Connect)?;
        exchange(stream, url, sending).await
    }

    /// Where a URL leads now. One address that is not public forbids them all: who resolves to
    /// both means no good.
    ///
    /// # Errors
    /// Where the host is unknown, or leads to where no message goes.
    pub async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, WireError> {
        let port = url.port_or_known_default().ok_or(WireError::Address)?;
        let mut found = match url.host().ok_or(WireError::Address)? {
            Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Domain(name) => self.resolver.resolve(name).await.map_err(WireError::Unknown)?,
        };
        found.iter_mut().for_each(|address| address.set_port(port));
        if found.is_empty() {
            return Err(WireError::Unknown(io::Error::other("it has no address")));
        }
        match found.iter().find(|address| !self.allow_private && !is_public(address.ip())) {
            Some(refused) => Err(WireError::NotPublic(refused.ip())),
            None => Ok(found),
        }
    }
}

/// An answer, of which the body may still come, and what brings it.
type Exchanged = (Response<Incoming>, AbortOnDropHandle<hyper::Result<()>>);

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    url: &Url,
    sending: &Sending,
) -> Result<Exchanged, WireError> {
    let request = request(url, sending).ok_or(WireError::Address)?;
    let mut builder = http1::Builder::new();
    let (mut sender, connection) =
        builder.max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    let driving = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok((sender.send_request(request).await?, driving))
}

fn request(url: &Url, sending: &Sending) -> Option<Request<Full<Bytes>>> {
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    Request::post(path)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header("webhook-id", &sending.id)
        .header("webhook-timestamp", sending.timestamp)
        .header("webhook-signature", &sending.signature)
        .body(Full::new(sending.body.clone()))
        .ok()
}

/// What a body begins with. The status is the answer: nobody is waited for who is slow to say more.
async fn beginning(mut body: Incoming) -> String {
    let (mut bytes, end) = (Vec::new(), Instant::now() + ANSWER_PATIENCE);
    while bytes.len() < ANSWER_BYTES
        && let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await
    {
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    bytes.truncate(ANSWER_BYTES);
    String::from_utf8_lossy(&bytes).into_owned()
}
