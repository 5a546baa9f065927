//! Names, columns and predicates; rows to Arrow and back. Arrow is seen in this crate only, and here mostly.

use hark_core::store::{ScoredId, Space, VectorRow};
use hark_core::{Error, ErrorKind, MemoryId, Result, Scope, Sector};
use lancedb::arrow::arrow_array::cast::AsArray;
use lancedb::arrow::arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray, types::Float32Type,
};
use lancedb::arrow::arrow_schema::{DataType, Field, Schema, SchemaRef};
use lancedb::expr::{DfExpr, col, lit};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) const SCOPE: &str = "scope";
pub(crate) const ID: &str = "id";
pub(crate) const SECTOR: &str = "sector";
pub(crate) const VECTOR: &str = "vector";
pub(crate) const DISTANCE: &str = "_distance";
/// The name of the scalar index on [`SCOPE`].
pub(crate) const SCOPE_INDEX: &str = "scope_idx";

/// Readable, and distinct even where the readable part is not: `minilm-l3-q4_384_0f3a…`.
pub(crate) fn table_name(space: &Space) -> String {
    let readable = space.model.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' });
    let readable: String = readable.take(40).collect();
    let hash = Sha256::digest(space.model.as_bytes());
    let hash: String = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{readable}_{}_{hash}", space.dimensions)
}

/// The width a table's name tells; `None` for tables that are not ours.
pub(crate) fn width_in(table_name: &str) -> Option<usize> {
    let mut parts = table_name.rsplitn(3, '_');
    let (hash, width, _) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hash = hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { width.parse().ok().filter(|&width| width > 0) } else { None }
}

/// The lengths keep ("ab", "c") and ("a", "bc") apart whatever ids hold.
pub(crate) fn scope_key(scope: &Scope) -> String {
    let (tenant, caller) = (scope.tenant.as_str(), scope.caller.as_str());
    format!("{}:{tenant}{}:{caller}", tenant.len(), caller.len())
}

pub(crate) fn columns(dimensions: usize) -> Result<SchemaRef> {
    with_columns(dimensions, |field| field)
}

/// The same, with scope and id marked as the key: of two nodes that write one id at once, LanceDB then lets the second
/// look again.
pub(crate) fn keyed_columns(dimensions: usize) -> Result<SchemaRef> {
    let mark = HashMap::from([("lance-schema:unenforced-primary-key".to_owned(), "true".to_owned())]);
    with_columns(dimensions, |field| field.with_metadata(mark.clone()))
}

/// Rows with the mark of [`keyed_columns`], which a table takes over from the rows that replace all others.
pub(crate) fn keyed(dimensions: usize, rows: RecordBatch) -> Result<RecordBatch> {
    let schema = keyed_columns(dimensions)?;
    rows.with_schema(schema)
        .map_err(|e| Error::new(ErrorKind::Internal, "lancedb.clear", "the rows do not take the key").with_source(e))
}

fn with_columns(dimensions: usize, key: impl Fn(Field) -> Field) -> Result<SchemaRef> {
    let width = i32::try_from(dimensions).ok().filter(|&width| width > 0);
    let width = width.ok_or_else(|| Error::invalid("lancedb.space", "dimensions must be at least 1"))?;
    Ok(Arc::new(Schema::new(vec![
        key(Field::new(SCOPE, DataType::Utf8, false)),
        key(Field::new(ID, DataType::Utf8, false)),
        Field::new(SECTOR, DataType::Utf8, false),
        Field::new(VECTOR, DataType::FixedSizeList(item(), width), false),
    ])))
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float32, true))
}

/// Rows, each with its scope's key, as one batch. The widths have been checked.
pub(crate) fn to_batch(dimensions: usize, rows: &[(&str, &VectorRow)]) -> Result<RecordBatch> {
    let schema = columns(dimensions)?;
    let numbers: Float32Array = rows.iter().flat_map(|(_, row)| row.vector.iter().copied()).collect();
    let scopes = StringArray::from_iter_values(rows.iter().map(|(scope, _)| scope));
    let ids = StringArray::from_iter_values(rows.iter().map(|(_, row)| row.id.as_str()));
    let sectors = StringArray::from_iter_values(rows.iter().map(|(_, row)| row.sector.name()));
    let width = i32::try_from(dimensions).unwrap_or(i32::MAX);
    let vectors = FixedSizeListArray::try_new(item(), width, Arc::new(numbers), None);
    let arrays: Result<RecordBatch, _> = vectors.and_then(|vectors| {
        let arrays: Vec<ArrayRef> = vec![Arc::new(scopes), Arc::new(ids), Arc::new(sectors), Arc::new(vectors)];
        RecordBatch::try_new(schema, arrays)
    });
    arrays.map_err(|e| Error::new(ErrorKind::Internal, "lancedb.write", "the rows do not form a batch").with_source(e))
}

pub(crate) fn to_rows(batch: &RecordBatch) -> Result<Vec<VectorRow>> {
    let (ids, sectors) = (strings(batch, ID)?, strings(batch, SECTOR)?);
    let vectors = column(batch, VECTOR)?.as_fixed_size_list_opt().ok_or_else(foreign)?;
    let width = usize::try_from(vectors.value_length()).unwrap_or(0);
    let numbers = vectors.values().as_primitive_opt::<Float32Type>().ok_or_else(foreign)?.values();
    let mut rows = Vec::with_capacity(batch.num_rows());
    for n in 0..batch.num_rows() {
        let sector = Sector::parse(sectors.value(n)).ok_or_else(foreign)?;
        // `values` is not sliced with its list: the offset belongs to the list.
        let start = usize::try_from(vectors.value_offset(n)).unwrap_or(0);
        rows.push(VectorRow { id: ids.value(n).into(), sector, vector: numbers[start..start + width].to_vec() });
    }
    Ok(rows)
}

pub(crate) fn to_hits(batch: &RecordBatch) -> Result<Vec<ScoredId>> {
    let ids = strings(batch, ID)?;
    let distances = column(batch, DISTANCE)?.as_primitive_opt::<Float32Type>().ok_or_else(foreign)?;
    let hits = (0..batch.num_rows()).filter(|&n| distances.is_valid(n) && distances.value(n).is_finite());
    // Lance's cosine distance is 1 - cosine.
    Ok(hits.map(|n| ScoredId { id: ids.value(n).into(), score: 1.0 - distances.value(n) }).collect())
}

pub(crate) fn strings<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    column(batch, name)?.as_string_opt().ok_or_else(foreign)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(foreign)
}

fn foreign() -> Error {
    Error::new(ErrorKind::Corrupt, "lancedb.read", "the table has other columns than expected")
}

/// A caller's rows, narrowed to sectors unless empty. An expression, not SQL: nothing has to be escaped.
pub(crate) fn of_scope(scope: &str, sectors: &[Sector]) -> DfExpr {
    let scope = col(SCOPE).eq(lit(scope));
    if sectors.is_empty() {
        return scope;
    }
    scope.and(col(SECTOR).in_list(sectors.iter().map(|sector| lit(sector.name())).collect(), false))
}

/// Some rows of a caller.
pub(crate) fn of_ids(scope: &str, ids: &[MemoryId]) -> DfExpr {
    of_scope(scope, &[]).and(col(ID).in_list(ids.iter().map(|id| lit(id.as_str())).collect(), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(model: &str, dimensions: usize) -> Space {
        Space { model: model.into(), dimensions }
    }

    #[test]
    fn names_are_readable_and_never_shared() {
        let name = table_name(&space("minilm-l3-q4", 384));
        assert!(name.starts_with("minilm-l3-q4_384_"), "{name}");
        assert_eq!(width_in(&name), Some(384));
        assert_ne!(table_name(&space("a/b", 3)), table_name(&space("a:b", 3)));
        assert_ne!(table_name(&space("a", 3)), table_name(&space("a", 4)));
        let odd = table_name(&space(&"ü_../'".repeat(100), 7));
        assert!(odd.len() < 100 && odd.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{odd}");
        assert_eq!(width_in(&odd), Some(7));
        for foreign in ["", "users", "a_b_c", "model_384_nothexnothexnoth", "model_x_0123456789abcdef"] {
            assert_eq!(width_in(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn rows_come_back_from_a_slice_of_a_batch() {
        let row = |id: &str, x| VectorRow { id: id.into(), sector: Sector::Emotional, vector: vec![x, 1.0] };
        let (a, b) = (row("a", 0.5), row("b", 0.25));
        let batch = to_batch(2, &[("s", &a), ("s", &b)]).unwrap();
        assert_eq!(to_rows(&batch).unwrap(), [a, b.clone()]);
        assert_eq!(to_rows(&batch.slice(1, 1)).unwrap(), [b]);
    }
}
