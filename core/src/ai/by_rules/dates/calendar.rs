//! Words of the calendar, read and spoken.

use super::Precision;
use chrono::{NaiveDate, Weekday};

/// "Every Friday", "the first Monday of the month" and "Wednesday's no good" are no dates to resolve.
pub(super) fn repeated_day(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].trim_end().to_lowercase();
    ["every", "each", "first", "second", "third", "other", "most"].iter().any(|w| before.ends_with(w))
        || text[end..].starts_with('\'')
        || text[start..].to_lowercase().starts_with("on the first")
}

/// "Friday 27 November 2026".
pub(in crate::ai::by_rules) fn full(day: NaiveDate) -> String {
    day.format("%A %-d %B %Y").to_string()
}

pub(super) fn say(before: &str, prep: Option<&str>, day: NaiveDate, precision: Precision) -> String {
    let (noun, own) = match precision {
        Precision::Day => (full(day), "on"),
        Precision::About => (full(day), "around"),
        Precision::Week => (format!("the week of {}", full(day)), "in"),
        Precision::Month => (day.format("%B %Y").to_string(), "in"),
        Precision::Year => (day.format("%Y").to_string(), "in"),
    };
    let last = before.split_whitespace().next_back().unwrap_or_default().to_lowercase();
    match prep {
        Some("on" | "in" | "at" | "around" | "this" | "next" | "last") => format!("{own} {noun}"),
        Some(other) => format!("{other} {noun}"),
        None if last == "it" && before.to_lowercase().trim_end().ends_with("make it") => noun,
        None if matches!(last.as_str(), "is" | "be" | "was" | "not" | "than" | "of" | "or" | "and") => noun,
        None => format!("{own} {noun}"),
    }
}

pub(super) fn weekday_of(stem: &str) -> Option<Weekday> {
    Some(match stem.to_lowercase().as_str() {
        "mon" => Weekday::Mon,
        "tues" => Weekday::Tue,
        "wednes" => Weekday::Wed,
        "thurs" => Weekday::Thu,
        "fri" => Weekday::Fri,
        "satur" => Weekday::Sat,
        "sun" => Weekday::Sun,
        _ => return None,
    })
}

pub(super) fn month_number(name: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(name))?;
    u32::try_from(at + 1).ok()
}

pub(in crate::ai::by_rules) fn ordinal(word: &str) -> Option<u32> {
    const ORDINALS: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let at = ORDINALS.iter().position(|o| o.eq_ignore_ascii_case(word))?;
    u32::try_from(at + 1).ok()
}
