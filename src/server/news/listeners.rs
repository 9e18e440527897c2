//! The pages that listen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tokio::sync::mpsc;

use super::{
    MOST, News,
    look::{Found, Version},
};
use crate::credits::AccountId;

/// What a page that reads slowly may be behind; it is told the latest with the next change.
const BEHIND: usize = 2;

/// The pages that listen, oldest first.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    pages: BTreeMap<u64, Page>,
    latest: u64,
    is_watched: bool,
}

#[derive(Debug)]
struct Page {
    account: AccountId,
    session: String,
    told: Option<Version>,
    news: mpsc::Sender<News>,
}

impl Listeners {
    /// One more page; where its session has enough of them, the oldest of those ends.
    pub fn add(&mut self, account: AccountId, session: String) -> (u64, mpsc::Receiver<News>) {
        let own = self.pages.iter().filter(|(_, page)| page.session == session);
        let own: Vec<u64> = own.map(|(number, _)| *number).collect();
        for number in own.iter().take((own.len() + 1).saturating_sub(MOST)) {
            if let Some(page) = self.pages.remove(number) {
                page.news.try_send(News::Enough).ok();
            }
        }
        // One place more, so that there is always room for the last word.
        let (news, told) = mpsc::channel(BEHIND + 1);
        self.latest += 1;
        self.pages.insert(self.latest, Page { account, session, told: None, news });
        (self.latest, told)
    }

    pub fn remove(&mut self, number: u64) {
        self.pages.remove(&number);
    }

    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Whether somebody has to begin to watch: who asks does.
    pub fn needs_watcher(&mut self) -> bool {
        !std::mem::replace(&mut self.is_watched, true)
    }

    /// Whether nobody listens any more: then who watches stops.
    pub fn watcher_may_stop(&mut self) -> bool {
        self.is_watched = !self.pages.is_empty();
        !self.is_watched
    }

    /// The accounts of all pages, each once.
    pub fn accounts(&self) -> Vec<String> {
        let accounts: BTreeSet<_> =
            self.pages.values().map(|page| page.account.0.as_str()).collect();
        accounts.into_iter().map(str::to_owned).collect()
    }

    /// The sessions of all pages, each once.
    pub fn sessions(&self) -> Vec<String> {
        let sessions: BTreeSet<_> = self.pages.values().map(|page| page.session.as_str()).collect();
        sessions.into_iter().map(str::to_owned).collect()
    }

    /// Tells each page whose account has moved.
    pub fn tell(&mut self, found: &HashMap<String, Found>, now: i64) {
        for page in self.pages.values_mut() {
            let Some(found) = found.get(&page.account.0) else { continue };
            if page.told != Some(found.version) && page.news.capacity() > 1 {
                let age = (now - found.latest_at).max(0);
                if page.news.try_send(News::Moved(found.version, age)).is_ok() {
                    page.told = Some(found.version);
                }
            }
        }
    }

    /// Ends the news of every page that was there when it was asked whose sessions last, and whose
    /// doesn't.
    pub fn keep(&mut self, asked: &[String], lasting: &HashSet<String>) {
        let asked: HashSet<_> = asked.iter().collect();
        self.pages
            .retain(|_, page| !asked.contains(&page.session) || lasting.contains(&page.session));
    }

    /// Ends the news of all.
    pub fn end(&mut self) {
        self.pages.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> AccountId {
        AccountId(id.to_owned())
    }

    fn found(seq: i64, latest_at: i64) -> HashMap<String, Found> {
        let version = Version { seq, ..Version::default() };
        HashMap::from([("acc_1".to_owned(), Found { version, latest_at })])
    }

    #[test]
    fn a_page_is_told_each_change_once_with_its_age() {
        let mut listeners = Listeners::default();
        let (_, mut news) = listeners.add(account("acc_1"), "session".to_owned());
        let (_, mut others) = listeners.add(account("acc_2"), "other".to_owned());
        for _ in 0..3 {
            listeners.tell(&found(7, 1_000), 1_250);
        }
        let Ok(News::Moved(version, 250)) = news.try_recv() else { panic!("not told") };
        assert_eq!(version.seq, 7);
        assert!(news.try_recv().is_err() && others.try_recv().is_err());
        listeners.tell(&found(8, 1_300), 1_300);
        assert!(matches!(news.try_recv(), Ok(News::Moved(Version { seq: 8, .. }, 0))));
    }

    #[test]
    fn who_reads_slowly_is_told_the_latest_in_the_end() {
        let mut listeners = Listeners::default();
        let (_, mut news) = listeners.add(account("acc_1"), "session".to_owned());
        for seq in 1..100 {
            listeners.tell(&found(seq, 0), 0);
        }
        while news.try_recv().is_ok() {}
        listeners.tell(&found(99, 0), 0);
        assert!(matches!(news.try_recv(), Ok(News::Moved(Version { seq: 99, .. }, 0))));
    }

    #[test]
    fn the_oldest_page_of_a_session_makes_room_for_a_new_one() {
        let mut listeners = Listeners::default();
        let mut add = |session: &str| listeners.add(account("acc_1"), session.to_owned()).1;
        let mut other = add("other");
        let mut pages: Vec<_> = (0..=MOST).map(|_| add("session")).collect();
        assert_eq!(pages[0].try_recv(), Ok(News::Enough));
        assert_eq!(pages[0].try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        for page in pages.iter_mut().skip(1).chain([&mut other]) {
            assert_eq!(page.try_recv(), Err(mpsc::error::TryRecvError::Empty));
        }
        assert_eq!(listeners.len(), MOST + 1);
    }

    #[test]
    fn a_session_that_was_not_asked_about_goes_on() {
        let mut listeners = Listeners::default();
        let mut add = |session: &str| listeners.add(account("acc_1"), session.to_owned()).1;
        let (_ended, _lasting) = (add("ended"), add("lasting"));
        let asked = listeners.sessions();
        let _new = listeners.add(account("acc_1"), "new".to_owned());
        listeners.keep(&asked, &HashSet::from(["lasting".to_owned()]));
        assert_eq!(listeners.sessions(), ["lasting", "new"]);
    }
}
