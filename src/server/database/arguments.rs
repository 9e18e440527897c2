//! The values of a statement as the drivers take them.

use sea_orm::{
    DbErr, Value, Values,
    sea_query::ArrayType,
    sqlx::{Arguments, error::BoxDynError, postgres::PgArguments, sqlite::SqliteArguments},
};

/// Returns the parameters of a statement for SQLite.
pub(super) fn for_sqlite(values: Option<Values>) -> Result<SqliteArguments, DbErr> {
    let mut arguments = SqliteArguments::default();
    for value in values.into_iter().flat_map(|values| values.0) {
        add_to_sqlite(&mut arguments, value).map_err(|error| unknown("SQLite", error))?;
    }
    Ok(arguments)
}

/// Returns the parameters of a statement for PostgreSQL. Arrays may have NULLs.
pub(super) fn for_postgres(values: Option<Values>) -> Result<PgArguments, DbErr> {
    let mut arguments = PgArguments::default();
    for value in values.into_iter().flat_map(|values| values.0) {
        add_to_postgres(&mut arguments, value).map_err(|error| unknown("PostgreSQL", error))?;
    }
    Ok(arguments)
}

/// Adds a value of a type that both drivers know; `$more` holds the arms for the other types.
macro_rules! add {
    ($arguments:expr, $value:expr, $($more:tt)*) => {
        match $value {
            Value::String(text) => $arguments.add(text),
            Value::BigInt(number) => $arguments.add(number),
            Value::Int(number) => $arguments.add(number),
            Value::SmallInt(number) => $arguments.add(number),
            Value::Unsigned(number) => $arguments.add(number.map(i64::from)),
            Value::BigUnsigned(number) => $arguments.add(number.map(i64::try_from).transpose()?),
            Value::Bool(truth) => $arguments.add(truth),
            Value::Double(number) => $arguments.add(number),
            Value::Bytes(bytes) => $arguments.add(bytes),
            $($more)*
        }
    };
}

fn add_to_sqlite(arguments: &mut SqliteArguments, value: Value) -> Result<(), BoxDynError> {
    add!(arguments, value, other => Err(no_way_for(&other)))
}

fn add_to_postgres(arguments: &mut PgArguments, value: Value) -> Result<(), BoxDynError> {
    add!(arguments, value,
        Value::Array(ArrayType::String, Some(values)) => {
            let text = |value| if let Value::String(text) = value { text } else { None };
            arguments.add(values.into_iter().map(text).collect::<Vec<_>>())
        }
        Value::Array(ArrayType::BigInt, Some(values)) => {
            let number = |value| if let Value::BigInt(number) = value { number } else { None };
            arguments.add(values.into_iter().map(number).collect::<Vec<_>>())
        }
        Value::Array(ArrayType::Bool, Some(values)) => {
            let truth = |value| if let Value::Bool(truth) = value { truth } else { None };
            arguments.add(values.into_iter().map(truth).collect::<Vec<_>>())
        }
        other => Err(no_way_for(&other))
    )
}

fn no_way_for(value: &Value) -> BoxDynError {
    format!("can't send {value:?}").into()
}

fn unknown(into: &'static str, error: BoxDynError) -> DbErr {
    DbErr::TryIntoErr { from: "a value of a statement", into, source: error.into() }
}
