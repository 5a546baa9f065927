//! The day a memory is about. Models are poor at calendars, so what the rules read in the caller's own words goes first.

use crate::ai::by_rules::reading::Calendar;
use crate::{MemoryKind, Timestamp};
use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, Utc};
use regex::Regex;
use std::sync::LazyLock;

/// Words that may mean a day which the rules do not know: "the day before Christmas".
static HINT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|october
          |november|december|days?|weeks?|weekend|fortnight|months?|years?|today|tonight|tomorrow|yesterday|morning|afternoon|evening
          |night|noon|ago|christmas|easter|new\ year|spring|summer|autumn|fall|winter|birthday|(?:19|20)\d\d|\d{1,2}(?:st|nd|rd|th)
          |first|second|third|fourth|fifth|\w+(?:teen|tie)th|twelfth|tenth|ninth|eighth|seventh|sixth|eleventh|\d{1,2}[/.-]\d{1,2})\b",
    )
    .expect("the pattern is constant and tested")
});

/// What a memory's day is read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// What the model says: a day, a moment, or words.
    pub(super) told: Option<&'a str>,
    pub(super) kind: MemoryKind,
    pub(super) content: &'a str,
    /// The cited turns.
    pub(super) cited: &'a str,
    /// The cited turns and their neighbours.
    pub(super) around: &'a str,
}

/// The moment a memory is about; `None` for the call itself, and for a day nobody spoke of.
pub(super) fn resolve(calendar: &Calendar, source: &Source<'_>) -> Option<Timestamp> {
    let said = if source.kind == MemoryKind::Promise { "will" } else { source.cited };
    let spoken = calendar.days(source.around);
    let heard = calendar.only_day(source.cited);
    let at = match source.told.map(str::trim).filter(|t| !t.is_empty()) {
        Some(told) => match read(calendar, told, said, heard) {
            Some(at) => {
                let day = calendar.day_of(at);
                match heard {
                    // The words name one day and the model another: it counted wrongly.
                    Some(heard) if !spoken.contains(&day) => calendar.noon(heard, said),
                    _ if spoken.contains(&day)
                        || (HINT.is_match(source.cited) && day != calendar.day_of(calendar.start)) =>
                    {
                        at
                    }
                    _ => return None,
                }
            }
            None => return None,
        },
        None if dated(source.kind) => {
            // The sentence tells of everything as past; the caller's own words know which way they point.
            let own = calendar.only_day(source.content).filter(|day| spoken.contains(day));
            calendar.noon(heard.or(own)?, said)
        }
        None => return None,
    };
    within(calendar.start, at).then_some(at)
}

/// The day the model means; its own words are read as the caller's would be.
fn read(calendar: &Calendar, told: &str, said: &str, heard: Option<NaiveDate>) -> Option<Timestamp> {
    if let Ok(at) = DateTime::parse_from_rfc3339(told) {
        return Some(at.with_timezone(&Utc));
    }
    if let Ok(day) = told.parse::<NaiveDate>() {
        return Some(calendar.noon(day, said));
    }
    for format in ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(clock) = NaiveDateTime::parse_from_str(told, format) {
            return calendar.local(clock);
        }
    }
    // "Friday" alone points where the caller's words point.
    let day = heard.filter(|day| calendar.days(told).contains(day)).or_else(|| calendar.only_day(told))?;
    Some(calendar.noon(day, said))
}

/// Whether a memory of the kind is about a day when its words name one. A preference for Fridays is not.
pub(super) fn dated(kind: MemoryKind) -> bool {
    matches!(
        kind,
        MemoryKind::Request | MemoryKind::Promise | MemoryKind::Event | MemoryKind::Order | MemoryKind::Complaint
    )
}

/// Nobody speaks of a day a hundred years back, or more than five ahead.
fn within(start: Timestamp, at: Timestamp) -> bool {
    let earliest = start.checked_sub_months(Months::new(100 * 12));
    let latest = start.checked_add_months(Months::new(5 * 12)).and_then(|t| t.checked_add_days(Days::new(1)));
    earliest.is_none_or(|e| at >= e) && latest.is_none_or(|l| at <= l)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transcript;
    use chrono::TimeZone;

    /// A call on Sunday 22 November 2026, ten in the morning.
    fn day(told: Option<&str>, kind: MemoryKind, said: &str) -> Option<String> {
        let started_at = Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let calendar = Calendar::of(&Transcript {
            started_at,
            utc_offset_minutes: 60,
            turns: Vec::new(),
            ..Transcript::default()
        });
        let source = Source { told, kind, content: said, cited: said, around: said };
        resolve(&calendar, &source).map(|at| calendar.day_of(at).to_string())
    }

    #[test]
    fn what_the_model_says_is_read_in_every_form() {
        for told in ["2026-11-27", "2026-11-27T15:00:00Z", "2026-11-27T15:00", "2026-11-27 15:00:00", "next Friday"] {
            assert_eq!(
                day(Some(told), MemoryKind::Request, "move it to next friday").as_deref(),
                Some("2026-11-27"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_day_the_model_counted_wrongly_is_corrected_from_the_words() {
        assert_eq!(
            day(Some("2026-11-28"), MemoryKind::Request, "please come on Friday").as_deref(),
            Some("2026-11-27")
        );
        // Two days were named: the model may know which.
        let both = "not Thursday, please come on Friday";
        assert_eq!(day(Some("2026-11-26"), MemoryKind::Request, both).as_deref(), Some("2026-11-26"));
    }

    #[test]
    fn without_a_word_of_the_model_the_rules_read() {
        assert_eq!(day(None, MemoryKind::Event, "it arrived on friday").as_deref(), Some("2026-11-20"));
        assert_eq!(day(Some("Friday"), MemoryKind::Event, "it arrived on friday").as_deref(), Some("2026-11-20"));
        assert_eq!(day(None, MemoryKind::Event, "it arrived yesterday").as_deref(), Some("2026-11-21"));
        assert_eq!(day(Some(" "), MemoryKind::Promise, "I'll call tomorrow").as_deref(), Some("2026-11-23"));
        assert_eq!(day(None, MemoryKind::Preference, "come on Friday"), None);
        assert_eq!(day(None, MemoryKind::Request, "Thursday or Friday"), None);
    }

    #[test]
    fn a_day_nobody_spoke_of_is_no_day() {
        assert_eq!(day(Some("2026-12-24"), MemoryKind::Event, "I have a dog"), None);
        assert_eq!(day(Some("2026-11-22"), MemoryKind::Event, "I have a dog next to me, for a week"), None);
        assert_eq!(
            day(Some("2026-12-24"), MemoryKind::Event, "the day before Christmas").as_deref(),
            Some("2026-12-24")
        );
        assert_eq!(day(Some("soon"), MemoryKind::Event, "next week"), None);
    }

    #[test]
    fn impossible_days_are_dropped() {
        for told in ["1826-11-22", "2099-01-01", "2026-02-31", "+262142-12-31", "-9999-01-01"] {
            assert_eq!(day(Some(told), MemoryKind::Event, "some day in winter"), None, "{told}");
        }
        assert_eq!(
            day(Some("1931-04-02"), MemoryKind::Event, "on the second of April 1931").as_deref(),
            Some("1931-04-02")
        );
    }
}
