//! What the agent is told before the call begins.

use super::answer::{MOST_NAME_CHARS, said_by, spoken_date};
use super::config::RecallConfig;
use super::matters;
use crate::decay::DecayRates;
use crate::engine::Engine;
use crate::ingest::same_person;
use crate::injection::for_prompt;
use crate::store::MemoryFilter;
use crate::{Memory, MemoryId, MemoryKind, MemoryState, PageRequest, Result, Scope, Timestamp};

/// Memories looked at to choose from: the newest so many.
const LOOKED_AT: usize = 200;

/// Characters of a matter that a greeting asks after.
const MOST_MATTER_CHARS: usize = 200;

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
    /// The memories that the context tells of, in its order.
    pub memories: Vec<MemoryId>,
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
            memories: Vec::new(),
        }
    }
}

pub(super) async fn introduce(engine: &Engine, config: &RecallConfig, scope: &Scope) -> Result<Introduction> {
    let Some(user) = engine.memory.user(scope).await? else { return Ok(Introduction::neutral(config)) };
    if !engine.privacy.remembers(user.consent) {
        return Ok(Introduction::neutral(config));
    }
    let filter = MemoryFilter { states: vec![MemoryState::Active], ..MemoryFilter::default() };
    let newest = engine.memory.list_memories(scope, &filter, &PageRequest::first(LOOKED_AT)).await?.items;
    if user.call_count == 0 && newest.is_empty() {
        let name = if user.shared { String::new() } else { for_prompt(&user.name, MOST_NAME_CHARS) };
        return Ok(Introduction { name, ..Introduction::neutral(config) });
    }
    // On a line that several people use nobody knows who it is before they have spoken.
    let people = if user.shared { people(&user.name, &newest) } else { Vec::new() };
    let name = if user.shared { String::new() } else { for_prompt(&user.name, MOST_NAME_CHARS) };
    let now = engine.clock.now();
    let (open, mut others) = choose(newest, config.context_memories, &engine.decay.per_day, now);
    if user.shared {
        others.retain(|memory| memory.kind != MemoryKind::Name);
    }
    let greeting = greeting(config, &name, if user.shared { &[] } else { &open });
    let last_call = if user.call_count > 0 { spoken_date(user.last_contact) } else { String::new() };
    let of_open = open.iter().map(|memory| matters::told(memory, user.shared, now));
    let sentences: Vec<String> = of_open.chain(others.iter().map(|memory| said_by(memory, user.shared))).collect();
    let (context, told) = context(several(&people), &sentences, config.context_chars);
    Ok(Introduction {
        context,
        memories: open.into_iter().chain(others).take(told).map(|memory| memory.id).collect(),
        greeting,
        is_returning: true,
        call_count: user.call_count,
        last_call,
        name,
    })
}

/// Asks after the open promise that is due first, where it can be put to the caller; on a shared line after
/// nothing, since whoever calls may not be whom it was promised.
fn greeting(config: &RecallConfig, name: &str, open: &[Memory]) -> String {
    let plain = if name.is_empty() { &config.greeting_known } else { &config.greeting_named };
    let asking = if name.is_empty() { &config.greeting_known_open } else { &config.greeting_named_open };
    let matter = open.iter().find_map(matters::asked_after).filter(|_| !asking.is_empty());
    let template = if matter.is_some() { asking } else { plain };
    template.replace("{name}", name).replace("{matter}", &for_prompt(&matter.unwrap_or_default(), MOST_MATTER_CHARS))
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

/// What is open, promises before complaints, soonest first; then the memories that matter most now. Of several names only
/// the newest.
fn choose(memories: Vec<Memory>, most: usize, rates: &DecayRates, now: Timestamp) -> (Vec<Memory>, Vec<Memory>) {
    let (mut open, mut others): (Vec<_>, Vec<_>) = memories.into_iter().partition(|m| matters::is_open(m, now));
    open.sort_by(matters::order);
    open.truncate(most);
    others.sort_by(|a, b| weight(b, rates, now).total_cmp(&weight(a, rates, now)).then_with(|| a.id.cmp(&b.id)));
    let mut named = false;
    others.retain(|m| m.kind != MemoryKind::Name || !std::mem::replace(&mut named, true));
    others.truncate(most);
    (open, others)
}

/// Salience that is left, and a little for being new: of two equal ones the newer is told.
fn weight(memory: &Memory, rates: &DecayRates, now: Timestamp) -> f64 {
    let days = (now - memory.learnt_at).num_seconds().max(0) as f64 / 86_400.0;
    memory.effective_salience(rates, now) + 0.3 * (-days / 30.0).exp()
}

/// The opening and the sentences that have room, and how many they are.
fn context(opening: String, sentences: &[String], most_chars: usize) -> (String, usize) {
    let mut text = opening;
    for (told, next) in sentences.iter().enumerate() {
        if text.chars().count() + next.chars().count() + 1 > most_chars {
            return (text, told);
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(next);
    }
    (text, sentences.len())
}
