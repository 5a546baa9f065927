//! Passwords: words, so only what is said around them tells that they are any.

use super::context::{Context, Term};
use super::run::Call;
use super::token::{Part, Token};
use super::{Secret, SecretKind};
use std::collections::HashSet;

/// Words of a password at the most: a passphrase.
const LONGEST: usize = 8;
/// Passwords that are looked for again.
const MOST_KNOWN: usize = 50;
/// Turns until an answer: "one moment" may come before it.
const ANSWER_WITHIN: usize = 3;

/// What joins "password" with what it is.
const COPULAS: [&str; 8] = ["is", "was", "it's", "that's", "being", "reads", "says", "equals"];
/// What may stand between "password" and "is": "for the account", "we agreed on", "I use".
const BETWEEN: [&str; 38] = [
    "for",
    "on",
    "the",
    "my",
    "this",
    "that",
    "our",
    "your",
    "account",
    "wifi",
    "wi-fi",
    "router",
    "card",
    "app",
    "website",
    "we",
    "i",
    "you",
    "use",
    "used",
    "agreed",
    "chose",
    "set",
    "up",
    "of",
    "to",
    "with",
    "it",
    "online",
    "banking",
    "login",
    "email",
    "now",
    "still",
    "currently",
    "think",
    "here",
    "so",
];
/// What is said before a password is.
const LEADS: [&str; 47] = [
    "um",
    "uh",
    "oh",
    "er",
    "like",
    "just",
    "actually",
    "called",
    "yes",
    "yeah",
    "yep",
    "sure",
    "okay",
    "ok",
    "well",
    "so",
    "it's",
    "its",
    "is",
    "it",
    "that's",
    "was",
    "would",
    "be",
    "i",
    "think",
    "believe",
    "certainly",
    "of",
    "course",
    "let",
    "me",
    "see",
    "here",
    "goes",
    "right",
    "my",
    "password",
    "passphrase",
    "passcode",
    "should",
    "still",
    "simply",
    "all",
    "the",
    "word",
    "hm",
];
/// What a password does not begin with; what is said of one instead.
const NO_PASSWORD: &str = "wrong incorrect right correct not no never none nothing expired locked blocked working rejected \
    invalid reset changed change forgotten lost gone an too very really always case required needed asked asking something \
    anything weak strong long short old in out at with for by from different unknown same safe saved stored hidden secure \
    private unavailable only what why when where who how which don't doesn't isn't wasn't can't won't didn't couldn't i'm \
    i'd i've i'll you he she we they sorry hang hold moment second please why because if whether about before after again \
    already also back being been better between both can could did do does down during each either else even ever every few \
    fine first forgot full good great had has have her his hers their ours kept last later least less maybe might more most \
    much must near new next now off often once other over perhaps possible quite rather said shall since some soon such \
    than then there these this those though through to together unless until up us used usually via while will without \
    written yet your accepted recognised recognized valid missing empty enough sensitive protected accepted compromised stolen \
    leaked shared known set up failing fails broken stuck on as or and but so a are am were refused easy hard difficult \
    complicated important confidential secret impossible pending temporary ready fun ridiculous annoying silly stupid";

/// Where a password ends.
const ENDS: [&str; 26] = [
    "and", "but", "so", "because", "which", "please", "if", "i", "i'm", "i've", "i'll", "it", "it's", "is", "was",
    "isn't", "you", "that's", "thanks", "thank", "can", "could", "would", "or", "is", "my",
];

/// What asks for something.
const ASKING: [&str; 21] = [
    "what", "what's", "tell", "give", "confirm", "say", "provide", "please", "could", "can", "may", "verify", "need",
    "have", "your", "and", "remember", "know", "enter", "spell", "read",
];
const FORBIDDING: [&str; 8] = ["never", "can't", "cannot", "don't", "won't", "not", "reset", "changed"];

/// Every password.
pub(super) fn find(call: &Call) -> Vec<Secret> {
    let mut found: Vec<Secret> = Vec::new();
    for (at, turn) in call.turns.iter().enumerate() {
        for (place, term) in turn.terms.iter().enumerate().filter(|(_, term)| term.context == Context::Password) {
            let until = turn.terms.get(place + 1).map_or(turn.tokens.len(), |next| next.from);
            let told = told(&turn.tokens, term, until).map(|tokens| (at, tokens));
            let last = place + 1 == turn.terms.len();
            if let Some((turn, tokens)) = told.or_else(|| if last { answered(call, at, term) } else { None }) {
                found.push(Secret { turn, span: call.bytes(turn, tokens), kind: SecretKind::Password });
            }
        }
    }
    let mut phrases: HashSet<(usize, Vec<&str>)> = HashSet::new();
    for secret in &found {
        if phrases.len() < MOST_KNOWN {
            phrases.insert((secret.turn, words(call, secret)));
        }
    }
    found.extend(phrases.iter().flat_map(|(turn, words)| repeated(call, *turn, words)));
    found
}

type Tokens = std::ops::Range<usize>;

/// "My password is hunter2", "changed my password to …", "password: …".
fn told(tokens: &[Token], term: &Term, until: usize) -> Option<Tokens> {
    let last = &tokens[term.to - 1];
    if last.possessive || last.ends == Some(':') {
        return value(tokens, term.to, false);
    }
    let set = tokens[..term.from].iter().rev().take(6).any(|token| {
        token.is(&["set", "change", "changed", "reset", "made", "make", "updated", "update", "choose", "chose", "put"])
    });
    for at in term.to..until.min(term.to + 8) {
        let token = &tokens[at];
        if token.is(&COPULAS) || (set && token.is(&["to", "as"])) {
            return value(tokens, at + 1, false);
        }
        let mixed =
            token.word.bytes().any(|b| b.is_ascii_digit()) && token.word.bytes().any(|b| b.is_ascii_alphabetic());
        if at == term.to && mixed && token.word.len() >= 5 {
            return value(tokens, at, false);
        }
        if token.part == Part::Mark || !(token.is(&BETWEEN) || token.is(&LEADS) || token.part == Part::Filler) {
            return None;
        }
    }
    None
}

/// What answers a turn that asks for a password.
fn answered(call: &Call, at: usize, term: &Term) -> Option<(usize, Tokens)> {
    let turn = &call.turns[at];
    let asks = turn.tokens.iter().any(|token| token.is(&ASKING) || token.ends == Some('?'));
    let about = turn.tokens[..term.from].iter().rev().take(6).any(|token| token.is(&FORBIDDING));
    if !asks || about || turn.tokens.iter().any(|token| token.is(&["never"])) {
        return None;
    }
    let answers =
        (at + 1..call.turns.len().min(at + 1 + ANSWER_WITHIN)).filter(|at| call.turns[*at].speaker != turn.speaker);
    for at in answers {
        let answer = &call.turns[at];
        if answer.terms.iter().any(|term| !matches!(term.context, Context::Password)) {
            return None;
        }
        if let Some(tokens) = value(&answer.tokens, 0, true) {
            return Some((at, tokens));
        }
        // Whoever said more than "one moment" has answered.
        if answer.words > 4 {
            return None;
        }
    }
    None
}

/// The password that begins here.
fn value(tokens: &[Token], from: usize, answer: bool) -> Option<Tokens> {
    let mut start = from;
    while let Some(token) = tokens.get(start) {
        let article = token.is(&["the"]) && tokens.get(start + 1).is_some_and(is_no_password);
        if article || !(token.is(&LEADS) || token.part == Part::Filler && !token.is(&["capital"])) {
            break;
        }
        start += 1;
    }
    let first = tokens.get(start)?;
    if first.part == Part::Mark || is_no_password(first) || first.is(&["the"]) {
        return None;
    }
    let mut end = start;
    while let Some(token) = tokens.get(end).filter(|token| end - start < LONGEST && token.part != Part::Mark) {
        if end > start && token.is(&ENDS) {
            break;
        }
        end += 1;
        let spelled = |at: usize| tokens.get(at).is_some_and(|token| !matches!(token.part, Part::Word | Part::Mark));
        let goes_on = token.ends == Some(',') && spelled(end - 1) && spelled(end);
        if token.ends.is_some_and(|mark| matches!(mark, '.' | '!' | '?' | ';' | ',' | ':')) && !goes_on {
            break;
        }
    }
    // A chat instead of an answer.
    let whole = end == tokens.len() || tokens[end - 1].ends.is_some() || tokens[end].is(&ENDS);
    (!answer || whole).then_some(start..end)
}

fn is_no_password(token: &Token) -> bool {
    let odd = token.word.bytes().any(|b| b.is_ascii_digit() || b == b'-');
    let participle = (token.word.ends_with("ing") && token.word.len() > 5) || token.word.ends_with("ed");
    !odd && (participle || NO_PASSWORD.split_whitespace().any(|word| word == token.word))
}

/// The words of a password.
fn words<'a>(call: &'a Call, secret: &Secret) -> Vec<&'a str> {
    let tokens = &call.turns[secret.turn].tokens;
    let first = tokens.partition_point(|token| token.span.start < secret.span.start);
    let within = tokens[first..].iter().take_while(|token| token.span.end <= secret.span.end);
    within.map(|token| token.word.as_str()).collect()
}

/// The same words again, in the turns just after: "monkey, got it".
fn repeated(call: &Call, turn: usize, words: &[&str]) -> Vec<Secret> {
    let mut found = Vec::new();
    if words.iter().map(|word| word.len()).sum::<usize>() < 4 {
        return found;
    }
    for at in (turn..call.turns.len()).take(ANSWER_WITHIN) {
        for (from, window) in call.turns[at].tokens.windows(words.len()).enumerate() {
            if window.iter().map(|token| token.word.as_str()).eq(words.iter().copied()) {
                let span = call.bytes(at, from..from + words.len());
                found.push(Secret { turn: at, span, kind: SecretKind::Password });
            }
        }
    }
    found
}
