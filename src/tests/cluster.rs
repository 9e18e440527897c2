//! A PostgreSQL cluster of a test's own, which it may stop: durable, unlike the one that the other
//! tests share.

use std::{
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

    /// One of PostgreSQL's programs, told where the data are.
    fn tool(&self, name: &str) -> Command {
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
        command.current_dir("/").arg("-D").arg(self.folder.path().join("data"));
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It is stopped already where a test failed between its stop and its start.
        self.tool("pg_ctl").args(["-m", "immediate", "-w", "stop"]).output().ok();
    }
}

/// The user who runs it where the tests run as root, whom PostgreSQL refuses.
fn owner() -> String {
    std::env::var("POSTGRES_OWNER").unwrap_or_else(|_| "postgres".to_owned())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// The server inherits the pipes of who starts it: they would never end.
fn succeeds(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success(), "{command:?}");
}
