//! Load, apply, write: one batch in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::{
    Outcome,
    book::Book,
    caps,
    gather::{self, Gathered},
    holds,
    kept::Standing,
    known::Known,
    queue::{Answer, Keyed, Request},
    rows,
    runs::Runs,
    telling::CapsBefore,
    write,
};
use crate::{
    credits::{AccountId, Applied, Command, Cycle, Posting, Refusal},
    server::entity::{allocation, entry, event},
};

/// A purchase that has become a lot.
pub(super) struct Credited {
    pub purchase: String,
    pub lot: i64,
    pub at: DateTime<Utc>,
}

/// All accounts of a batch.
#[derive(Default)]
pub(super) struct Books {
    pub books: BTreeMap<AccountId, Book>,
    /// What keys have led to within this batch.
    known: Known,
    /// What the runs of programs with a ceiling have cost.
    runs: Runs,
    pub entries: Vec<entry::Model>,
    pub allocations: Vec<allocation::Model>,
    pub credited: Vec<Credited>,
    pub events: Vec<event::Model>,
}

/// The result of a batch: an answer to each request, and its accounts as they are now.
pub(super) struct Posted {
    pub answers: Vec<Answer>,
    pub accounts: Vec<Standing>,
    /// True if the batch wrote nothing, and answers with an entry that it has read.
    pub tells_what_it_read: bool,
}

/// Carries out a batch: each request has its answer, and a refused one doesn't fail the others.
/// The write fails if somebody else has changed the accounts since they were read.
pub(super) async fn post(
    connection: &impl ConnectionTrait,
    requests: &[Request],
    now: DateTime<Utc>,
) -> Result<Posted, DbErr> {
    let gathered = gather::gather(connection, requests).await?;
    let mut books = Books::load(connection, gathered, requests, now).await?;
    let answers = books.decide(requests, now)?;
    let version = write::write(connection, &books, None).await?;
    Ok(books.posted(answers, version))
}

/// Carries out a batch with cached accounts. Returns `None` if a cached account would not be
/// written by this batch: then the write cannot prove that the copy was current.
pub(super) async fn post_on_kept(
    connection: &impl ConnectionTrait,
    kept: Vec<Standing>,
    requests: &[Request],
    now: DateTime<Utc>,
) -> Result<Option<Posted>, DbErr> {
    let gathered = gather::complete(connection, kept, requests).await?;
    let mut books = Books::load(connection, gathered, requests, now).await?;
    let answers = books.decide(requests, now)?;
    if books.books.values().any(|book| !book.is_changed) {
        return Ok(None);
    }
    let version = write::write(connection, &books, Some(gather::keys(requests))).await?;
    Ok(Some(books.posted(answers, version)))
}

/// Locks the accounts of a batch in the order of their ids, so that two writers can't wait for
/// each other.
pub(super) async fn lock(
    connection: &impl ConnectionTrait,
    requests: &[Request],
) -> Result<(), DbErr> {
    let (backend, mut values) = (connection.get_database_backend(), Vec::new());
    let sql = format!(
        "SELECT 1 FROM {} JOIN accounts ON accounts.id = new.id
         ORDER BY accounts.id FOR UPDATE OF accounts",
        gather::ids(requests).source(backend, &mut values),
    );
    connection.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}

impl Books {
    async fn load(
        connection: &impl ConnectionTrait,
        gathered: Gathered,
        requests: &[Request],
        now: DateTime<Utc>,
    ) -> Result<Self, DbErr> {
        let Gathered { accounts, known } = gathered;
        let mut books = BTreeMap::new();
        for standing in accounts {
            let mut book = Book::from(standing);
            if book.account.caps.caps.is_any() {
                let now = now.max(book.account.latest_at);
                let today = now.with_timezone(&book.zone).date_naive();
                let cycle = Cycle::containing(today, book.cycle_anchor_day);
                caps::count_use(connection, &mut book.account, cycle).await?;
                let (caps, refusals) = (book.account.caps, Vec::new());
                book.caps_before = Some(CapsBefore { caps, cycle, refusals });
            }
            books.insert(book.account.id.clone(), book);
        }
        load_holds(connection, &mut books, requests, now).await?;
        let (entries, allocations, credited) = (Vec::new(), Vec::new(), Vec::new());
        let runs = Runs::load(connection, requests, now).await?;
        Ok(Self { books, known, runs, entries, allocations, credited, events: Vec::new() })
    }

    /// Decides a batch. A panic means that the rows of an account contradict each other: it fails
    /// the batch, and must not end its writer.
    fn decide(&mut self, requests: &[Request], now: DateTime<Utc>) -> Result<Vec<Answer>, DbErr> {
        let decided = catch_unwind(AssertUnwindSafe(|| self.answers(requests, now)));
        decided.unwrap_or_else(|_| Err(DbErr::Custom("the rules don't hold".to_owned())))
    }

    fn answers(&mut self, requests: &[Request], now: DateTime<Utc>) -> Result<Vec<Answer>, DbErr> {
        let answers = requests.iter().map(|request| self.answer(request, now)).collect();
        for book in self.books.values_mut() {
            self.events.extend(book.events(now)?);
        }
        Ok(answers)
    }

    /// Returns the result of a written batch. The accounts that it has changed have this version
    /// now.
    fn posted(self, answers: Vec<Answer>, version: i64) -> Posted {
        let has_written = self.books.values().any(|book| book.is_changed);
        let tells = answers.iter().any(|answer| matches!(answer, Ok(Some(_))));
        let standing = |book: Book| Standing {
            version: if book.is_changed { version } else { book.version_before },
            account: book.account,
            zone: book.zone,
            cycle_anchor_day: book.cycle_anchor_day,
        };
        let accounts = self.books.into_values().map(standing).collect();
        Posted { answers, accounts, tells_what_it_read: tells && !has_written }
    }

    fn answer(&mut self, request: &Request, now: DateTime<Utc>) -> Answer {
        let now = request.at.unwrap_or(now);
        let known = request.key().and_then(|(account, key)| self.known.outcome(account, key));
        if let Some(first) = known {
            return first.map(Some);
        }
        self.pass(&request.account, now)?;
        let Some(keyed) = &request.keyed else {
            return Ok(None);
        };
        let outcome = self.carry_out(&request.account, keyed, now)?;
        // What a hold gave back to an expired lot expires at once.
        self.pass(&request.account, now)?;
        Ok(Some(outcome))
    }

    /// Lets time pass for an account.
    fn pass(&mut self, id: &AccountId, now: DateTime<Utc>) -> Result<(), Refusal> {
        let book = self.books.get_mut(id).ok_or(Refusal::UnknownAccount)?;
        for posting in book.account.advance(now) {
            self.take_note(id, posting, None);
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        id: &AccountId,
        keyed: &Keyed,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Refusal> {
        let Keyed { key, command } = keyed;
        let book = self.books.get_mut(id).ok_or(Refusal::UnknownAccount)?;
        self.runs.check(id, keyed)?;
        let applied = book.account.apply(command, now);
        if let (Err(refusal), Some(caps)) = (&applied, &mut book.caps_before) {
            caps.refusals.push(refusal.clone());
        }
        let posting = match applied? {
            Applied::Posted(posting) => *posting,
            Applied::Settled(hold) => return Ok(Outcome::settled_before(&hold, &book.account)),
        };
        let outcome = Outcome::of(&posting.entry, false);
        self.known.remember(id, key, &outcome);
        self.runs.count(id, keyed);
        if let Command::Grant { purchase: Some(purchase), .. } = command {
            let (purchase, lot, at) = (purchase.clone(), outcome.seq, outcome.at);
            self.credited.push(Credited { purchase, lot, at });
        }
        self.take_note(id, posting, Some(keyed));
        Ok(outcome)
    }

    /// Keeps what has to be written.
    fn take_note(&mut self, id: &AccountId, posting: Posting, request: Option<&Keyed>) {
        self.entries.push(rows::entry_row(id, &posting.entry, request));
        self.allocations.extend(rows::allocation_rows(id, &posting.entry));
        if let Some(book) = self.books.get_mut(id) {
            book.take_note(posting);
        }
    }
}

/// Adds the holds that may have lapsed and those that requests name. For an account that holds
/// nothing, looks for lapsed ones only if a request asks to write down what time has done: a hold
/// of zero sets nothing aside, so its row may be written later.
async fn load_holds(
    connection: &impl ConnectionTrait,
    books: &mut BTreeMap<AccountId, Book>,
    requests: &[Request],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let advanced = requests.iter().filter(|request| request.keyed.is_none());
    let advanced: BTreeSet<_> = advanced.map(|request| &request.account).collect();
    let accounts = books.values().map(|book| &book.account);
    let holding = accounts.filter(|it| it.held.is_positive() || advanced.contains(&it.id));
    let holding: Vec<_> = holding.map(|account| &account.id).collect();
    let until = requests.iter().filter_map(|request| request.at).fold(now, DateTime::max);
    let named: BTreeSet<_> = requests.iter().filter_map(Request::named_hold).collect();
    for (id, found) in holds::load(connection, &holding, until, &named).await? {
        if let Some(book) = books.get_mut(&id) {
            book.account.holds = found;
        }
    }
    Ok(())
}
