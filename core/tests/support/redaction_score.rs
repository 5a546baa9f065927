//! Labelled calls for redaction, and how well their secrets are found.

use hark_core::Speaker;
use hark_core::redact::{Redactor, Secret, SecretKind};
use std::collections::BTreeMap;
use std::ops::Range;

/// A call of the set: its turns, and where its secrets stand.
pub struct Case {
    pub line: String,
    pub turns: Vec<(Speaker, String)>,
    pub secrets: Vec<Secret>,
}

/// How README.md of the set names kinds.
fn kind(name: &str) -> SecretKind {
    let known = SecretKind::ALL.into_iter().find(|kind| kind.mark() == format!("[{name}]"));
    known.unwrap_or_else(|| panic!("no kind of secret is called {name}"))
}

/// The cases of a file; empty lines and those that begin with # are none.
pub fn load(text: &str) -> Vec<Case> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(case).collect()
}

fn case(line: &str) -> Case {
    let mut case = Case { line: line.to_owned(), turns: Vec::new(), secrets: Vec::new() };
    for (turn, said) in line.split(" | ").enumerate() {
        let (speaker, marked) = match said.split_at(3) {
            ("C: ", marked) => (Speaker::User, marked),
            ("A: ", marked) => (Speaker::Agent, marked),
            _ => panic!("a turn begins with `C: ` or `A: `: {said}"),
        };
        let mut text = String::new();
        let mut rest = marked;
        while let Some((before, marked)) = rest.split_once('<') {
            let (secret, after) = marked.split_once('>').expect("what is opened is closed");
            let (name, secret) = secret.split_once(':').expect("a kind before the secret");
            text.push_str(before);
            let span = text.len()..text.len() + secret.len();
            case.secrets.push(Secret { turn, span, kind: kind(name) });
            text.push_str(secret);
            rest = after;
        }
        text.push_str(rest);
        case.turns.push((speaker, text));
    }
    case
}

/// What was found.
#[derive(Debug, Default, Clone)]
pub struct Score {
    pub cases: usize,
    pub negatives: usize,
    /// Labelled, hidden whole, and hidden as what they are; by kind.
    pub kinds: BTreeMap<SecretKind, [usize; 3]>,
    /// Secrets in calls that have none.
    pub false_alarms: usize,
    /// Secrets found elsewhere than they are, and words beside one that were taken with it.
    pub too_much: usize,
    pub found: usize,
    /// The lines that were read wrongly, with what became of them.
    pub wrong: String,
}

impl Score {
    pub fn of(redactor: &Redactor, cases: &[Case]) -> Self {
        let mut score = Self::default();
        for case in cases {
            score.add(redactor, case);
        }
        score
    }

    fn add(&mut self, redactor: &Redactor, case: &Case) {
        let turns: Vec<(Speaker, &str)> = case.turns.iter().map(|(speaker, text)| (*speaker, text.as_str())).collect();
        let found = redactor.find(&turns);
        let mut wrong = false;
        self.cases += 1;
        self.found += found.len();
        for secret in &case.secrets {
            let here = found.iter().filter(|other| other.turn == secret.turn);
            let text = turns[secret.turn].1;
            let letters =
                |span: &Range<usize>| text[span.clone()].char_indices().filter(|(_, c)| c.is_alphanumeric()).count();
            let hidden: usize = here.clone().map(|other| letters(&shared(&other.span, &secret.span))).sum();
            let whole = hidden == letters(&secret.span);
            let named = whole && here.clone().any(|other| other.kind == secret.kind);
            let counts = self.kinds.entry(secret.kind).or_default();
            counts[0] += 1;
            counts[1] += usize::from(whole);
            counts[2] += usize::from(named);
            wrong |= !named;
        }
        let within = |other: &Secret, secret: &Secret| {
            other.turn == secret.turn && secret.span.start <= other.span.start && other.span.end <= secret.span.end
        };
        let beside = found.iter().filter(|other| !case.secrets.iter().any(|secret| within(other, secret))).count();
        self.too_much += beside;
        wrong |= beside > 0;
        if case.secrets.is_empty() {
            self.negatives += 1;
            self.false_alarms += usize::from(!found.is_empty());
        }
        if wrong {
            let made = found.iter().map(|s| format!("{}: {}", s.kind.mark(), &turns[s.turn].1[s.span.clone()]));
            self.wrong.push_str(&format!("{}\n    -> {}\n", case.line, made.collect::<Vec<_>>().join(", ")));
        }
    }

    pub fn secrets(&self) -> usize {
        self.kinds.values().map(|counts| counts[0]).sum()
    }

    /// Share of the secrets that are hidden whole.
    pub fn recall(&self) -> f64 {
        self.kinds.values().map(|counts| counts[1]).sum::<usize>() as f64 / self.secrets().max(1) as f64
    }

    /// Share of the calls without a secret in which one is found.
    pub fn alarms(&self) -> f64 {
        self.false_alarms as f64 / self.negatives.max(1) as f64
    }

    pub fn table(&self, title: &str) -> String {
        let mut table = format!("{title}: {} calls, {} of them without a secret\n", self.cases, self.negatives);
        table.push_str(&format!("{:<18} {:>7} {:>7} {:>6}\n", "kind", "secrets", "hidden", "named"));
        for (kind, [all, hidden, named]) in &self.kinds {
            table.push_str(&format!("{:<18} {all:>7} {hidden:>7} {named:>6}\n", kind.mark()));
        }
        table.push_str(&format!(
            "recall {:.3}, calls without a secret that raise an alarm {}/{} = {:.3}, finds that take more than the secret {}/{}\n",
            self.recall(),
            self.false_alarms,
            self.negatives,
            self.alarms(),
            self.too_much,
            self.found,
        ));
        table
    }
}

fn shared(one: &Range<usize>, other: &Range<usize>) -> Range<usize> {
    let start = one.start.max(other.start);
    start..one.end.min(other.end).max(start)
}
