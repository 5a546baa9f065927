//! How the caller is called.

use super::draft::Draft;
use super::sentence::{Clause, pattern};
use super::words;
use crate::MemoryKind;

pattern!(IS_NAMED, r"(?i)\bmy (?:full |first |last |sur)?name(?:'s| is)(?: actually)? (.+)$");
pattern!(
    CALLED,
    r"(?i)^(?:(?:please|you can|just|do) )?call me (.+)$|\b(?:everybody|everyone|people|friends|my friends) calls? me (.+)$|^i (?:go by|prefer to be called|like to be called) (.+)$"
);
pattern!(HERE, r"(?i)^(.+?)(?: from (.+?))? (?:here|speaking)$");
pattern!(THIS_IS, r"(?i)^(?:this is|it's|it is|i'm|i am) (.+?)(?:,? (?:calling|speaking|here)\b.*)?$");
pattern!(FROM, r"\bfrom ((?:the )?[A-Z][\w&'-]*(?: [A-Z&][\w&'-]*){0,3})");
pattern!(SPELT, r"(?i)\b(?:[a-z]-){2,}[a-z]\b");
pattern!(PLAIN_IT_IS, r"^(?:[Ii]t's|[Ii]t is) ([A-Z][a-z'-]+)$");
pattern!(NOT_CALLED, r"(?i)^(?:don't|do not|never|stop) call(?:ing)? me ([A-Z][\w'-]+)");

pattern!(FROM_FIRM, r"^([A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2}) from ([\w&' -]{2,40})$");
pattern!(UNDER, r"(?i)\b(?:under (?:the name(?: of)? )?|(?:in|by) the name of |^it's for )(.+)$");
pattern!(I_AM, r"^(?:I'm|I am) ([A-Z][a-z'-]+)$");
pattern!(NATIONAL, r"(?:ish|ese|ian|ench|erman|utch|reek|wiss|merican|frican|xican|orean|uslim|ewish|hristian)$");

const NOT_A_NAME: &[&str] = &[
    "a",
    "about",
    "absolutely",
    "after",
    "afraid",
    "again",
    "all",
    "an",
    "and",
    "angry",
    "any",
    "anytime",
    "as",
    "at",
    "back",
    "before",
    "but",
    "by",
    "calling",
    "correct",
    "crazy",
    "during",
    "every",
    "fine",
    "first",
    "for",
    "from",
    "good",
    "great",
    "happy",
    "here",
    "his",
    "her",
    "how",
    "i",
    "if",
    "in",
    "is",
    "it",
    "just",
    "later",
    "like",
    "me",
    "mine",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "my",
    "no",
    "not",
    "now",
    "ok",
    "okay",
    "old",
    "on",
    "only",
    "or",
    "our",
    "please",
    "really",
    "right",
    "so",
    "sorry",
    "sure",
    "tax",
    "thanks",
    "that",
    "the",
    "their",
    "then",
    "there",
    "this",
    "to",
    "today",
    "tomorrow",
    "tonight",
    "too",
    "under",
    "urgent",
    "very",
    "via",
    "was",
    "way",
    "we",
    "what",
    "when",
    "whenever",
    "where",
    "with",
    "wrong",
    "yes",
    "you",
    "your",
    "spelled",
    "spelt",
    "speaking",
    "ridiculous",
    "unacceptable",
    "mr",
    "mrs",
    "ms",
    "still",
    "once",
    "instead",
    "nothing",
    "outrageous",
    "enough",
    "something",
    "names",
    "vegetarian",
    "vegan",
];

/// The name a fragment starts with. Where capitals mean something a name has one; else at most two words count.
pub(super) fn take(fragment: &str, cased: bool) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for raw in fragment.split_whitespace() {
        let word = raw.trim_matches(|c: char| !c.is_alphanumeric());
        let lower = word.to_lowercase();
        let title = matches!(lower.as_str(), "mr" | "mrs" | "ms" | "dr") && parts.is_empty();
        if title {
            continue;
        }
        let particle = !parts.is_empty()
            && matches!(lower.as_str(), "de" | "van" | "von" | "da" | "der" | "la" | "del" | "bin" | "al");
        let letters = word.chars().count() > 1 && word.chars().all(|c| c.is_alphabetic() || "'-.".contains(c));
        let capital = word.chars().next().is_some_and(char::is_uppercase);
        let fits = letters
            && !NOT_A_NAME.contains(&lower.as_str())
            && !SPELT.is_match(word)
            && (particle || !cased || capital);
        if !fits || parts.len() >= if cased { 4 } else { 2 } {
            break;
        }
        parts.push(word.to_owned());
        if raw.ends_with([',', '.', ';', '?', '!']) {
            break;
        }
    }
    let name = parts.join(" ");
    (!name.is_empty()).then(|| if cased { name } else { words::title(&name) })
}

/// What a clause says about names and the firm called for.
pub(super) fn find(clause: &Clause, opening: bool) -> Vec<Draft> {
    if clause.question || clause.supposed {
        return Vec::new();
    }
    let text = clause.text.as_str();
    let mut out = Vec::new();
    if let Some(c) = CALLED.captures(text) {
        let said = c.iter().skip(1).flatten().next().map(|m| m.as_str()).unwrap_or_default();
        if let Some(name) = take(said, clause.cased).filter(|n| whole(n, said)) {
            out.push(preferred(&name));
            return out;
        }
    }
    if let Some(name) = IS_NAMED.captures(text).and_then(|c| take(&c[1], clause.cased)) {
        out.push(named(&name));
    } else if let Some(c) = HERE.captures(text)
        && let Some(name) = take(&c[1], true).filter(|n| n.split(' ').count() <= 3 && n.as_str() == &c[1])
    {
        if opening {
            out.push(named(&name));
        }
    } else if let Some(c) = FROM_FIRM.captures(text).filter(|_| opening && !THIS_IS.is_match(text)) {
        out.extend(take(&c[1], true).map(|name| named(&name)));
        out.push(from(&words::tidy(&c[2])));
        return out;
    } else if let Some(c) = I_AM.captures(text).filter(|c| opening && !NATIONAL.is_match(&c[1])) {
        out.extend(take(&c[1], true).map(|name| named(&name)));
    } else if let Some(name) = UNDER.captures(text).filter(|_| opening).and_then(|c| take(&c[1], clause.cased)) {
        out.push(named(&name));
    } else if let Some(c) = THIS_IS.captures(text)
        && let Some(name) = take(&c[1], true)
    {
        let rest = c[1].strip_prefix(name.as_str()).unwrap_or(&c[1]).trim();
        let introduces = text.to_lowercase().starts_with("this is") || rest.starts_with("from") || name.contains(' ');
        if opening && introduces && (rest.is_empty() || rest.starts_with("from") || rest.starts_with(',')) {
            out.push(named(&name));
        }
    }
    if !out.is_empty() {
        out.extend(firm(text));
    }
    out
}

/// "Don't call me Samuel. It's Sam.": the second half, in the same turn as the first.
pub(super) fn instead(clause: &Clause) -> Option<Draft> {
    PLAIN_IT_IS.captures(&clause.text).and_then(|c| take(&c[1], true)).map(|name| preferred(&name))
}

/// Whether a clause forbids a name.
pub(super) fn forbids(clause: &Clause) -> bool {
    NOT_CALLED.captures(&clause.text).is_some_and(|c| take(&c[1], clause.cased).is_some())
}

/// The answer to "who am I speaking with".
pub(super) fn answer(clause: &Clause) -> Option<Draft> {
    let said = THIS_IS.captures(&clause.text).map_or(clause.text.clone(), |c| c[1].to_owned());
    let name = take(&said, clause.cased).filter(|n| clause.cased || whole(n, &said))?;
    Some(named(&name))
}

/// The answer to "which company", whole.
pub(super) fn firm_answer(clause: &Clause) -> Option<Draft> {
    let said = clause.text.trim_start_matches("It's ").trim_start_matches("it's ");
    (said.split(' ').count() <= 4 && !clause.question)
        .then(|| from(&if clause.cased { said.to_owned() } else { words::title(said) }))
}

fn firm(text: &str) -> Option<Draft> {
    FROM.captures(text).map(|c| from(&c[1]))
}

fn from(name: &str) -> Draft {
    Draft::new(MemoryKind::Fact, format!("Is from {name}")).slot("company", name)
}

fn named(name: &str) -> Draft {
    Draft::new(MemoryKind::Name, format!("Name is {name}")).slot("name", name).confidence(0.9)
}

fn preferred(name: &str) -> Draft {
    Draft::new(MemoryKind::Name, format!("Prefers to be called {name}")).slot("name", name).confidence(0.95)
}

/// "Call me Sam" and "call me Sam, not Samuel", but not "call me Friday morning" or "call me when you can".
fn whole(name: &str, said: &str) -> bool {
    let said = said.trim();
    let rest = said.get(name.len()..).unwrap_or_default().trim_start();
    rest.is_empty()
        || rest.starts_with([',', '.'])
        || ["not ", "please", "instead", "by the way", "for short"].iter().any(|w| rest.starts_with(w))
}

/// A name spelt letter by letter in this clause: `S-M-Y-T-H-E` → `Smythe`.
pub(super) fn spelt(clause: &Clause) -> Option<String> {
    let m = SPELT.find(&clause.text)?;
    let letters: String = m.as_str().chars().filter(|c| c.is_alphabetic()).collect();
    Some(words::title(&letters.to_lowercase()))
}

/// The spelling applied to a name draft: the word that begins alike is replaced.
pub(super) fn respell(draft: &mut Draft, spelt: &str) {
    let Some(slot) = draft.slot.as_mut().filter(|s| s.key == "name") else { return };
    let alike = |word: &&str| {
        word.chars().next().is_some_and(|c| spelt.starts_with(c)) && word.len().abs_diff(spelt.len()) <= 3
    };
    let Some(old) = slot.value.split(' ').rev().find(alike).map(str::to_owned) else { return };
    slot.value = slot.value.replace(&old, spelt);
    draft.content = draft.content.replace(&old, spelt);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::by_rules::sentence::clauses;

    fn all(turn: &str) -> Vec<String> {
        clauses(turn).iter().flat_map(|c| find(c, true)).map(|d| d.content).collect()
    }

    #[test]
    fn names_are_taken_as_they_are_said() {
        assert_eq!(all("My name is Priya Nair."), ["Name is Priya Nair"]);
        assert_eq!(all("my name is karen o'neil by the way"), ["Name is Karen O'Neil"]);
        assert_eq!(all("Please call me Sam, not Samuel."), ["Prefers to be called Sam"]);
        assert_eq!(all("Hi, this is Sam Lee."), ["Name is Sam Lee"]);
        assert_eq!(all("It's Marco from Bellini Foods."), ["Name is Marco", "Is from Bellini Foods"]);
        assert_eq!(all("Yes, this is Lily Chen speaking."), ["Name is Lily Chen"]);
    }

    #[test]
    fn what_is_no_name_is_left() {
        for turn in [
            "This is ridiculous.",
            "Call me back tomorrow.",
            "Call me when it's ready",
            "Don't call me Samuel.",
            "Is your name Ava?",
            "I'm German",
        ] {
            assert_eq!(all(turn), Vec::<String>::new(), "{turn}");
        }
    }

    #[test]
    fn a_spelling_corrects_the_name() {
        let mut draft = named("Jonathan Smith");
        let clause = &clauses("it's spelled S-M-Y-T-H")[0];
        respell(&mut draft, &spelt(clause).unwrap());
        assert_eq!(draft.content, "Name is Jonathan Smyth");
    }
}
