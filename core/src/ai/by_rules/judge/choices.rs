//! Choices of which one holds at a time: a seat, a time of day, a way of paying; and how many there are of a thing.

use super::{cues, words};
use std::collections::BTreeSet;

/// Alternatives, each in every word for it (the forms of [`words::meaning`]).
const CHOICES: &[&[&[&str]]] = &[
    &[&["window"], &["aisl"], &["middl"]],
    &[&["high", "upper", "top"], &["ground", "low", "lower"]],
    &[&["morn", "morning"], &["afternoon"], &["even", "evening"], &["lunchtim"], &["night"]],
    &[&["night"], &["day", "days", "dai"]],
    &[&["email"], &["phon", "phone"], &["text", "whatsapp"], &["post", "letter"]],
    &[&["card"], &["debit"], &["transfer"], &["cash"], &["paypal"], &["chequ", "check"], &["stand"]],
    &[&["paper", "post", "print"], &["onlin", "digital", "electronic", "paperless", "email"]],
    &[&["small"], &["medium"], &["larg", "big"], &["xl"]],
    &[&["1"], &["2"], &["twin"]],
    &[
        &["daily", "dai"],
        &["week", "weekly"],
        &["fortnightly", "fortnight"],
        &["monthly", "month"],
        &["quarterly"],
        &["yearly", "annual", "annually"],
    ],
    &[
        &["english"],
        &["portugues"],
        &["spanish"],
        &["french"],
        &["german"],
        &["italian"],
        &["polish"],
        &["welsh"],
        &["dutch"],
        &["turkish"],
        &["arabic"],
        &["hindi"],
        &["mandarin"],
        &["czech"],
    ],
    &[&["decaf"], &["caffeinat", "regular"]],
    &[&["automatic"], &["manual"]],
    &[&["smok", "smoking"], &["non-smok", "nonsmok"]],
    &[&["black"], &["white", "milk"]],
    &[&["still"], &["sparkl"]],
    &[
        &["basic", "starter"],
        &["standard"],
        &["premium", "plus"],
        &["pro", "professional"],
        &["enterpris"],
        &["gold"],
        &["silver"],
        &["bronz"],
        &["unlimit"],
        &["free"],
    ],
    &[&["vegetarian"], &["vegan"], &["meat"], &["pescatarian"]],
    &[&["android"], &["iphon"]],
    &[&["part"], &["full"]],
    &[&["bu", "bus"], &["train"], &["car"], &["bik", "bike", "bicycl"], &["foot"], &["tram"]],
    &[&["petrol"], &["diesel"], &["electric"], &["hybrid"]],
    &[&["mon", "monday"], &["tuesday"], &["wednesday"], &["thursday"], &["friday"], &["saturday"], &["sunday"]],
];

/// Whether a word, such as "premium" or "mondays", is a choice rather than a name.
pub(super) fn knows(word: &str) -> bool {
    let forms = words::meaning(word);
    CHOICES.iter().flat_map(|choice| choice.iter()).any(|way| way.iter().any(|word| forms.contains(*word)))
}

/// Whether `new` makes another choice where `old` had made one, and both are about the same thing. What was asked for
/// on an occasion is no choice that holds.
pub(super) fn changed(old: &str, new: &str) -> bool {
    if cues::happened(old) || cues::adds(new) {
        return false;
    }
    let (a, b) = (words::meaning(old), words::meaning(new));
    if a.contains("not") != b.contains("not") {
        return false;
    }
    // "Has a small dog" and "has a large dog" are two dogs; two wishes about one thing are not.
    let holds =
        cues::is_now(new) || (a.contains("wish") && b.contains("wish")) || (a.contains("pay") && b.contains("pay"));
    (holds && CHOICES.iter().any(|choice| other_choice(choice, old, new, &a, &b))) || other_count(&a, &b, new, old)
}

fn other_choice(choice: &[&[&str]], old: &str, new: &str, a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let made = |words: &BTreeSet<String>| -> Vec<usize> {
        (0..choice.len()).filter(|i| choice[*i].iter().any(|word| words.contains(*word))).collect()
    };
    let (before, after) = (made(a), made(b));
    let ([one], [other]) = (&before[..], &after[..]) else { return false };
    if one == other || (cues::happened(new) && !cues::is_now(new)) {
        return false;
    }
    let without = |text: &str| -> BTreeSet<String> {
        let all = words::topic(text);
        all.into_iter().filter(|word| !choice.iter().any(|words| words.contains(&word.as_str()))).collect()
    };
    let (a, b) = (without(old), without(new));
    a == b || words::within(&a, &b)
}

/// "Has two dogs" and "has three dogs": one number each, and the same otherwise.
fn other_count(a: &BTreeSet<String>, b: &BTreeSet<String>, new: &str, old: &str) -> bool {
    let numbers =
        |words: &BTreeSet<String>| -> Vec<u32> { words.iter().filter_map(|word| word.parse().ok()).collect() };
    let ([one], [other]) = (&numbers(a)[..], &numbers(b)[..]) else { return false };
    let things = |text: &str| -> BTreeSet<String> {
        words::topic(text).into_iter().filter(|word| word.parse::<u32>().is_err()).collect()
    };
    let (x, y) = (things(old), things(new));
    one != other && !cues::happened(new) && (x == y || (words::within(&x, &y) && cues::is_now(new))) && !x.is_empty()
}
