//! The program as a server: how it starts, and how it ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::program::{free_port, recharge};

/// A served site that is ended when the test ends.
pub struct Served {
    child: Child,
    address: String,
    /// What the program says, as long as somebody listens.
    said: Option<BufReader<std::process::ChildStderr>>,
}

impl Served {
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    pub fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = recharge(folder);
        command.args(arguments).args(["--site-addr", &address]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = child.stderr.take().map(BufReader::new);
        let mut served = Self { child, address, said };
        served.hear("serving at");
        served
    }

    /// Reads what the program says until it says this.
    fn hear(&mut self, words: &str) {
        let mut line = String::new();
        let said = self.said.as_mut().unwrap();
        while said.read_line(&mut line).unwrap() > 0 {
            if line.contains(words) {
                return;
            }
            line.clear();
        }
        panic!("the program ended without saying {words:?}");
    }

    pub fn get(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        write!(connection, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_log_that_nobody_takes_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let mut served = Served::start(folder.path());
    // Whoever read the log is gone: from now on the program can't write a line.
    served.said = None;
    for _ in 0..3 {
        assert!(served.get("/readyz").starts_with("HTTP/1.0 200"));
    }
    served.signal("TERM");
    assert!(served.child.wait().unwrap().success(), "it ends as if somebody read");
}

#[test]
fn without_any_setting_the_site_is_served_and_ends_when_asked() {
    for signal in ["INT", "TERM"] {
        let folder = TempDir::new().unwrap();
        let mut served = Served::start(folder.path());
        assert!(served.get("/readyz").starts_with("HTTP/1.0 200"));
        assert!(folder.path().join("data/recharge.db").exists());
        // A connection that is kept open, without a request, holds nothing up.
        let _idle = TcpStream::connect(&served.address).unwrap();
        served.signal(signal);
        served.hear("ended");
        assert!(served.child.wait().unwrap().success());
    }
}

#[test]
fn what_was_asked_before_the_end_is_answered() {
    let folder = TempDir::new().unwrap();
    let mut served = Served::start(folder.path());
    let form = "email=nobody%40recharge.test&password=wrong";
    let mut connection = TcpStream::connect(&served.address).unwrap();
    let (address, length) = (&served.address, form.len());
    write!(
        connection,
        "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n\r\n",
    )
    .unwrap();
    // The server has begun with this request: it asks for the rest.
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("100 Continue"), "{line}");
    served.signal("TERM");
    served.hear("ending");
    connection.write_all(form.as_bytes()).unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("303 See Other") && answer.contains("/sign-in?error=1"), "{answer}");
    assert!(served.child.wait().unwrap().success());
}
