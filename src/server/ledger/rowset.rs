//! Rows that a statement takes as a table named `new`.
//!
//! PostgreSQL is a round trip away and plans each text anew: there all rows are one parameter, and
//! the text is the same however many they are. SQLite is in the same process and reads JSON
//! slowly: there each value is a parameter.

use sea_orm::{DbBackend, Value};

/// Some rows with the names and types of their columns.
pub(super) struct Rowset<'a> {
    columns: Vec<Column<'a>>,
    rows: Vec<Vec<Value>>,
}

/// The name of a column and its type on PostgreSQL.
pub(super) type Column<'a> = (&'a str, &'static str);

impl<'a> Rowset<'a> {
    /// Rows with a value for each column.
    pub fn new(columns: Vec<Column<'a>>, rows: Vec<Vec<Value>>) -> Self {
        Self { columns, rows }
    }

    /// Of text only.
    pub fn of_texts(columns: &[&'a str], rows: Vec<Vec<Value>>) -> Self {
        Self::new(columns.iter().map(|name| (*name, "text")).collect(), rows)
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the columns: `account_id, seq, …`.
    pub fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// What stands after `FROM`; the parameters are added to those that there are, of which on
    /// SQLite none may be named by a number.
    pub fn source(self, backend: DbBackend, values: &mut Vec<Value>) -> String {
        let Self { columns, rows } = self;
        if backend != DbBackend::Sqlite {
            values.push(json(&columns, &rows).into());
            let number = values.len();
            let columns = columns.iter().map(|(name, kind)| format!("{name} {kind}"));
            let columns = columns.collect::<Vec<_>>().join(", ");
            return format!("json_to_recordset(CAST(${number} AS json)) AS new ({columns})");
        }
        // Without numbers: SQLite would look each one up among all of them.
        let place = format!("({})", vec!["?"; columns.len()].join(", "));
        let places = vec![place; rows.len()].join(", ");
        values.extend(rows.into_iter().flatten());
        let columns = columns.iter().enumerate();
        let columns = columns.map(|(index, (name, _))| format!("column{} AS {name}", index + 1));
        let columns = columns.collect::<Vec<_>>().join(", ");
        format!("(SELECT {columns} FROM (VALUES {places})) AS new")
    }
}

/// `[{"account_id":"acc_…","seq":7}, …]`.
fn json(columns: &[Column<'_>], rows: &[Vec<Value>]) -> String {
    let object = |row: &Vec<Value>| {
        let names = columns.iter().map(|(name, _)| (*name).to_owned());
        names.zip(row.iter().map(json_value)).collect::<serde_json::Map<_, _>>()
    };
    serde_json::Value::from_iter(rows.iter().map(object)).to_string()
}

/// The kinds of value that the ledger's tables have.
fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.clone().into(),
        Value::BigInt(number) => (*number).into(),
        Value::Int(number) => (*number).into(),
        Value::Bool(truth) => (*truth).into(),
        other => unreachable!("no table of the ledger holds {other:?}"),
    }
}
