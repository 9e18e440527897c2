//! Processes that serve beside each other on one database, and can be killed.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::Instant;

use crate::program::free_port;

/// No process takes longer to start.
const START: Duration = Duration::from_secs(20);

/// The program itself.
pub struct Beside {
    pub address: String,
    process: Child,
    folder: TempDir,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Beside {
    /// Starts one with these settings; it listens when this returns.
    pub async fn start(database_url: &str, settings: &[(&str, &str)]) -> Self {
        let (address, folder) = (format!("127.0.0.1:{}", free_port()), TempDir::new().unwrap());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_recharge"))
            .env_clear()
            .current_dir(folder.path())
            .env("DATABASE_URL", database_url)
            .env("PUBLIC_URL", format!("http://{address}"))
            .env("LEPTOS_SITE_ADDR", &address)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let beside = Self { address, process: process.unwrap(), folder };
        let end = Instant::now() + START;
        while !matches!(beside.asked("/healthz").await, Some((200, _))) {
            assert!(Instant::now() < end, "the process does not start: {}", beside.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        beside
    }

    /// SIGKILL: nothing is finished, nothing is told.
    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().unwrap();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The status and the words of an answer, where there is one.
    pub async fn asked(&self, path: &str) -> Option<(u16, String)> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }
}
