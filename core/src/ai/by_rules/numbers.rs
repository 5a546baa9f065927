//! Numbers as they are spoken: "one oh four two", "double five", "forty two".

/// A number or code read from the start of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// As it should be read: `1042`, `T-5523`, `XY47K`.
    pub(super) value: String,
    /// Bytes of the text it took.
    pub(super) len: usize,
}

impl Code {
    /// How many digits it has.
    pub(super) fn digits(&self) -> usize {
        self.value.chars().filter(char::is_ascii_digit).count()
    }
}

/// The value of a number word below a hundred, or of up to four digits.
pub(super) fn value(word: &str) -> Option<u32> {
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
    let word = word.to_lowercase();
    if (1..=4).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit()) {
        return word.parse().ok();
    }
    if let Some((ten, unit)) = word.split_once('-') {
        let ten = TENS.iter().position(|w| *w == ten)?;
        let unit = SMALL[1..10].iter().position(|w| *w == unit)?;
        return u32::try_from((ten + 2) * 10 + unit + 1).ok();
    }
    if matches!(word.as_str(), "a" | "an") {
        return Some(1);
    }
    let small = SMALL.iter().position(|w| *w == word);
    let found = small.or_else(|| TENS.iter().position(|w| *w == word).map(|i| (i + 2) * 10))?;
    u32::try_from(found).ok()
}

/// What one token adds to a code.
enum Piece {
    Text(String),
    Repeat(usize),
    Again,
    Nothing,
    End,
}

fn piece(token: &str) -> Piece {
    let lower = token.to_lowercase();
    match lower.as_str() {
        "oh" | "o" => return Piece::Text("0".into()),
        "double" => return Piece::Repeat(2),
        "triple" | "treble" => return Piece::Repeat(3),
        "dash" | "hyphen" | "minus" => return Piece::Text("-".into()),
        "slash" => return Piece::Text("/".into()),
        "no" | "wait" | "sorry" | "actually" => return Piece::Again,
        "um" | "uh" | "and" | "it's" => return Piece::Nothing,
        "a" | "an" | "i" if token.chars().all(char::is_lowercase) => return Piece::End,
        _ => {}
    }
    if token.chars().any(|c| c.is_ascii_digit()) && token.chars().all(|c| c.is_ascii_alphanumeric() || "-/".contains(c))
    {
        return Piece::Text(token.to_uppercase());
    }
    if let Some(n) = value(&lower) {
        return Piece::Text(n.to_string());
    }
    if token.len() == 1 && token.chars().all(|c| c.is_ascii_alphabetic()) {
        return Piece::Text(token.to_uppercase());
    }
    // A prefix such as INC or RX. Where nothing is in capitals it cannot be told from a word.
    if (2..=4).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_uppercase()) && token != "OK" {
        return Piece::Text(token.to_owned());
    }
    Piece::End
}

/// A year as it is spoken: ("nineteen", "fifty", "eight") is 1958, ("two thousand", "", "eight") is 2008.
pub(super) fn year(century: &str, tens: &str, unit: &str) -> Option<u32> {
    let base = match century.to_lowercase().as_str() {
        "nineteen" => 1900,
        _ => 2000,
    };
    let part = |word: &str| if word.is_empty() || word.eq_ignore_ascii_case("oh") { Some(0) } else { value(word) };
    Some(base + part(tens)? + part(unit)?)
}

/// The code a text starts with, if it has at least `min_digits` digits. "No wait" and "sorry" replace: all of it, or, when
/// fewer symbols follow, only the end.
pub(super) fn code(text: &str, min_digits: usize) -> Option<Code> {
    let mut groups: Vec<String> = vec![String::new()];
    let (mut len, mut repeat, mut after_ten) = (0, 1, false);
    for (at, token) in tokens(text) {
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric());
        match piece(bare) {
            _ if bare.is_empty() => continue,
            Piece::End => break,
            Piece::Nothing => continue,
            Piece::Again => {
                groups.push(String::new());
                after_ten = false;
                continue;
            }
            Piece::Repeat(times) => {
                repeat = times;
                continue;
            }
            Piece::Text(text) => {
                let Some(last) = groups.last_mut() else { break };
                // "forty two" is 42, not 402; "double five" is 55.
                if after_ten
                    && repeat == 1
                    && text.len() == 1
                    && text != "0"
                    && text.bytes().all(|b| b.is_ascii_digit())
                {
                    last.pop();
                }
                let ten =
                    value(bare).is_some_and(|v| v >= 20 && v % 10 == 0) && !bare.bytes().any(|b| b.is_ascii_digit());
                last.push_str(&text.repeat(repeat));
                (after_ten, repeat) = (ten, 1);
                len = at + token.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
            }
        }
        // A full stop or comma after a code that looks complete ends it: what follows is another matter.
        if token.ends_with(['.', ';', '?', '!']) {
            break;
        }
    }
    let value = groups.into_iter().filter(|g| !g.is_empty()).reduce(corrected)?;
    let value = value.trim_matches(['-', '/']).to_owned();
    let code = Code { value, len };
    (code.digits() >= min_digits.max(1)).then_some(code)
}

fn corrected(old: String, new: String) -> String {
    if new.len() >= old.len() || !old.is_ascii() {
        return new;
    }
    format!("{}{new}", &old[..old.len() - new.len()])
}

fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let base = text.as_ptr() as usize;
    text.split_whitespace().map(move |t| (t.as_ptr() as usize - base, t))
}

/// The text with a spoken number at its start as numerals: "forty two Station Road" is "42 Station Road".
pub(super) fn leading_numeral(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.bytes().any(|b| b.is_ascii_digit()) || matches!(first.to_lowercase().as_str(), "a" | "an" | "i" | "no") {
        return text.to_owned();
    }
    match code(text, 1) {
        Some(code) if code.value.bytes().all(|b| b.is_ascii_digit()) => format!("{}{}", code.value, &text[code.len..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        code(text, 2).map(|c| c.value)
    }

    #[test]
    fn spoken_digits_become_a_code() {
        assert_eq!(read("one oh four two").as_deref(), Some("1042"));
        assert_eq!(read("four four one nine double two").as_deref(), Some("441922"));
        assert_eq!(read("nine nine oh one triple four").as_deref(), Some("9901444"));
        assert_eq!(read("ten forty two").as_deref(), Some("1042"));
        assert_eq!(read("C M dash four four seven one").as_deref(), Some("CM-4471"));
        assert_eq!(read("X Y 4 7 K").as_deref(), Some("XY47K"));
        assert_eq!(read("T-5523.").as_deref(), Some("T-5523"));
        assert_eq!(read("hello there"), None);
    }

    #[test]
    fn a_correction_replaces_the_end_or_everything() {
        assert_eq!(read("five five five zero one two three, no wait, zero one two four").as_deref(), Some("5550124"));
        assert_eq!(read("1042, sorry, 1043").as_deref(), Some("1043"));
    }

    #[test]
    fn the_length_taken_ends_with_the_code() {
        let text = "one oh four two, please";
        let code = code(text, 2).unwrap();
        assert_eq!(&text[code.len..], ", please");
    }

    #[test]
    fn number_words_have_values() {
        assert_eq!(
            (value("twelve"), value("forty-two"), value("3"), value("tea")),
            (Some(12), Some(42), Some(3), None)
        );
        assert_eq!(leading_numeral("forty two station road"), "42 station road");
        assert_eq!((year("nineteen", "fifty", "eight"), year("two thousand", "", "eight")), (Some(1958), Some(2008)));
        assert_eq!(leading_numeral("a house"), "a house");
    }
}
