//! Rows that a statement takes as a table named `new`.
//!
//! PostgreSQL is a round trip away and plans each text anew: there each column is one parameter, an
//! array, and the text is the same however many rows there are. SQLite is in the same process, and
//! has no arrays: there each value is a parameter.

use sea_orm::{DbBackend, Value, sea_query::ArrayType};

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

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the columns: `account_id, seq, …`.
    pub fn names(&self) -> String {
        names(&self.columns)
    }

    /// What stands after `FROM`; the parameters are added to those that there are, of which on
    /// SQLite none may be named by a number.
    pub fn source(self, backend: DbBackend, values: &mut Vec<Value>) -> String {
        let Self { columns, rows } = self;
        if backend != DbBackend::Sqlite {
            let (names, arrays) = (names(&columns), arrays(&columns, rows, values));
            return format!("unnest({arrays}) AS new ({names})");
        }
        // Without numbers: SQLite would look each one up among all of them. In a few sizes, the
        // rest of which is NULL: each text is prepared once.
        let (width, count) = (columns.len(), rows.len());
        let most = count.next_power_of_two();
        let place = format!("({})", vec!["?"; width].join(", "));
        let places = vec![place; most].join(", ");
        values.extend(rows.into_iter().flatten());
        values.extend(std::iter::repeat_n(Value::BigInt(None), width * (most - count)));
        values.push(i64::try_from(count).unwrap_or(i64::MAX).into());
        let columns = columns.iter().enumerate();
        let columns = columns.map(|(index, (name, _))| format!("column{} AS {name}", index + 1));
        let columns = columns.collect::<Vec<_>>().join(", ");
        format!("(SELECT {columns} FROM (VALUES {places}) LIMIT ?) AS new")
    }
}

/// Makes a parameter of each column: `CAST($1 AS text[]), CAST($2 AS bigint[]), …`.
fn arrays(columns: &[Column<'_>], rows: Vec<Vec<Value>>, values: &mut Vec<Value>) -> String {
    let mut arrays: Vec<_> = columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (array, value) in arrays.iter_mut().zip(row) {
            array.push(value);
        }
    }
    let mut places = Vec::with_capacity(columns.len());
    for ((_, kind), array) in columns.iter().zip(arrays) {
        let of = match *kind {
            "bigint" => ArrayType::BigInt,
            "boolean" => ArrayType::Bool,
            _ => ArrayType::String,
        };
        values.push(Value::Array(of, Some(Box::new(array))));
        places.push(format!("CAST(${} AS {kind}[])", values.len()));
    }
    places.join(", ")
}

fn names(columns: &[Column<'_>]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
