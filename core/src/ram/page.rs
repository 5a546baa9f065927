//! Pages of a list in memory: the cursor is the place of the last item, so that items may come and go meanwhile.

use crate::{Error, Page, PageRequest, Result, Timestamp};
use chrono::DateTime;
use std::cmp::Reverse;

/// Sorts `items` by their `key`, latest first with ties by id, and takes the page that was asked for. `give` is
/// called for the items of the page only.
pub(super) fn latest_first<T, U>(
    operation: &'static str,
    items: impl Iterator<Item = T>,
    request: &PageRequest,
    key: impl Fn(&T) -> (Timestamp, &str),
    give: impl Fn(T) -> U,
) -> Result<Page<U>> {
    paged(operation, items, request, key, Reverse, give)
}

/// As [`latest_first`], the other way round; ties by id all the same.
pub(super) fn earliest_first<T, U>(
    operation: &'static str,
    items: impl Iterator<Item = T>,
    request: &PageRequest,
    key: impl Fn(&T) -> (Timestamp, &str),
    give: impl Fn(T) -> U,
) -> Result<Page<U>> {
    paged(operation, items, request, key, |time| time, give)
}

fn paged<T, U, O: Ord>(
    operation: &'static str,
    items: impl Iterator<Item = T>,
    request: &PageRequest,
    key: impl Fn(&T) -> (Timestamp, &str),
    order: impl Fn(Timestamp) -> O,
    give: impl Fn(T) -> U,
) -> Result<Page<U>> {
    let after = request.cursor.as_deref().map(|cursor| parse(operation, cursor)).transpose()?;
    let after = after.map(|(time, id)| (order(time), id));
    let mut rest: Vec<((O, String), T)> = items
        .map(|item| {
            let (time, id) = key(&item);
            ((order(time), id.to_owned()), item)
        })
        .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
        .collect();
    rest.sort_by(|(a, _), (b, _)| a.cmp(b));
    let limit = request.limit.max(1);
    let more = rest.len() > limit;
    rest.truncate(limit);
    let next_cursor = rest.last().filter(|_| more).map(|(_, last)| text(key(last)));
    Ok(Page { items: rest.into_iter().map(|(_, item)| give(item)).collect(), next_cursor })
}

fn text((time, id): (Timestamp, &str)) -> String {
    format!("{}.{}:{id}", time.timestamp(), time.timestamp_subsec_nanos())
}

fn parse(operation: &'static str, cursor: &str) -> Result<(Timestamp, String)> {
    let read = || {
        let (time, id) = cursor.split_once(':')?;
        let (secs, nanos) = time.split_once('.')?;
        let time = DateTime::from_timestamp(secs.parse().ok()?, nanos.parse().ok()?)?;
        Some((time, id.to_owned()))
    };
    read().ok_or_else(|| Error::invalid(operation, "`cursor` must be the next_cursor of a page before"))
}
