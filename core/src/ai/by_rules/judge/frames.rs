//! Things of which a person has one at a time: where they live, whom they work for, how they are called. A later value
//! takes the place of the former.

use super::values::{EMAIL, Values};
use super::{cues, pattern, words};
use std::collections::BTreeSet;

/// How two values of one thing stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// They are equal.
    Equal,
    /// The later one is in force.
    Replaced,
    /// Both can be: one says more, or they are about different things of the kind.
    Beside,
    /// It cannot be told.
    Unclear,
}

pattern!(
    LIVES,
    r"(?i)(?:^|\b(?:and|customer|caller) )(?:now )?(?:lives|resides|is living) (?:now )?(?:at|in|on) (?P<v>.+)$"
);
pattern!(
    MOVED,
    r"(?i)^(?:the (?:customer|caller|user) )?(?:has |have |had )?(?:just |recently |now )?(?:moved|relocated) (?:house |home )?(?:from [\w ]+ )?to (?P<v>.+)$"
);
pattern!(ADDRESS, r"(?i)^(?:the )?(?:(?P<new>new|current) )?(?:(?P<q>[a-z]+) )?address(?: is|:)(?: now)? (?P<v>.+)$");
pattern!(LEFT, r"(?i)\bmoved out of\b");
pattern!(WORKS, r"(?i)^(?:now )?(?:works|is working|is employed)(?: now)? (?:for|at|with) (?P<v>.+)$");
pattern!(
    JOINED,
    r"(?i)^(?:has |have )?(?:joined|started at|started working (?:for|at)|moved to a job at|changed jobs to) (?P<v>.+)$"
);
pattern!(NAME_IS, r"(?i)^(?:the |full )?name is(?: now)? (?P<v>.+)$");
pattern!(
    CALLED,
    r"(?i)^(?:prefers|wants|likes|asked|wishes) to be (?:called|addressed as|known as)(?: as)? (?P<v>.+)$|^goes by (?P<w>.+)$"
);
pattern!(IS_CALLED, r"(?i)^is called (?P<v>[^,]+)");
pattern!(
    MAIL_FRAME,
    r"(?i)\be-?mail(?: address)?(?: is|:)|\b(?:be )?e-?mailed at\b|\bnew (?:\w+ )?e-?mail\b|\bgo to\b|\bsent to\b|\be-?mail(?: address)? (?:has )?changed\b|\breached (?:at|by)\b"
);
pattern!(
    PHONE_FRAME,
    r"(?i)\b(?:number|phone|mobile|landline|cell)\b(?: number)?(?: is|:| now)|\breached (?:on|at|under)\b|\bnew (?:\w+ )?(?:number|phone|mobile|landline)\b"
);
pattern!(
    ATTRIBUTE,
    r"^(?i:the |their )?(?i:(?:new|current|right|correct|main) )?(?P<what>[A-Za-z][\w -]{2,40}?)(?: is|(?P<colon>:))(?: now)? (?P<v>[A-Z0-9][^,;]*)"
);
pattern!(BORN, r"(?i)\bdate of birth (?:is|:)");
pattern!(
    KIND,
    r"(?i)\b(work|office|business|private|personal|home|mobile|cell|landline|billing|delivery|shipping|postal|invoices?|bills?|newsletters?|statements?|reports?|receipts?|emergency|holiday|daytime|evening|fax)\b"
);

/// What the two give of the same thing; `None` when they do not. `whole` is the later sentence with its reason.
pub(super) fn compare(old: (&str, &Values), new: (&str, &Values), whole: &str) -> Option<Compared> {
    by_values(old, new, |v| &v.emails, &MAIL_FRAME)
        .or_else(|| by_values(old, new, |v| &v.phones, &PHONE_FRAME))
        .or_else(|| residence(old.0, new.0))
        .or_else(|| employer(old.0, new.0))
        .or_else(|| called(old.0, new.0))
        .or_else(|| named(old.0, new.0, whole))
        .or_else(|| born(old, new))
        .or_else(|| attribute(old.0, new.0, whole))
}

/// Addresses of one kind: e-mail, telephone.
fn by_values<'a>(
    old: (&str, &'a Values),
    new: (&str, &'a Values),
    of: impl Fn(&'a Values) -> &'a BTreeSet<String>,
    frame: &regex::Regex,
) -> Option<Compared> {
    let (a, b) = (of(old.1), of(new.1));
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let says_more = |text: &str| !cues::ended(text).is_empty() || words::is_denial(text);
    if !a.is_disjoint(b) {
        return (a == b && !says_more(new.0) && frame.is_match(old.0) && frame.is_match(new.0))
            .then_some(Compared::Equal);
    }
    let framed = frame.is_match(old.0) && frame.is_match(new.0) && (!cues::happened(new.0) || cues::is_now(new.0));
    if !framed || kinds(old.0) != kinds(new.0) || cues::adds(new.0) {
        return Some(Compared::Beside);
    }
    Some(Compared::Replaced)
}

/// What an address is for, beyond what every sentence about one says.
pub(super) fn kinds(text: &str) -> BTreeSet<String> {
    let text = EMAIL.replace_all(text, " ");
    KIND.find_iter(&text)
        .map(|kind| kind.as_str().to_lowercase().trim_end_matches('s').replace("cell", "mobile"))
        .collect()
}

/// A place somebody lives at: its words, and whether it is a whole address.
struct Place {
    words: BTreeSet<String>,
    exact: bool,
    kind: String,
}

fn place(text: &str) -> Option<Place> {
    let (value, kind) = if let Some(found) = ADDRESS.captures(text) {
        let kind = found.name("q").map_or("", |q| q.as_str()).to_lowercase();
        let kind =
            if matches!(kind.as_str(), "home" | "new" | "current" | "postal" | "own") { String::new() } else { kind };
        (found["v"].to_owned(), kind)
    } else {
        let found = MOVED.captures(text).or_else(|| LIVES.captures(text))?;
        let value = found["v"].to_owned();
        // "Lives in a flat" is no place.
        if !value.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) {
            return None;
        }
        (value, String::new())
    };
    let skip = ["now", "the", "in", "at", "of", "since", "with", "permanently", "near"];
    let words =
        words::plain(&cues::without_reason(&value)).into_iter().filter(|w| !skip.contains(&w.as_str())).collect();
    Some(Place { words, exact: value.contains(|c: char| c.is_ascii_digit()), kind })
}

fn residence(old: &str, new: &str) -> Option<Compared> {
    let (a, b) = (place(old)?, place(new)?);
    if a.kind != b.kind || cues::adds(new) {
        return Some(Compared::Beside);
    }
    if a.words == b.words {
        return Some(Compared::Equal);
    }
    if a.words.is_subset(&b.words) || b.words.is_subset(&a.words) {
        return Some(Compared::Beside);
    }
    let moved = MOVED.is_match(new) || LEFT.is_match(new) || cues::is_now(new);
    Some(if a.exact == b.exact || moved { Compared::Replaced } else { Compared::Unclear })
}

fn employer(old: &str, new: &str) -> Option<Compared> {
    let value = |text: &str| {
        let found = WORKS.captures(text).or_else(|| JOINED.captures(text))?;
        let value = found["v"].to_owned();
        let proper = value.trim_start_matches("the ").starts_with(char::is_uppercase);
        proper.then(|| {
            words::plain(&cues::without_reason(&value)).into_iter().filter(|w| w != "now" && w != "the").collect()
        })
    };
    let (a, b): (BTreeSet<String>, BTreeSet<String>) = (WORKS.is_match(old).then(|| value(old))??, value(new)?);
    Some(match () {
        () if a == b => Compared::Equal,
        () if a.is_subset(&b) || b.is_subset(&a) || cues::adds(new) => Compared::Beside,
        () => Compared::Replaced,
    })
}

fn called(old: &str, new: &str) -> Option<Compared> {
    let value = |text: &str| {
        let found = CALLED.captures(text)?;
        let value = found.name("v").or(found.name("w"))?.as_str();
        let value = value.split([',', ';']).next().unwrap_or(value).split(" not ").next().unwrap_or(value);
        Some(value.trim().to_lowercase().trim_end_matches(" now").to_owned())
    };
    let (a, b) = (value(old)?, value(new)?);
    Some(if a == b { Compared::Equal } else { Compared::Replaced })
}

fn named(old: &str, new: &str, whole: &str) -> Option<Compared> {
    let value = |text: &str| {
        let found = NAME_IS.captures(text).or_else(|| IS_CALLED.captures(text))?;
        let main = cues::without_reason(&found["v"]);
        let main = main.split([',', ';']).next().unwrap_or_default().to_lowercase();
        Some(main.split_whitespace().filter(|w| *w != "now").map(str::to_owned).collect::<Vec<_>>())
    };
    let (a, b) = (value(old)?, value(new)?);
    let (first, second) = (a.iter().collect::<BTreeSet<_>>(), b.iter().collect::<BTreeSet<_>>());
    Some(match () {
        () if a == b => Compared::Equal,
        () if first.is_subset(&second) || second.is_subset(&first) => Compared::Beside,
        () if cues::corrects(whole) => Compared::Replaced,
        // The same person under another surname.
        () if a.first() == b.first() && cues::is_now(whole) => Compared::Replaced,
        // Two people may call from one number.
        () => Compared::Unclear,
    })
}

fn born(old: (&str, &Values), new: (&str, &Values)) -> Option<Compared> {
    if !BORN.is_match(old.0) || !BORN.is_match(new.0) {
        return None;
    }
    Some(if super::values::on_other_days(old.1, new.1) { Compared::Replaced } else { Compared::Equal })
}

/// Words of a value at most; more are a sentence.
const LONGEST_VALUE: usize = 8;

/// Whether what stands before a colon cannot be the name of somebody: after its first word, there is one in small letters.
fn is_common(what: &str) -> bool {
    what.split_whitespace().skip(1).any(|word| word.starts_with(char::is_lowercase))
}

/// "Contact person is Maria", "Contact person is Jan": something named that is somebody or so much.
fn attribute(old: &str, new: &str, whole: &str) -> Option<Compared> {
    let read = |text: &str| {
        let found = ATTRIBUTE.captures(text)?;
        // A person may have several of them, and so may a name.
        let several = super::PEOPLE.is_match(&found["what"]) || found["what"].contains("name");
        // "Anna: Thanks, bye.": somebody speaks, and says many things.
        let speaks = found.name("colon").is_some() && !is_common(&found["what"]);
        let long = found["v"].split_whitespace().count() > LONGEST_VALUE;
        (!several && !speaks && !long).then(|| (words::plain(&found["what"]), words::plain(&found["v"])))
    };
    let ((what, before), (other, after)) = (read(old)?, read(new)?);
    if what != other || cues::adds(whole) {
        return None;
    }
    Some(if before == after { Compared::Equal } else { Compared::Replaced })
}
