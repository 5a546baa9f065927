//! What the agent is told before the call begins.

use super::answer::{said_by, spoken_date};
use super::config::RecallConfig;
use crate::engine::Engine;
use crate::ingest::same_person;
use crate::store::MemoryFilter;
use crate::{Memory, MemoryKind, MemoryState, PageRequest, Result, Scope, Timestamp};

/// Memories looked at to choose from: the newest so many.
const LOOKED_AT: usize = 200;

/// Days after its date until which a promise still counts as open.
const PROMISE_DAYS: i64 = 30;

/// The initiation webhook's variables, apart from ids and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// How the caller wants to be called; empty when not known.
    pub name: String,
    /// What matters, in short sentences; empty when nothing is known.
    pub context: String,
    /// How to greet.
    pub greeting: String,
    /// Whether the caller has called, or is known, before.
    pub is_returning: bool,
    /// Calls learnt from.
    pub call_count: u64,
    /// The last call's day, as one would say it; empty when there was none.
    pub last_call: String,
}

impl Introduction {
    pub(super) fn neutral(config: &RecallConfig) -> Self {
        Self {
            name: String::new(),
            context: String::new(),
            greeting: config.greeting_unknown.clone(),
            is_returning: false,
            call_count: 0,
            last_call: String::new(),
        }
    }
}

pub(super) async fn introduce(engine: &Engine, config: &RecallConfig, scope: &Scope) -> Result<Introduction> {
    let Some(user) = engine.memory.user(scope).await? else { return Ok(Introduction::neutral(config)) };
    let filter = MemoryFilter { states: vec![MemoryState::Active], ..MemoryFilter::default() };
    let newest = engine.memory.list_memories(scope, &filter, &PageRequest::first(LOOKED_AT)).await?.items;
    if user.call_count == 0 && newest.is_empty() {
        let name = if user.shared { String::new() } else { user.name };
        return Ok(Introduction { name, ..Introduction::neutral(config) });
    }
    // On a line that several people use nobody knows who it is before they have spoken.
    let people = if user.shared { people(&user.name, &newest) } else { Vec::new() };
    let name = if user.shared { String::new() } else { user.name };
    let greeting =
        if name.is_empty() { config.greeting_known.clone() } else { config.greeting_named.replace("{name}", &name) };
    let last_call = if user.call_count > 0 { spoken_date(user.last_contact) } else { String::new() };
    let mut chosen = choose(newest, config.context_memories, engine.clock.now());
    if user.shared {
        chosen.retain(|memory| memory.kind != MemoryKind::Name);
    }
    Ok(Introduction {
        context: context(&several(&people), &chosen, user.shared, config.context_chars),
        greeting,
        is_returning: true,
        call_count: user.call_count,
        last_call,
        name,
    })
}

/// The names that were given on a line, its owner's first, each person once.
fn people(owner: &str, memories: &[Memory]) -> Vec<String> {
    let mut people: Vec<String> = Some(owner.to_owned()).into_iter().filter(|name| !name.is_empty()).collect();
    let mut named: Vec<&Memory> = memories.iter().filter(|memory| memory.speaker.is_some()).collect();
    named.sort_by(|a, b| (a.learnt_at, &a.id).cmp(&(b.learnt_at, &b.id)));
    for name in named.into_iter().filter_map(|memory| memory.speaker.as_ref()) {
        if !people.iter().any(|known| same_person(known, name)) {
            people.push(name.clone());
        }
    }
    people
}

/// That it is not known which of several people is calling.
fn several(people: &[String]) -> String {
    match people {
        [] => String::new(),
        [one] => format!("{one} and others call from here, so it is not known who is calling."),
        [first @ .., last] => {
            format!("{} and {last} call from here, so it is not known who is calling.", first.join(", "))
        }
    }
}

/// Open promises first, soonest first; then the memories that matter most now. Of several names only the newest.
fn choose(memories: Vec<Memory>, most: usize, now: Timestamp) -> Vec<Memory> {
    let (mut promises, mut others): (Vec<_>, Vec<_>) =
        memories.into_iter().partition(|m| m.kind == MemoryKind::Promise && is_open(m, now));
    promises.sort_by(|a, b| (a.occurred_at, &a.id).cmp(&(b.occurred_at, &b.id)));
    promises.truncate(most);
    others.sort_by(|a, b| matters(b, now).total_cmp(&matters(a, now)).then_with(|| a.id.cmp(&b.id)));
    let mut named = false;
    others.retain(|m| m.kind != MemoryKind::Name || !std::mem::replace(&mut named, true));
    others.truncate(most);
    promises.extend(others);
    promises
}

fn is_open(promise: &Memory, now: Timestamp) -> bool {
    (now - promise.occurred_at).num_days() <= PROMISE_DAYS
}

/// Salience that is left, and a little for being new: of two equal ones the newer is told.
fn matters(memory: &Memory, now: Timestamp) -> f64 {
    let days = (now - memory.learnt_at).num_seconds().max(0) as f64 / 86_400.0;
    memory.effective_salience(now) + 0.3 * (-days / 30.0).exp()
}

fn context(opening: &str, memories: &[Memory], shared: bool, most_chars: usize) -> String {
    let mut text = opening.to_owned();
    for memory in memories {
        let next = said_by(memory, shared);
        if text.chars().count() + next.chars().count() + 1 > most_chars {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&next);
    }
    text
}
