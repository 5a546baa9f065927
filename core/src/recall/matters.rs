//! What is open between the caller and the company: promises that nobody has said are kept, complaints that nobody has
//! said are settled.

use super::answer::{mentions_a_year, said_by, spoken_date};
use crate::{Memory, MemoryKind, MemoryState, Timestamp};

/// Days after its date until which a promise counts as open, and after it was made a complaint.
const OPEN_DAYS: i64 = 30;

/// The day something was promised for; `None` where no day was named, or nothing was promised.
pub(crate) fn due(memory: &Memory) -> Option<Timestamp> {
    (memory.kind == MemoryKind::Promise && mentions_a_year(&memory.content)).then_some(memory.occurred_at)
}

/// Whether somebody still waits for it at `now`.
pub fn is_open(memory: &Memory, now: Timestamp) -> bool {
    let complaint = memory.kind == MemoryKind::Complaint
        && (now - memory.occurred_at.max(memory.learnt_at)).num_days() <= OPEN_DAYS;
    memory.state == MemoryState::Active && (complaint || is_open_promise(memory, now))
}

/// Whether it is a promise that somebody still waits for, whatever its state.
pub(crate) fn is_open_promise(memory: &Memory, now: Timestamp) -> bool {
    memory.kind == MemoryKind::Promise && (now - memory.occurred_at).num_days() <= OPEN_DAYS
}

/// Whether its day is over at `now`.
pub fn is_overdue(memory: &Memory, now: Timestamp) -> bool {
    due(memory).is_some_and(|due| due.date_naive() < now.date_naive())
}

/// Promises before complaints; of each what is due, or was told, first.
pub(super) fn order(one: &Memory, other: &Memory) -> std::cmp::Ordering {
    let key = |memory: &Memory| (memory.kind != MemoryKind::Promise, memory.occurred_at);
    key(one).cmp(&key(other)).then_with(|| one.id.cmp(&other.id))
}

/// As a sentence that tells where it stands.
pub(super) fn told(memory: &Memory, shared: bool, now: Timestamp) -> String {
    let overdue = is_overdue(memory, now);
    if !overdue && (memory.kind != MemoryKind::Promise || due(memory).is_some()) {
        return said_by(memory, shared);
    }
    let who = memory.speaker.as_ref().filter(|_| shared).map(|speaker| format!("{speaker}: ")).unwrap_or_default();
    let text = memory.content.trim().trim_end_matches('.');
    let stands = if overdue { "overdue".to_owned() } else { format!("said on {}", spoken_date(memory.learnt_at)) };
    format!("{who}{text} ({stands}).")
}

/// What a greeting may ask about: "the callback we promised for Friday 27 November 2026". `None` for what was not promised
/// by the agent, or not in words that can be turned to the caller.
pub(super) fn asked_after(memory: &Memory) -> Option<String> {
    let text = memory.content.trim().trim_end_matches('.');
    let what = ["Agent promised ", "The agent promised "].iter().find_map(|lead| text.strip_prefix(lead))?;
    // Only names and the caller need another form; whatever else speaks of a third person stays out of a greeting.
    let what = what.replace("the caller's ", "your ").replace("the caller", "you");
    if let Some(when) = what.strip_prefix("a callback") {
        let when = when.strip_prefix(" on ").map_or_else(|| when.to_owned(), |day| format!(" for {day}"));
        return Some(format!("the callback we promised{when}"));
    }
    if what.starts_with("to ") || what.starts_with("that ") {
        return Some(format!("our promise {what}"));
    }
    let thing = what.strip_prefix("a ").or_else(|| what.strip_prefix("an ")).or_else(|| what.strip_prefix("the "))?;
    Some(format!("the promised {thing}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures;
    use chrono::{Duration, TimeZone, Utc};

    fn memory(kind: MemoryKind, content: &str) -> Memory {
        let at = Utc.with_ymd_and_hms(2026, 11, 27, 12, 0, 0).unwrap();
        Memory { kind, occurred_at: at, learnt_at: at - Duration::days(5), ..fixtures::memory("mem_1", content) }
    }

    #[test]
    fn a_promise_is_due_on_its_day_and_overdue_the_day_after() {
        let call = memory(MemoryKind::Promise, "Agent promised a callback on Friday 27 November 2026");
        assert_eq!(due(&call), Some(call.occurred_at));
        assert!(!is_overdue(&call, call.occurred_at + Duration::hours(11)));
        assert!(is_overdue(&call, call.occurred_at + Duration::hours(13)));
        assert!(is_open(&call, call.occurred_at + Duration::days(30)));
        assert!(!is_open(&call, call.occurred_at + Duration::days(31)));
        let gone = Memory { state: MemoryState::Superseded, ..call.clone() };
        assert!(!is_open(&gone, call.occurred_at));
        let vague = memory(MemoryKind::Promise, "Agent promised to send a new router");
        assert_eq!((due(&vague), is_overdue(&vague, vague.occurred_at + Duration::days(9))), (None, false));
        assert!(!is_open(&memory(MemoryKind::Fact, "Likes tea"), call.occurred_at));
    }

    #[test]
    fn it_is_told_with_where_it_stands() {
        let call = memory(MemoryKind::Promise, "Agent promised a callback on Friday 27 November 2026");
        assert_eq!(told(&call, false, call.learnt_at), "Agent promised a callback on Friday 27 November 2026.");
        let late = call.occurred_at + Duration::days(2);
        assert_eq!(told(&call, false, late), "Agent promised a callback on Friday 27 November 2026 (overdue).");
        let vague = memory(MemoryKind::Promise, "Agent promised to send a new router.");
        assert_eq!(told(&vague, false, late), "Agent promised to send a new router (said on Sunday 22 November 2026).");
        let aside = "Agent promised a call (about the lamp) on Friday 27 November 2026";
        let aside = Memory { speaker: Some("Tom".to_owned()), ..memory(MemoryKind::Promise, aside) };
        let whole = "Agent promised a call (about the lamp) on Friday 27 November 2026 (overdue).";
        assert_eq!(told(&aside, false, late), whole);
        assert_eq!(told(&aside, true, late), format!("Tom: {whole}"));
    }

    #[test]
    fn a_greeting_asks_after_what_the_agent_promised() {
        let asked = |content: &str| asked_after(&memory(MemoryKind::Promise, content));
        for (content, matter) in [
            (
                "Agent promised a callback on Friday 27 November 2026",
                "the callback we promised for Friday 27 November 2026",
            ),
            ("Agent promised a callback within two days", "the callback we promised within two days"),
            ("Agent promised to email the caller the invoice", "our promise to email you the invoice"),
            ("The agent promised a refund.", "the promised refund"),
        ] {
            assert_eq!(asked(content).as_deref(), Some(matter));
        }
        for silent in ["Promised to pay on Friday", "Complained that it rains", "Agent promised compensation"] {
            assert_eq!(asked(silent), None, "{silent}");
        }
    }
}
