//! Paging by key: a page starts behind the last item of the one before, so that it costs the same wherever it is.

use crate::error::Fault;
use hark_core::{ErrorKind, Page, PageRequest};

/// The greatest page.
const MAX: usize = 1_000;

/// Where a list that runs from the latest time to the earliest (ties by id) goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct After {
    /// Microseconds since 1970.
    pub(crate) at: i64,
    /// The last id at that time.
    pub(crate) id: String,
}

impl After {
    /// The place before the first item, or behind the last one read.
    pub(crate) fn of(request: &PageRequest) -> Result<Self, Fault> {
        let Some(cursor) = &request.cursor else {
            return Ok(Self { at: i64::MAX, id: String::new() });
        };
        let (at, id) = cursor.split_once('.').ok_or(BAD_CURSOR)?;
        Ok(Self { at: at.parse().map_err(|_| BAD_CURSOR)?, id: id.to_owned() })
    }

    fn cursor(&self) -> String {
        format!("{}.{}", self.at, self.id)
    }
}

/// Where a walk along ascending numbers goes on.
pub(crate) fn after_number(request: &PageRequest) -> Result<i64, Fault> {
    request.cursor.as_deref().map_or(Ok(0), |cursor| cursor.parse().map_err(|_| BAD_CURSOR))
}

pub(crate) const BAD_CURSOR: Fault =
    Fault::Refused(ErrorKind::Invalid, "`cursor` must be the next_cursor of a page before");

/// How many items a page takes.
pub(crate) fn limit(request: &PageRequest) -> Result<usize, Fault> {
    match request.limit {
        0 => Err(Fault::Refused(ErrorKind::Invalid, "`limit` must be 1 to 1000")),
        limit => Ok(limit.min(MAX)),
    }
}

/// How many rows to ask for: one more than the page takes tells whether there is another page.
pub(crate) fn rows(limit: usize) -> i64 {
    as_i64(limit.saturating_add(1))
}

/// A count as PostgreSQL takes it.
pub(crate) fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The page out of the rows that were read for it.
pub(crate) fn page<T>(items: Vec<T>, limit: usize, key: impl Fn(&T) -> After) -> Page<T> {
    cut(items, limit, |item| key(item).cursor())
}

/// As [`page`], for a walk along ascending numbers.
pub(crate) fn numbered_page<T>(items: Vec<(i64, T)>, limit: usize) -> Page<T> {
    let Page { items, next_cursor } = cut(items, limit, |(number, _)| number.to_string());
    Page { items: items.into_iter().map(|(_, item)| item).collect(), next_cursor }
}

/// As [`page`], for a walk whose places are read beside its items.
pub(crate) fn ascending_page<T>(items: Vec<(After, T)>, limit: usize) -> Page<T> {
    let Page { items, next_cursor } = cut(items, limit, |(place, _)| place.cursor());
    Page { items: items.into_iter().map(|(_, item)| item).collect(), next_cursor }
}

fn cut<T>(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(cursor);
    Page { items, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_whatever_the_id_holds() {
        for id in ["mem_1", "a.b.c", "", "ä é"] {
            let after = After { at: -7, id: id.to_owned() };
            let request = PageRequest { limit: 1, cursor: Some(after.cursor()) };
            assert_eq!(After::of(&request).unwrap(), after);
        }
    }

    #[test]
    fn a_cursor_of_somebody_elses_making_and_an_empty_page_are_refused() {
        for cursor in ["", "x", "x.y", "12"] {
            let request = PageRequest { limit: 1, cursor: Some(cursor.to_owned()) };
            assert!(matches!(After::of(&request), Err(Fault::Refused(ErrorKind::Invalid, _))), "{cursor}");
        }
        let request = PageRequest { limit: 0, cursor: Some("z".to_owned()) };
        assert!(matches!(limit(&request), Err(Fault::Refused(ErrorKind::Invalid, _))));
        assert!(matches!(after_number(&request), Err(Fault::Refused(ErrorKind::Invalid, _))));
    }

    #[test]
    fn the_last_page_has_no_successor_even_when_it_is_full() {
        let full = numbered_page(vec![(1, 'a'), (2, 'b')], 2);
        assert_eq!((full.items.len(), full.next_cursor), (2, None));
        let more = numbered_page(vec![(1, 'a'), (2, 'b'), (3, 'c')], 2);
        assert_eq!((more.items, more.next_cursor.as_deref()), (vec!['a', 'b'], Some("2")));
    }
}
