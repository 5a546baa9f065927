//! Text becomes words to be found by: lower case, without those that mean nothing, brought to their stem.

/// English words that are in every sentence, the usual short list (Lucene's) with what contractions leave.
const STOP_WORDS: [&str; 41] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "d", "do", "for", "if", "in", "into", "is", "it", "ll",
    "m", "no", "not", "of", "on", "or", "re", "s", "such", "t", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "ve", "was", "will", "with",
];

/// The words of a text, in order.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| STOP_WORDS.binary_search(&word.as_str()).is_err())
        .map(stem)
}

/// The first step of Porter's stemmer: plurals, "-ed", "-ing" and a final "y". Words that are not English
/// letters throughout stay as they are.
fn stem(word: String) -> String {
    if word.len() <= 2 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word;
    }
    let mut stem = past_and_progressive(plural(word));
    if let Some(front) = stem.strip_suffix('y').filter(|front| has_vowel(front)) {
        stem = format!("{front}i");
    }
    stem
}

fn plural(word: String) -> String {
    if word.ends_with("sses") || word.ends_with("ies") {
        return word[..word.len() - 2].to_owned();
    }
    match word.strip_suffix('s') {
        Some(front) if !front.ends_with('s') => front.to_owned(),
        _ => word,
    }
}

fn past_and_progressive(word: String) -> String {
    if word.ends_with("eed") {
        let long = measure(&word[..word.len() - 3]) > 0;
        return if long { word[..word.len() - 1].to_owned() } else { word };
    }
    let Some(front) = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing")).filter(|front| has_vowel(front))
    else {
        return word;
    };
    if ["at", "bl", "iz"].iter().any(|end| front.ends_with(end)) || (measure(front) == 1 && ends_short(front)) {
        return format!("{front}e");
    }
    let bytes = front.as_bytes();
    let doubled = bytes.len() > 1
        && bytes[bytes.len() - 1] == bytes[bytes.len() - 2]
        && !matches!(bytes[bytes.len() - 1], b'l' | b's' | b'z')
        && !is_vowel(bytes, bytes.len() - 1);
    if doubled { front[..front.len() - 1].to_owned() } else { front.to_owned() }
}

fn is_vowel(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'a' | b'e' | b'i' | b'o' | b'u' => true,
        b'y' => at > 0 && !is_vowel(bytes, at - 1),
        _ => false,
    }
}

fn has_vowel(word: &str) -> bool {
    (0..word.len()).any(|at| is_vowel(word.as_bytes(), at))
}

/// How often a vowel is followed by a consonant: Porter's measure of a word's length.
fn measure(word: &str) -> usize {
    (1..word.len()).filter(|&at| is_vowel(word.as_bytes(), at - 1) && !is_vowel(word.as_bytes(), at)).count()
}

/// Consonant, vowel, consonant at the end, as in "lik(ed)": the word lost an "e".
fn ends_short(word: &str) -> bool {
    let bytes = word.as_bytes();
    let Some(last) = bytes.len().checked_sub(1).filter(|last| *last >= 2) else { return false };
    !is_vowel(bytes, last - 2)
        && is_vowel(bytes, last - 1)
        && !is_vowel(bytes, last)
        && !matches!(bytes[last], b'w' | b'x' | b'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_share_a_stem_and_different_words_do_not() {
        assert!(STOP_WORDS.is_sorted(), "they are looked up by halves");
        for (one, other) in [
            ("delivery", "deliveries"),
            ("order", "orders"),
            ("order", "ordering"),
            ("like", "liked"),
            ("like", "likes"),
            ("stop", "stopped"),
            ("create", "created"),
            ("agree", "agreed"),
            ("glass", "glasses"),
        ] {
            assert_eq!(stem(one.to_owned()), stem(other.to_owned()), "{one}, {other}");
        }
        for (one, other) in [("sing", "s"), ("red", "r"), ("bus", "busy"), ("news", "ne"), ("die", "dies and")] {
            assert_ne!(stem(one.to_owned()), stem(other.to_owned()), "{one}, {other}");
        }
        for same in ["münchens", "4711s", "is", "ss", "пермь"] {
            assert_eq!(stem(same.to_owned()), same);
        }
    }

    #[test]
    fn words_are_lower_case_and_mean_something() {
        let all: Vec<_> = words("The Caller's order #4711 isn't delivered, \"is it\"?").collect();
        assert_eq!(all, ["caller", "order", "4711", "isn", "deliver"]);
    }
}
