//! [`Archive`] of one schema: its tables as they stand.

use crate::db::Db;
use crate::error::Fault;
use async_trait::async_trait;
use hark_core::store::archive::{Cell, Column, ColumnKind, Row, Table};
use hark_core::store::{Archive, View};
use hark_core::{MemoryId, Result, Returned};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::query_builder::Separated;
use sqlx::types::Json;
use sqlx::{Executor, Postgres, QueryBuilder, Row as _};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Values in one statement: the protocol counts them in 16 bits.
const MOST_VALUES: usize = 60_000;

/// The lease nobody takes, in whose row the note stands: a row that no table of an archive holds.
const NOTE: &str = "copy";

/// [`Archive`] of one schema.
#[derive(Debug)]
pub(crate) struct PostgresArchive {
    db: Arc<Db>,
}

impl PostgresArchive {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn look(&self) -> Result<PostgresView, Fault> {
        let mut connection = self.db.alone().await?;
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        // Whoever carries rows writes between two readings, for as long as the other side takes.
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        // What is seen is what stood at the first statement, not at the beginning.
        connection.execute("SELECT count(*) FROM job_turn").await?;
        Ok(PostgresView { connection })
    }

    async fn write(&self, table: &'static Table, rows: &[Row]) -> Result<(), Fault> {
        let found_by = if table.name == "receipts" { ", memories" } else { "" };
        let own_numbers = if table.is_numbered { " OVERRIDING SYSTEM VALUE" } else { "" };
        let mut tx = self.db.begin().await?;
        for part in rows.chunks((MOST_VALUES / (table.columns.len() + 1)).max(1)) {
            // Before anything is sent: what the statement holds is made in a closure that cannot fail.
            let told_of = part.iter().map(|row| memories_of(table, row)).collect::<Result<Vec<_>, Fault>>()?;
            let columns = names(table.columns);
            let mut insert =
                QueryBuilder::new(format!("INSERT INTO {} ({columns}{found_by}){own_numbers} ", table.name));
            insert.push_values(part.iter().zip(told_of), |mut values, (row, told_of)| {
                table.columns.iter().zip(row).for_each(|(column, cell)| push(&mut values, column, cell));
                if let Some(ids) = told_of {
                    values.push_bind(ids);
                }
            });
            insert.push(replacing(table, found_by));
            insert.build().persistent(false).execute(&mut *tx).await?;
        }
        if table.is_numbered {
            go_on_behind(&mut tx, table, rows).await?;
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
        let note: Option<Option<String>> = sqlx::query_scalar("SELECT progress FROM leases WHERE name = $1")
            .bind(NOTE)
            .fetch_optional(&self.db.pool)
            .await?;
        Ok(note.flatten())
    }

    async fn write_note(&self, text: &str) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO leases (name, holder, held_until, progress) VALUES ($1, '', 0, $2)
             ON CONFLICT (name) DO UPDATE SET progress = excluded.progress",
        )
        .bind(NOTE)
        .bind(text)
        .execute(&self.db.pool)
        .await?;
        Ok(())
    }
}

/// The numbers that the table gives out itself come behind those that were written.
async fn go_on_behind(connection: &mut PgConnection, table: &Table, rows: &[Row]) -> Result<(), Fault> {
    let highest = rows.iter().filter_map(|row| match row.first() {
        Some(Cell::Int(number)) => Some(*number),
        _ => None,
    });
    let Some(highest) = highest.max() else { return Ok(()) };
    let mut set =
        QueryBuilder::<Postgres>::new(format!("SELECT setval('{0}_seq_seq', greatest(last_value, ", table.name));
    set.push_bind(highest);
    set.push(format_args!(")) FROM {}_seq_seq", table.name));
    set.build().execute(connection).await?;
    Ok(())
}

/// By what a receipt is found when a memory it told of is forgotten; of other rows nothing.
fn memories_of(table: &Table, row: &[Cell]) -> Result<Option<Vec<String>>, Fault> {
    if table.name != "receipts" {
        return Ok(None);
    }
    let items = table.columns.iter().zip(row).find_map(|(column, cell)| match cell {
        Cell::Text(text) if column.name == "items" => Some(text),
        _ => None,
    });
    let items: Vec<Returned> = items.and_then(|text| serde_json::from_str(text).ok()).ok_or(Fault::Stored("items"))?;
    let ids: BTreeSet<&str> = items.iter().filter_map(|item| item.memory.as_ref()).map(MemoryId::as_str).collect();
    Ok(Some(ids.into_iter().map(str::to_owned).collect()))
}

#[async_trait]
impl Archive for PostgresArchive {
    async fn view(&self) -> Result<Box<dyn View>> {
        let view = self.db.read("postgres.view", || self.look()).await?;
        Ok(Box::new(view))
    }

    async fn put(&self, table: &'static Table, rows: &[Row]) -> Result<()> {
        rows.iter().try_for_each(|row| table.check(row))?;
        if rows.is_empty() {
            return Ok(());
        }
        // The same rows once more are the same: also where nobody knows whether the first attempt went through.
        self.db.read("postgres.put_rows", || self.write(table, rows)).await
    }

    async fn remove(&self, table: &'static Table, keys: &[Row]) -> Result<()> {
        keys.iter().try_for_each(|key| table.check_key(key))?;
        self.db.read("postgres.remove_rows", || self.take_out(table, keys)).await
    }

    async fn noted(&self) -> Result<Option<String>> {
        self.db.read("postgres.noted", || self.read_note()).await
    }

    async fn note(&self, text: &str) -> Result<()> {
        self.db.read("postgres.note", || self.write_note(text)).await
    }
}

/// A read transaction on a connection of its own; it ends with the connection.
#[derive(Debug)]
struct PostgresView {
    connection: PgConnection,
}

impl PostgresView {
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
impl View for PostgresView {
    async fn read(&mut self, table: &'static Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Row>> {
        if let Some(after) = after {
            table.check_key(after)?;
        }
        // On another connection it would be another moment: nothing is tried again.
        self.rows(table, after, limit).await.map_err(|fault| fault.into_error("postgres.read_rows"))
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// What becomes of a row that is there. `more` is a further column, behind a comma.
fn replacing(table: &Table, more: &str) -> String {
    let rest = table.columns.get(table.keyed_by..).unwrap_or_default();
    let key = names(table.key_columns());
    if rest.is_empty() || table.is_append_only {
        return format!(" ON CONFLICT ({key}) DO NOTHING");
    }
    let more = more.trim_start_matches(", ");
    let set = rest.iter().map(|column| column.name).chain((!more.is_empty()).then_some(more));
    let set: Vec<_> = set.map(|name| format!("{name} = excluded.{name}")).collect();
    format!(" ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "))
}

fn push_key(query: &mut QueryBuilder<Postgres>, table: &Table, compared: &str, key: &[Cell]) {
    query.push(format_args!("({}) {compared} (", names(table.key_columns())));
    let mut values = query.separated(", ");
    table.key_columns().iter().zip(key).for_each(|(column, cell)| push(&mut values, column, cell));
    query.push(")");
}

fn push(values: &mut Separated<'_, Postgres, &'static str>, column: &Column, cell: &Cell) {
    match cell {
        Cell::Null => values.push("NULL"),
        Cell::Int(number) => values.push_bind(*number),
        Cell::Real(number) => values.push_bind(*number),
        Cell::Bool(yes) => values.push_bind(*yes),
        Cell::Text(text) if column.kind == ColumnKind::Json => {
            values.push_bind(text.clone());
            values.push_unseparated("::jsonb")
        }
        Cell::Text(text) => values.push_bind(text.clone()),
        Cell::Bytes(bytes) => values.push_bind(bytes.clone()),
    };
}

fn told(row: &PgRow, table: &Table) -> Result<Row, Fault> {
    table.columns.iter().enumerate().map(|(at, column)| cell(row, at, column)).collect()
}

fn cell(row: &PgRow, at: usize, column: &Column) -> Result<Cell, Fault> {
    let cell = match column.kind {
        ColumnKind::Int => row.try_get::<Option<i64>, _>(at)?.map(Cell::Int),
        ColumnKind::Real => row.try_get::<Option<f64>, _>(at)?.map(Cell::real),
        ColumnKind::Bool => row.try_get::<Option<bool>, _>(at)?.map(Cell::Bool),
        ColumnKind::Text => row.try_get::<Option<String>, _>(at)?.map(Cell::Text),
        ColumnKind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map(Cell::Bytes),
        ColumnKind::Json => {
            let value: Option<Json<serde_json::Value>> = row.try_get(at)?;
            value.map(|Json(value)| Cell::json(value))
        }
    };
    match cell {
        None if !column.nullable => Err(Fault::Stored(column.name)),
        cell => Ok(cell.unwrap_or(Cell::Null)),
    }
}
