//! [`Archive`] of one file: its tables as they stand.

use crate::db::Db;
use crate::error::Fault;
use async_trait::async_trait;
use hark_core::store::archive::{Cell, Column, ColumnKind, Row, Table};
use hark_core::store::{Archive, View};
use hark_core::{ErrorKind, Result};
use sqlx::query_builder::Separated;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Executor, QueryBuilder, Row as _, Sqlite};
use std::sync::Arc;

/// Values in one statement: SQLite takes 32,766 at the most.
const MOST_VALUES: usize = 30_000;

/// The lease nobody takes, in whose row the note stands: a row that no table of an archive holds.
const NOTE: &str = "copy";

/// [`Archive`] of one file.
#[derive(Debug)]
pub(crate) struct SqliteArchive {
    db: Arc<Db>,
}

impl SqliteArchive {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn look(&self) -> Result<SqliteView, Fault> {
        let mut connection = self.db.beside().await?;
        connection.execute("PRAGMA query_only = ON").await?;
        connection.execute("BEGIN").await?;
        // A transaction sees what stood when it first read, not when it began.
        connection.execute("SELECT count(*) FROM users").await?;
        Ok(SqliteView { db: self.db.clone(), connection })
    }

    async fn write(&self, table: &'static Table, rows: &[Row]) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        for part in rows.chunks((MOST_VALUES / table.columns.len()).max(1)) {
            let mut insert = QueryBuilder::new(format!("INSERT INTO {} ({}) ", table.name, names(table.columns)));
            insert.push_values(part, |mut values, row| row.iter().for_each(|cell| push(&mut values, cell)));
            insert.push(replacing(table));
            insert.build().persistent(false).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn take_out(&self, table: &'static Table, keys: &[Row]) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        for key in keys {
            let mut delete = QueryBuilder::new(format!("DELETE FROM {} WHERE ", table.name));
            push_key(&mut delete, table, "=", key);
            delete.build().execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn read_note(&self) -> Result<Option<String>, Fault> {
        let note: Option<Option<String>> = sqlx::query_scalar("SELECT progress FROM leases WHERE name = ?")
            .bind(NOTE)
            .fetch_optional(&self.db.reader)
            .await?;
        Ok(note.flatten())
    }

    async fn write_note(&self, text: &str) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO leases (name, holder, held_until, progress) VALUES (?, '', 0, ?)
             ON CONFLICT (name) DO UPDATE SET progress = excluded.progress",
        )
        .bind(NOTE)
        .bind(text)
        .execute(&self.db.writer)
        .await?;
        Ok(())
    }
}

#[async_trait]
impl Archive for SqliteArchive {
    async fn view(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(self.db.named("sqlite.view", self.look().await)?))
    }

    async fn put(&self, table: &'static Table, rows: &[Row]) -> Result<()> {
        rows.iter().try_for_each(|row| table.check(row))?;
        if rows.is_empty() {
            return Ok(());
        }
        self.db.named("sqlite.put_rows", self.write(table, rows).await)
    }

    async fn remove(&self, table: &'static Table, keys: &[Row]) -> Result<()> {
        keys.iter().try_for_each(|key| table.check_key(key))?;
        self.db.named("sqlite.remove_rows", self.take_out(table, keys).await)
    }

    async fn noted(&self) -> Result<Option<String>> {
        self.db.named("sqlite.noted", self.read_note().await)
    }

    async fn note(&self, text: &str) -> Result<()> {
        self.db.named("sqlite.note", self.write_note(text).await)
    }
}

/// A read transaction on a connection of its own; it ends with the connection.
#[derive(Debug)]
struct SqliteView {
    db: Arc<Db>,
    connection: SqliteConnection,
}

impl SqliteView {
    async fn rows(&mut self, table: &'static Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Row>, Fault> {
        let mut select = QueryBuilder::new(format!("SELECT {} FROM {}", names(table.columns), table.name));
        if let Some(after) = after {
            select.push(" WHERE ");
            push_key(&mut select, table, ">", after);
        }
        select.push(format_args!(" ORDER BY {} LIMIT ", names(table.key_columns())));
        select.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = select.build().fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| told(row, table)).collect()
    }
}

#[async_trait]
impl View for SqliteView {
    async fn read(&mut self, table: &'static Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Row>> {
        if let Some(after) = after {
            table.check_key(after)?;
        }
        let rows = self.rows(table, after, limit).await;
        self.db.named("sqlite.read_rows", rows)
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// What becomes of a row that is there.
fn replacing(table: &Table) -> String {
    let rest = table.columns.get(table.keyed_by..).unwrap_or_default();
    let key = names(table.key_columns());
    if rest.is_empty() || table.is_append_only {
        return format!(" ON CONFLICT ({key}) DO NOTHING");
    }
    let set: Vec<_> = rest.iter().map(|Column { name, .. }| format!("{name} = excluded.{name}")).collect();
    format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "))
}

fn push_key(query: &mut QueryBuilder<Sqlite>, table: &Table, compared: &str, key: &[Cell]) {
    query.push(format_args!("({}) {compared} (", names(table.key_columns())));
    let mut values = query.separated(", ");
    key.iter().for_each(|cell| push(&mut values, cell));
    query.push(")");
}

fn push(values: &mut Separated<'_, Sqlite, &'static str>, cell: &Cell) {
    match cell {
        Cell::Null => values.push("NULL"),
        Cell::Int(number) => values.push_bind(*number),
        Cell::Real(number) => values.push_bind(*number),
        Cell::Bool(yes) => values.push_bind(*yes),
        Cell::Text(text) => values.push_bind(text.clone()),
        Cell::Bytes(bytes) => values.push_bind(bytes.clone()),
    };
}

fn told(row: &SqliteRow, table: &Table) -> Result<Row, Fault> {
    table.columns.iter().enumerate().map(|(at, column)| cell(row, at, column)).collect()
}

fn cell(row: &SqliteRow, at: usize, column: &Column) -> Result<Cell, Fault> {
    let cell = match column.kind {
        ColumnKind::Int => row.try_get::<Option<i64>, _>(at)?.map(Cell::Int),
        ColumnKind::Real => row.try_get::<Option<f64>, _>(at)?.map(Cell::real),
        ColumnKind::Bool => match row.try_get::<Option<i64>, _>(at)? {
            None => None,
            Some(yes @ (0 | 1)) => Some(Cell::Bool(yes == 1)),
            Some(_) => return Err(Fault::Stored(column.name)),
        },
        ColumnKind::Text => row.try_get::<Option<String>, _>(at)?.map(Cell::Text),
        ColumnKind::Bytes => match row.try_get::<Option<Vec<u8>>, _>(at)? {
            // What was stored before values of its kind were sealed, and was not sealed since, stands behind a `-`. Other
            // engines never held such values.
            Some(bytes) if column.name.starts_with("sealed_") && bytes.first() == Some(&b'-') => {
                return Err(NOT_SEALED);
            }
            bytes => bytes.map(Cell::Bytes),
        },
        ColumnKind::Json => match row.try_get::<Option<&str>, _>(at)? {
            None => None,
            Some(text) => Some(Cell::json(serde_json::from_str(text).map_err(|_| Fault::Stored(column.name))?)),
        },
    };
    match cell {
        None if !column.nullable => Err(Fault::Stored(column.name)),
        cell => Ok(cell.unwrap_or(Cell::Null)),
    }
}

const NOT_SEALED: Fault = Fault::Refused(
    ErrorKind::Conflict,
    "a name, a summary or a merge is not sealed yet since this file is from an earlier version; run the server on it until \
     `hark keyring` tells of nothing in the clear",
);

#[cfg(test)]
mod tests {
    use hark_core::store::archive::{ColumnKind, TABLES, Table};
    use sqlx::ConnectOptions;
    use sqlx::migrate::Migrator;
    use sqlx::sqlite::SqliteConnectOptions;
    use std::collections::BTreeSet;

    static MIGRATOR: Migrator = sqlx::migrate!();

    /// Of processes that run, not of what is kept; and numbers that nothing but their order follows from.
    const LEFT: [(&str, &str); 9] = [
        ("leases", "name"),
        ("leases", "holder"),
        ("leases", "held_until"),
        ("leases", "progress"),
        ("job_turn", "one"),
        ("job_turn", "tenant"),
        ("audit", "seq"),
        ("embeddings", "seq"),
        ("sqlite_sequence", ""),
    ];

    #[tokio::test]
    async fn every_column_of_the_schema_is_carried_or_left_knowingly() {
        let mut connection = SqliteConnectOptions::new().connect().await.unwrap();
        MIGRATOR.run_direct(None, &mut connection, false).await.unwrap();
        // `hidden` is that of a computed column.
        let found: Vec<(String, String, String, bool)> = sqlx::query_as(
            "SELECT tables.name, columns.name, columns.type, columns.\"notnull\" = 1 OR columns.pk > 0
             FROM sqlite_schema AS tables, pragma_table_xinfo(tables.name) AS columns
             WHERE tables.type = 'table' AND columns.hidden = 0 AND tables.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let mut carried = BTreeSet::new();
        for (table, column, kind, filled) in &found {
            if LEFT.iter().any(|(left, of)| left == table && (of == column || of.is_empty())) {
                continue;
            }
            let known = Table::named(table).and_then(|table| table.columns.iter().find(|known| known.name == column));
            let known = known.unwrap_or_else(|| panic!("{table}.{column} is carried by nobody: add it to TABLES"));
            let kinds: &[ColumnKind] = match kind.as_str() {
                "INTEGER" => &[ColumnKind::Int, ColumnKind::Bool],
                "REAL" => &[ColumnKind::Real],
                "TEXT" => &[ColumnKind::Text, ColumnKind::Json],
                _ => &[ColumnKind::Bytes],
            };
            assert!(kinds.contains(&known.kind) && known.nullable != *filled, "{table}.{column}");
            carried.insert((table.as_str(), column.as_str()));
        }
        let all = TABLES.iter().flat_map(|table| table.columns.iter().map(|column| (table.name, column.name)));
        assert_eq!(all.collect::<BTreeSet<_>>(), carried, "nothing is told of that is not there");
    }
}
