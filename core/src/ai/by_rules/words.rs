//! From the caller's "I" to a sentence about the caller.

use super::sentence::pattern;

/// A memory is spoken in one breath.
pub(super) const MAX_CHARS: usize = 300;

/// People of whom "my" stays personal: "their mother", but "the delivery".
pub(super) const PEOPLE: &str = "wife|husband|partner|fianc[eé]e?|girlfriend|boyfriend|daughter|son|kid|kids|child|children|baby|mother|father|mum|mom|dad|parents|brother|sister|grandmother|grandfather|grandma|grandpa|grandson|granddaughter|aunt|uncle|cousin|niece|nephew|boss|manager|colleague|assistant|accountant|neighbou?rs?|friend|flatmate|roommate|dog|cat|doctor";

pattern!(
    PERSONAL,
    r"(?ix)\b(?P<w>i'm|i\ am|i've|i\ have|i\ was|i'd|i'll|i|me|my|mine|myself|we're|we've|we'd|we'll|we|us|our|ours|ourselves|your|yours|you're|you've|you'll|you\ guys|you)\b(?:\s+(?P<next>[\w'-]+))?"
);
pattern!(
    PERSON,
    &format!(
        "(?i)^(?:{PEOPLE}|name|work|job|home|back|neck|arm|leg|head|own|family|house|husband's|wife's|mum's|mom's|mother's|father's|dad's|son's|daughter's)$"
    )
);
pattern!(
    TAIL,
    r"(?i)(?:,?\s+(?:please|for me|if possible|thanks|thank you(?: so much| very much)?|by the way|then|right now|as well|too|okay|ok|you know|though|honestly|actually|at all|anyway|if you can|and|but|so|now))+$"
);

/// "my delivery" → "the delivery", "I've been charged" → "they have been charged".
pub(super) fn about(text: &str) -> String {
    PERSONAL
        .replace_all(text, |c: &regex::Captures<'_>| {
            let next = c.name("next").map(|m| m.as_str()).unwrap_or_default();
            let word = match c["w"].to_lowercase().as_str() {
                "i'm" | "i am" | "we're" => "they are",
                "i've" | "i have" | "we've" => "they have",
                "i was" => "they were",
                "i'd" | "we'd" => "they would",
                "i'll" | "we'll" => "they will",
                "i" | "we" => "they",
                "me" | "us" => "them",
                "my" | "our" if PERSON.is_match(next) => "their",
                "my" | "our" | "your" => "the",
                "mine" | "ours" => "theirs",
                "myself" => "themselves",
                "ourselves" => "themselves",
                "yours" => "the company's",
                "you're" => "the company is",
                "you've" => "the company has",
                "you'll" => "the company will",
                _ => "the company",
            };
            // The next word was only looked at; it may itself need a change ("because I my").
            if next.is_empty() { word.to_owned() } else { format!("{word} {}", about(next)) }
        })
        .into_owned()
}

/// Polite leavings at the end removed, whitespace and punctuation tidied.
pub(super) fn tidy(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = text.trim_matches(|c: char| c.is_whitespace() || ",.;:!?-\"".contains(c));
    while let Some(m) = TAIL.find(rest) {
        rest = rest[..m.start()].trim_end_matches([',', ' ']);
    }
    rest.to_owned()
}

/// A capital first, cut at a word when too long. Empty for nothing sayable.
pub(super) fn sentence(text: &str) -> String {
    let text = tidy(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
    out.extend(chars);
    if out.chars().count() <= MAX_CHARS {
        return out;
    }
    let cut: String = out.chars().take(MAX_CHARS).collect();
    cut.rsplit_once(' ').map_or(cut.clone(), |(head, _)| tidy(head))
}

/// "An exchange" → "an exchange", for a phrase that goes on inside a sentence.
pub(super) fn lower_article(text: &str) -> String {
    for article in ["A", "An", "The", "My", "Our", "One", "Two", "Three"] {
        if let Some(rest) = text.strip_prefix(article).filter(|r| r.starts_with(' ')) {
            return format!("{}{rest}", article.to_lowercase());
        }
    }
    text.to_owned()
}

/// "live" → "lives", "have" → "has": the verb of a sentence without a subject.
pub(super) fn third(verb: &str) -> String {
    let verb = verb.to_lowercase();
    match verb.as_str() {
        "am" | "are" | "'m" => "is".into(),
        "have" | "'ve got" | "have got" | "'ve" => "has".into(),
        "don't" | "do not" => "does not".into(),
        "can't" | "cannot" | "can" => verb,
        "do" | "go" => format!("{verb}es"),
        v if v.ends_with("ch") || v.ends_with("sh") || v.ends_with('x') || v.ends_with("ss") => format!("{v}es"),
        v if v.ends_with('y')
            && !v.ends_with("ay")
            && !v.ends_with("oy")
            && !v.ends_with("uy")
            && !v.ends_with("ey") =>
        {
            format!("{}ies", &v[..v.len() - 1])
        }
        v => format!("{v}s"),
    }
}

/// The past participle of the verbs callers use of themselves: "call me" → "be called".
pub(super) fn participle(verb: &str) -> String {
    let verb = verb.to_lowercase();
    match verb.as_str() {
        "send" => "sent".into(),
        "tell" => "told".into(),
        "give" => "given".into(),
        "put" | "let" => verb,
        "keep" => "kept".into(),
        "leave" => "left".into(),
        "pay" => "paid".into(),
        "take" => "taken".into(),
        "get" => "got".into(),
        "bring" => "brought".into(),
        "ring" => "rung".into(),
        "book" | "text" | "call" | "email" | "e-mail" | "phone" | "contact" | "connect" | "remind" | "transfer" => {
            format!("{verb}ed")
        }
        v if v.ends_with('e') => format!("{v}d"),
        v => format!("{v}ed"),
    }
}

/// Each word with a capital, for names and streets from recognition without any.
pub(super) fn title(text: &str) -> String {
    text.split_whitespace().map(title_word).collect::<Vec<_>>().join(" ")
}

fn title_word(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut up = true;
    for (i, c) in word.char_indices() {
        if up {
            out.extend(c.to_uppercase())
        } else {
            out.push(c)
        }
        // O'Neil and Anne-Marie, but not Sam's.
        up = c == '-' || (c == '\'' && i == 1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_becomes_they_and_things_lose_their_owner() {
        assert_eq!(about("I've been charged twice for my order"), "they have been charged twice for the order");
        assert_eq!(about("my mother called me"), "their mother called them");
        assert_eq!(about("your last pallet was short"), "the last pallet was short");
    }

    #[test]
    fn verbs_are_conjugated() {
        let all = ["live", "have", "study", "play", "watch", "am"].map(third);
        assert_eq!(all, ["lives", "has", "studies", "plays", "watches", "is"]);
        assert_eq!(["send", "call", "charge"].map(participle), ["sent", "called", "charged"]);
    }

    #[test]
    fn sentences_are_tidy_and_short() {
        assert_eq!(sentence(" move it, please "), "Move it");
        assert!(sentence(&"word ".repeat(200)).chars().count() <= MAX_CHARS);
        assert_eq!(title("karen o'neil"), "Karen O'Neil");
    }
}
