//! Pages of a list in memory: the cursor is the place of the last item, so that items may come and go meanwhile.

use crate::{Error, Page, PageRequest, Result, Timestamp};
use chrono::DateTime;
use std::cmp::Reverse;

/// Where an item stands in its list: latest first, ties by id.
type Place = (Reverse<Timestamp>, String);

/// Sorts `items` by their `key`, latest first with ties by id, and takes the page that was asked for. `give` is
/// called for the items of the page only.
pub(super) fn latest_first<T, U>(
    operation: &'static str,
    items: impl Iterator<Item = T>,
    request: &PageRequest,
    key: impl Fn(&T) -> (Timestamp, &str),
    give: impl Fn(T) -> U,
) -> Result<Page<U>> {
    let place = |item: &T| -> Place {
        let (time, id) = key(item);
        (Reverse(time), id.to_owned())
    };
    let after = request.cursor.as_deref().map(|cursor| parse(operation, cursor)).transpose()?;
    let mut rest: Vec<(Place, T)> = items
        .map(|item| (place(&item), item))
        .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
        .collect();
    rest.sort_by(|(a, _), (b, _)| a.cmp(b));
    let limit = request.limit.max(1);
    let next_cursor = (rest.len() > limit).then(|| text(&rest[limit - 1].0));
    rest.truncate(limit);
    Ok(Page { items: rest.into_iter().map(|(_, item)| give(item)).collect(), next_cursor })
}

fn text((Reverse(time), id): &Place) -> String {
    format!("{}.{}:{id}", time.timestamp(), time.timestamp_subsec_nanos())
}

fn parse(operation: &'static str, cursor: &str) -> Result<Place> {
    let read = || {
        let (time, id) = cursor.split_once(':')?;
        let (secs, nanos) = time.split_once('.')?;
        let time = DateTime::from_timestamp(secs.parse().ok()?, nanos.parse().ok()?)?;
        Some((Reverse(time), id.to_owned()))
    };
    read().ok_or_else(|| Error::invalid(operation, "the cursor is not one of this list"))
}
