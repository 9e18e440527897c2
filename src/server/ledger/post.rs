//! Load, apply, write: one batch in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Statement};

use super::{
    Outcome, caps, holds,
    known::{self, Known},
    queue::{Answer, Keyed, Request},
    rows,
    rowset::Rowset,
    runs::Runs,
    telling::CapsBefore,
    write,
};
use crate::{
    credits::{
        Account, AccountId, Applied, Command, Credits, Cycle, EntryKind, Hold, Lot, Operation,
        Posting, Refusal,
    },
    server::entity::{account, allocation, entry, event, lot},
};

/// One account while its batch is decided, with what has to be written for it.
pub(super) struct Book {
    pub account: Account,
    zone: Tz,
    pub lots: BTreeMap<i64, Lot>,
    pub holds: BTreeMap<i64, ChangedHold>,
    /// Credits and operations by day and type.
    pub usage: BTreeMap<(String, Operation), (Credits, i64)>,
    pub is_changed: bool,
    /// Its number of entries when the batch began.
    pub seq_before: i64,
    /// None where nothing is capped.
    pub caps_before: Option<CapsBefore>,
}

/// A hold as its batch leaves it.
pub(super) struct ChangedHold {
    pub hold: Hold,
    /// Whether it was made or took more: then its lots have to be written too.
    pub takes_more: bool,
}

/// A purchase that has become a lot.
pub(super) struct Credited {
    pub purchase: String,
    pub lot: i64,
    pub at: DateTime<Utc>,
}

/// All accounts of a batch.
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

/// Carries out a batch: each request has its answer, and a refused one doesn't fail the others.
pub(super) async fn post(
    transaction: &DatabaseTransaction,
    requests: &[Request],
    now: DateTime<Utc>,
) -> Result<Vec<Answer>, DbErr> {
    let mut books = Books::load(transaction, requests, now).await?;
    let mut answers: Vec<_> = requests.iter().map(|it| books.answer(it, now)).collect();
    for book in books.books.values_mut() {
        books.events.extend(book.events(now)?);
    }
    write::write(transaction, books).await?;
    look_again(transaction, requests, &mut answers).await?;
    Ok(answers)
}

/// What is refused here may have been carried out by another process since it was looked up: then
/// its first outcome is told, not that there is nothing left to pay for it twice.
async fn look_again(
    transaction: &DatabaseTransaction,
    requests: &[Request],
    answers: &mut [Answer],
) -> Result<(), DbErr> {
    let refused = requests.iter().zip(answers.iter()).filter(|(_, answer)| answer.is_err());
    let keys = refused.filter_map(|(request, _)| request.key()).collect::<Vec<_>>();
    let known = known::find(transaction, keys.into_iter()).await?;
    for (request, answer) in requests.iter().zip(answers).filter(|(_, answer)| answer.is_err()) {
        let found = request.key().and_then(|(account, key)| known.outcome(account, key));
        if let Some(first) = found {
            *answer = first.map(Some);
        }
    }
    Ok(())
}

impl Books {
    async fn load(
        transaction: &DatabaseTransaction,
        requests: &[Request],
        now: DateTime<Utc>,
    ) -> Result<Self, DbErr> {
        let backend = transaction.get_database_backend();
        let ids: BTreeSet<_> = requests.iter().map(|request| &request.account).collect();
        let accounts = account::Entity::find().from_raw_sql(locked_accounts(backend, &ids));
        let accounts = accounts.all(transaction).await?;
        let open_lots = lot::Entity::find().from_raw_sql(open_lots(backend, &ids));
        let open_lots = open_lots.all(transaction).await?;
        let mut lots: HashMap<String, Vec<Lot>> = HashMap::new();
        for row in open_lots {
            lots.entry(row.account_id.clone()).or_default().push(rows::lot(row)?);
        }
        let mut books = BTreeMap::new();
        for row in &accounts {
            let mut account = rows::account(row, lots.remove(&row.id).unwrap_or_default());
            let zone = rows::parse::<Tz>("accounts.zone", &row.zone)?;
            let mut caps_before = None;
            if account.caps.caps.is_any() {
                let today = now.with_timezone(&zone).date_naive();
                let anchor = u32::try_from(row.cycle_anchor_day).unwrap_or(1);
                let cycle = Cycle::containing(today, anchor);
                caps::count_use(transaction, &mut account, cycle).await?;
                let (caps, refusals) = (account.caps, Vec::new());
                caps_before = Some(CapsBefore { caps, cycle, refusals });
            }
            let book = Book { caps_before, ..Book::new(account, zone) };
            books.insert(book.account.id.clone(), book);
        }
        load_holds(transaction, &mut books, requests, now).await?;
        let (entries, allocations, credited) = (Vec::new(), Vec::new(), Vec::new());
        let (known, events) = (Known::default(), Vec::new());
        let runs = Runs::load(transaction, requests, now).await?;
        Ok(Self { books, known, runs, entries, allocations, credited, events })
    }

    fn answer(&mut self, request: &Request, now: DateTime<Utc>) -> Answer {
        let now = request.at.unwrap_or(now);
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
        if let Some(known) = self.known.outcome(id, key) {
            return known;
        }
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

/// Reads accounts, locked in the order of their ids, so that two writers can't wait for each other.
/// SQLite has one writer and no locks of rows.
fn locked_accounts(backend: DbBackend, ids: &BTreeSet<&AccountId>) -> Statement {
    let mut values = Vec::new();
    let from = named(ids).source(backend, &mut values);
    let lock = if backend == DbBackend::Sqlite { "" } else { "FOR UPDATE OF accounts" };
    let sql = format!(
        "SELECT accounts.* FROM {from} JOIN accounts ON accounts.id = new.id
         ORDER BY accounts.id {lock}"
    );
    Statement::from_sql_and_values(backend, sql, values)
}

fn open_lots(backend: DbBackend, ids: &BTreeSet<&AccountId>) -> Statement {
    let mut values = Vec::new();
    let from = named(ids).source(backend, &mut values);
    let sql =
        format!("SELECT lots.* FROM {from} JOIN lots ON lots.account_id = new.id AND lots.is_open");
    Statement::from_sql_and_values(backend, sql, values)
}

fn named(ids: &BTreeSet<&AccountId>) -> Rowset<'static> {
    Rowset::of_texts(&["id"], ids.iter().map(|id| vec![id.0.clone().into()]).collect())
}

/// Adds the holds that may have lapsed and those that are named. Where nothing is held, they are
/// looked for only when it is asked what time has done: a hold of zero sets nothing aside, so its
/// row may be written later.
async fn load_holds(
    transaction: &DatabaseTransaction,
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
    for (id, found) in holds::load(transaction, &holding, until, &named).await? {
        if let Some(book) = books.get_mut(&id) {
            book.account.holds = found;
        }
    }
    Ok(())
}

impl Book {
    fn new(account: Account, zone: Tz) -> Self {
        let (lots, holds, usage) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let seq_before = account.seq;
        let (is_changed, caps_before) = (false, None);
        Self { account, zone, lots, holds, usage, is_changed, seq_before, caps_before }
    }

    fn take_note(&mut self, posting: Posting) {
        self.is_changed = true;
        for lot in posting.lots {
            self.lots.insert(lot.number, lot);
        }
        let entry = posting.entry;
        if let Some(hold) = posting.hold {
            let before = self.holds.get(&hold.number);
            let takes_more =
                entry.kind == EntryKind::Held || before.is_some_and(|before| before.takes_more);
            self.holds.insert(hold.number, ChangedHold { hold, takes_more });
        }
        if let (EntryKind::Spent, Some(operation)) = (entry.kind, entry.operation) {
            let day = entry.at.with_timezone(&self.zone).format("%Y-%m-%d").to_string();
            let (credits, operations) = self.usage.entry((day, operation)).or_default();
            *credits += -entry.amount();
            *operations += 1;
        }
    }
}
