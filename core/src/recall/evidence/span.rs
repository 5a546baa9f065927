//! The part of a turn that is worth its words.

use crate::text::words;
use std::collections::HashMap;

/// At most `most` words of a turn, in whole sentences where there are any: those that share the weightiest words with
/// the question, and what stands between them. A turn that is no longer stays as it was said.
pub(in crate::recall) fn span(text: &str, weights: &HashMap<String, f32>, most: usize) -> String {
    let text = text.trim();
    if count(text) <= most {
        return text.to_owned();
    }
    let sentences = sentences(text);
    let worth: Vec<f32> = sentences.iter().map(|sentence| worth(sentence, weights)).collect();
    let mut best: Option<(f32, usize, usize)> = None;
    for from in 0..sentences.len() {
        let (mut words, mut sum) = (0, 0.0);
        for to in from..sentences.len() {
            words += count(sentences[to]);
            if words > most {
                break;
            }
            sum += worth[to];
            // The longer of two equal ones: what follows a match is often its answer.
            if best.is_none_or(|(most, a, b)| sum > most || (sum == most && to - from > b - a)) {
                best = Some((sum, from, to));
            }
        }
    }
    match best {
        Some((_, from, to)) => sentences[from..=to].join(" "),
        None => cut(text, weights, most),
    }
}

pub(in crate::recall) fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

fn worth(sentence: &str, weights: &HashMap<String, f32>) -> f32 {
    let mut held: Vec<String> = words(sentence).filter(|word| weights.contains_key(word)).collect();
    held.sort();
    held.dedup();
    held.iter().map(|word| weights[word]).sum::<f32>() + 0.01 * (count(sentence) as f32).ln_1p()
}

pub(super) fn sentences(text: &str) -> Vec<&str> {
    text.split_inclusive(['.', '!', '?']).map(str::trim).filter(|s| !s.is_empty()).collect()
}

/// One sentence that is too long by itself: the run of words around the weightiest.
fn cut(text: &str, weights: &HashMap<String, f32>, most: usize) -> String {
    let all: Vec<&str> = text.split_whitespace().collect();
    let worth: Vec<f32> = all.iter().map(|word| worth(word, weights)).collect();
    let from = (0..=all.len().saturating_sub(most))
        .map(|from| (from, worth[from..(from + most).min(all.len())].iter().sum::<f32>()))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
        .map_or(0, |(from, _)| from);
    all[from..(from + most).min(all.len())].join(" ")
}
