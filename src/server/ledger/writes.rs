//! The statements of one batch. None needs what another has written, so PostgreSQL, which is a
//! round trip away, is told all of them at once.

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
}

impl Writes {
    pub const fn new(backend: DbBackend) -> Self {
        Self { backend, statements: Vec::new(), values: Vec::new(), guarded: None }
    }

    /// Rows of a table; what happens to those that are there already is said in SQL.
    pub fn insert<Entity: EntityTrait>(&mut self, models: &[Entity::Model], on_conflict: &str) {
        let table = Entity::default();
        let columns: Vec<Entity::Column> = Entity::Column::iter().collect();
        let most = if self.is_sqlite() { ROWS } else { usize::MAX };
        for models in models.chunks(most) {
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

    /// A statement that takes rows from a table named `new`.
    pub fn add(&mut self, rows: Rowset, statement: impl FnOnce(&str) -> String) {
        if rows.is_empty() {
            return;
        }
        let mut values =
            if self.is_sqlite() { None } else { self.values.pop() }.unwrap_or_default();
        self.statements.push(statement(&rows.source(self.backend, &mut values)));
        self.values.push(values);
    }

    /// Like [`Writes::add`]; where one of the rows isn't found, all statements fail. On SQLite
    /// nobody else can write after what this batch has read.
    pub fn add_guarded(&mut self, rows: Rowset, statement: impl FnOnce(&str) -> String) {
        let count = rows.len();
        if count > 0 && !self.is_sqlite() {
            self.guarded = Some((self.statements.len(), count));
            self.add(rows, |from| format!("{} RETURNING 1", statement(from)));
        } else {
            self.add(rows, statement);
        }
    }

    pub async fn run(mut self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        if !self.is_sqlite() {
            self.put_together();
        }
        for (sql, values) in self.statements.into_iter().zip(self.values) {
            let statement = Statement::from_sql_and_values(self.backend, sql, values);
            connection.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// One statement of all. What is guarded is read by it, so it is carried out first: dividing
    /// by nothing fails before anything else is done.
    fn put_together(&mut self) {
        let parts = self.statements.iter().enumerate();
        let parts = parts.map(|(index, sql)| format!("part{index} AS ({sql})"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let all = match self.guarded {
            _ if parts.is_empty() => return,
            None => format!("WITH {parts} SELECT 1"),
            Some((index, count)) => {
                let values = self.values.last_mut();
                let values = values.map(|values| {
                    values.push(i64::try_from(count).unwrap_or(i64::MAX).into());
                    values.len()
                });
                format!(
                    "WITH {parts} SELECT 1 / CAST((SELECT count(*) FROM part{index}) = ${}
                                                  AS integer)",
                    values.unwrap_or_default(),
                )
            }
        };
        self.statements = vec![all];
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
