use super::*;
use crate::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Rows by their table, and how many writes still go well.
#[derive(Debug, Default)]
struct Kept {
    rows: BTreeMap<&'static str, Vec<Row>>,
    left: Option<usize>,
    writes: usize,
}

/// Rows in memory, told in the order of their keys.
#[derive(Debug, Default)]
struct Shelf(Mutex<Kept>);

impl Shelf {
    fn of(table: &'static Table, rows: Vec<Row>) -> Self {
        Self(Mutex::new(Kept { rows: [(table.name, rows)].into(), ..Kept::default() }))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self, table: &Table) -> Vec<Row> {
        self.kept().rows.get(table.name).cloned().unwrap_or_default()
    }

    /// From now on so many writes go well.
    fn breaks_after(&self, writes: usize) {
        self.kept().left = Some(writes);
    }

    fn change(&self, table: &Table, change: impl Fn(&mut Vec<Row>)) -> Result<()> {
        let mut kept = self.kept();
        if kept.left == Some(0) {
            return Err(Error::new(ErrorKind::Unavailable, "shelf.put", "it fell down"));
        }
        kept.left = kept.left.map(|left| left - 1);
        kept.writes += 1;
        let rows = kept.rows.entry(table.name).or_default();
        change(rows);
        rows.sort_by(|a, b| order(table.key(a), table.key(b)));
        Ok(())
    }
}

#[derive(Debug)]
struct Glance(BTreeMap<&'static str, Vec<Row>>);

#[async_trait]
impl View for Glance {
    async fn read(&mut self, table: &'static Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Row>> {
        let rows = self.0.get(table.name).into_iter().flatten();
        let behind = |row: &&Row| after.is_none_or(|after| order(table.key(row), after).is_gt());
        Ok(rows.filter(behind).take(limit).cloned().collect())
    }
}

#[async_trait]
impl Archive for Shelf {
    async fn view(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(Glance(self.kept().rows.clone())))
    }

    async fn put(&self, table: &'static Table, rows: &[Row]) -> Result<()> {
        self.change(table, |there| {
            there.retain(|old| rows.iter().all(|new| order(table.key(old), table.key(new)).is_ne()));
            there.extend_from_slice(rows);
        })
    }

    async fn remove(&self, table: &'static Table, keys: &[Row]) -> Result<()> {
        self.change(table, |there| there.retain(|old| keys.iter().all(|key| order(table.key(old), key).is_ne())))
    }

    async fn noted(&self) -> Result<Option<String>> {
        Ok(None)
    }

    async fn note(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

fn recalls() -> &'static Table {
    Table::named("recalls").unwrap()
}

fn recall(id: usize, count: i64) -> Row {
    vec![Cell::Text(format!("mem_{id:05}")), Cell::Int(count), Cell::Int(7)]
}

async fn merged(source: &Shelf, target: &Shelf) -> Result<Merged> {
    let mut view = source.view().await?;
    merge(recalls(), view.as_mut(), target, &|_| ()).await
}

#[test]
fn tables_come_behind_those_they_belong_to_and_name_each_column_once() {
    let place = |name: &str| TABLES.iter().position(|table| table.name == name).unwrap();
    for (child, parent) in [
        ("identities", "users"),
        ("conversations", "users"),
        ("memories", "users"),
        ("links", "memories"),
        ("conflicts", "memories"),
        ("recalls", "memories"),
        ("receipts", "users"),
        ("suppressions", "erasures"),
    ] {
        assert!(place(parent) < place(child), "{child}");
    }
    for table in &TABLES {
        assert!(table.keyed_by > 0 && table.key_columns().len() == table.keyed_by, "{}", table.name);
        assert!(table.key_columns().iter().all(|column| !column.nullable), "{}", table.name);
        let mut names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), table.columns.len(), "{}", table.name);
        assert!(!table.is_numbered || table.columns[0].name == "seq", "{}", table.name);
    }
}

#[tokio::test]
async fn what_is_missing_differs_or_is_too_much_is_made_right_and_nothing_else_is_written() {
    let source = Shelf::of(recalls(), (0..1_203).map(|n| recall(n, 1)).collect());
    let mut there: Vec<Row> = (0..700).filter(|n| n % 7 != 0).map(|n| recall(n, 1)).collect();
    there[3] = recall(4, 9);
    there.extend((2_000..2_600).map(|n| recall(n, 1)));
    let target = Shelf::of(recalls(), there);
    let told = Mutex::new(Vec::new());
    let mut view = source.view().await.unwrap();
    let tell = |rows| told.lock().unwrap().push(rows);
    let done = merge(recalls(), view.as_mut(), &target, &tell).await.unwrap();
    assert_eq!(done, Merged { read: 1_203, written: 503 + 100 + 1, removed: 600 });
    assert_eq!(target.rows(recalls()), source.rows(recalls()));
    assert_eq!(*told.lock().unwrap(), [500, 1_000, 1_203]);

    let before = target.kept().writes;
    let again = merged(&source, &target).await.unwrap();
    assert!(!again.is_changed() && target.kept().writes == before, "{again:?}");
}

#[tokio::test]
async fn broken_off_at_every_write_it_goes_on_and_names_the_table() {
    let source = Shelf::of(recalls(), (0..2_100).map(|n| recall(n, 1)).collect());
    for writes in 0..6 {
        let target = Shelf::of(recalls(), (1_900..2_700).map(|n| recall(n, 2)).collect());
        target.breaks_after(writes);
        let error = merged(&source, &target).await.unwrap_err();
        assert!(error.context().starts_with("recalls, behind row ") && error.is_retriable(), "{error}");
        target.kept().left = None;
        merged(&source, &target).await.unwrap();
        assert_eq!(target.rows(recalls()), source.rows(recalls()), "{writes}");
    }
}

#[tokio::test]
async fn a_digest_tells_every_difference_and_no_order() {
    let of = async |rows: Vec<Row>| {
        let shelf = Shelf::of(recalls(), rows);
        let mut view = shelf.view().await.unwrap();
        digest(view.as_mut(), recalls()).await.unwrap()
    };
    let rows: Vec<Row> = (0..1_000).map(|n| recall(n, 1)).collect();
    let whole = of(rows.clone()).await;
    assert_eq!((whole.rows, whole.to_string().len()), (1_000, 32));
    assert_eq!(of(rows.clone()).await, whole);
    let mut turned = Digest::default();
    rows.iter().rev().for_each(|row| turned.add(recalls(), row));
    assert_eq!(turned, whole);
    let mut other = rows.clone();
    other[500] = recall(500, 2);
    assert_ne!(of(other).await, whole);
    assert_ne!(of(rows[1..].to_vec()).await, whole);
    // The same bytes, cut otherwise.
    let digest = |cells: &[&str]| {
        let mut digest = Digest::default();
        digest.add(recalls(), &cells.iter().map(|text| Cell::Text((*text).to_owned())).collect::<Vec<_>>());
        digest
    };
    assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
}

#[test]
fn a_row_that_does_not_fit_is_refused_by_column_and_nothing_of_it_is_shown() {
    let secret = || Cell::Text("keeps bees".to_owned());
    for (row, told) in [
        (vec![secret()], "1 columns instead of 3"),
        (vec![secret(), secret(), Cell::Int(1)], "`count`"),
        (vec![Cell::Null, Cell::Int(1), Cell::Int(1)], "`memory`"),
        (vec![secret(), Cell::Int(1), Cell::Real(1.0)], "`last`"),
    ] {
        let error = recalls().check(&row).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.context().contains("recalls") && error.context().contains(told), "{error}");
        assert!(!format!("{error:?} {row:?}").contains("bees"), "{error:?}");
    }
    recalls().check(&recall(1, 1)).unwrap();
    recalls().check_key(&[secret()]).unwrap();
    assert!(recalls().check_key(&recall(1, 1)).is_err());
    let json = serde_json::json!([{ "b": 1, "a": { "d": null, "c": [] } }]);
    assert!(Cell::json(json) == Cell::Text("[{\"a\":{\"c\":[],\"d\":null},\"b\":1}]".to_owned()));
    assert!(matches!(Cell::real(-0.0), Cell::Real(zero) if zero.is_sign_positive()));
}
