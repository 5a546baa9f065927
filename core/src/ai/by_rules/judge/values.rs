//! What in a sentence tells one thing from another: numbers of orders, days, hours, addresses, names.

use super::pattern;
use chrono::Month;
use std::collections::BTreeSet;

pattern!(pub(super) EMAIL, r"(?i)\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+");
pattern!(PHONE, r"\+?\(?\d[\d ()/.-]{5,}\d");
pattern!(
    WRITTEN_DAY,
    r"(?ix)\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+)?(?P<d>\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b(?:,?\s+(?P<y>\d{4}))?"
);
pattern!(
    MONTH_DAY,
    r"(?ix)\b(?P<m>january|february|march|april|may|june|july|august|september|october|november|december)\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y>\d{4}))?"
);
pattern!(
    MONTH_YEAR,
    r"(?ix)\b(?P<m>january|february|march|april|may|june|july|august|september|october|november|december)\s+(?P<y>\d{4})\b"
);
pattern!(ISO, r"\b(?P<y>\d{4})-(?P<n>\d{2})-(?P<d>\d{2})\b");
pattern!(
    HOUR,
    r"(?i)\b(?P<h>\d{1,2})(?::(?P<min>\d{2}))?\s*(?P<half>am|pm|a\.m\.|p\.m\.)|\b(?P<h24>\d{1,2}):(?P<min24>\d{2})\b"
);
// Digits alone are a number of something; after such a word they name it.
pattern!(
    NUMBERED,
    r"(?i)\b(?P<key>order|ticket|invoice|account|booking|reservation|policy|case|reference|customer|tracking|contract|claim|confirmation|serial|membership|number|no\.|id|room|gate|meter|card|licen[cs]e|parcel|shipment|return|quote|flight|train|incident)(?: (?:number|no\.?|id|reference))?(?: is| was|:| #)? ?(?P<code>\d{3,})\b"
);
pattern!(CODE, r"\b(?:[A-Z]{1,5}[- ]?)\d(?:[\dA-Z]|-\d|-[A-Z])*\b|\b\d+(?:[A-Z]|-\d)(?:[\dA-Z]|-\d|-[A-Z])+\b");
pattern!(NAME, r"(?:^|[ (])(?P<n>[A-Z][a-zà-ÿ][\w'-]*)");

/// Capitalised words that name nobody.
const NO_NAMES: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
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
    "agent",
    "caller",
    "customer",
    "i",
    "christmas",
    "easter",
    "vpn",
    "inc",
    "pin",
    "vat",
    "tv",
    "po",
    "cd",
    "dvd",
    "usb",
    "id",
    "ok",
    "sms",
];

/// A day as far as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    year: Option<i32>,
    month: u32,
    day: Option<u32>,
}

impl Day {
    /// Whether both can be one day.
    fn may_be(self, other: Self) -> bool {
        let fits = |a: Option<i64>, b: Option<i64>| a.is_none() || b.is_none() || a == b;
        self.month == other.month
            && fits(self.year.map(i64::from), other.year.map(i64::from))
            && fits(self.day.map(i64::from), other.day.map(i64::from))
    }
}

/// What tells one thing from another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Values {
    /// E-mail addresses, lower case.
    pub(super) emails: BTreeSet<String>,
    /// Telephone numbers by the digits that do not depend on how they are dialled.
    pub(super) phones: BTreeSet<String>,
    /// Days.
    pub(super) days: Vec<Day>,
    /// Minutes since midnight.
    pub(super) hours: BTreeSet<u32>,
    /// Numbers of orders, tickets, policies and the like, without their separators.
    pub(super) codes: BTreeSet<String>,
    /// Proper names beyond the first word.
    pub(super) names: BTreeSet<String>,
    /// The sentence without all of these but the names.
    pub(super) rest: String,
}

/// Reads a sentence, and its named value.
pub(super) fn read(content: &str, slot: Option<&crate::Slot>) -> Values {
    let mut values = Values::default();
    let mut rest = content.to_owned();
    take(&mut rest, &EMAIL, |found| {
        values.emails.insert(found[0].trim_end_matches('.').to_lowercase());
        true
    });
    let mut days = Vec::new();
    for pattern in [&*ISO, &*WRITTEN_DAY, &*MONTH_DAY, &*MONTH_YEAR] {
        take(&mut rest, pattern, |found| day(found).map(|day| days.push(day)).is_some());
    }
    take(&mut rest, &HOUR, |found| hour(found).map(|at| values.hours.insert(at)).is_some());
    take(&mut rest, &PHONE, |found| {
        let digits: String = found[0].chars().filter(char::is_ascii_digit).collect();
        let is_phone = digits.len() >= 8 && !found[0].contains("--");
        is_phone && values.phones.insert(essential(&digits))
    });
    take(&mut rest, &CODE, |found| {
        let code = bare(&found[0]);
        code.len() >= 3 && {
            values.codes.insert(code);
            true
        }
    });
    // The word stays, the number goes.
    let numbered = NUMBERED.replace_all(&rest, |found: &regex::Captures<'_>| {
        values.codes.insert(bare(&found["code"]));
        format!("{} ", &found["key"])
    });
    rest = numbered.into_owned();
    if let Some(slot) = slot {
        let key = slot.key.as_str();
        match key {
            "email" => _ = values.emails.insert(slot.value.trim().to_lowercase()),
            "phone" => {
                let digits: String = slot.value.chars().filter(char::is_ascii_digit).collect();
                // A short number reads like any other code.
                values.codes.retain(|code| !digits.ends_with(code.as_str()));
                values.phones.insert(essential(&digits));
            }
            _ if key.ends_with("date") && key != "date_of_birth" => {
                for pattern in [&*ISO, &*WRITTEN_DAY, &*MONTH_DAY] {
                    days.extend(pattern.captures_iter(&slot.value).filter_map(|found| day(&found)));
                }
            }
            "order" | "ticket" | "invoice" | "account" | "booking" | "reservation" | "policy" | "case"
            | "reference" | "contract" | "claim" | "tracking" | "confirmation" | "serial" | "membership" => {
                _ = values.codes.insert(bare(&slot.value))
            }
            _ => {}
        }
    }
    days.sort_unstable();
    days.dedup();
    values.days = days;
    let own = NAME.captures_iter(&rest).filter_map(|found| found.name("n")).filter(|name| name.start() > 0);
    let lower = own.map(|name| name.as_str().trim_end_matches("'s").to_lowercase());
    values.names = lower.filter(|name| !NO_NAMES.contains(&name.as_str()) && !super::choices::knows(name)).collect();
    values.rest = rest;
    values
}

/// Takes what a pattern finds out of a text, where `keep` says it is such a thing.
fn take(text: &mut String, pattern: &regex::Regex, mut keep: impl FnMut(&regex::Captures<'_>) -> bool) {
    let replaced = pattern.replace_all(
        text,
        |found: &regex::Captures<'_>| {
            if keep(found) { " ".to_owned() } else { found[0].to_owned() }
        },
    );
    *text = replaced.into_owned();
}

fn day(found: &regex::Captures<'_>) -> Option<Day> {
    let text = |name: &str| found.name(name).map(|m| m.as_str());
    let month = match (text("n"), text("m")) {
        (Some(number), _) => number.parse().ok()?,
        (None, Some(name)) => name.parse::<Month>().ok()?.number_from_month(),
        (None, None) => return None,
    };
    Some(Day { year: text("y").and_then(|y| y.parse().ok()), month, day: text("d").and_then(|d| d.parse().ok()) })
}

fn hour(found: &regex::Captures<'_>) -> Option<u32> {
    let number = |name: &str| found.name(name).and_then(|m| m.as_str().parse::<u32>().ok());
    if let (Some(hour), Some(minute)) = (number("h24"), number("min24")) {
        return Some(hour * 60 + minute);
    }
    let afternoon = found.name("half")?.as_str().to_lowercase().starts_with('p');
    Some((number("h")? % 12 + if afternoon { 12 } else { 0 }) * 60 + number("min").unwrap_or(0))
}

/// The last nine digits: without country code or trunk zero.
fn essential(digits: &str) -> String {
    digits[digits.len().saturating_sub(9)..].trim_start_matches('0').to_owned()
}

fn bare(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// Whether both tell days and none of them can be the same.
pub(super) fn on_other_days(one: &Values, other: &Values) -> bool {
    !one.days.is_empty() && !other.days.is_empty() && !one.days.iter().any(|a| other.days.iter().any(|b| a.may_be(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Values {
        read(text, None)
    }

    #[test]
    fn values_are_found_and_taken_out() {
        let values = of("Asked to move order A-1042 to Friday 27 November 2026 at 2:30 pm, mail sam@example.com");
        assert_eq!(values.codes.iter().collect::<Vec<_>>(), ["A1042"]);
        assert_eq!(values.days, [Day { year: Some(2026), month: 11, day: Some(27) }]);
        assert_eq!(values.hours.iter().collect::<Vec<_>>(), [&870]);
        assert_eq!(values.emails.iter().collect::<Vec<_>>(), ["sam@example.com"]);
        assert!(!values.rest.contains("2026") && !values.rest.contains("1042"), "{}", values.rest);
        assert_eq!(of("Booking XY47K").codes, ["XY47K".to_owned()].into());
        assert_eq!(of("Has two dogs, Rex and Biscuit").names, ["rex".to_owned(), "biscuit".to_owned()].into());
    }

    #[test]
    fn one_number_dialled_in_two_ways_is_one() {
        assert_eq!(of("Mobile number is +44 7700 900321").phones, of("Can be reached on 07700 900321").phones);
        assert_ne!(of("Phone number is +1 555 0142").phones, of("Phone number is +1 555 0199").phones);
        assert!(of("Gave account number 7719034").phones.is_empty());
    }

    #[test]
    fn days_are_compared_as_far_as_they_are_told() {
        for (one, other, apart) in [
            ("on 29 January 2027", "on Friday 29 January 2027", false),
            ("on 2027-01-29", "on January 29, 2027", false),
            ("in March 2027", "on Tuesday 9 March 2027", false),
            ("in May 2025", "in May 2026", true),
            ("on 3 December 2026", "on 4 December 2026", true),
            ("soon", "on 4 December 2026", false),
        ] {
            assert_eq!(on_other_days(&of(one), &of(other)), apart, "{one} / {other}");
        }
    }
}
