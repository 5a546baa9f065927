//! The agent said what it remembers and the caller said yes: that memory is strengthened, once a call. What was said
//! is not learnt once more: the extractors do not take an agent's recital for news.

use crate::decay::DecayRates;
use crate::engine::Engine;
use crate::store::MemoryFilter;
use crate::text::{plain, words};
use crate::{
    Change, Conversation, Memory, MemoryState, PageRequest, Result, Scope, Speaker, Standing, Timestamp, Transcript,
};
use chrono::SubsecRound;
use std::collections::BTreeSet;

/// Memories looked through at the most, the latest first: no person says so much.
const LOOKED_THROUGH: usize = 5_000;

/// Share of a memory's words that the agent must have said.
const SAID: f64 = 0.6;

/// Words that begin a reply without answering.
const FILLERS: [&str; 9] = ["oh", "um", "uh", "ah", "well", "hmm", "okay", "ok", "hm"];

/// Replies that begin like this say yes. "Sure" and "please" take an offer; they confirm nothing.
const YES: [&[&str]; 20] = [
    &["yes"],
    &["yeah"],
    &["yep"],
    &["yup"],
    &["correct"],
    &["exactly"],
    &["absolutely"],
    &["indeed"],
    &["precisely"],
    &["definitely"],
    &["that", "s", "right"],
    &["that", "s", "correct"],
    &["that", "s", "true"],
    &["that", "s", "it"],
    &["that", "s", "me"],
    &["that", "is", "right"],
    &["that", "is", "correct"],
    &["you", "re", "right"],
    &["it", "is"],
    &["i", "do"],
];

/// Words with which a reply says more than yes, and perhaps the opposite; "t" is what is left of "isn't".
const YES_BUT: [&str; 24] = [
    "no",
    "not",
    "t",
    "never",
    "nope",
    "nah",
    "wrong",
    "incorrect",
    "but",
    "actually",
    "except",
    "however",
    "although",
    "though",
    "instead",
    "anymore",
    "longer",
    "changed",
    "moved",
    "used",
    "was",
    "were",
    "wait",
    "almost",
];

/// Words of "is that still right?" and "isn't it?", which ask about the sentence before.
const TAG: [&str; 26] = [
    "is", "isn", "t", "it", "that", "this", "right", "correct", "still", "do", "don", "does", "doesn", "did", "have",
    "haven", "you", "are", "aren", "the", "case", "true", "same", "yes", "so", "ok",
];

/// What is offered is not stated.
const OFFERS: [&str; 10] = [
    "would you like",
    "do you want",
    "want me to",
    "shall i",
    "should i",
    "can i",
    "may i",
    "could i",
    "i ll",
    "let me",
];

const NEGATIONS: [&str; 8] = ["not", "no", "never", "none", "without", "cannot", "nor", "t"];

/// Words that say nothing of what a memory is about.
const GENERIC: [&str; 4] = ["caller", "customer", "user", "has"];

/// As of when a call strengthens what it confirms: the same each time, so that a walk that comes twice counts once.
pub(super) fn moment(conversation: &Conversation) -> Timestamp {
    conversation.started_at.trunc_subsecs(0)
}

/// Strengthens what was known before the call and confirmed in it; answers how many memories that were. Idempotent.
pub(super) async fn strengthen(
    engine: &Engine,
    scope: &Scope,
    conversation: &Conversation,
    transcript: &Transcript,
) -> Result<u64> {
    let statements = affirmed(transcript);
    let at = moment(conversation);
    // A call that has not begun yet confirms nothing, whoever's clock is wrong.
    if statements.is_empty() || at > engine.clock.now() {
        return Ok(0);
    }
    let filter = MemoryFilter { states: vec![MemoryState::Active, MemoryState::Archived], ..MemoryFilter::default() };
    let mut page = PageRequest::first(1_000);
    let (mut looked, mut changes) = (0, Vec::new());
    loop {
        let found = engine.memory.list_memories(scope, &filter, &page).await?;
        looked += found.items.len();
        let confirmed = found.items.iter().filter(|memory| {
            let known = memory.learnt_at < at && memory.reinforced_at < at;
            known && statements.iter().any(|statement| states(statement, memory))
        });
        changes.extend(confirmed.map(|memory| strengthened(memory, &engine.decay.per_day, at)));
        match found.next_cursor {
            Some(next) if looked < LOOKED_THROUGH => page.cursor = Some(next),
            _ => break,
        }
    }
    if changes.is_empty() {
        return Ok(0);
    }
    let confirmed = engine.memory.restand(scope, &changes).await?;
    metrics::counter!("hark_memories_confirmed_total").increment(confirmed);
    tracing::debug!(conversation = %conversation.id, memories = confirmed, "memories confirmed");
    Ok(confirmed)
}

fn strengthened(memory: &Memory, rates: &DecayRates, at: Timestamp) -> Change {
    let before = Standing::of(memory);
    let after = before.clone().strengthened(memory.effective_salience(rates, at), at);
    Change { memory: memory.id.clone(), before, after }
}

/// The agent's statements that the caller's very next words say yes to.
fn affirmed(transcript: &Transcript) -> Vec<&str> {
    let spoken: Vec<_> = transcript.turns.iter().filter(|turn| turn.text.chars().any(char::is_alphanumeric)).collect();
    let pairs = spoken.windows(2).filter(|pair| {
        pair[0].speaker == Speaker::Agent && pair[1].speaker == Speaker::User && says_yes(&pair[1].text)
    });
    pairs.filter_map(|pair| last_statement(&pair[0].text)).collect()
}

/// Whether a reply says yes and nothing that could take it back.
fn says_yes(reply: &str) -> bool {
    let all: Vec<String> = plain(reply).collect();
    if reply.contains('?') || all.iter().any(|word| YES_BUT.contains(&word.as_str())) {
        return false;
    }
    let said: Vec<&str> = all.iter().map(String::as_str).skip_while(|word| FILLERS.contains(word)).collect();
    // "Right, and another thing": only alone is it a yes.
    YES.iter().any(|yes| said.starts_with(yes)) || said == ["right"]
}

/// What a yes answers: the last sentence, or the one before it where the last only asks whether that is so.
fn last_statement(text: &str) -> Option<&str> {
    let mut sentences = sentences(text).into_iter().rev();
    let mut last = sentences.next()?;
    if plain(last).all(|word| TAG.contains(&word.as_str())) {
        last = sentences.next()?;
    }
    let spaced = format!(" {} ", plain(last).collect::<Vec<_>>().join(" "));
    (!OFFERS.iter().any(|offer| spaced.contains(&format!(" {offer} ")))).then_some(last)
}

/// Sentences end where a mark is followed by a space: not within "sam@example.com".
fn sentences(text: &str) -> Vec<&str> {
    let mut ends: Vec<usize> = text
        .char_indices()
        .filter(|(at, c)| matches!(c, '.' | '!' | '?') && text[at + 1..].starts_with(char::is_whitespace))
        .map(|(at, _)| at + 1)
        .collect();
    ends.push(text.len());
    let mut start = 0;
    let mut found = Vec::new();
    for end in ends {
        let sentence = text[start..end].trim();
        if sentence.chars().any(char::is_alphanumeric) {
            found.push(sentence);
        }
        start = end;
    }
    found
}

/// Whether a sentence says what a memory says: most of its words, all of its numbers, names and values, and the same
/// yes or no.
fn states(sentence: &str, memory: &Memory) -> bool {
    // "…, isn't it?" denies nothing.
    let sentence = match sentence.rsplit_once(',') {
        Some((before, tag)) if plain(tag).all(|word| TAG.contains(&word.as_str())) => before,
        _ => sentence,
    };
    let (sentence, content) = (one_word(sentence), one_word(&memory.content));
    let said: BTreeSet<String> = words(&sentence).collect();
    let known: BTreeSet<String> = words(&content).filter(|word| !GENERIC.contains(&word.as_str())).collect();
    let shared = known.intersection(&said).count();
    let value = memory.slot.as_ref().map(|slot| slot.value.as_str()).unwrap_or_default();
    let exact = names(&content)
        .flat_map(words)
        .chain(words(value))
        .chain(known.iter().filter(|word| word.chars().any(|c| c.is_ascii_digit())).cloned());
    let denies = |text: &str| plain(text).any(|word| NEGATIONS.contains(&word.as_str()));
    shared >= 2
        && shared as f64 >= SAID * known.len() as f64
        && exact.into_iter().all(|word| said.contains(&word))
        && denies(&sentence) == denies(&content)
}

/// "E-mail" is no word "e" and no word "mail".
fn one_word(text: &str) -> String {
    text.replace("E-mail", "email").replace("e-mail", "email")
}

/// Words with a capital letter, but for the first one.
fn names(content: &str) -> impl Iterator<Item = &str> {
    content.split_whitespace().skip(1).filter(|word| word.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Slot;
    use crate::testkit::fixtures::{memory, transcript};

    fn confirmed(agent: &str, caller: &str, content: &str) -> bool {
        let call = transcript(&[(Speaker::Agent, agent), (Speaker::User, caller)]);
        affirmed(&call).iter().any(|statement| states(statement, &memory("mem_1", content)))
    }

    #[test]
    fn a_memory_read_out_and_affirmed_is_confirmed() {
        for (agent, caller, content) in [
            ("I see you live in Leeds. Is that still right?", "Yes, that's right.", "Lives in Leeds"),
            ("You prefer deliveries in the morning, don't you?", "Oh yeah, I do.", "Prefers deliveries in the morning"),
            ("Your email is sam@example.com, correct?", "Correct.", "E-mail address is sam@example.com"),
            ("Hello! You called about order 4711.", "That's right, where is it now", "Called about order 4711"),
            ("You don't want any phone calls, right?", "Exactly.", "Does not want phone calls"),
            ("You're allergic to peanuts.", "Right.", "Is allergic to peanuts"),
        ] {
            assert!(confirmed(agent, caller, content), "{agent} {caller}");
        }
    }

    #[test]
    fn what_was_not_said_not_affirmed_or_said_of_something_else_is_not() {
        for (agent, caller, content) in [
            ("I see you live in Leeds.", "No, I live in York.", "Lives in Leeds"),
            ("I see you live in Leeds.", "Yes, but I have moved since.", "Lives in Leeds"),
            ("I see you live in Leeds.", "Yes, that was my old address.", "Lives in Leeds"),
            ("I see you live in Leeds.", "Yes?", "Lives in Leeds"),
            ("I see you live in Leeds.", "Sure, go on.", "Lives in Leeds"),
            ("I see you live in Leeds.", "Right, so my parcel never came.", "Lives in Leeds"),
            ("I see you live in Leeds. Can you tell me your order number?", "Yes, it is 4711.", "Lives in Leeds"),
            ("I see you live in Leeds. Anything else?", "Yes.", "Lives in Leeds"),
            ("You called about order 4712.", "Yes.", "Called about order 4711"),
            ("You live with Anna in Leeds.", "Yes.", "Lives with Marta in Leeds"),
            ("You want phone calls.", "Yes.", "Does not want phone calls"),
            ("Would you like deliveries in the morning?", "Yes.", "Prefers deliveries in the morning"),
            ("Shall I send the parcel to Leeds?", "Yes.", "Wants the parcel sent to Leeds"),
            ("How are you?", "Yes.", "Lives in Leeds"),
        ] {
            assert!(!confirmed(agent, caller, content), "{agent} {caller}");
        }
    }

    #[test]
    fn a_value_must_have_been_said_whole_and_by_the_agent() {
        let slot = Slot { key: "phone".into(), value: "0113 496 0000".into() };
        let number = Memory { slot: Some(slot), ..memory("mem_1", "Phone number is 0113 496 0000") };
        assert!(states("Your phone number is 0113 496 0000", &number));
        assert!(!states("Your phone number is 0113 496 0001", &number));
        let own = transcript(&[(Speaker::User, "I live in Leeds."), (Speaker::User, "Yes.")]);
        assert_eq!(affirmed(&own), Vec::<&str>::new());
        let apart = transcript(&[
            (Speaker::Agent, "You live in Leeds."),
            (Speaker::User, "My parcel is late."),
            (Speaker::User, "Yes."),
        ]);
        assert_eq!(affirmed(&apart), Vec::<&str>::new(), "only the very next words answer");
        let tool = transcript(&[(Speaker::Agent, "You live in Leeds."), (Speaker::Agent, ""), (Speaker::User, "Yes.")]);
        assert_eq!(affirmed(&tool), ["You live in Leeds."], "a turn without words is none");
    }
}
