//! Sentences of one caller that say the same in nearly the same words.

use crate::Memory;
use crate::text::plain;
use std::collections::{BTreeSet, HashMap};

/// Share of all words of two sentences that both have, from which on they are near-identical.
const ALIKE: f32 = 0.8;

/// Sentences that share a rare word and are compared at the most: a caller with thousands of memories must not cost
/// millions of comparisons.
const MOST_COMPARED: usize = 64;

/// Words that turn a sentence into its opposite.
const NEGATIONS: [&str; 9] = ["no", "not", "never", "none", "without", "t", "don", "doesn", "cannot"];

/// The places of memories that repeat one that stands before them. Numbers and negations are not overlooked: "order 4711"
/// and "order 4712" are two.
///
/// Two sets that are so alike share one of their rarest words (prefix filtering), so only those that do are compared.
pub(super) fn duplicates(memories: &[Memory]) -> Vec<usize> {
    let sentences: Vec<BTreeSet<String>> = memories.iter().map(|memory| plain(&memory.content).collect()).collect();
    let mut frequency: HashMap<&str, usize> = HashMap::new();
    for word in sentences.iter().flatten() {
        *frequency.entry(word).or_default() += 1;
    }
    let mut exact: HashMap<&BTreeSet<String>, usize> = HashMap::new();
    let mut by_word: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut repeated = Vec::new();
    for (at, sentence) in sentences.iter().enumerate().filter(|(_, sentence)| !sentence.is_empty()) {
        if exact.contains_key(sentence) {
            repeated.push(at);
            continue;
        }
        exact.insert(sentence, at);
        let mut rarest: Vec<&str> = sentence.iter().map(String::as_str).collect();
        rarest.sort_by_key(|word| (frequency.get(word).copied().unwrap_or_default(), *word));
        let needed = (ALIKE * rarest.len() as f32).ceil() as usize;
        rarest.truncate(rarest.len() - needed.min(rarest.len()) + 1);
        let known = rarest.iter().filter_map(|word| by_word.get(word));
        if known
            .flat_map(|places| places.iter().rev().take(MOST_COMPARED))
            .any(|other| alike(sentence, &sentences[*other]))
        {
            repeated.push(at);
        }
        for word in rarest {
            by_word.entry(word).or_default().push(at);
        }
    }
    repeated
}

fn alike(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let shared = a.intersection(b).count();
    let all = a.len() + b.len() - shared;
    shared as f32 >= ALIKE * all as f32 && !a.symmetric_difference(b).any(|word| matters(word))
}

fn matters(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit()) || NEGATIONS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures::memory;

    fn repeated(sentences: &[&str]) -> Vec<usize> {
        let memories: Vec<Memory> = sentences.iter().map(|sentence| memory("mem", sentence)).collect();
        duplicates(&memories)
    }

    #[test]
    fn what_says_the_same_in_nearly_the_same_words_is_found() {
        let all = repeated(&[
            "Lives in Rostock with two cats",
            "Prefers an aisle seat on long flights",
            "lives in Rostock, with two cats.",
            "Prefers an aisle seat on all long flights",
            "Prefers a window seat on short trips",
            "",
            "?!",
        ]);
        assert_eq!(all, [2, 3]);
    }

    #[test]
    fn numbers_and_negations_keep_sentences_apart() {
        let all = repeated(&[
            "Order 4711 was delivered to the office door",
            "Order 4712 was delivered to the office door",
            "Wants to be called back in the evening hours",
            "Never wants to be called back in the evening hours",
        ]);
        assert_eq!(all, Vec::<usize>::new());
    }

    #[test]
    fn hundreds_of_copies_are_one_and_its_repetitions() {
        let copies = vec!["Was told that the parcel is on its way"; 700];
        assert_eq!(repeated(&copies).len(), 699);
    }
}
