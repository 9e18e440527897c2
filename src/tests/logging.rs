//! What is logged while a test runs, to be read by it.

use std::sync::Arc;

use tempfile::NamedTempFile;
use tracing::subscriber::DefaultGuard;

/// The log of this test's own thread, for as long as it is kept.
pub struct Logged {
    file: NamedTempFile,
    _logging: DefaultGuard,
}

impl Logged {
    /// Logs what is said from now on.
    pub fn new() -> Self {
        let file = NamedTempFile::new().unwrap();
        let written = Arc::new(file.reopen().unwrap());
        let logging = tracing_subscriber::fmt().with_ansi(false).with_writer(written).finish();
        Self { file, _logging: tracing::subscriber::set_default(logging) }
    }

    /// What was said so far.
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.file.path()).unwrap()
    }
}
