//! Accounts as a writer left them, so that the next batch of them needs no reading.
//!
//! What is kept may be old: another process or a setting of the customer may have changed the
//! account since. So nothing is answered from it alone. It counts only if the write of the batch
//! finds the row of each account in the version that was kept; otherwise everything is read.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use hashlink::LruCache;

use super::queue::Request;
use crate::credits::{Account, AccountId};

/// Accounts that a writer keeps: a few megabytes.
const ACCOUNTS: usize = 8_192;
/// An account with more open lots is read each time.
const LOTS: usize = 32;
/// Batches that are read, after what was kept was found to be old.
const PAUSE: u32 = 64;

/// An account at one moment, with what decides about it.
#[derive(Debug)]
pub(super) struct Standing {
    pub account: Account,
    pub zone: Tz,
    pub cycle_anchor_day: u32,
    /// What tells its row from all that it was before and will be, whoever changes it: on
    /// PostgreSQL `xmin`, the transaction that wrote it. SQLite has none and needs none.
    pub version: i64,
}

/// The accounts that were used last.
pub(super) struct Kept {
    accounts: LruCache<AccountId, Standing>,
    /// Batches that are still to be read.
    pause: u32,
}

impl Kept {
    pub fn new() -> Self {
        Self { accounts: LruCache::new(ACCOUNTS), pause: 0 }
    }

    /// Takes out those accounts of a batch that are kept. Returns none if kept accounts were found
    /// to be old lately.
    pub fn take(&mut self, requests: &[Request]) -> Vec<Standing> {
        if self.pause > 0 {
            self.pause -= 1;
            return Vec::new();
        }
        let ids: BTreeSet<_> = requests.iter().map(|request| &request.account).collect();
        ids.into_iter().filter_map(|id| self.accounts.remove(id)).collect()
    }

    /// Keeps accounts as a batch has left them.
    pub fn keep(&mut self, accounts: Vec<Standing>) {
        for mut standing in accounts {
            // They are read where they matter: most batches need none of them.
            standing.account.holds.clear();
            standing.account.caps.used = Default::default();
            standing.account.lots.retain(crate::credits::Lot::is_open);
            if standing.account.lots.len() <= LOTS {
                self.accounts.insert(standing.account.id.clone(), standing);
            }
        }
    }

    /// Reads the next batches, since what was kept was old.
    pub const fn pause(&mut self) {
        self.pause = PAUSE;
    }

    /// Keeps nothing.
    pub fn clear(&mut self) {
        self.accounts.clear();
    }
}
