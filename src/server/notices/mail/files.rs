//! Mail as files, one each: what a developer opens, and a test reads.

use std::path::Path;

use super::smtp::Failure;

/// Makes the folder.
pub(super) async fn make(folder: &Path) -> Result<(), Failure> {
    let folder = folder.to_owned();
    blocking(move || std::fs::create_dir_all(folder)).await
}

/// Writes a message; whoever looks finds it whole. Once more is the same file.
pub(super) async fn write(folder: &Path, id: &str, letter: &[u8]) -> Result<(), Failure> {
    let (name, part) = (folder.join(format!("{id}.eml")), folder.join(format!("{id}.part")));
    let letter = letter.to_vec();
    blocking(move || {
        std::fs::write(&part, letter)?;
        std::fs::rename(part, name)
    })
    .await
}

async fn blocking(
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<(), Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::Away(error.to_string()))?;
    done.map_err(|error| Failure::Away(error.to_string()))
}
