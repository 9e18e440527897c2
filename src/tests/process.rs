//! The program as a process of its own, with sockets and descriptors as an operator gives them.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::program::free_port;

/// How long anything may take that must happen at all, on a busy machine.
const AT_LAST: Duration = Duration::from_secs(40);

/// A serving process, killed at the end.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

/// What came back over a connection.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub text: String,
}

impl Process {
    /// Starts one that may have this many descriptors, and waits until it serves.
    pub fn start(folder: &Path, descriptors: u64, settings: &[(&str, &str)]) -> Self {
        Self::start_after(folder, &format!("ulimit -n {descriptors}"), settings)
    }

    /// Starts one after this command of the shell, which sets its limits.
    pub fn start_after(folder: &Path, limits: &str, settings: &[(&str, &str)]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let script = format!("{limits} && exec \"$0\" --site-addr={address}");
        Self::spawn(folder, &script, Stdio::null(), address, settings)
    }

    /// Starts one with a socket that this process keeps, as systemd does.
    pub fn start_on(folder: &Path, socket: &TcpListener, settings: &[(&str, &str)]) -> Self {
        let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\"";
        let handed_over = Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
        let address = socket.local_addr().unwrap();
        Self::spawn(folder, script, handed_over, address, settings)
    }

    fn spawn(
        folder: &Path,
        script: &str,
        input: Stdio,
        address: SocketAddr,
        settings: &[(&str, &str)],
    ) -> Self {
        let log = folder.join(format!("{}.log", uuid::Uuid::now_v7().simple()));
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_recharge")]);
        command.env_clear().envs(settings.iter().copied()).current_dir(folder).stdin(input);
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut process = Self { child, address, log };
        process.hear("serving at");
        process
    }

    /// Waits until it has said this.
    pub fn hear(&mut self, words: &str) {
        let begun = Instant::now();
        while !self.said().contains(words) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() || self.said().contains(words), "{ended:?}: {}", self.said());
            assert!(begun.elapsed() < AT_LAST, "never said {words:?}: {}", self.said());
            sleep(Duration::from_millis(20));
        }
    }

    /// All that it has said.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until it has ended, and holds that it ended well.
    pub fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success(), "{}", self.said());
    }

    /// The most memory that it has occupied so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.address).unwrap()
    }

    /// Asks over a connection of its own, and waits as long as this for the answer.
    pub fn get(&self, path: &str, patience: Duration) -> io::Result<Reply> {
        get(self.address, path, patience)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&address, Duration::from_secs(5))
}

/// Asks over a connection of its own.
pub fn get(address: SocketAddr, path: &str, patience: Duration) -> io::Result<Reply> {
    let mut connection = connect(address)?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(head.as_bytes())?;
    read(&mut connection, patience)
}

/// Sends these bytes over a connection of its own, and returns all that comes back until the server
/// ends it. A server that has read enough may reset it, also while something is sent.
pub fn exchange(address: SocketAddr, bytes: &[u8], patience: Duration) -> String {
    let mut connection = connect(address).unwrap();
    connection.set_read_timeout(Some(patience)).unwrap();
    connection.write_all(bytes).ok();
    let mut answer = Vec::new();
    if let Err(error) = connection.read_to_end(&mut answer) {
        let is_reset = error.kind() == io::ErrorKind::ConnectionReset;
        assert!(is_reset, "{error} after {:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads an answer to its end, which is that of the connection.
pub fn read(connection: &mut TcpStream, patience: Duration) -> io::Result<Reply> {
    connection.set_read_timeout(Some(patience))?;
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no answer: {text:?}")))?;
    Ok(Reply { status, text })
}

/// Holds that the server ends this connection in time.
#[track_caller]
pub fn is_ended(connection: &mut TcpStream, patience: Duration) {
    connection.set_read_timeout(Some(patience)).unwrap();
    match connection.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection is still open: {error}"),
    }
}
