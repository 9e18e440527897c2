//! A PostgreSQL cluster of a test's own, which it may stop: durable, unlike the one that the other
//! tests share.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::program::free_port;

/// A running cluster, stopped and removed at the end.
pub struct Cluster {
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts one.
    pub fn start_new() -> Self {
        let cluster = Self { folder: TempDir::new().unwrap(), port: free_port() };
        if is_root() {
            let folder = cluster.folder.path();
            succeeds(Command::new("chown").arg(owner()).arg(folder));
        }
        let settings = ["-U", "postgres", "-A", "trust", "--no-sync", "--locale=C.UTF-8"];
        succeeds(cluster.tool("initdb").args(settings).arg("--encoding=UTF8"));
        cluster.start();
        cluster
    }

    /// Makes and starts a standby that follows this one, and lets no commit of this one be answered
    /// before the standby has it.
    pub fn start_synchronous_standby(&self) -> Self {
        let standby = Self { folder: TempDir::new().unwrap(), port: free_port() };
        if is_root() {
            succeeds(Command::new("chown").arg(owner()).arg(standby.folder.path()));
        }
        let from = ["-h", "127.0.0.1", "-U", "postgres", "-R", "-c", "fast", "--no-sync", "-p"];
        succeeds(standby.tool("pg_basebackup").args(from).arg(self.port.to_string()));
        standby.start();
        self.wait_for_standbys("*");
        standby
    }

    /// Lets no commit be answered before one of these standbys has it; none if there is no name.
    pub fn wait_for_standbys(&self, names: &str) {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        for sql in [&*set, "SELECT pg_reload_conf()"] {
            let port = self.port.to_string();
            let ask = ["-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-c", sql, "-p"];
            succeeds(as_owner("psql").args(ask).arg(port));
        }
    }

    /// Makes a standby the one that can be written to; it can be when this returns.
    pub fn promote(&self) {
        succeeds(self.tool("pg_ctl").args(["-w", "promote"]));
    }

    /// Its port on this machine.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again; it serves when this returns.
    pub fn start(&self) {
        let sockets = self.folder.path().display();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={sockets}",
            self.port
        );
        let log = self.folder.path().join("log");
        succeeds(self.tool("pg_ctl").arg("-l").arg(log).args(["-w", "-o", &options, "start"]));
    }

    /// Stops it as a power cut would: nobody is asked to finish.
    pub fn stop_at_once(&self) {
        succeeds(self.tool("pg_ctl").args(["-m", "immediate", "-w", "stop"]));
    }

    /// Sends a signal to all its processes: STOP makes it silent, CONT lets it go on.
    pub fn signal(&self, name: &str) {
        let file = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        let Some(postmaster) = file.ok().and_then(|it| it.lines().next().map(str::to_owned)) else {
            return;
        };
        // The postmaster first: it makes the others.
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        let all = format!("{postmaster} {}", children.unwrap_or_default());
        for process in all.split_whitespace() {
            Command::new("kill").args(["-s", name, process]).output().unwrap();
        }
    }

    /// One of PostgreSQL's programs, told where the data are.
    fn tool(&self, name: &str) -> Command {
        let mut command = as_owner(name);
        command.arg("-D").arg(self.folder.path().join("data"));
        command
    }
}

/// One of PostgreSQL's programs, run by the user who owns the data.
fn as_owner(name: &str) -> Command {
    let programs = std::env::var("POSTGRES_BIN")
        .expect("POSTGRES_BIN names PostgreSQL's programs: run `make check` or `make test`");
    let program = PathBuf::from(programs).join(name);
    let mut command = if is_root() {
        let mut as_owner = Command::new("runuser");
        as_owner.args(["-u", &owner(), "--"]).arg(program);
        as_owner
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.signal("CONT");
        // It is stopped already where a test failed between its stop and its start.
        self.tool("pg_ctl").args(["-m", "immediate", "-w", "stop"]).output().ok();
    }
}

/// The user who runs it where the tests run as root, whom PostgreSQL refuses.
pub fn owner() -> String {
    std::env::var("POSTGRES_OWNER").unwrap_or_else(|_| "postgres".to_owned())
}

pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// The server inherits the pipes of who starts it: they would never end.
fn succeeds(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success(), "{command:?}");
}
