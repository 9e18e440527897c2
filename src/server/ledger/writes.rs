//! The statements of one batch. None needs what another has written, so all of them go to
//! PostgreSQL in one round trip.

use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable,
    ModelTrait, Statement, Value,
};

use super::rowset::Rowset;

/// Rows of one statement on SQLite: stays far below the parameters that it takes.
const ROWS: usize = 1_000;

/// What is to be written.
pub(super) struct Writes {
    backend: DbBackend,
    statements: Vec<String>,
    /// Those of each statement on SQLite, of all together on PostgreSQL.
    values: Vec<Vec<Value>>,
    /// The statement that must find all its rows as they were, and how many those are.
    guarded: Option<(usize, usize)>,
    /// Whether statements without rows are sent, too.
    is_trial: bool,
}

impl Writes {
    pub const fn new(backend: DbBackend) -> Self {
        Self { backend, statements: Vec::new(), values: Vec::new(), guarded: None, is_trial: false }
    }

    /// Begins a trial: it sends every statement, and changes nothing because they have no rows.
    pub const fn trial(backend: DbBackend) -> Self {
        let mut writes = Self::new(backend);
        writes.is_trial = true;
        writes
    }

    pub const fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Rows of a table; what happens to those that are there already is said in SQL.
    pub fn insert<Entity: EntityTrait>(&mut self, models: &[Entity::Model], on_conflict: &str) {
        let table = Entity::default();
        let columns: Vec<Entity::Column> = Entity::Column::iter().collect();
        for models in self.chunks(models) {
            let named = columns.iter().map(|column| (column.as_str(), kind(column)));
            let row = |model: &Entity::Model| columns.iter().map(|it| model.get(*it)).collect();
            let rows = Rowset::new(named.collect(), models.iter().map(row).collect());
            let (table, names) = (table.table_name(), rows.names());
            // Without WHERE, SQLite takes ON for that of a join.
            self.add(rows, |from| {
                format!(
                    "INSERT INTO {table} ({names}) SELECT {names} FROM {from}
                     WHERE TRUE {on_conflict}"
                )
            });
        }
    }

    /// Returns the rows of each statement, so that SQLite takes the parameters of all of them.
    pub fn chunks<'r, Row>(
        &self,
        rows: &'r [Row],
    ) -> impl Iterator<Item = &'r [Row]> + use<'r, Row> {
        let most = if self.is_sqlite() { ROWS } else { usize::MAX };
        let of_trial = (self.is_trial && rows.is_empty()).then_some(rows);
        of_trial.into_iter().chain(rows.chunks(most))
    }

    /// A statement that takes rows from a table named `new`. What it finds or returns has the
    /// name that this answers, for statements behind it on PostgreSQL.
    pub fn add(&mut self, rows: Rowset, statement: impl FnOnce(&str) -> String) -> String {
        let name = format!("part{}", self.statements.len());
        if rows.is_empty() && !self.is_trial {
            return name;
        }
        let mut values =
            if self.is_sqlite() { None } else { self.values.pop() }.unwrap_or_default();
        self.statements.push(statement(&rows.source(self.backend, &mut values)));
        self.values.push(values);
        name
    }

    /// Like [`Writes::add`]; where one of the rows isn't found, all statements fail. On SQLite
    /// nobody else can write after what this batch has read.
    pub fn add_guarded(
        &mut self,
        rows: Rowset,
        version: &str,
        statement: impl FnOnce(&str) -> String,
    ) {
        if rows.is_empty() && !self.is_trial || self.is_sqlite() {
            self.add(rows, statement);
        } else {
            self.guarded = Some((self.statements.len(), rows.len()));
            self.add(rows, |from| format!("{} RETURNING {version} AS version", statement(from)));
        }
    }

    /// Carries all of it out, and says which version the guarded rows have now: 0 on SQLite.
    pub async fn run(self, connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
        if !self.is_sqlite() {
            return self.run_together(connection).await;
        }
        for (sql, values) in self.statements.into_iter().zip(self.values) {
            let statement = Statement::from_sql_and_values(self.backend, sql, values);
            connection.execute_raw(statement).await?;
        }
        Ok(0)
    }

    /// One statement of all. What is guarded is read by it, so it is carried out first: dividing
    /// by nothing fails before anything else is done.
    async fn run_together(mut self, connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let parts = self.statements.iter().enumerate();
        let parts = parts.map(|(index, sql)| format!("part{index} AS ({sql})"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let Some(mut values) = self.values.pop() else { return Ok(0) };
        let all = match self.guarded {
            None => format!("WITH {parts} SELECT CAST(0 AS BIGINT)"),
            Some((index, count)) => {
                values.push(i64::try_from(count).unwrap_or(i64::MAX).into());
                format!(
                    "WITH {parts} SELECT COALESCE(max(version), 0)
                                         / CAST(count(*) = ${} AS integer) FROM part{index}",
                    values.len(),
                )
            }
        };
        let statement = Statement::from_sql_and_values(self.backend, all, values);
        let row = connection.query_one_raw(statement).await?;
        row.map_or(Ok(0), |row| row.try_get_by_index(0))
    }

    /// Returns the statements, for a test.
    #[cfg(test)]
    pub fn statements(&self) -> &[String] {
        &self.statements
    }

    fn is_sqlite(&self) -> bool {
        self.backend == DbBackend::Sqlite
    }
}

/// The type of a column on PostgreSQL.
fn kind(column: &impl ColumnTrait) -> &'static str {
    match column.def().get_column_type() {
        ColumnType::BigInteger => "bigint",
        ColumnType::Integer => "integer",
        ColumnType::Boolean => "boolean",
        _ => "text",
    }
}
