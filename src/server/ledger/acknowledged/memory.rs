//! What a process has acknowledged, as much of it as is compared with the database.

use std::collections::BTreeSet;

use hashlink::LruCache;

use super::line::Line;

/// Lines of which each is compared; of more within a minute, the last of each account.
const RECENT: usize = 20_000;
/// Accounts whose last line is remembered.
const ACCOUNTS: usize = 50_000;
/// Lines that were not found, or whose number was given again.
const SUSPECTS: usize = 20_000;

/// What is compared: everything since the last comparison, the last line of each account, and
/// what was not found before.
#[derive(Debug)]
pub struct Memory {
    recent: Vec<Line>,
    last: LruCache<String, Line>,
    suspects: BTreeSet<Line>,
}

impl Memory {
    pub fn new() -> Self {
        let last = LruCache::new(ACCOUNTS);
        Self { recent: Vec::new(), last, suspects: BTreeSet::new() }
    }

    pub fn add(&mut self, line: Line) {
        self.recent.push(line);
        if self.recent.len() >= RECENT {
            self.fold();
        }
    }

    /// Takes what is to be compared now, sorted by account and number.
    pub fn take(&mut self) -> BTreeSet<Line> {
        let mut lines = std::mem::take(&mut self.suspects);
        lines.extend(self.recent.iter().cloned());
        self.fold();
        lines.append(&mut self.suspects);
        lines.extend(self.last.iter().map(|(_, line)| line.clone()));
        lines
    }

    /// Keeps lines for the next comparison.
    pub fn suspect(&mut self, lines: impl IntoIterator<Item = Line>) {
        let room = SUSPECTS.saturating_sub(self.suspects.len());
        self.suspects.extend(lines.into_iter().take(room));
    }

    /// Keeps the last line of each account. Numbers of an account only grow; the line of one that
    /// was given again is suspect.
    fn fold(&mut self) {
        for line in std::mem::take(&mut self.recent) {
            let (is_again, account) = match self.last.get(&line.account) {
                Some(last) => (last.seq >= line.seq, last.account.clone()),
                None => (false, line.account.clone()),
            };
            let before = self.last.insert(account, line);
            self.suspect(before.filter(|_| is_again));
        }
    }
}
