//! Derived memories and turns become one ranking.

use super::{Asked, Spoken, TurnIndex, TurnParts, features, span};
use crate::ingest::findable;
use crate::recall::config::RecallConfig;
use crate::recall::search::Raw;
use crate::text::words;
use crate::{Excerpt, Hit, Item, Memory, MemoryId, RecallQuery, ScoreParts, Sector, Via};
use std::collections::{HashMap, HashSet};

/// Turns that enter the ranking at the most.
const POOL: usize = 100;

/// A memory that holds this share of an excerpt's words says it all: the excerpt is left out.
const SAYS_IT_ALL: f32 = 0.75;

/// Ranks the caller's turns beside the memories found. A memory stands with the best of the turns it was derived
/// from and is supported by it; a turn that supports a memory of the answer is not given once more.
pub(in crate::recall) fn blend(
    spoken: &Spoken,
    cosines: &[Option<f32>],
    candidates: &HashMap<MemoryId, Raw>,
    config: &RecallConfig,
    query: &RecallQuery,
    memories: Vec<Hit>,
) -> Vec<Hit> {
    let index = &*spoken.index;
    let asked = Asked::new(&query.text, index);
    let ranked = features(index, &asked, cosines);
    let weights = &config.turns;
    let mut supported: HashSet<usize> = HashSet::new();
    let mut hits: Vec<Hit> = Vec::with_capacity(memories.len() + POOL);
    for mut hit in memories {
        let Some(memory) = hit.memory() else { continue };
        let fact = ranked.words(index, &asked, &findable(memory));
        let ties = ties(&hit.parts, config);
        let best = places(index, memory)
            .map(|at| (at, TurnParts { fact: fact.max(0.0), ..ranked.parts[at] }))
            .max_by(|(a, x), (b, y)| x.score(weights, ties).total_cmp(&y.score(weights, ties)).then(b.cmp(a)));
        let cosine = candidates.get(&memory.id).and_then(|raw| raw.cosine);
        let own = TurnParts { fact: fact.max(0.0), ..ranked.alone(fact, &memory.content, cosine) };
        // A sentence that says it better than the turn it comes from is ranked by itself.
        let parts = best.map(|(_, parts)| parts).filter(|parts| parts.score(weights, ties) > own.score(weights, ties));
        let parts = parts.unwrap_or(own);
        hit.score = parts.score(weights, ties);
        hit.parts.turn = Some(parts);
        if let Some((at, _)) = best {
            supported.insert(at);
            // Said in one breath with something that is no longer true: the memory speaks for itself.
            hit.evidence = (!spoken.stale.contains(&at)).then(|| excerpt(index, at, &asked, config));
        }
        hits.push(hit);
    }
    if wants_turns(query) {
        hits.extend(alone_turns(spoken, config, query, &asked, &ranked, &supported));
    }
    crate::recall::score::sort(&mut hits);
    let mut shown = HashSet::new();
    for hit in &mut hits {
        let Some(evidence) = &hit.evidence else { continue };
        let new = shown.insert((evidence.conversation.clone(), evidence.turn));
        if !new || says_it_all(hit.content(), &evidence.text) {
            hit.evidence = None;
        }
    }
    hits
}

/// What was said when is an event, if anything: it answers where those are asked for.
pub(in crate::recall) fn wants_turns(query: &RecallQuery) -> bool {
    query.sectors.is_empty() || query.sectors.contains(&Sector::Episodic)
}

fn alone_turns(
    spoken: &Spoken,
    config: &RecallConfig,
    query: &RecallQuery,
    asked: &Asked,
    ranked: &super::rank::Ranked,
    supported: &HashSet<usize>,
) -> Vec<Hit> {
    let index = &*spoken.index;
    let known_then = |at: &usize| {
        let call = &index.calls()[index.turns()[*at].call];
        query.as_of.is_none_or(|then| call.started_at <= then)
    };
    let mut pool: Vec<(usize, f32)> = (0..index.turns().len())
        .filter(|at| ranked.matched[*at] && !supported.contains(at) && !spoken.stale.contains(at))
        .filter(known_then)
        .map(|at| (at, ranked.parts[at].score(&config.turns, 0.0)))
        .filter(|(_, score)| *score >= config.min_turn_score)
        .collect();
    pool.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    pool.truncate(POOL);
    pool.into_iter()
        .map(|(at, score)| Hit {
            item: Item::Turn(excerpt(index, at, asked, config)),
            evidence: None,
            score,
            via: Via::Turn,
            parts: ScoreParts { turn: Some(ranked.parts[at]), ..ScoreParts::default() },
        })
        .collect()
}

/// Where the turns of a memory stand.
pub(super) fn places<'a>(index: &'a TurnIndex, memory: &'a Memory) -> impl Iterator<Item = usize> + 'a {
    let conversation = memory.provenance.conversation_id.as_ref();
    memory.provenance.turns.iter().filter_map(move |turn| index.place(conversation?, *turn))
}

/// What breaks ties between memories.
fn ties(parts: &ScoreParts, config: &RecallConfig) -> f32 {
    config.weights.salience * parts.salience + config.weights.recency * parts.recency
}

fn excerpt(index: &TurnIndex, at: usize, asked: &Asked, config: &RecallConfig) -> Excerpt {
    let said = &index.turns()[at];
    let call = &index.calls()[said.call];
    Excerpt {
        conversation: call.conversation.clone(),
        turn: said.turn,
        speaker: said.speaker,
        text: span(&said.text, &asked.weights, config.excerpt_words),
        before: Vec::new(),
        after: Vec::new(),
        said_at: call.started_at,
    }
}

fn says_it_all(sentence: &str, excerpt: &str) -> bool {
    let sentence: HashSet<String> = words(sentence).collect();
    let excerpt: HashSet<String> = words(excerpt).collect();
    let held = excerpt.intersection(&sentence).count();
    held as f32 >= SAYS_IT_ALL * excerpt.len() as f32
}
