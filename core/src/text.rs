//! Text becomes words to be found by: lower case, without those that mean nothing, brought to their stem
//! (Snowball's for English).

use frostem::{Algorithm, Stemmer};

/// English words that are in every sentence, the usual short list (Lucene's) with what contractions leave.
const STOP_WORDS: [&str; 41] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "d", "do", "for", "if", "in", "into", "is", "it", "ll",
    "m", "no", "not", "of", "on", "or", "re", "s", "such", "t", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "ve", "was", "will", "with",
];

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let stemmer = Stemmer::new(Algorithm::English);
    plain(text)
        .filter(|word| STOP_WORDS.binary_search(&word.as_str()).is_err())
        .map(move |word| stemmer.stem(&word).into_owned())
}

/// The words of a text as they stand, in lower case.
pub(crate) fn plain(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(word: &str) -> String {
        words(word).next().unwrap_or_default()
    }

    #[test]
    fn forms_of_a_word_share_a_stem_and_different_words_do_not() {
        assert!(STOP_WORDS.is_sorted(), "they are looked up by halves");
        for (one, other) in [
            ("delivery", "deliveries"),
            ("order", "orders"),
            ("order", "ordering"),
            ("like", "liked"),
            ("stop", "stopped"),
            ("create", "created"),
            ("agree", "agreed"),
            ("glass", "glasses"),
        ] {
            assert_eq!(stem(one), stem(other), "{one}, {other}");
        }
        for (one, other) in [("red", "r"), ("bus", "busy"), ("news", "new"), ("sing", "single")] {
            assert_ne!(stem(one), stem(other), "{one}, {other}");
        }
        for same in ["münchen", "4711", "пермь"] {
            assert_eq!(stem(same), same);
        }
    }

    #[test]
    fn words_are_lower_case_and_mean_something() {
        let all: Vec<_> = words("The Caller's order #4711 isn't delivered, \"is it\"?").collect();
        assert_eq!(all, ["caller", "order", "4711", "isn", "deliv"]);
    }
}
