//! Fits the weights of `[recall.turns]`: a logistic regression of "carries evidence" on the features of the fifty best
//! candidates of each question, by Newton's method, with a ridge. Judged leaving one caller out; nothing in it depends
//! on chance.

use crate::Outcome;
use crate::set::{Caller, turns};
use crate::world::World;
use hark_core::recall::TurnParts;
use std::collections::BTreeSet;

const FEATURES: usize = 14;
const NAMES: [&str; FEATURES] = [
    "own",
    "before",
    "around",
    "call",
    "other_speaker",
    "length",
    "question",
    "reply",
    "when",
    "date",
    "similarity",
    "similarity_before",
    "fact",
    "(bias)",
];
const CANDIDATES: usize = 50;
const RIDGE: f64 = 1.0;
const STEPS: usize = 25;

type Row = [f64; FEATURES];

struct Candidate {
    row: Row,
    gold: BTreeSet<(String, u32)>,
}

struct Asked {
    caller: usize,
    evidence: usize,
    candidates: Vec<Candidate>,
}

/// Needs a world whose answers are not shortened.
pub(crate) async fn run(world: &World, callers: &[Caller]) -> Outcome {
    let mut all = Vec::new();
    for (caller, labelled) in callers.iter().enumerate() {
        for question in &labelled.questions {
            let gold: BTreeSet<_> = question.evidence.iter().cloned().collect();
            let hits = world.ask(&labelled.caller, &question.q, CANDIDATES).await?;
            let candidates = hits.iter().filter_map(|hit| {
                let carried = turns(hit).intersection(&gold).cloned().collect();
                Some(Candidate { row: row(&hit.parts.turn?), gold: carried })
            });
            all.push(Asked { caller, evidence: gold.len(), candidates: candidates.collect() });
        }
    }
    let mut left_out = Vec::new();
    for caller in 0..callers.len() {
        let (judged, seen): (Vec<_>, Vec<_>) = all.iter().partition(|asked| asked.caller == caller);
        let weights = fit(&seen);
        left_out.extend(judged.iter().map(|asked| recall(asked, &weights, 5)));
    }
    let mean = |values: &[f64]| 100.0 * values.iter().sum::<f64>() / values.len().max(1) as f64;
    let as_is: Vec<f64> = all.iter().map(|asked| found(asked, asked.candidates.iter().take(5))).collect();
    let pool: Vec<f64> = all.iter().map(|asked| found(asked, asked.candidates.iter())).collect();
    println!(
        "recall@5 as configured {:.1}, fitted leaving one caller out {:.1}; in the pool {:.1}",
        mean(&as_is),
        mean(&left_out),
        mean(&pool)
    );
    let weights = fit(&all.iter().collect::<Vec<_>>());
    for (name, weight) in NAMES.iter().zip(weights) {
        println!("{name} = {weight:.3}");
    }
    Ok(())
}

fn row(parts: &TurnParts) -> Row {
    [
        parts.own,
        parts.before,
        parts.around,
        parts.call,
        parts.other_speaker,
        parts.length,
        parts.question,
        parts.reply,
        parts.when,
        parts.date,
        parts.similarity,
        parts.similarity_before,
        parts.fact,
        1.0,
    ]
    .map(f64::from)
}

fn dot(a: &Row, b: &Row) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn found<'a>(asked: &Asked, candidates: impl Iterator<Item = &'a Candidate>) -> f64 {
    let seen: BTreeSet<_> = candidates.flat_map(|candidate| candidate.gold.iter()).collect();
    seen.len() as f64 / asked.evidence as f64
}

fn recall(asked: &Asked, weights: &Row, k: usize) -> f64 {
    let mut order: Vec<_> = asked.candidates.iter().collect();
    order.sort_by(|a, b| dot(&b.row, weights).total_cmp(&dot(&a.row, weights)));
    found(asked, order.into_iter().take(k))
}

fn fit(all: &[&Asked]) -> Row {
    let mut weights = [0.0; FEATURES];
    for _ in 0..STEPS {
        let mut gradient = weights.map(|w| -RIDGE * w);
        let mut hessian = [[0.0; FEATURES]; FEATURES];
        for (i, line) in hessian.iter_mut().enumerate() {
            line[i] = RIDGE;
        }
        for candidate in all.iter().flat_map(|asked| &asked.candidates) {
            let p = 1.0 / (1.0 + (-dot(&candidate.row, &weights)).exp());
            let y = f64::from(u8::from(!candidate.gold.is_empty()));
            for ((line, gradient), x) in hessian.iter_mut().zip(&mut gradient).zip(candidate.row) {
                *gradient += (y - p) * x;
                for (cell, other) in line.iter_mut().zip(candidate.row) {
                    *cell += p * (1.0 - p) * x * other;
                }
            }
        }
        let step = solve(hessian, gradient);
        for (weight, step) in weights.iter_mut().zip(step) {
            *weight += step;
        }
    }
    weights
}

/// Gauss's elimination; the ridge keeps every pivot away from zero.
fn solve(mut a: [[f64; FEATURES]; FEATURES], mut b: Row) -> Row {
    for i in 0..FEATURES {
        for j in i + 1..FEATURES {
            let pivot = a[i];
            let factor = a[j][i] / pivot[i];
            for (cell, above) in a[j].iter_mut().zip(pivot) {
                *cell -= factor * above;
            }
            b[j] -= factor * b[i];
        }
    }
    for i in (0..FEATURES).rev() {
        for j in i + 1..FEATURES {
            b[i] -= a[i][j] * b[j];
        }
        b[i] /= a[i][i];
    }
    b
}
