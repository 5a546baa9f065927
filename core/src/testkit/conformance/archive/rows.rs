//! Rows are written and told.

use super::{ROWS, all, archive, fill, samples, table};
use crate::ErrorKind;
use crate::backend::Backend;
use crate::store::archive::{Cell, Digest, Row, TABLES, digest, order};
use crate::testkit::suite::Must;
use std::sync::Arc;

/// Nothing is there that nobody wrote.
pub async fn a_fresh_store_is_empty<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    for table in &TABLES {
        assert_eq!(all(&*archive(&*backend), table).await, Vec::<Row>::new(), "{}", table.name);
    }
    assert_eq!(archive(&*backend).noted().await.must(), None);
}

/// Of every table, with every kind of value, and none.
pub async fn every_table_takes_rows_and_tells_them_as_they_were<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    fill(&*archive).await;
    for table in &TABLES {
        let (told, wanted) = (all(&*archive, table).await, samples(table));
        // Compared cell by cell, so that a failure names the column.
        assert_eq!(told.len(), wanted.len(), "{}", table.name);
        for (told, wanted) in told.iter().zip(&wanted) {
            table.check(told).must();
            for (column, (told, wanted)) in table.columns.iter().zip(told.iter().zip(wanted)) {
                assert!(told == wanted, "{}.{}: {told:?} is not {wanted:?}", table.name, column.name);
            }
        }
    }
}

/// The sum over all tables of the samples: the same in every engine, and tomorrow.
pub async fn every_engine_has_the_same_digests<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    fill(&*archive).await;
    let mut view = archive.view().await.must();
    let mut whole = Digest::default();
    for table in &TABLES {
        let told = digest(view.as_mut(), table).await.must();
        whole.add(table, &[Cell::Text(told.to_string()), Cell::Int(i64::try_from(told.rows).must())]);
    }
    assert_eq!(whole.to_string(), "2651f97adfafe3a5312959f279400eb6");
}

/// "Rows of a table in the order of their keys, those behind `after`, at most `limit`. Fewer than that are the last ones."
pub async fn rows_come_in_the_order_of_their_keys_page_by_page<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    fill(&*archive).await;
    // Keys that sort otherwise by a language's rules than byte by byte, or as numbers than as texts.
    let odd = ["Zoe", "adam", "Ärger", "zoe", "_", "10", "9", "", "ä"];
    let aliases = table("aliases");
    let rows = odd.map(|id| [["acme", id, "usr_1"], ["Other", id, "usr_1"]]).concat();
    let rows: Vec<Row> =
        rows.iter().map(|row| row.iter().map(|text| Cell::Text((*text).to_owned())).collect()).collect();
    let others: Vec<Row> = samples(table("users")).into_iter().take(1).collect();
    let others = others.into_iter().map(|mut row| {
        row[0] = Cell::Text("Other".to_owned());
        row
    });
    archive.put(table("users"), &others.collect::<Vec<_>>()).await.must();
    archive.put(aliases, &rows).await.must();

    let mut view = archive.view().await.must();
    for table in &TABLES {
        let whole = view.read(table, None, 10_000).await.must();
        assert!(whole.is_sorted_by(|a, b| order(table.key(a), table.key(b)).is_lt()), "{}", table.name);
        let (mut paged, mut after) = (Vec::new(), None::<Row>);
        loop {
            let page = view.read(table, after.as_deref(), 3).await.must();
            after = page.last().map(|row| table.key(row).to_vec());
            let ended = page.len() < 3;
            paged.extend(page);
            if ended {
                break;
            }
        }
        assert!(paged == whole, "{}", table.name);
    }
    let aliases = view.read(aliases, None, 10_000).await.must();
    assert_eq!(aliases.len(), ROWS + 2 * odd.len());
}

/// "One whose key is there is replaced. Twice is the same as once."
pub async fn a_row_that_is_there_is_replaced_and_twice_is_once<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    fill(&*archive).await;
    fill(&*archive).await;
    for table in TABLES.iter().filter(|table| table.keyed_by < table.columns.len() && !table.is_append_only) {
        let mut rows = samples(table);
        let (first, nullable) = (&mut rows[0], table.columns.iter().rposition(|column| column.nullable));
        match nullable {
            Some(at) if first[at] != Cell::Null => first[at] = Cell::Null,
            _ => {
                let ints = table.columns.iter().rposition(|column| column.kind == super::ColumnKind::Int);
                let Some(at) = ints.filter(|at| *at >= table.keyed_by) else { continue };
                first[at] = Cell::Int(77);
            }
        }
        assert!(rows != samples(table), "{}: something is another", table.name);
        archive.put(table, &rows).await.must();
        assert!(all(&*archive, table).await == rows, "{}", table.name);
    }
    archive.put(table("users"), &[]).await.must();
}

/// "Then the one that is there stays", and nothing removes it.
pub async fn what_is_append_only_stays_as_it_was<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    let (audit, rows) = (table("audit"), samples(table("audit")));
    archive.put(audit, &rows[..2]).await.must();
    let mut changed = rows.clone();
    changed[0][2] = Cell::Int(1);
    archive.put(audit, &changed).await.must();
    assert!(all(&*archive, audit).await == rows);
    let error = archive.remove(audit, &[audit.key(&rows[0]).to_vec()]).await.expect_err("it is append-only");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(all(&*archive, audit).await == rows);
}

/// "Removes rows by their keys, all or none, and what belongs to them in other tables; missing ones are fine."
pub async fn removed_rows_go_with_what_belongs_to_them<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    fill(&*archive).await;
    let count = async |name: &str| all(&*archive, table(name)).await.len();
    let users = table("users");
    let missing = vec![Cell::Text("acme".to_owned()), Cell::Text("usr_missing".to_owned())];
    archive.remove(users, &[users.key(&samples(users)[2]).to_vec(), missing]).await.must();
    archive.remove(users, &[]).await.must();
    for (name, gone) in [
        ("users", 1),
        ("identities", 1),
        ("aliases", 1),
        ("memories", 1),
        ("recalls", 1),
        // Both that have the memory as an end.
        ("links", 2),
        ("conflicts", 2),
        ("reviews", 1),
        ("erasures", 0),
        ("jobs", 0),
    ] {
        assert_eq!(count(name).await, ROWS - gone, "{name}");
    }
    let erasures = table("erasures");
    let keys: Vec<Row> = samples(erasures).iter().map(|row| erasures.key(row).to_vec()).collect();
    assert_eq!(archive.remove(erasures, &keys).await.expect_err("they keep out").kind(), ErrorKind::Conflict);
    assert_eq!(count("erasures").await, ROWS);
    for name in ["suppressions", "events", "jobs", "embeddings", "costs", "keys", "space"] {
        let table = table(name);
        let keys: Vec<Row> = samples(table).iter().map(|row| table.key(row).to_vec()).collect();
        archive.remove(table, &keys).await.must();
        assert_eq!(count(name).await, 0, "{name}");
    }
}

/// "`Conflict` when what a row belongs to is not there", or another row has what only one may have.
pub async fn all_rows_are_written_or_none<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    let memories = table("memories");
    archive.put(table("users"), &samples(table("users"))[..3]).await.must();
    let refused = archive.put(memories, &samples(memories)[..4]).await.expect_err("the fourth is nobody's");
    assert_eq!((refused.kind(), refused.is_retriable()), (ErrorKind::Conflict, false), "{refused}");
    assert_eq!(all(&*archive, memories).await.len(), 0);
    archive.put(memories, &samples(memories)[..2]).await.must();
    let mut third = samples(memories)[2].clone();
    third[1] = Cell::Text("mem_1".to_owned());
    let refused = archive.put(memories, &[samples(memories)[0].clone(), third]).await.expect_err("an id twice");
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert!(all(&*archive, memories).await == samples(memories)[..2]);
}

/// "`Invalid` when a row does not have the table's columns."
pub async fn what_does_not_fit_is_refused_by_table_and_column<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    let users = table("users");
    let mut rows = samples(users);
    rows[1][4] = Cell::Text("keeps bees".to_owned());
    let error = archive.put(users, &rows).await.expect_err("that is no number");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.context().contains("users") && error.context().contains("call_count"), "{error}");
    assert!(!format!("{error:?}").contains("bees"), "{error:?}");
    let error = archive.remove(users, &rows).await.expect_err("these are whole rows");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let mut view = archive.view().await.must();
    let error = view.read(users, Some(&[Cell::Int(1)]), 9).await.expect_err("that is no key");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(view.read(users, None, 9).await.must().len(), 0);
}

/// "Everything as it stands now, whoever writes meanwhile."
pub async fn a_view_stands_still_while_others_write<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    fill(&*archive).await;
    let mut view = archive.view().await.must();
    let users = table("users");
    archive.remove(users, &[users.key(&samples(users)[0]).to_vec()]).await.must();
    let mut other = samples(users);
    other[1][4] = Cell::Int(99);
    archive.put(users, &other[1..2]).await.must();
    for table in &TABLES {
        assert!(view.read(table, None, 99).await.must() == samples(table), "{}", table.name);
    }
    drop(view);
    assert!(all(&*archive, users).await == other[1..]);
}

/// "No row of a table holds it", and the last one counts.
pub async fn a_note_is_kept_and_is_in_no_table<G>(make: impl AsyncFn() -> (Arc<dyn Backend>, G)) {
    let (backend, _guard) = make().await;
    let archive = archive(&*backend);
    archive.note("{\"from\": \"here\"}").await.must();
    assert_eq!(archive.noted().await.must().as_deref(), Some("{\"from\": \"here\"}"));
    archive.note("'done'; --").await.must();
    assert_eq!(archive.noted().await.must().as_deref(), Some("'done'; --"));
    for table in &TABLES {
        assert_eq!(all(&*archive, table).await.len(), 0, "{}", table.name);
    }
}
