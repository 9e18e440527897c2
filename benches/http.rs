//! The program itself, served beside the bench: charges over HTTP, and the credits page.

use std::{
    fmt::Write,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use chrono_tz::Tz;
use futures::future::try_join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use recharge::{
    credits::AccountId,
    server::{
        clock::Clock,
        identity::{self, ApiKeys, NewUser, Passwords, Role, Scope, api_keys::NewApiKey},
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{
    Answer,
    accounts::Accounts,
    load::{COST, Run},
    store::Store,
};

/// Charges that are sent together.
pub const BATCH: usize = 100;
const PASSWORD: &str = "correct horse battery staple";

/// The program at work on a database, and a key of the platform.
pub struct Served {
    process: Child,
    address: String,
    key: String,
    _folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Served {
    /// Serves a database, without limits of rate.
    pub async fn start(store: &Store) -> Answer<Arc<Self>> {
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
        let folder = TempDir::new()?;
        let process = Command::new(env!("CARGO_BIN_EXE_recharge"))
            .current_dir(folder.path())
            .args(["--database-url", &store.url, "--site-addr", &address, "--log", "off"])
            .args(["--api-service-rate", "1000000", "--api-rate", "1000000"])
            .stdin(Stdio::null())
            .spawn()?;
        let new = NewApiKey {
            name: "Bench".to_owned(),
            account: None,
            scopes: [Scope::Read, Scope::Spend].into_iter().collect(),
            ceiling: None,
            intent: None,
        };
        let made = ApiKeys::new(store.database.clone(), Clock::default()).make(new).await;
        let key = made.map_err(|error| error.to_string())?.text.reveal().to_owned();
        let served = Arc::new(Self { process, address, key, _folder: folder });
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if let Ok(mut connection) = served.connect().await {
                let (status, _, _) = connection.get("/readyz", "").await?;
                if status == 200 {
                    return Ok(served);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("the program does not start".into())
    }

    async fn connect(&self) -> Answer<Connection> {
        Connection::open(&self.address).await
    }

    /// Charges accounts at random from so many connections, one or many charges at a time.
    pub async fn charge(
        self: &Arc<Self>,
        accounts: &Arc<Accounts>,
        connections: usize,
        together: usize,
        length: Duration,
        seed: u64,
    ) -> Answer<Run> {
        let start = Instant::now();
        let clients = (0..connections).map(|number| {
            let (served, accounts) = (Arc::clone(self), Arc::clone(accounts));
            let seed = seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
            tokio::spawn(async move {
                let client = Charging { served, accounts, random: StdRng::seed_from_u64(seed) };
                client.work(together, start + length).await
            })
        });
        let runs = try_join_all(clients).await?.into_iter().collect::<Answer<Vec<_>>>()?;
        Ok(Run::all(runs, start.elapsed()))
    }

    /// Signs a customer in who was just added, and tells their account and cookie.
    pub async fn customer(&self, store: &Store) -> Answer<(AccountId, String)> {
        let email = format!("bench-{}@recharge.test", Utc::now().timestamp_micros());
        let passwords = Passwords::new().map_err(|error| error.to_string())?;
        let password_hash = passwords.hash(PASSWORD).await.map_err(|error| error.to_string())?;
        let new = NewUser {
            email: email.parse().map_err(|_| "no address")?,
            name: "Somebody".to_owned(),
            role: Role::Customer,
            zone: Tz::UTC,
            password_hash,
        };
        let a_year_ago = Utc::now() - TimeDelta::days(366);
        let added = identity::add(&store.database, new, a_year_ago).await;
        let account = added.map_err(|error| error.to_string())?.ok_or("no account")?;
        let form = format!(
            "email={}&password={}&next=",
            email.replace('@', "%40"),
            PASSWORD.replace(' ', "+")
        );
        let request = format!(
            "POST /sign-in HTTP/1.1\r\nhost: {}\r\nsec-fetch-site: same-origin\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            self.address,
            form.len(),
        );
        let (status, cookie, _) = self.connect().await?.ask(&request).await?;
        if cookie.is_empty() {
            return Err(format!("signing in was answered with {status}").into());
        }
        Ok((account, cookie))
    }

    /// Asks for a page so many times a second, whether the answers come or not, and tells how many
    /// microseconds each took from when it was due.
    pub async fn look(
        self: &Arc<Self>,
        path: &'static str,
        cookie: &str,
        per_second: u32,
        length: Duration,
    ) -> Answer<Vec<u32>> {
        let idle = Arc::new(std::sync::Mutex::new(Vec::<Connection>::new()));
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        let mut asked = Vec::new();
        let start = Instant::now();
        while start.elapsed() < length {
            let due = ticks.tick().await;
            let (served, idle, cookie) = (Arc::clone(self), Arc::clone(&idle), cookie.to_owned());
            asked.push(tokio::spawn(async move {
                let kept = idle.lock().ok().and_then(|mut idle| idle.pop());
                let mut connection = match kept {
                    Some(connection) => connection,
                    None => served.connect().await?,
                };
                let (status, _, body) = connection.get(path, &cookie).await?;
                let took_us = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
                if status != 200 || !body.trim_ascii_end().ends_with(b"</html>") {
                    return Err(format!("{path} was answered with {status}").into());
                }
                idle.lock().map(|mut idle| idle.push(connection)).ok();
                Ok(took_us)
            }));
        }
        try_join_all(asked).await?.into_iter().collect()
    }
}

/// Somebody who charges one account after another.
struct Charging {
    served: Arc<Served>,
    accounts: Arc<Accounts>,
    random: StdRng,
}

impl Charging {
    async fn work(mut self, together: usize, end: Instant) -> Answer<Run> {
        let mut connection = self.served.connect().await?;
        let mut run = Run { is_right: true, ..Run::default() };
        let amount = COST.thousandths() / 1_000;
        while Instant::now() < end {
            let charged: Vec<_> = (0..together)
                .map(|_| self.random.random_range(0..self.accounts.ids.len()))
                .collect();
            let charge = |index: &usize| {
                let id = &self.accounts.ids[*index];
                format!(
                    r#"{{"account":"{id}","operation":"backtest","amount":"{amount}","reference":"run_1"}}"#
                )
            };
            let charges = charged.iter().map(charge).collect::<Vec<_>>().join(",");
            let (path, body) = if together == 1 {
                ("/api/v1/usage", charges)
            } else {
                ("/api/v1/usage/batch", format!(r#"{{"items":[{charges}]}}"#))
            };
            let mut request = String::with_capacity(body.len() + 300);
            write!(
                request,
                "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
                 idempotency-key: {:032x}\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                self.served.key,
                self.random.random::<u128>(),
                body.len(),
            )?;
            let start = Instant::now();
            let (status, _, answer) = connection.ask(&request).await?;
            let took_us = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
            run.latencies_us.push(took_us);
            let good = answer.windows(12).filter(|it| it == br#""status":200"#).count();
            run.is_right &= matches!(status, 200 | 201) && (together == 1 || good == together);
            if !run.is_right {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                return Err(format!("{path} was answered with {status}: {answer}").into());
            }
            run.answers += together;
            for index in charged {
                self.accounts.tell_sums(index, 1, [-COST.thousandths(), 0]);
            }
        }
        Ok(run)
    }
}

/// One kept connection: one request after another.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub async fn open(address: &str) -> Answer<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub async fn get(&mut self, path: &str, cookie: &str) -> Answer<(u16, String, Vec<u8>)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\ncookie: {cookie}\r\n\r\n");
        self.ask(&request).await
    }

    /// The status of the answer, the cookie that it sets, and its content.
    pub async fn ask(&mut self, request: &str) -> Answer<(u16, String, Vec<u8>)> {
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let (mut line, mut cookie, mut length) = (String::new(), String::new(), Some(0));
        self.stream.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).ok_or("no answer")?.parse()?;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.parse()?),
                "transfer-encoding" => length = None,
                "set-cookie" => value.split(';').next().unwrap_or_default().clone_into(&mut cookie),
                _ => {}
            }
        }
        let mut body = Vec::new();
        while length.is_none() {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let size = usize::from_str_radix(line.trim_end(), 16)?;
            let before = body.len();
            body.resize(before + size + 2, 0);
            self.stream.read_exact(&mut body[before..]).await?;
            body.truncate(before + size);
            if size == 0 {
                return Ok((status, cookie, body));
            }
        }
        body.resize(length.unwrap_or_default(), 0);
        self.stream.read_exact(&mut body).await?;
        Ok((status, cookie, body))
    }
}
