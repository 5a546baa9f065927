//! What every [`Archive`](crate::store::Archive) does.

mod moving;
mod rows;

pub use moving::*;
pub use rows::*;

use crate::backend::Backend;
use crate::store::Archive;
use crate::store::archive::{Cell, ColumnKind, Row, TABLES, Table};
use crate::testkit::fixtures::{ODD_TEXTS, TENANT};
use crate::testkit::suite::Must;
use std::sync::Arc;

/// Runs every behaviour of an [`Archive`](crate::store::Archive) as a test of its own. Takes the name of an async function
/// without arguments that gives `(Arc<dyn Backend>, guard)`: each time another fresh, empty, migrated backend that plays
/// truth, queue and cache, keeps keys, and seals with the same keys as the others; and whatever must outlive it.
#[macro_export]
macro_rules! archive_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_maker_suite!(
            $make,
            archive,
            archive,
            [
                a_fresh_store_is_empty,
                every_table_takes_rows_and_tells_them_as_they_were,
                every_engine_has_the_same_digests,
                rows_come_in_the_order_of_their_keys_page_by_page,
                a_row_that_is_there_is_replaced_and_twice_is_once,
                what_is_append_only_stays_as_it_was,
                removed_rows_go_with_what_belongs_to_them,
                all_rows_are_written_or_none,
                what_does_not_fit_is_refused_by_table_and_column,
                a_view_stands_still_while_others_write,
                a_note_is_kept_and_is_in_no_table,
                what_stores_wrote_is_the_same_in_another_house,
                a_house_that_was_moved_into_goes_on,
                what_changed_since_is_carried_after,
            ]
        );
    };
}

/// Rows of each table.
const ROWS: usize = 7;

fn table(name: &str) -> &'static Table {
    Table::named(name).must()
}

fn archive(backend: &dyn Backend) -> Arc<dyn Archive> {
    backend.archive().must()
}

async fn all(archive: &dyn Archive, table: &'static Table) -> Vec<Row> {
    archive.view().await.must().read(table, None, usize::MAX >> 1).await.must()
}

/// Rows that fit together, with values of every kind.
fn samples(table: &Table) -> Vec<Row> {
    let count = if table.name == "space" { 1 } else { ROWS };
    (1..=count).map(|n| table.columns.iter().enumerate().map(|(at, _)| sample(table, at, n)).collect()).collect()
}

fn sample(table: &Table, at: usize, n: usize) -> Cell {
    let column = table.columns[at];
    let text = |text: String| Cell::Text(text);
    let number = i64::try_from(n).must();
    match (table.name, column.name) {
        (_, "tenant") => text(TENANT.to_owned()),
        (_, "caller") | ("users", "id") => text(format!("usr_{n}")),
        ("memories", "id") | ("recalls" | "reviews", "memory") | ("conflicts", "old_memory") => {
            text(format!("mem_{n}"))
        }
        // Each to the next, and the first to the last.
        ("links", "a") => text(format!("mem_{}", if n == ROWS { 1 } else { n })),
        ("links", "b") => text(format!("mem_{}", if n == ROWS { ROWS } else { n + 1 })),
        ("conflicts", "new_memory") => text(format!("mem_{}", n % ROWS + 1)),
        ("suppressions", "erasure") | ("erasures", "id") => text(format!("ers_{n}")),
        ("receipts", "items") => text(format!("[{{\"memory\":\"mem_{n}\",\"score\":0.5}},{{\"turns\":[{n}]}}]")),
        ("space", "only_one") => Cell::Int(1),
        (_, "seq") => Cell::Int(3 * number),
        _ if column.nullable && (n + at).is_multiple_of(3) => Cell::Null,
        _ => match column.kind {
            ColumnKind::Int if at < table.keyed_by => Cell::Int(number),
            ColumnKind::Int => Cell::Int((number - 3) * 1_780_000_000_000_000 + i64::try_from(at).must()),
            ColumnKind::Real => Cell::real((f64::from(u8::try_from(n).must()) - 1.0) / 7.0),
            ColumnKind::Bool => Cell::Bool((n + at).is_multiple_of(2)),
            ColumnKind::Text if at < table.keyed_by => text(format!("{}_{n}", column.name)),
            ColumnKind::Text => text(format!("{} {n}: {}", column.name, ODD_TEXTS[(n + at) % ODD_TEXTS.len()])),
            ColumnKind::Bytes => {
                Cell::Bytes([[0, 255, u8::try_from(n).must()].as_slice(), &vec![7; 29 * (n % 2)]].concat())
            }
            ColumnKind::Json => {
                text(format!("[{{\"at\":\"2026-11-22T10:00:00Z\",\"attempt\":{n},\"kind\":\"timeout\"}}]"))
            }
        },
    }
}

/// Every table, with its samples.
async fn fill(archive: &dyn Archive) {
    for table in &TABLES {
        archive.put(table, &samples(table)).await.must();
    }
}
