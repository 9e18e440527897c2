//! Checks that catalogues are as they were published, and that purchases and quotes cost what their
//! catalogues say.

use std::{collections::HashMap, sync::Arc};

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use sha2::{Digest, Sha256};

use super::{Findings, pages::Pages};
use crate::{
    credits::{Catalogue, Operation, Quantities},
    server::{catalogue::file::parse, database::Pool},
};

#[derive(FromQueryResult)]
struct CatalogueRow {
    version: String,
    content: String,
    digest: String,
}

#[derive(FromQueryResult)]
struct PurchaseRow {
    id: String,
    kind: String,
    package: Option<String>,
    credits: i64,
    total: i64,
    currency: String,
    catalogue_version: String,
    terms: String,
}

#[derive(FromQueryResult)]
struct QuoteRow {
    id: String,
    operation: String,
    quantities: String,
    cost: i64,
    detail: String,
    rate_card: String,
}

/// Catalogues that were read; `None` stands for one that is not there or can't be read.
struct Shelf<'p> {
    reader: &'p Pool,
    known: HashMap<String, Option<Arc<Catalogue>>>,
}

impl<'p> Shelf<'p> {
    fn new(reader: &'p Pool) -> Self {
        Self { reader, known: HashMap::new() }
    }

    /// Returns a catalogue. Reads it on first use, so that one published meanwhile is found, too.
    async fn take(&mut self, version: &str) -> Result<Option<Arc<Catalogue>>, DbErr> {
        if let Some(known) = self.known.get(version) {
            return Ok(known.clone());
        }
        let sql = "SELECT version, content, digest FROM catalogues WHERE version = $1";
        let backend = self.reader.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [version.into()]);
        let row = CatalogueRow::find_by_statement(statement).one(self.reader).await?;
        let found = row.and_then(|row| parse(version, &row.content).ok()).map(Arc::new);
        self.known.insert(version.to_owned(), found.clone());
        Ok(found)
    }
}

/// Finds catalogues that have changed since they were published.
pub(super) async fn catalogues(reader: &Pool) -> Result<Findings, DbErr> {
    let select = "SELECT version, content, digest FROM catalogues";
    let pages = Pages::new(reader, select, "version");
    pages.judge("catalogues", |row: &CatalogueRow| &row.version, CatalogueRow::change).await
}

impl CatalogueRow {
    fn change(&self) -> Option<String> {
        if hex::encode(Sha256::digest(&self.content)) != self.digest {
            return Some("its content has another digest".to_owned());
        }
        match parse(&self.version, &self.content) {
            Err(error) => Some(error.to_string()),
            Ok(read) if read.version != self.version => {
                Some(format!("its content names {}", read.version))
            }
            Ok(_) => None,
        }
    }
}

/// Finds purchases that disagree with their catalogue.
pub(super) async fn purchases(reader: &Pool) -> Result<Findings, DbErr> {
    let (mut findings, mut shelf) = (Findings::default(), Shelf::new(reader));
    let select = "SELECT id, kind, package, credits, total, currency, catalogue_version, terms
                  FROM purchases";
    let mut pages = Pages::new(reader, select, "id");
    loop {
        let page = pages.next(|row: &PurchaseRow| &row.id).await?;
        if page.is_empty() {
            return Ok(findings);
        }
        for row in page {
            // Another check finds purchases whose catalogue is missing (`clockwork`).
            let Some(catalogue) = shelf.take(&row.catalogue_version).await? else { continue };
            if let Some(says) = row.differs_from(&catalogue) {
                findings.add("purchases", &row.id, says);
            }
        }
    }
}

impl PurchaseRow {
    fn differs_from(&self, catalogue: &Catalogue) -> Option<String> {
        let (schedule, whole) = (&catalogue.schedule, self.credits / 1_000);
        let (total, currency) = (schedule.total(whole), schedule.currency.code());
        if self.credits % 1_000 != 0 || self.total != total || self.currency != currency {
            let (credits, said) = (self.credits, self.total);
            return Some(format!(
                "{credits} thousandths for {said} {}, its catalogue says {total} {currency}",
                self.currency
            ));
        }
        // Auto-recharge buys what was agreed to, however large the package is now.
        let package = self.package.as_deref().filter(|_| self.kind == "checkout");
        let is_other = package
            .is_some_and(|id| catalogue.package(id).is_none_or(|package| package.credits != whole));
        if is_other {
            return Some("its package has another number of credits".to_owned());
        }
        (self.terms != catalogue.terms).then(|| "its catalogue has other terms".to_owned())
    }
}

/// Finds quotes whose price is not that of their rate card.
pub(super) async fn quotes(reader: &Pool) -> Result<Findings, DbErr> {
    let (mut findings, mut shelf) = (Findings::default(), Shelf::new(reader));
    let select = "SELECT id, operation, quantities, cost, detail, rate_card FROM quotes";
    let mut pages = Pages::new(reader, select, "id");
    loop {
        let page = pages.next(|row: &QuoteRow| &row.id).await?;
        if page.is_empty() {
            return Ok(findings);
        }
        for row in page {
            let Some(catalogue) = shelf.take(&row.rate_card).await? else { continue };
            if !row.is_priced_by(&catalogue) {
                findings.add("quotes", &row.id, "its rate card has another price for it");
            }
        }
    }
}

impl QuoteRow {
    fn is_priced_by(&self, catalogue: &Catalogue) -> bool {
        let Ok(operation) = self.operation.parse::<Operation>() else { return false };
        let Ok(quantities) = serde_json::from_str::<Quantities>(&self.quantities) else {
            return false;
        };
        let priced = catalogue.rate_card.price(operation, &quantities);
        priced.is_ok_and(|priced| {
            priced.cost.thousandths() == self.cost && priced.detail == self.detail
        })
    }
}
