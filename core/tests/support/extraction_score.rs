//! Scores any extractor against labelled calls: what it should learn, what it may, and what it must not.
//!
//! Included by path (`#[path]`) where an extractor is measured: [`measure`] over [`folder`], any `&dyn Extractor`.

use chrono::Duration;
use hark_core::ai::Extractor;
use hark_core::{Candidate, MemoryKind, Speaker, Timestamp, Transcript, Turn};
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

/// One labelled call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What the call is about and why it is in the set.
    #[expect(dead_code, reason = "for people who read the set")]
    about: String,
    started_at: Timestamp,
    #[serde(default)]
    utc_offset_minutes: i32,
    transcript: Vec<Said>,
    /// What must be learnt.
    expect: Vec<Expected>,
    /// Words of which a candidate may consist without being wrong or asked for.
    #[serde(default)]
    allow: Vec<Vec<String>>,
    /// Whole words no candidate may contain; with `^` before it, may begin with.
    #[serde(default)]
    forbid: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Agent(String),
    User(String),
    AgentAfterRecall(String),
}

/// One thing to learn. Found when a candidate has the kind and all the words, and whatever else is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    kind: MemoryKind,
    /// Other kinds that are as good.
    #[serde(default)]
    or: Vec<MemoryKind>,
    must_contain: Vec<String>,
    /// The candidate must come from at least one of these turns.
    turns: Option<Vec<u32>>,
    /// The caller's day it is about.
    occurred_on: Option<String>,
    slot: Option<hark_core::Slot>,
}

/// Counts over some calls.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Score {
    /// Calls.
    pub(crate) calls: usize,
    /// Things to learn.
    pub(crate) expected: usize,
    /// Of these, learnt.
    pub(crate) found: usize,
    /// Candidates.
    pub(crate) proposed: usize,
    /// Of these, expected or allowed.
    pub(crate) right: usize,
    /// Candidates with forbidden words.
    pub(crate) forbidden: usize,
    /// Calls the extractor gave an error for; what was to be learnt from them counts as missed.
    pub(crate) failed: usize,
}

impl Score {
    /// The share of candidates that are right; 1 when there are none.
    pub(crate) fn precision(&self) -> f64 {
        share(self.right, self.proposed)
    }

    /// The share of things to learn that were learnt; 1 when there are none.
    pub(crate) fn recall(&self) -> f64 {
        share(self.found, self.expected)
    }

    /// The two as one number.
    pub(crate) fn f1(&self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) }
    }

    /// Another call's counts added.
    pub(crate) fn add(&mut self, other: Score) {
        self.calls += other.calls;
        self.expected += other.expected;
        self.found += other.found;
        self.proposed += other.proposed;
        self.right += other.right;
        self.forbidden += other.forbidden;
        self.failed += other.failed;
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl Case {
    /// The call as an extractor sees it.
    pub(crate) fn transcript(&self) -> Transcript {
        let turn = |(i, said): (usize, &Said)| {
            let (speaker, text, after_recall) = match said {
                Said::Agent(text) => (Speaker::Agent, text, false),
                Said::User(text) => (Speaker::User, text, false),
                Said::AgentAfterRecall(text) => (Speaker::Agent, text, true),
            };
            Turn { speaker, text: text.clone(), at_secs: i as u32 * 5, after_recall, tools: Vec::new() }
        };
        Transcript {
            started_at: self.started_at,
            utc_offset_minutes: self.utc_offset_minutes,
            turns: self.transcript.iter().enumerate().map(turn).collect(),
            ..Transcript::default()
        }
    }

    /// The score of these candidates, and a line for everything missed, wrong or forbidden.
    pub(crate) fn score(&self, candidates: &[Candidate]) -> (Score, Vec<String>) {
        let mut notes = Vec::new();
        let fits = |e: &Expected, c: &Candidate| e.fits(c, self.utc_offset_minutes);
        let missed = self.expect.iter().filter(|e| !candidates.iter().any(|c| fits(e, c)));
        notes.extend(missed.map(|e| format!("missed     {:?} {:?}", e.kind, e.must_contain)));
        let found = self.expect.len() - notes.len();
        let (mut right, mut forbidden) = (0, 0);
        for c in candidates {
            let allowed = self.allow.iter().any(|words| words.iter().all(|w| holds(&c.content, w)));
            let bad = self.forbid.iter().find(|phrase| says(&c.content, phrase));
            if let Some(phrase) = bad {
                forbidden += 1;
                notes.push(format!("forbidden  {phrase:?} in {:?}", c.content));
            }
            if bad.is_none() && (allowed || self.expect.iter().any(|e| fits(e, c))) {
                right += 1;
            } else {
                notes.push(format!(
                    "wrong      {:?} {:?} {:?}",
                    c.kind,
                    c.content,
                    c.occurred_at.map(|t| t.date_naive())
                ));
            }
        }
        let score = Score {
            calls: 1,
            expected: self.expect.len(),
            found,
            proposed: candidates.len(),
            right,
            forbidden,
            failed: 0,
        };
        (score, notes)
    }
}

/// What an extractor made of a folder of calls.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// The sum.
    pub(crate) total: Score,
    /// A line a call and, with `show`, a line for everything missed, wrong or forbidden.
    pub(crate) table: String,
}

impl Measured {
    /// The sum in one line.
    pub(crate) fn summary(&self, title: &str) -> String {
        let t = &self.total;
        format!(
            "{title}: {} calls, precision {:.3} ({}/{}), recall {:.3} ({}/{}), f1 {:.3}, forbidden {}, failed {}",
            t.calls,
            t.precision(),
            t.right,
            t.proposed,
            t.recall(),
            t.found,
            t.expected,
            t.f1(),
            t.forbidden,
            t.failed
        )
    }
}

/// Reads every call of a folder (see [`load`]) with an extractor, one after the other. A call that fails is counted and
/// named with its error, and the next one is read. `most` bounds the calls; with `show` the table says what went wrong.
pub(crate) async fn measure(extractor: &dyn Extractor, folder: &Path, most: usize, show: bool) -> Measured {
    let mut out = Measured::default();
    for (name, case) in load(folder).into_iter().take(most) {
        let start = Instant::now();
        let found = extractor.extract(&case.transcript()).await;
        let took = start.elapsed();
        let (score, notes) = match found {
            Ok(found) => case.score(&found),
            Err(error) => {
                let (score, _) = case.score(&[]);
                (Score { failed: 1, ..score }, vec![format!("failed     {error:?}")])
            }
        };
        let _ = writeln!(
            out.table,
            "{name:<28} {:>3}/{:<3} {:>3}/{:<3} {:>2} {took:>8.1?}",
            score.found, score.expected, score.right, score.proposed, score.forbidden
        );
        if show {
            for note in notes {
                let _ = writeln!(out.table, "    {note}");
            }
        }
        out.total.add(score);
    }
    out
}

impl Expected {
    fn fits(&self, c: &Candidate, offset_minutes: i32) -> bool {
        let day = |t: Timestamp| (t + Duration::minutes(i64::from(offset_minutes))).date_naive().to_string();
        (c.kind == self.kind || self.or.contains(&c.kind))
            && self.must_contain.iter().all(|w| holds(&c.content, w))
            && self.occurred_on.as_ref().is_none_or(|on| c.occurred_at.map(day).as_ref() == Some(on))
            && self.slot.as_ref().is_none_or(|s| c.slot.as_ref() == Some(s))
            && self.turns.as_ref().is_none_or(|turns| turns.iter().any(|t| c.turns.contains(t)))
    }
}

fn holds(content: &str, words: &str) -> bool {
    content.to_lowercase().contains(&words.to_lowercase())
}

/// Whether the phrase stands in the content as whole words, in any case.
fn says(content: &str, phrase: &str) -> bool {
    let plain = |text: &str| {
        format!(" {} ", text.to_lowercase().split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>().join(" "))
    };
    match phrase.strip_prefix('^') {
        Some(start) => plain(content).starts_with(&plain(start)),
        None => plain(content).contains(&plain(phrase)),
    }
}

/// The labelled calls of a folder, by name. Not of its subfolders.
pub(crate) fn load(folder: &Path) -> Vec<(String, Case)> {
    let mut out: Vec<(String, Case)> = std::fs::read_dir(folder)
        .expect("the labelled calls are part of the repository")
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a labelled call can be read");
            let case = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, case)
        })
        .collect();
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}
