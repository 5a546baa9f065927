//! A text as tokens, and what each adds to a number or code: "double four" two digits, "charlie" a letter, "um" nothing.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// What a token is to somebody who takes down a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Digits and capital letters.
    Symbols(String),
    /// A number word of 20 to 90, which a unit may follow: "forty" "two".
    Tens(String),
    /// The next symbol so many times.
    Times(usize),
    /// So many noughts behind a number: "forty-two hundred".
    Noughts(usize),
    /// Said while counting, and adds nothing.
    Filler,
    /// A mark of an earlier redaction. It belongs to nothing.
    Mark,
    /// Any other word.
    Word,
}

/// One token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Its place in the text, without the punctuation around it.
    pub(super) span: Range<usize>,
    /// In lower case, without "'s".
    pub(super) word: String,
    /// "password's"
    pub(super) possessive: bool,
    /// The first mark of punctuation behind it.
    pub(super) ends: Option<char>,
    /// `+49`
    pub(super) plus: bool,
    /// `078-05-1120`
    pub(super) three_two_four: bool,
    pub(super) part: Part,
}

impl Token {
    /// Whether a sentence ends here.
    pub(super) fn closes(&self) -> bool {
        matches!(self.ends, Some('.' | '!' | '?' | ';'))
    }

    pub(super) fn is(&self, words: &[&str]) -> bool {
        words.contains(&self.word.as_str())
    }
}

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SPELLING: [(&str, char); 30] = [
    ("alpha", 'A'),
    ("alfa", 'A'),
    ("bravo", 'B'),
    ("charlie", 'C'),
    ("delta", 'D'),
    ("echo", 'E'),
    ("foxtrot", 'F'),
    ("golf", 'G'),
    ("hotel", 'H'),
    ("india", 'I'),
    ("juliet", 'J'),
    ("juliett", 'J'),
    ("kilo", 'K'),
    ("lima", 'L'),
    ("mike", 'M'),
    ("november", 'N'),
    ("oscar", 'O'),
    ("papa", 'P'),
    ("quebec", 'Q'),
    ("romeo", 'R'),
    ("sierra", 'S'),
    ("tango", 'T'),
    ("uniform", 'U'),
    ("victor", 'V'),
    ("whiskey", 'W'),
    ("whisky", 'W'),
    ("x-ray", 'X'),
    ("xray", 'X'),
    ("yankee", 'Y'),
    ("zulu", 'Z'),
];
const FILLERS: [&str; 21] = [
    "um",
    "umm",
    "uh",
    "uhh",
    "uhm",
    "er",
    "erm",
    "ah",
    "hmm",
    "mm",
    "and",
    "then",
    "dash",
    "hyphen",
    "space",
    "comma",
    "capital",
    "uppercase",
    "upper",
    "lowercase",
    "next",
];
/// What stands behind digits in words that are no codes: "14th", "10am", "2nd".
const ENDINGS: [&str; 20] =
    ["st", "nd", "rd", "th", "am", "pm", "kg", "km", "cm", "mm", "ml", "gb", "mb", "tb", "kb", "x", "k", "h", "m", "s"];

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c: char| !c.is_whitespace()).map(|skip| at + skip) {
        if let Some(end) = super::mark_at(&text[start..]).map(|length| start + length) {
            found.push(token(start..end, text, Part::Mark));
            at = end;
            continue;
        }
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || c == '[').filter(|end| *end > 0);
        let end = end.map_or(text.len(), |end| start + end);
        let end = if end == start { start + rest.chars().next().map_or(1, char::len_utf8) } else { end };
        let raw = &text[start..end];
        let inner = raw.trim_start_matches(|c: char| !c.is_alphanumeric());
        let from = end - inner.len();
        let inner = inner.trim_end_matches(|c: char| !c.is_alphanumeric());
        at = end;
        if inner.is_empty() {
            // A lone mark of punctuation belongs to the word before it.
            if let Some(last) = found.last_mut() {
                last.ends = last.ends.or(raw.chars().next());
            }
            continue;
        }
        let mut next = token(from..from + inner.len(), text, Part::Word);
        next.plus = text[start..from].contains('+');
        found.push(next);
    }
    for at in 0..found.len() {
        if found[at].part == Part::Word {
            found[at].part = part(&text[found[at].span.clone()], &found[at].word);
        }
    }
    lone_letters(text, &mut found);
    found
}

fn token(span: Range<usize>, text: &str, part: Part) -> Token {
    let lower = text[span.clone()].to_lowercase().replace('\u{2019}', "'");
    let (word, possessive) = match lower.strip_suffix("'s") {
        Some(word) if !matches!(word, "it" | "that" | "here" | "what" | "there") => (word.to_owned(), true),
        _ => (lower, false),
    };
    let ends = text[span.end..].chars().next().filter(|c| !c.is_whitespace() && *c != '[');
    let mut groups = word.split('-').map(|group| (group.len(), group.bytes().all(|b| b.is_ascii_digit())));
    let three_two_four =
        [3, 2, 4].iter().all(|length| groups.next() == Some((*length, true))) && groups.next().is_none();
    Token { span, word, possessive, ends, plus: false, three_two_four, part }
}

/// "I" and "A" are words, unless they stand among symbols.
fn lone_letters(text: &str, found: &mut [Token]) {
    for at in 0..found.len() {
        let lone = matches!(&text[found[at].span.clone()], "I" | "A");
        if !lone {
            continue;
        }
        let symbols = |at: usize| found.get(at).is_some_and(|t| matches!(t.part, Part::Symbols(_) | Part::Tens(_)));
        let before = at > 0 && symbols(at - 1) && found[at - 1].ends.is_none();
        let after = symbols(at + 1) && found[at].ends.is_none();
        let is_symbol = if found[at].word == "i" { before && after } else { before || after };
        if !is_symbol {
            found[at].part = Part::Word;
        }
    }
}

/// What words add, by themselves.
static WORDS: LazyLock<HashMap<&'static str, Part>> = LazyLock::new(|| {
    let mut words: HashMap<&str, Part> = FILLERS.into_iter().map(|word| (word, Part::Filler)).collect();
    words.extend((0..).zip(SMALL).map(|(value, word): (u32, _)| (word, Part::Symbols(value.to_string()))));
    words.extend((2..).zip(TENS).map(|(ten, word): (u32, _)| (word, Part::Tens((ten * 10).to_string()))));
    words.extend(SPELLING.map(|(word, letter)| (word, Part::Symbols(letter.to_string()))));
    words.extend(["oh", "o", "nought", "naught"].map(|word| (word, Part::Symbols("0".to_owned()))));
    words.extend(
        [("double", 2), ("triple", 3), ("treble", 3), ("quadruple", 4)].map(|(word, n)| (word, Part::Times(n))),
    );
    words.extend([("hundred", 2), ("thousand", 3)].map(|(word, count)| (word, Part::Noughts(count))));
    words
});

fn part(text: &str, word: &str) -> Part {
    if let Some(part) = WORDS.get(word) {
        return part.clone();
    }
    if word.contains('-')
        && let Some(symbols) = hyphened(word)
    {
        return Part::Symbols(symbols);
    }
    written(text).map_or(Part::Word, Part::Symbols)
}

/// "forty-two", "four-one-one".
fn hyphened(word: &str) -> Option<String> {
    let pieces: Vec<&str> = word.split('-').collect();
    if let [tens, unit] = pieces.as_slice()
        && let Some(ten) = TENS.iter().position(|t| t == tens)
        && let Some(unit) = SMALL[1..10].iter().position(|u| u == unit)
    {
        return Some(((ten + 2) * 10 + unit + 1).to_string());
    }
    pieces
        .iter()
        .map(|piece| match *piece {
            "oh" => Some(0),
            _ => SMALL.iter().position(|small| small == piece),
        })
        .map(|value| value.map(|value| value.to_string()))
        .collect()
}

/// What is written in digits and capitals; `None` for words, dates, times and amounts.
fn written(text: &str) -> Option<String> {
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ',' | '/')) {
        return None;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let pieces: Vec<&str> = text.split(['-', '.', ',', '/']).collect();
    if digits == 0 {
        let code =
            text.len() == letters && text.bytes().all(|b| b.is_ascii_uppercase()) && letters <= 4 && text != "OK";
        let lone = letters == 1 && text.len() == 1 && text != "a" && text != "i";
        return (code || lone).then(|| text.to_uppercase());
    }
    let alone = pieces.len() == 1;
    if !alone && letters == 0 && !is_grouped(text, &pieces) {
        return None;
    }
    if letters > 0 {
        let ending = text.trim_start_matches(|c: char| c.is_ascii_digit()).to_lowercase();
        if alone && ENDINGS.contains(&ending.as_str()) && !ending.is_empty() && text.len() <= 6 {
            // "5A" is a flat, "12345678X" a code.
            return None;
        }
        if text.contains([',', '/']) {
            return None;
        }
    }
    Some(text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase())
}

/// Whether what stands between the digits only groups them, as in `4111-1111` and `078-05-1120`; not in `49.99`, `1,249`,
/// `05/28`, `12.04.1985` and `2026-12-03`.
fn is_grouped(text: &str, pieces: &[&str]) -> bool {
    let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).collect();
    if text.contains('/') {
        return false;
    }
    let is_date = matches!(lengths.as_slice(), [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4]);
    let grouped_by_thousands = text.contains(',') && lengths.iter().skip(1).any(|length| *length != 4);
    let is_decimal = text.contains('.') && lengths.iter().any(|length| *length < 3);
    !is_date && !grouped_by_thousands && !is_decimal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<Part> {
        tokens(text).into_iter().map(|token| token.part).collect()
    }

    fn symbols(text: &str) -> Part {
        Part::Symbols(text.to_owned())
    }

    #[test]
    fn what_is_spoken_adds_what_it_says() {
        assert_eq!(
            parts("four, double oh um forty two"),
            [symbols("4"), Part::Times(2), symbols("0"), Part::Filler, Part::Tens("40".into()), symbols("2")]
        );
        assert_eq!(
            parts("forty-two four-one-one charlie X"),
            [symbols("42"), symbols("411"), symbols("C"), symbols("X")]
        );
    }

    #[test]
    fn groups_are_numbers_and_dates_and_amounts_are_not() {
        for (text, expected) in
            [("4111-1111", "41111111"), ("078-05-1120", "078051120"), ("DE89", "DE89"), ("G-4481", "G4481")]
        {
            assert_eq!(parts(text), [symbols(expected)], "{text}");
        }
        for other in ["49.99", "1,249.00", "05/28", "12.04.1985", "2026-12-03", "14:30", "14th", "10am", "OK", "£49"] {
            assert!(parts(other).iter().all(|part| *part == Part::Word || *part == symbols("49")), "{other}");
        }
    }

    #[test]
    fn letters_that_are_words_count_among_symbols_only() {
        assert_eq!(parts("I am"), [Part::Word, Part::Word]);
        assert_eq!(parts("A 4 I think"), [symbols("A"), symbols("4"), Part::Word, Part::Word]);
        assert_eq!(parts("7 A"), [symbols("7"), symbols("A")]);
    }

    #[test]
    fn a_mark_is_one_token_and_any_text_has_tokens() {
        assert_eq!(parts("my [card number], 4"), [Part::Word, Part::Mark, symbols("4")]);
        for odd in ["", "  ", "…", "[", "[card numb", "é[password]", "\u{2019}s", "-"] {
            let _ = tokens(odd);
        }
    }
}
