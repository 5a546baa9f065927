//! Candidates that came without a sector or salience get one.

use crate::ai::Classified;
use crate::engine::Engine;
use crate::{Candidate, Result};

/// Every candidate with a sector and a salience. What the extractor said stands.
pub(super) async fn complete(engine: &Engine, candidates: Vec<Candidate>) -> Result<Vec<(Candidate, Classified)>> {
    let open: Vec<String> = candidates.iter().filter(|c| lacks_something(c)).map(|c| c.content.clone()).collect();
    let mut verdicts = if open.is_empty() { Vec::new() } else { engine.classifier.classify(&open).await? }.into_iter();
    let complete = candidates.into_iter().map(|candidate| {
        let verdict = if lacks_something(&candidate) { verdicts.next() } else { None };
        let fallback = Classified { sector: crate::Sector::Semantic, kind: candidate.kind, salience: 0.5 };
        let verdict = verdict.unwrap_or(fallback);
        let classified = Classified {
            sector: candidate.sector.unwrap_or(verdict.sector),
            kind: candidate.kind,
            salience: candidate.salience.unwrap_or(verdict.salience).clamp(0.0, 1.0),
        };
        (candidate, classified)
    });
    Ok(complete.collect())
}

fn lacks_something(candidate: &Candidate) -> bool {
    candidate.sector.is_none() || candidate.salience.is_none()
}
