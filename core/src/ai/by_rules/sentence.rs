//! From a turn as it was recognised to clean clauses, each with at most one thing to say.

use super::numbers;
use regex::Regex;

/// Turns longer than this are cut: nobody says more in one breath, and the rules must stay quick.
const MAX_TURN_CHARS: usize = 4_000;

/// A piece of a sentence that can stand alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// The words, without the punctuation at the end and the filler at the start.
    pub(super) text: String,
    /// It asks.
    pub(super) question: bool,
    /// It supposes ("if I came in August"), so nothing in it is a fact.
    pub(super) supposed: bool,
    /// It denies having said, wanted or been something.
    pub(super) denied: bool,
    /// The turn tells upper case from lower case, so a capital means something.
    pub(super) cased: bool,
}

/// A regex that is part of the program: it compiles, or the first test fails.
pub(super) fn rx(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a rule's pattern is constant and tested")
}

macro_rules! pattern {
    ($visible:vis $name:ident, $pattern:expr) => {
        $visible static $name: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| $crate::ai::by_rules::sentence::rx($pattern));
    };
}
pub(super) use pattern;

pattern!(
    FILLER,
    r"(?i)(?:^|\b)(?:u+m+|u+h+m*|erm?|hm+|mhm|uh-huh)\b[,.]?\s*|,\s*(?:you know|i guess|like|honestly|actually),"
);
pattern!(LIKE, r"(?i)\blike (before|around|by|maybe|after|every)\b");
pattern!(
    LEAD,
    r"(?ix)^(?:(?:yeah|yes|yep|no|nope|ok|okay|well|so|right|oh|ah|and|but|or|then|also|actually|honestly|basically
      |hi|hello|hey|hiya|good\ (?:morning|afternoon|evening)|thanks|thank\ you|sure|great|perfect|fine|good|brilliant|cool|alright
      |please\ note(?:\ that)?|by\ the\ way|because|cause|plus|listen|look|sorry|morning|i\ see|i\ understand|just
      |to\ be\ honest|in\ that\ case|that's\ (?:great|fine|good)|the\ (?:problem|thing|issue)\ is(?:\ that)?|i\ think|i\ guess)
      (?:,\s*|\s+|$))"
);
pattern!(
    SPLIT,
    r"(?i),?\s+(?:oh and|and then|and also|and|but|so|because|cause|although|though|while|also|plus)\s+|,\s+|\s+(?:-|–|—)\s+"
);
pattern!(
    STARTS,
    r"(?ix)^(?:i|i'm|i've|i'd|i'll|we|we're|we've|we'd|we'll|my|our|it|it's|they|he|she|his|her|please\ \w+|do\ (?:you|we)|are\ (?:you|there)|is\ there|can\ (?:you|we|i)
      |could\ (?:you|we|i)|would\ (?:you|it)|don't|do\ not|never|the|one\ of|your|you|you've|you'll|nobody|no\ one|someone|somebody|call\ me
      |text\ me|send\ me|email\ me|take\ me|if|this\ is|that's|there|everybody|everyone|this\ time|next\ time|from\ now\ on|by\ the\ way|would|honestly
      |(?:mornings?|afternoons?|evenings?|weekends?)\ only)(?:\b|$)"
);
pattern!(
    RUN_ON,
    r"(?ix)\b(?:i've\ (?:got|been)|i\ (?:want|need)\ |i'm\ (?:really|calling|so|very)|i'd\ like|can\ you|could\ you|my\ name\ is
      |you\ never|thank\ you|by\ the\ way|do\ you|do\ we|she's\ got|he's\ got)"
);
pattern!(
    GLUE,
    r"(?i)\b(?:that|when|because|if|what|where|which|how|think|the|and|but|so|said|thing|who|as|say|why|until|while|than|all|hope|ask|asking|wondering|know|please|to|in)\s*$"
);
pattern!(
    ASKS,
    r"(?ix)^(?:(?:do|does|did|is|are|was|were|have|has|can|could|would|will|should|may|am)(?:n't)?\s+(?:you|i|we|it|they|there|this|that|the|my|your|he|she|breakfast|anyone|any)\b
      |(?:what|when|where|who|why|how|which|whose)(?:\b|'s))"
);
pattern!(
    SUPPOSES,
    r"(?i)^(?:if|what if|suppose|imagine|unless|in case|whether|maybe|perhaps)\b|\b(?:what if|might|i could have|if i|if we|i wish)\b"
);
pattern!(
    DENIES,
    r"(?ix)\b(?:(?:never|didn't|did\ not|don't|do\ not|not)\s+(?:say|said|ask(?:ed|ing)?|order(?:ed)?|request(?:ed)?|mean|meant|tell|told|claim(?:ed)?)
      |(?:i'm|i\ am|we're|it's|it\ is|i\ was)\ not|i\ (?:don't|do\ not)\ (?:have|think|know|remember|need|mind|care|understand)|i\ (?:haven't|have\ not)\ (?:decided|thought))\b"
);
pattern!(
    MISSING_APOSTROPHE,
    r"(?i)\b(im|ive|dont|cant|wont|doesnt|didnt|havent|hasnt|isnt|wasnt|thats|youre|youve|weve|couldnt|its a|its not|its for|shes|hes|theres|ill (?:come|be|call|send|pay|bring|take|pick|drop|do))\b"
);
pattern!(
    SWITCH,
    r"(?ix)\b(?P<a>(?:on\s+)?(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow)[,.]?\s+
      (?:(?:oh|no|wait|sorry|actually|i\ mean|rather|or\ rather|make\ (?:it|that))[,.]?\s+)+
      (?:not\s+(?:on\s+)?\w+[,.]?\s+)?(?:(?:but|i\ mean|make\ it|it's|on)\s+)*
      (?P<b>(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow)\b"
);

pattern!(
    YEAR,
    r"(?ix)(?P<before>\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b(?:\s+(?:the\s+)?[\w-]+)??,?\s+)
      (?P<c>nineteen|twenty|two\ thousand)(?:\ and)?(?:\s+(?P<t>oh|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety))?
      (?:[\s-]+(?P<u>one|two|three|four|five|six|seven|eight|nine))?\b"
);

/// What a turn says, clause by clause.
pub(super) fn clauses(turn: &str) -> Vec<Clause> {
    let text = clean(turn);
    let cased = text.chars().filter(|c| c.is_uppercase()).count() > text.matches(" I ").count();
    let mut out = Vec::new();
    for (sentence, asks) in sentences(&text) {
        let pieces = split(&sentence);
        let last = pieces.len().saturating_sub(1);
        let mut supposing = false;
        for (i, piece) in pieces.into_iter().enumerate() {
            let text = strip_lead(&piece);
            if !text.chars().any(char::is_alphanumeric) {
                continue;
            }
            let supposed = SUPPOSES.is_match(&text);
            let conditional = supposing && text.to_lowercase().contains("would");
            supposing |= supposed;
            let question = (asks && i == last) || ASKS.is_match(&text);
            let denied = DENIES.is_match(&text);
            out.push(Clause { question, supposed: supposed || conditional, denied, cased, text });
        }
    }
    out
}

/// Recognition's leavings removed: fillers, stuttered words, lost apostrophes, a day corrected in the same breath.
pub(super) fn clean(turn: &str) -> String {
    let text: String = turn
        .chars()
        .take(MAX_TURN_CHARS)
        .map(|c| match c {
            '’' | '‘' | '`' => '\'',
            '\n' | '\r' => '.',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    let text = FILLER.replace_all(&text, " ");
    let text = LIKE.replace_all(&text, "$1");
    let text = MISSING_APOSTROPHE.replace_all(&text, |c: &regex::Captures<'_>| match c[1].get(..4) {
        Some(ill) if ill.eq_ignore_ascii_case("ill ") => format!("I'll {}", &c[1][4..]),
        _ => with_apostrophe(&c[1]).to_owned(),
    });
    let text = YEAR.replace_all(&text, |c: &regex::Captures<'_>| {
        let part = |name| c.name(name).map(|m: regex::Match<'_>| m.as_str()).unwrap_or_default();
        numbers::year(part("c"), part("t"), part("u"))
            .map_or(c[0].to_owned(), |year| format!("{}{year}", part("before")))
    });
    let text = unstutter(&text);
    SWITCH
        .replace_all(&text, |c: &regex::Captures<'_>| {
            let on = if c["a"].to_lowercase().starts_with("on ") { "on " } else { "" };
            format!("{on}{}", &c["b"])
        })
        .into_owned()
}

fn with_apostrophe(word: &str) -> &'static str {
    match word.to_lowercase().as_str() {
        "im" => "I'm",
        "ive" => "I've",
        "dont" => "don't",
        "cant" => "can't",
        "wont" => "won't",
        "doesnt" => "doesn't",
        "didnt" => "didn't",
        "havent" => "haven't",
        "hasnt" => "hasn't",
        "isnt" => "isn't",
        "wasnt" => "wasn't",
        "thats" => "that's",
        "youre" => "you're",
        "youve" => "you've",
        "weve" => "we've",
        "couldnt" => "couldn't",
        "its a" => "it's a",
        "its for" => "it's for",
        "shes" => "she's",
        "hes" => "he's",
        "theres" => "there's",
        _ => "it's not",
    }
}

/// "i i'm" and "it it arrived" say their first word once. Digits and spelt letters may well come twice.
fn unstutter(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out: Vec<&str> = Vec::with_capacity(words.len());
    for (i, word) in words.iter().enumerate() {
        let this = word.to_lowercase();
        let next = words.get(i + 1).map(|w| w.to_lowercase()).unwrap_or_default();
        let repeated = next.trim_end_matches(['.', ',', '?', '!']) == this || next.starts_with(&format!("{this}'"));
        let spelt = word.chars().count() == 1 && !matches!(*word, "i" | "I" | "a");
        if repeated && !spelt && this.chars().all(char::is_alphabetic) && numbers::value(&this).is_none() {
            continue;
        }
        out.push(word);
    }
    out.join(" ")
}

/// Sentences, and whether each ends with a question mark.
pub(super) fn sentences(text: &str) -> Vec<(String, bool)> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '.' | '?' | '!' | ';') {
            continue;
        }
        let ends = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if !ends || (c == '.' && abbreviated(&text[start..at])) {
            continue;
        }
        push_sentence(&mut out, &text[start..at], c == '?');
        start = at + c.len_utf8();
    }
    push_sentence(&mut out, &text[start..], false);
    out
}

fn push_sentence(out: &mut Vec<(String, bool)>, text: &str, asks: bool) {
    let text = text.trim_matches(|c: char| c.is_whitespace() || ".?!;,".contains(c));
    if !text.is_empty() {
        out.push((text.to_owned(), asks));
    }
}

fn abbreviated(before: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    // Not "no": callers say it far more often than they abbreviate "number".
    matches!(word.to_lowercase().as_str(), "mr" | "mrs" | "ms" | "dr" | "prof" | "st" | "e.g" | "i.e")
}

/// A sentence's clauses: cut before a conjunction or comma when a new subject or an order follows.
fn split(sentence: &str) -> Vec<String> {
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    for m in SPLIT.find_iter(sentence) {
        if STARTS.is_match(&sentence[m.end()..]) {
            cuts.push((m.start(), m.end()));
        }
    }
    // Without punctuation there is nothing to cut at but the openings themselves.
    for m in RUN_ON.find_iter(sentence) {
        let before = &sentence[..m.start()];
        let free = !before.trim().is_empty() && before.ends_with(' ') && !GLUE.is_match(before);
        if free && !cuts.iter().any(|&(a, b)| a <= m.start() && m.start() <= b) {
            cuts.push((m.start(), m.start()));
        }
    }
    cuts.sort_unstable();
    let mut out = Vec::with_capacity(cuts.len() + 1);
    let mut start = 0;
    for (from, to) in cuts {
        if from >= start {
            out.push(sentence[start..from].to_owned());
            start = to;
        }
    }
    out.push(sentence[start..].to_owned());
    out
}

fn strip_lead(piece: &str) -> String {
    let mut rest = piece.trim();
    while let Some(m) = LEAD.find(rest) {
        // "No" before a number or "just" alone could be the clause itself; an empty rest says nothing anyway.
        rest = rest[m.end()..].trim_start();
    }
    let rest = rest.trim_matches(|c: char| c.is_whitespace() || ",;:-–—\"".contains(c));
    // A polite "if you could" is a request, not a supposition.
    match rest.get(..12) {
        Some(head) if head.eq_ignore_ascii_case("if you could") => format!("could you{}", &rest[12..]),
        _ => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(turn: &str) -> Vec<String> {
        clauses(turn).into_iter().map(|c| c.text).collect()
    }

    #[test]
    fn a_turn_is_cut_where_a_new_subject_begins() {
        assert_eq!(
            texts("Please move my delivery to Friday, and call me Sam, not Samuel."),
            ["Please move my delivery to Friday", "call me Sam, not Samuel"]
        );
        assert_eq!(texts("I ordered boots and socks."), ["I ordered boots and socks"]);
    }

    #[test]
    fn recognition_noise_is_removed() {
        assert_eq!(clean("um yeah i i'm sure it it arrived"), "yeah i'm sure it arrived");
        assert_eq!(clean("dont call, it is five five five"), "don't call, it is five five five");
        assert_eq!(clean("roses on friday sorry not friday saturday"), "roses on saturday");
    }

    #[test]
    fn run_on_speech_is_cut_at_its_openings() {
        assert_eq!(
            texts("wednesday's no good i've got a hospital appointment can you make it thursday"),
            ["wednesday's no good", "i've got a hospital appointment", "can you make it thursday"]
        );
    }

    #[test]
    fn questions_suppositions_and_denials_are_marked() {
        assert!(clauses("Do you have rooms?")[0].question && clauses("what time do you open")[0].question);
        let both = clauses("If I came in August, would breakfast be included?");
        assert!(both[0].supposed && both[1].question);
        assert!(clauses("I never said I want a refund.")[0].denied);
        assert_eq!(texts("If you could send it, please."), ["could you send it, please"]);
    }

    #[test]
    fn abbreviations_and_addresses_do_not_end_a_sentence() {
        assert_eq!(sentences("Dr. Patel is at a.b@c.example. Good.").len(), 2);
        assert_eq!(sentences("Oh no. I will not.").len(), 2);
    }
}
