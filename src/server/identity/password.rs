//! Passwords: argon2id with 19 MiB and 2 passes, off the threads that serve, few at a time.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// The shortest password that `user add` takes.
pub const SHORTEST: usize = 10;
/// The longest; hashing a book would only cost us time.
pub const LONGEST: usize = 1_000;
/// How many are hashed at once: each needs 19 MiB and a core.
const AT_ONCE: usize = 2;

/// Hashes and checks passwords. Clones share the limit.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Checked for people whom we don't know, so that they are answered as late as the others.
    nobody: Arc<str>,
}

/// Why a password can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("the password must have {SHORTEST} to {LONGEST} characters")]
    Length,
    /// The machine refused: no randomness or no memory.
    #[error("the password could not be hashed")]
    Failed,
}

impl Passwords {
    /// Makes the hash that stands for nobody.
    ///
    /// # Errors
    /// Where the machine refuses to hash.
    pub fn new() -> Result<Self, PasswordError> {
        let nobody = hash_now("the password of nobody")?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobody: nobody.into() })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// Where its length is out of bounds, or the machine refuses.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if !(SHORTEST..=LONGEST).contains(&password.chars().count()) {
            return Err(PasswordError::Length);
        }
        let password = password.to_owned();
        self.in_turn(move || hash_now(&password)).await.unwrap_or(Err(PasswordError::Failed))
    }

    /// Whether the password belongs to the hash; takes as long where there is none.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> bool {
        let is_somebody = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let password: String = password.chars().take(LONGEST + 1).collect();
        let matches = self.in_turn(move || {
            let Ok(hash) = PasswordHash::new(&hash) else { return false };
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        matches.await.unwrap_or(false) && is_somebody
    }

    /// The turn ends with the work, also when nobody waits for it any more.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let task = spawn_blocking(move || {
            let outcome = work();
            drop(turn);
            outcome
        });
        task.await.ok()
    }
}

/// The default of argon2 0.6 is argon2id, 19 MiB, 2 passes; a test holds it to that.
fn hash_now(password: &str) -> Result<String, PasswordError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|_| PasswordError::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let passwords = Passwords::new().expect("passwords");
        let hash = passwords.hash("correct horse battery").await.expect("hash");
        assert!(passwords.verify("correct horse battery", Some(&hash)).await);
        assert!(!passwords.verify("correct horse", Some(&hash)).await);
        assert!(!passwords.verify("", Some(&hash)).await);
        assert!(!passwords.verify("correct horse battery", Some("no hash")).await);
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::new().expect("passwords");
        assert!(!passwords.verify("the password of nobody", None).await);
    }

    #[tokio::test]
    async fn hashes_are_argon2id_with_19_mib_and_2_passes() {
        let hash = Passwords::new().expect("passwords").hash("long enough").await.expect("hash");
        let parameters: Vec<_> = hash.split('$').collect();
        assert_eq!(parameters[1], "argon2id");
        assert_eq!(parameters[3], "m=19456,t=2,p=1");
    }

    #[tokio::test]
    async fn too_short_and_too_long_are_refused() {
        let passwords = Passwords::new().expect("passwords");
        let (short, long) = ("a".repeat(SHORTEST - 1), "a".repeat(LONGEST + 1));
        assert_eq!(passwords.hash(&short).await, Err(PasswordError::Length));
        assert_eq!(passwords.hash(&long).await, Err(PasswordError::Length));
    }
}
