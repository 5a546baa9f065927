//! Every table of the schema is carried into another house, or left knowingly.

use super::place::Place;
use hark_core::ErrorKind;
use hark_core::store::archive::{Cell, ColumnKind, TABLES, Table};
use std::collections::BTreeSet;

/// Of processes that run, or derived; and what nothing but an order or a look-up follows from.
const LEFT: [(&str, &str); 8] = [
    ("leases", ""),
    ("job_turn", ""),
    ("spaces", ""),
    ("words", ""),
    ("receipts", "memories"),
    ("links", "seq"),
    ("reviews", "seq"),
    ("embeddings", "seq"),
];

#[tokio::test]
async fn every_column_of_the_schema_is_carried_or_left_knowingly() {
    let place = Place::new();
    let _store = place.migrated().await;
    let found: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' FROM information_schema.columns
         WHERE table_schema = $1 AND table_name <> '_sqlx_migrations'",
    )
    .bind(&place.name)
    .fetch_all(&mut place.stranger().await)
    .await
    .unwrap();
    let mut carried = BTreeSet::new();
    for (table, column, kind, nullable) in &found {
        if LEFT.iter().any(|(left, of)| left == table && (of == column || of.is_empty())) {
            continue;
        }
        let known = Table::named(table).and_then(|table| table.columns.iter().find(|known| known.name == column));
        let known = known.unwrap_or_else(|| panic!("{table}.{column} is carried by nobody: add it to TABLES"));
        let kinds: &[ColumnKind] = match kind.as_str() {
            "bigint" => &[ColumnKind::Int],
            "boolean" => &[ColumnKind::Bool],
            "double precision" => &[ColumnKind::Real],
            "text" => &[ColumnKind::Text],
            "jsonb" => &[ColumnKind::Json],
            _ => &[ColumnKind::Bytes],
        };
        assert!(kinds.contains(&known.kind) && known.nullable == *nullable, "{table}.{column}");
        carried.insert((table.as_str(), column.as_str()));
    }
    let all = TABLES.iter().flat_map(|table| table.columns.iter().map(|column| (table.name, column.name)));
    assert_eq!(all.collect::<BTreeSet<_>>(), carried, "nothing is told of that is not there");
}

#[tokio::test]
async fn what_the_other_engine_takes_and_this_one_cannot_keep_is_named() {
    let place = Place::new();
    let archive = place.migrated().await.0.archive().expect("what it offers");
    let spaces = Table::named("space").unwrap();
    let row = vec![Cell::Int(1), Cell::Text("zero \0 byte".to_owned()), Cell::Int(2)];
    let error = archive.put(spaces, &[row]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.context().contains("zero byte"), "{error}");
    let receipts = Table::named("receipts").unwrap();
    let mut row = vec![Cell::Null; receipts.columns.len()];
    for (at, column) in receipts.columns.iter().enumerate().filter(|(_, column)| !column.nullable) {
        row[at] = if column.kind == ColumnKind::Int { Cell::Int(1) } else { Cell::Text("keeps bees".to_owned()) };
    }
    let error = archive.put(receipts, &[row]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "what a receipt told of cannot be read");
    assert!(error.context().contains("items") && !format!("{error:?}").contains("bees"), "{error:?}");
}

#[tokio::test]
async fn a_view_that_lost_its_connection_says_so_and_is_not_another_moment() {
    let place = Place::new();
    let archive = place.migrated().await.0.archive().expect("what it offers");
    let mut view = archive.view().await.unwrap();
    place.end_connections().await;
    let error = view.read(&TABLES[0], None, 1).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error}");
    archive.view().await.unwrap().read(&TABLES[0], None, 1).await.unwrap();
}
