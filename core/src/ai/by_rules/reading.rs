//! What the readers by prompt borrow from the rules: days, numbers and instructions are read in one way only, whoever reads.

use super::dates::{Anchor, Tense, full, tense};
use super::sentence::pattern;
use super::{dates, draft, numbers, words};
use crate::{MemoryKind, Sector, Timestamp, Transcript};
use chrono::{NaiveDate, TimeDelta};

pattern!(
    YES,
    r"(?i)^\W*(?:yes|yeah|yep|yup|sure|please|correct|right|exactly|that's (?:right|correct|me)|of course|absolutely|definitely|perfect|ok|okay)\b"
);
pattern!(
    ASKS,
    r"(?i)\?|\b(?:would you|do you|shall (?:i|we)|should (?:i|we)|is (?:that|this|it|your)|are you|am i|can (?:i|we)|could (?:i|we)|may i)\b"
);

/// The caller's calendar at the start of a call.
#[derive(Debug, Clone, Copy)]
pub(in crate::ai) struct Calendar {
    anchor: Anchor,
    offset: TimeDelta,
    pub(in crate::ai) start: Timestamp,
}

impl Calendar {
    pub(in crate::ai) fn of(call: &Transcript) -> Self {
        let offset = TimeDelta::minutes(i64::from(call.utc_offset_minutes.clamp(-14 * 60, 14 * 60)));
        Self { anchor: Anchor::of(call), offset, start: call.started_at }
    }

    /// The caller's day at a moment.
    pub(in crate::ai) fn day_of(&self, at: Timestamp) -> NaiveDate {
        at.checked_add_signed(self.offset).unwrap_or(at).date_naive()
    }

    /// The moment the caller's clock shows that.
    pub(in crate::ai) fn local(&self, clock: chrono::NaiveDateTime) -> Option<Timestamp> {
        clock.and_utc().checked_sub_signed(self.offset)
    }

    /// Noon of that day where the caller is; never after the call where the words tell of what was.
    pub(in crate::ai) fn noon(&self, day: NaiveDate, said: &str) -> Timestamp {
        self.anchor.instant(day, tense(said))
    }

    /// Every day a text may mean, whichever way it points.
    pub(in crate::ai) fn days(&self, text: &str) -> Vec<NaiveDate> {
        let text = super::sentence::clean(text);
        let mut days: Vec<NaiveDate> = [Tense::Past, Tense::Ahead]
            .into_iter()
            .flat_map(|way| self.anchor.find(&text, way))
            .map(|found| found.day)
            .collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// The day a text means, where it names exactly one.
    pub(in crate::ai) fn only_day(&self, text: &str) -> Option<NaiveDate> {
        let text = super::sentence::clean(text);
        let mut days: Vec<NaiveDate> =
            self.anchor.find(&text, tense(&text)).into_iter().filter(|f| f.exact).map(|f| f.day).collect();
        days.dedup();
        match days[..] {
            [day] => Some(day),
            _ => None,
        }
    }

    /// The text with its relative days spelt out; days with their year stay as they were written.
    pub(in crate::ai) fn spell_out(&self, text: &str, said: &str) -> String {
        let mut out = String::with_capacity(text.len() + 24);
        let mut from = 0;
        for found in self.anchor.find(text, tense(said)) {
            out.push_str(&text[from..found.range.start]);
            let written = &text[found.range.clone()];
            let dated = written.chars().filter(char::is_ascii_digit).count() >= 4;
            out.push_str(if dated { written } else { &found.spoken });
            from = found.range.end;
        }
        out.push_str(&text[from..]);
        out
    }

    /// The text with a wrong day replaced by the right one, where it writes out a single day that is none of the `known`.
    pub(in crate::ai) fn corrected(&self, text: &str, right: NaiveDate, known: &[NaiveDate]) -> String {
        let found = self.anchor.find(text, Tense::Ahead);
        let [one] = &found[..] else { return text.to_owned() };
        if !one.exact || known.contains(&one.day) || !text[one.range.clone()].contains(|c: char| c.is_ascii_digit()) {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        text.replace_range(one.range.clone(), &one.spoken.replace(&full(one.day), &full(right)));
        text
    }

    /// The text without the days for which `known` holds.
    pub(in crate::ai) fn without_days(&self, text: &str, known: impl Fn(NaiveDate) -> bool) -> String {
        let mut text = text.to_owned();
        for way in [Tense::Ahead, Tense::Past] {
            let found: Vec<dates::Found> = self.anchor.find(&text, way).into_iter().filter(|f| known(f.day)).collect();
            for one in found.into_iter().rev() {
                text.replace_range(one.range, " ");
            }
        }
        text
    }
}

/// "Friday 27 November 2026".
pub(in crate::ai) fn spoken(day: NaiveDate) -> String {
    full(day)
}

/// Whether a text gives orders to a model instead of telling something.
pub(in crate::ai) fn is_an_order(text: &str) -> bool {
    crate::injection::reads_like_an_order(text)
}

/// Whether an answer says yes.
pub(in crate::ai) fn says_yes(text: &str) -> bool {
    YES.is_match(text)
}

/// Whether a turn asks something that can be answered with yes.
pub(in crate::ai) fn asks(text: &str) -> bool {
    ASKS.is_match(text)
}

/// The value of a number word, cardinal or ordinal, below a hundred. Articles are no numbers.
pub(in crate::ai) fn number(word: &str) -> Option<u32> {
    if matches!(word, "a" | "an" | "second") {
        return None;
    }
    numbers::value(word).or_else(|| dates::ordinal_of(word))
}

/// The figures of every code in a text, as it stands after what was corrected in it: "five five eight, sorry, nine" is 559.
pub(in crate::ai) fn codes(text: &str) -> Vec<String> {
    let base = text.as_ptr() as usize;
    let mut inside = false;
    let mut out = Vec::new();
    for token in text.split_whitespace() {
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let begins = number(&bare).is_some()
            || matches!(bare.as_str(), "oh" | "double" | "triple")
            || bare.bytes().any(|b| b.is_ascii_digit());
        if begins && !inside {
            let found = numbers::code(&text[token.as_ptr() as usize - base..], 3);
            out.extend(found.map(|code| code.value.chars().filter(char::is_ascii_digit).collect::<String>()));
        }
        inside = begins;
    }
    out
}

/// A sentence fit to be kept: tidy, with a capital, at most 300 characters.
pub(in crate::ai) fn sentence(text: &str) -> String {
    words::sentence(text)
}

/// The sentences of a turn.
pub(in crate::ai) fn sentences(text: &str) -> Vec<String> {
    super::sentence::sentences(text).into_iter().map(|(sentence, _)| sentence).collect()
}

/// The sector a kind belongs to when nothing else is known.
pub(in crate::ai) fn sector(kind: MemoryKind) -> Sector {
    draft::sector(kind)
}

/// How much a kind matters when nothing else is known.
pub(in crate::ai) fn salience(kind: MemoryKind) -> f32 {
    draft::salience(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn calendar(offset: i32) -> Calendar {
        let started_at = chrono::Utc.with_ymd_and_hms(2026, 11, 22, 23, 30, 0).unwrap();
        Calendar::of(&Transcript { started_at, utc_offset_minutes: offset, turns: Vec::new(), ..Transcript::default() })
    }

    #[test]
    fn days_are_the_callers_own() {
        let (utc, east) = (calendar(0), calendar(60));
        assert_eq!(utc.day_of(utc.start).to_string(), "2026-11-22");
        assert_eq!(east.day_of(east.start).to_string(), "2026-11-23");
        assert_eq!(east.only_day("I need it tomorrow").unwrap().to_string(), "2026-11-24");
        assert_eq!(utc.only_day("not Thursday but Friday"), None);
    }

    #[test]
    fn relative_days_are_spelt_out_and_others_stay() {
        let text = utc_spelt("Asked for a callback tomorrow");
        assert_eq!(text, "Asked for a callback on Monday 23 November 2026");
        let written = "Asked to move it to Friday 27 November 2026";
        assert_eq!(utc_spelt(written), written);
    }

    fn utc_spelt(text: &str) -> String {
        calendar(0).spell_out(text, "please")
    }

    #[test]
    fn a_day_that_was_counted_wrongly_is_corrected() {
        let right = NaiveDate::from_ymd_opt(2026, 11, 27).unwrap();
        let corrected = |text: &str, known: &[NaiveDate]| calendar(0).corrected(text, right, known);
        let text = "Asked for Friday 28 November 2026";
        let wrong = NaiveDate::from_ymd_opt(2026, 11, 28).unwrap();
        assert!(corrected(text, &[right]).contains("27 November 2026"));
        assert_eq!(corrected(text, &[right, wrong]), text, "it was said");
        let two = "Moved it from 24 November 2026 to 28 November 2026";
        assert_eq!(corrected(two, &[right]), two);
    }

    #[test]
    fn codes_are_read_as_they_stand_after_their_correction() {
        assert_eq!(codes("it's five five eight, sorry, nine"), ["559"]);
        assert_eq!(codes("oh seven seven double oh"), ["07700"]);
    }

    #[test]
    fn known_days_are_taken_out() {
        let calendar = calendar(0);
        let day = NaiveDate::from_ymd_opt(2026, 11, 27).unwrap();
        let rest = calendar.without_days("Asked for Friday 27 November 2026 at 4 pm", |d| d == day);
        assert!(!rest.contains("27") && rest.contains("4 pm"), "{rest}");
        assert!(calendar.without_days("Asked for Friday 27 November 2026", |_| false).contains("27"));
    }
}
