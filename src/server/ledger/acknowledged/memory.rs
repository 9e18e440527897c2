//! The acknowledged lines that a process compares with the database.

use std::collections::BTreeSet;

use hashlink::LruCache;

use super::line::Line;

/// Lines that are kept one by one until the next comparison. Once there are so many, only the last
/// line of each account is kept.
const RECENT: usize = 20_000;
/// Accounts whose last line is remembered.
const ACCOUNTS: usize = 50_000;
/// Lines that are kept because they were not found, or because their number was given again.
const SUSPECTS: usize = 20_000;

/// The lines to compare: all since the last comparison, the last one of each account, and those
/// that an earlier comparison did not find.
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

    /// Returns the lines to compare now, sorted by account and number.
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

    /// Keeps only the last line of each account. The numbers of an account only grow: if one is
    /// given again, the line before it becomes a suspect.
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
