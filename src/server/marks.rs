//! What a reader keeps under a name: how far it has come, or a secret that was made once.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Statement,
    sea_query::OnConflict,
};

use super::{clock::to_millis, entity::mark};

/// What is kept under this name.
///
/// # Errors
/// Database errors.
pub async fn read(connection: &impl ConnectionTrait, name: &str) -> Result<Option<String>, DbErr> {
    Ok(mark::Entity::find_by_id(name).one(connection).await?.map(|mark| mark.value))
}

/// Keeps a value under this name, in place of what was there. The last of two writers at once has
/// its way, the first writing of all included.
///
/// # Errors
/// Database errors.
pub async fn write(
    connection: &impl ConnectionTrait,
    name: &str,
    value: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut instead = OnConflict::column(mark::Column::Name);
    instead.update_columns([mark::Column::Value, mark::Column::UpdatedAt]);
    mark::Entity::insert(row(name, value, now).into_active_model().reset_all())
        .on_conflict(instead)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Keeps a value under this name where there is none, and returns the one that is there.
///
/// # Errors
/// Database errors.
pub async fn write_once(
    connection: &impl ConnectionTrait,
    name: &str,
    value: &str,
    now: DateTime<Utc>,
) -> Result<String, DbErr> {
    mark::Entity::insert(row(name, value, now).into_active_model().reset_all())
        .on_conflict_do_nothing_on([mark::Column::Name])
        .exec_without_returning(connection)
        .await?;
    let kept = read(connection, name).await?;
    kept.ok_or_else(|| DbErr::RecordNotFound(format!("the mark {name} that was just written")))
}

/// Removes what is kept under this name.
///
/// # Errors
/// Database errors.
pub async fn remove(connection: &impl ConnectionTrait, name: &str) -> Result<(), DbErr> {
    mark::Entity::delete_by_id(name).exec(connection).await.map(drop)
}

/// Finds out whether a mark could be written, and writes none.
///
/// # Errors
/// The error that a write would get.
pub async fn try_to_write(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    const NOTHING: &str =
        "INSERT INTO marks (name, value, updated_at) SELECT 'nothing', '', 0 WHERE FALSE";
    let nothing = Statement::from_string(connection.get_database_backend(), NOTHING);
    connection.execute_raw(nothing).await.map(drop)
}

fn row(name: &str, value: &str, now: DateTime<Utc>) -> mark::Model {
    mark::Model { name: name.to_owned(), value: value.to_owned(), updated_at: to_millis(now) }
}
