//! Text to words, the same way for what is stored and for what is asked.

use std::collections::HashSet;
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer,
    TokenStream,
};

/// The name under which indexes know this analysis. Change it with the analysis: an index made by another one
/// is then set aside and rebuilt instead of answering wrongly.
pub(crate) const ANALYSIS: &str = "hark_english_1";

/// Words of a question that are looked at, distinct: a hundred thousand letters hold about so many.
const MAX_QUERY_WORDS: usize = 16_384;

/// Longer words are somebody's base64, not speech.
const MAX_WORD_BYTES: usize = 80;

/// English words without meaning by themselves, and the ends of contractions ("don't" is heard as "don", "t").
const STOP_WORDS: &str = "a about all also am an and any are aren as at be been being but by can could couldn d did \
    didn do does doesn doing don for from had hadn has hasn have haven having he her here hers him his how i if in \
    into is isn it its just ll m may me might my no nor not of on or our ours please re s shall she should shouldn so some such \
    t than that the their theirs them then there these they this those to too us ve very was wasn we were weren what \
    when where which while who whom whose why will with won would wouldn you your yours";

/// Words of letters and digits: lower case, without accents, without [`STOP_WORDS`], English endings removed.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(StopWordFilter::remove(STOP_WORDS.split_whitespace().map(str::to_owned)))
        .filter(Stemmer::new(Language::English))
        .build()
}

/// The distinct words of a question, in its order.
pub(crate) fn query_words(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut words = Vec::new();
    let mut stream = analyzer.token_stream(text);
    while words.len() < MAX_QUERY_WORDS && stream.advance() {
        let word = &stream.token().text;
        if !word.is_empty() && !seen.contains(word) {
            seen.insert(word.clone());
            words.push(word.clone());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        query_words(&mut analyzer(), text)
    }

    #[test]
    fn endings_case_accents_and_repetition_do_not_matter() {
        assert_eq!(words("Deliveries, DELIVERY delivered!"), ["deliveri", "deliv"]);
        assert_eq!(words("the deliveries"), words("a delivery"));
        assert_eq!(words("Café"), words("cafe"));
    }

    #[test]
    fn words_without_meaning_are_dropped() {
        assert_eq!(words("what did I say to you, and why?"), ["say"]);
        assert!(words("Don't you?! ... the").is_empty());
        assert!(words("and not to the").is_empty());
    }

    #[test]
    fn punctuation_means_nothing() {
        assert_eq!(words("+order:1042 -\"blue\" (AND) ~* \\ [a TO z]^2"), ["order", "1042", "blue", "z", "2"]);
        assert!(words("?!\u{0}\u{202e}'%").is_empty());
    }

    #[test]
    fn words_nobody_says_are_dropped_and_a_document_for_a_question_is_cut() {
        assert_eq!(words(&format!("lasagne {}", "x".repeat(100_000))), ["lasagn"]);
        let text: String = (0..20_000).map(|n| format!("word{n} ")).collect();
        assert_eq!(words(&text).len(), MAX_QUERY_WORDS);
    }
}
