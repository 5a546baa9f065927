//! Spoken English dates, found inside a sentence and resolved against the call's start in the caller's own day.
//!
//! Own code, because no kept crate does this: `interim` and `chrono-english` parse a whole string, and `date_time_parser`,
//! `natural-date-parser` and `smart-date` are abandoned or work in progress; none knows that "on Friday" in "it broke on
//! Friday" is the last one and in "move it to Friday" the next.

mod calendar;

pub(super) use calendar::{full, ordinal as ordinal_of};

use super::numbers;
use super::sentence::pattern;
use crate::{Timestamp, Transcript};
use calendar::{month_number, ordinal, repeated_day, say, weekday_of};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta};
use regex::Captures;
use std::ops::Range;

/// Which way a bare "Friday" points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    /// Told of what was: the last such day.
    Past,
    /// Asked, planned or promised: the next such day.
    Ahead,
}

/// How much of the date is known; decides how it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precision {
    Day,
    About,
    Week,
    Month,
    Year,
}

/// A date in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its bytes, with the preposition before it.
    pub(super) range: Range<usize>,
    /// The day, or the first day of the week, month or year.
    pub(super) day: NaiveDate,
    /// What to say instead, such as "on Friday 27 November 2026".
    pub(super) spoken: String,
    /// Whether it names a single day.
    pub(super) exact: bool,
}

/// The call's start, as the caller's calendar showed it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    start: Timestamp,
    offset: TimeDelta,
    today: NaiveDate,
}

macro_rules! weekday {
    () => {
        "(?P<wd>mon|tues|wednes|thurs|fri|satur|sun)day"
    };
}
macro_rules! month {
    () => {
        "(?P<m>january|february|march|april|may|june|july|august|september|october|november|december)"
    };
}
macro_rules! prep {
    () => {
        r"(?i)\b(?:(?P<prep>on|by|since|until|till|before|after|from|for|in|at|to|around)\s+)?(?:the\s+)?"
    };
}

pattern!(ISO, concat!(prep!(), r"(?P<y>\d{4})-(?P<n>\d{2})-(?P<d>\d{2})\b"));
pattern!(
    DAY_MONTH,
    concat!(
        prep!(),
        "(?:",
        weekday!(),
        r",?\s+)?(?:the\s+)?(?:(?P<d>\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?|(?P<o>[a-z]+(?:first|second|third|th)|first|second|third|ninth)\s+of\s+)",
        month!(),
        r"(?:,?\s+(?P<y>\d{4}))?\b"
    )
);
pattern!(
    MONTH_DAY,
    concat!(
        prep!(),
        "(?:",
        weekday!(),
        r",?\s+)?",
        month!(),
        r"\s+(?:the\s+)?(?:(?P<d>\d{1,2})(?:st|nd|rd|th)?|(?P<o>[a-z]+(?:first|second|third|th)|first|second|third|ninth))\b(?:,?\s+(?P<y>\d{4})\b)?"
    )
);
pattern!(DAY_ONLY, concat!(prep!(), "(?:", weekday!(), r",?\s+)?(?P<the>the\s+)?(?P<d>\d{1,2})(?:st|nd|rd|th)\b"));
pattern!(
    NEAR,
    concat!(
        prep!(),
        r"(?P<w>day after tomorrow|day before yesterday|today|tonight|tomorrow|yesterday|last night|this morning|this afternoon|this evening)\b(?:\s+(?P<part>morning|afternoon|evening|night)\b)?"
    )
);
pattern!(
    WEEKDAY,
    concat!(
        prep!(),
        r"(?:(?P<mod>this|next|last|coming|this coming)\s+)?",
        weekday!(),
        r"\b(?:\s+(?P<part>morning|afternoon|evening|night)\b)?"
    )
);
pattern!(
    AWAY,
    r"(?i)\b(?:(?P<in>in|within)\s+)?(?:about\s+)?(?P<n>a couple of|a few|[\w-]+)\s+(?P<u>day|week|month|year)s?'?\s*(?P<dir>ago|from (?:now|today)|time)?\b"
);
pattern!(
    EDGE,
    concat!(prep!(), r"(?P<e>end|beginning|start|middle) of (?P<mod>the|this|next) (?P<u>week|month|year)\b")
);
pattern!(SPAN, concat!(prep!(), r"(?P<mod>this|next|last) (?P<u>week|weekend|month|year)\b"));
pattern!(
    MONTH_ONLY,
    concat!(
        r"(?i)\b(?P<prep>in|by|since|until|till|before|after|from|for|this|next|last)\s+",
        month!(),
        r"\b(?:\s+(?P<y>\d{4})\b)?"
    )
);
pattern!(AFTER_NEXT, r"(?i)\b(?:to |in )?(?:the )?week after(?: next| that)?\b");
pattern!(
    AHEAD,
    r"(?i)\b(?:will|going to|gonna|please|can|could|would|want|wants|need|needs|by|until|till|tomorrow|next|promise|promised|is|are|am|have to|(?:have|has) got)\b|'(?:ll|d|m|re|ve got)\b"
);
pattern!(
    BEHIND,
    r"(?ix)\b(?:was|were|did|didn't|had|has\ been|have\ been|haven't|hasn't|ago|since|last|yesterday|never|lost|came|went|got|sent|paid|told|said|left
      |broke|bought|took|made|stopped|fell|met|saw|\w{2,}ed)\b"
);

/// The tense of a clause, from its verbs.
pub(super) fn tense(text: &str) -> Tense {
    if BEHIND.is_match(text) && !AHEAD.is_match(text) { Tense::Past } else { Tense::Ahead }
}

impl Anchor {
    /// The anchor of a call. Offsets beyond 14 hours do not exist and are brought back to it.
    pub(super) fn of(call: &Transcript) -> Self {
        let offset = TimeDelta::minutes(i64::from(call.utc_offset_minutes.clamp(-14 * 60, 14 * 60)));
        let local = call.started_at.checked_add_signed(offset).unwrap_or(call.started_at);
        Self { start: call.started_at, offset, today: local.date_naive() }
    }

    /// Noon of that day where the caller is, so that the day stays the same in nearly every time zone; a past event is never
    /// later than the call.
    pub(super) fn instant(&self, day: NaiveDate, tense: Tense) -> Timestamp {
        let noon = NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default();
        let local: DateTime<chrono::Utc> = day.and_time(noon).and_utc();
        let at = local.checked_sub_signed(self.offset).unwrap_or(self.start);
        if tense == Tense::Past { at.min(self.start) } else { at }
    }

    /// The text with every date spelt out, and the first exact date in it (or else the first).
    pub(super) fn spell_out(&self, text: &str, tense: Tense) -> (String, Option<NaiveDate>) {
        let found = self.find(text, tense);
        let day = found.iter().find(|f| f.exact).or(found.first()).map(|f| f.day);
        let mut out = String::with_capacity(text.len() + 24);
        let mut from = 0;
        for one in &found {
            out.push_str(&text[from..one.range.start]);
            out.push_str(&one.spoken);
            from = one.range.end;
        }
        out.push_str(&text[from..]);
        (out, day)
    }

    /// All dates of a text, in order, never overlapping.
    pub(super) fn find(&self, text: &str, tense: Tense) -> Vec<Found> {
        type Rule = fn(&Anchor, &Captures<'_>, Tense) -> Option<(NaiveDate, Precision)>;
        let rules: [(&regex::Regex, Rule); 10] = [
            (&ISO, Self::iso),
            (&DAY_MONTH, Self::day_month),
            (&MONTH_DAY, Self::day_month),
            (&DAY_ONLY, Self::day_only),
            (&NEAR, Self::near),
            (&EDGE, Self::edge),
            (&SPAN, Self::span),
            (&AWAY, Self::away),
            (&WEEKDAY, Self::weekday),
            (&MONTH_ONLY, Self::month_only),
        ];
        let mut out: Vec<Found> = Vec::new();
        for (pattern, rule) in rules {
            for c in pattern.captures_iter(text) {
                let Some(all) = c.get(0) else { continue };
                let taken = out.iter().any(|f| f.range.start < all.end() && all.start() < f.range.end);
                if taken || repeated_day(text, all.start(), all.end()) {
                    continue;
                }
                let prep = c.name("prep").map(|m| m.as_str().to_lowercase());
                let since = prep.as_deref() == Some("since") || tense == Tense::Past;
                let until = matches!(prep.as_deref(), Some("by" | "until" | "till"));
                let way = if since && !until { Tense::Past } else { Tense::Ahead };
                let Some((day, precision)) = rule(self, &c, way) else { continue };
                let part = c.name("part").map(|m| format!(" in the {}", m.as_str().to_lowercase())).unwrap_or_default();
                let spoken = say(&text[..all.start()], prep.as_deref(), day, precision)
                    + &part.replace("the night", "the evening");
                out.push(Found { range: all.range(), day, spoken, exact: precision == Precision::Day });
            }
        }
        out.sort_by_key(|f| f.range.start);
        if out.iter().any(|f| f.exact) {
            // "the week after, maybe Thursday the 3rd": the exact day makes the vague one superfluous, not wrong.
            out.retain(|f| f.exact || !AFTER_NEXT.is_match(&text[f.range.clone()]));
        }
        out
    }

    fn iso(&self, c: &Captures<'_>, _: Tense) -> Option<(NaiveDate, Precision)> {
        let date = NaiveDate::from_ymd_opt(c["y"].parse().ok()?, c["n"].parse().ok()?, c["d"].parse().ok()?)?;
        Some((date, Precision::Day))
    }

    fn day_month(&self, c: &Captures<'_>, way: Tense) -> Option<(NaiveDate, Precision)> {
        let month = month_number(&c["m"])?;
        let day = match (c.name("d"), c.name("o")) {
            (Some(d), _) => d.as_str().parse().ok()?,
            (_, Some(o)) => ordinal(o.as_str())?,
            _ => return None,
        };
        if let Some(year) = c.name("y") {
            return Some((NaiveDate::from_ymd_opt(year.as_str().parse().ok()?, month, day)?, Precision::Day));
        }
        // Up to eight years for 29 February.
        let this = self.today.year();
        let mut years: Box<dyn Iterator<Item = i32>> = match way {
            Tense::Ahead => Box::new(this..=this.saturating_add(8)),
            Tense::Past => Box::new((this.saturating_sub(8)..=this).rev()),
        };
        let fits = |d: &NaiveDate| if way == Tense::Ahead { *d >= self.today } else { *d <= self.today };
        let date = years.find_map(|y| NaiveDate::from_ymd_opt(y, month, day).filter(fits))?;
        Some((date, Precision::Day))
    }

    fn day_only(&self, c: &Captures<'_>, way: Tense) -> Option<(NaiveDate, Precision)> {
        let day: u32 = c["d"].parse().ok()?;
        // "The 3rd" is a date, "3rd" alone is a rank: there must be an article, a preposition of time or a weekday.
        let article = c.get(0).is_some_and(|m| m.as_str().to_lowercase().contains("the "));
        if !article && c.name("wd").is_none() {
            return None;
        }
        let wanted = c.name("wd").and_then(|w| weekday_of(w.as_str()));
        for months in 0..12 {
            let first = self.today.with_day(1)?;
            let month = match way {
                Tense::Ahead => first.checked_add_months(Months::new(months))?,
                Tense::Past => first.checked_sub_months(Months::new(months))?,
            };
            let Some(date) = month.with_day(day) else { continue };
            let fits = if way == Tense::Ahead { date >= self.today } else { date <= self.today };
            if fits && wanted.is_none_or(|w| date.weekday() == w) {
                return Some((date, Precision::Day));
            }
        }
        None
    }

    fn near(&self, c: &Captures<'_>, _: Tense) -> Option<(NaiveDate, Precision)> {
        let days = match c["w"].to_lowercase().as_str() {
            "day after tomorrow" => 2,
            "tomorrow" => 1,
            "yesterday" | "last night" => -1,
            "day before yesterday" => -2,
            _ => 0,
        };
        Some((self.plus(days)?, Precision::Day))
    }

    fn weekday(&self, c: &Captures<'_>, way: Tense) -> Option<(NaiveDate, Precision)> {
        let wanted = weekday_of(&c["wd"])?;
        let ahead =
            (7 + i64::from(wanted.num_days_from_monday()) - i64::from(self.today.weekday().num_days_from_monday())) % 7;
        let strictly_ahead = if ahead == 0 { 7 } else { ahead };
        let back = if ahead == 0 { -7 } else { ahead - 7 };
        let days = match c.name("mod").map(|m| m.as_str().to_lowercase()).as_deref() {
            Some("last") => back,
            // The day of the week that begins next Monday.
            Some("next") => {
                7 - i64::from(self.today.weekday().num_days_from_monday()) + i64::from(wanted.num_days_from_monday())
            }
            Some("this") if ahead == 0 => 0,
            _ if way == Tense::Past => back,
            _ => strictly_ahead,
        };
        Some((self.plus(days)?, Precision::Day))
    }

    fn away(&self, c: &Captures<'_>, _: Tense) -> Option<(NaiveDate, Precision)> {
        let dir = c.name("dir").map(|m| m.as_str().to_lowercase());
        // "Within two weeks" and "for two weeks" are spans, not dates.
        let back = match (c.name("in").map(|m| m.as_str().to_lowercase()).as_deref(), dir.as_deref()) {
            (_, Some("ago")) => true,
            (Some("in"), None | Some("time")) => false,
            (_, Some("from now" | "from today")) => false,
            _ => return None,
        };
        let n = match c["n"].to_lowercase().as_str() {
            "a couple of" => 2,
            "a few" => 3,
            word => numbers::value(word)?,
        };
        let vague = c["n"].to_lowercase().starts_with("a few") || c["n"].to_lowercase().starts_with("a couple");
        let months = |n: u32| {
            let span = Months::new(n);
            if back { self.today.checked_sub_months(span) } else { self.today.checked_add_months(span) }
        };
        let sign = if back { -1 } else { 1 };
        Some(match c["u"].to_lowercase().as_str() {
            "day" => (self.plus(sign * i64::from(n))?, if vague { Precision::About } else { Precision::Day }),
            "week" => (self.plus(sign * 7 * i64::from(n))?, Precision::About),
            "month" => (months(n)?.with_day(1)?, Precision::Month),
            _ => (months(n.checked_mul(12)?)?.with_ordinal(1)?, Precision::Year),
        })
    }

    fn edge(&self, c: &Captures<'_>, _: Tense) -> Option<(NaiveDate, Precision)> {
        let next = c["mod"].eq_ignore_ascii_case("next");
        let (first, last) = match c["u"].to_lowercase().as_str() {
            "week" => {
                let monday = self.monday()?.checked_add_days(Days::new(if next { 7 } else { 0 }))?;
                (monday, monday.checked_add_days(Days::new(6))?)
            }
            "month" => {
                let first = self.today.with_day(1)?.checked_add_months(Months::new(u32::from(next)))?;
                (first, first.checked_add_months(Months::new(1))?.pred_opt()?)
            }
            _ => {
                let first = self.today.with_ordinal(1)?.checked_add_months(Months::new(if next { 12 } else { 0 }))?;
                (first, first.checked_add_months(Months::new(12))?.pred_opt()?)
            }
        };
        match c["e"].to_lowercase().as_str() {
            "end" => Some((last, Precision::Day)),
            "middle" => Some((first.checked_add_signed((last - first) / 2)?, Precision::About)),
            _ => Some((first, Precision::Day)),
        }
    }

    fn span(&self, c: &Captures<'_>, _: Tense) -> Option<(NaiveDate, Precision)> {
        let step: i32 = match c["mod"].to_lowercase().as_str() {
            "next" => 1,
            "last" => -1,
            _ => 0,
        };
        let months = |n: u32| match step {
            1 => self.today.checked_add_months(Months::new(n)),
            -1 => self.today.checked_sub_months(Months::new(n)),
            _ => Some(self.today),
        };
        Some(match c["u"].to_lowercase().as_str() {
            "week" => (self.monday()?.checked_add_signed(TimeDelta::days(7 * i64::from(step)))?, Precision::Week),
            "weekend" => (self.monday()?.checked_add_signed(TimeDelta::days(7 * i64::from(step) + 5))?, Precision::Day),
            "month" => (months(1)?.with_day(1)?, Precision::Month),
            _ => (months(12)?.with_ordinal(1)?, Precision::Year),
        })
    }

    fn month_only(&self, c: &Captures<'_>, way: Tense) -> Option<(NaiveDate, Precision)> {
        let month = month_number(&c["m"])?;
        if let Some(year) = c.name("y") {
            return Some((NaiveDate::from_ymd_opt(year.as_str().parse().ok()?, month, 1)?, Precision::Month));
        }
        let this = self.today.year();
        let past = way == Tense::Past || c["prep"].eq_ignore_ascii_case("last");
        let year = match (past, month.cmp(&self.today.month())) {
            (true, std::cmp::Ordering::Greater) => this.checked_sub(1)?,
            (false, std::cmp::Ordering::Less) => this.checked_add(1)?,
            _ => this,
        };
        Some((NaiveDate::from_ymd_opt(year, month, 1)?, Precision::Month))
    }

    fn plus(&self, days: i64) -> Option<NaiveDate> {
        self.today.checked_add_signed(TimeDelta::try_days(days)?)
    }

    fn monday(&self) -> Option<NaiveDate> {
        self.plus(-i64::from(self.today.weekday().num_days_from_monday()))
    }
}

#[cfg(test)]
mod tests;
