//! What the caller asks to be done.

use super::draft::{Context, Draft};
use super::sentence::{Clause, pattern};
use super::words;
use super::{dates::Anchor, dates::full};
use crate::MemoryKind;

const VERBS: &str = "move|cancel|return|refund|change|upgrade|downgrade|book|rebook|reschedule|send|resend|call|ring|phone|order|reserve|replace|exchange|update|add|remove|deliver|redeliver|ship|fix|repair|transfer|block|unblock|freeze|activate|deactivate|close|open|extend|renew|switch|e-?mail|text|postpone|delay|stop|unsubscribe|speak (?:to|with)|talk (?:to|with)|pay|set up|sign up|schedule|arrange|print|waive|credit|cut|disconnect|reset|unlock|redirect|forward|leave|put|bring|get|take|drop|collect|pick up|make|check|confirm|register|claim|dispute|report|install|connect|reduce|increase|split|swap|keep|hold|use|track|find|give|let|place|return|turn|correct|remind|escalate";

pattern!(
    ASKED,
    &format!(
        r"(?i)^(?:.*?\b)?(?:(?:can|could|would|will) (?:you|we|i)|please|kindly|(?:i|we)(?:'d like| would like| want| need| wanna| wish)(?: you)? to|(?:i'm|i am|we're) calling (?:you )?to|i (?:just )?called to|would it be possible to|is it possible to)(?: (?:please|also|just|maybe|possibly|kindly|perhaps|now|to))* (?P<v>{VERBS})\b(?P<rest>.*)$"
    )
);
pattern!(
    PLAIN,
    r"(?i)^(?P<v>cancel|move|refund|return|replace|change|reschedule|take|remove|add|send|book|upgrade|put|call|text|close|stop|deliver)\b(?P<rest>(?: me| us)?(?: the| my| our| it| that| this| a| an| in| off| back| order| invoice)\b.*)$"
);
pattern!(
    WANTED,
    r"(?i)^(?:.*?\b)?(?:(?:i|we)(?:'d like| would like| want| need)|(?:can|could|may) (?:i|we) (?:get|have)|(?:i'm|i am|we're) looking for|give me) (?P<what>(?:to have |to get )?(?:a|an|my|our|the|some|new|another|one|two|three|four|five|\d+|twenty|more) .+)$"
);
pattern!(
    DONE,
    r"(?i)^(?:i|we) (?:need|want|would like|'d like) (?P<what>(?:it|them|this|that|(?:my|our|the) [\w ]+?) (?:fixed|repaired|replaced|delivered|done|moved|changed|cancelled|refunded|sent|sorted|removed|updated|collected)\b.*)$"
);
pattern!(POLITE, r"(?i)^(?P<what>(?:a|an|the|two|three|four|five|one|\d+) [\w' -]+?),? please\b,?(?P<rest>.*)$");
pattern!(
    NOT_ASKED,
    r"(?i)\b(?:your name|a (?:question|problem|moment|second|minute|look|think)|to know|to ask|how (?:much|many|long)|hear me|help me|repeat|check (?:if|whether|on that)|find out|give me (?:a|one) (?:sec|moment|minute)|hold on|some (?:information|help)|want to make sure|hold,? please|nothing|make sense|get through|get (?:it|in)|get a hold|(?:book|put) me in$)\b"
);
pattern!(
    REVISED,
    r"(?i)^(?:(?:sorry|wait|actually|no|oh)[, ]+)*(?:(?:can|could) (?:you|we) )?(?:(?:please )?(?:make|move|change) (?:it|that)(?: to| for)?|not (?:on )?[\w ]+?,(?: but| make it| on)?|(?:i|we) (?:meant?|said)(?: on)?|rather(?: on)?)\s+(?P<when>.+)$"
);
pattern!(ME, r"(?i)^\s*(?:me|us)\b\s*(?P<back>back\b)?");
pattern!(IT, r"(?i)^\s*(?:it|that|them)\b");
pattern!(MOVES, r"(?i)\b(?:move|change) (?:it|that)\b");
pattern!(SHIPMENT, r"(?i)\b(?:delivery|deliver|parcel|package|shipment|order)\b");

/// The request of a clause.
pub(super) fn find(clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    let anchor = cx.anchor;
    let text = clause.text.as_str();
    if clause.denied || NOT_ASKED.is_match(text) || (clause.supposed && !clause.question) {
        return None;
    }
    if let Some(c) = DONE.captures(text) {
        return Some(ask("have ", &c["what"], text, anchor));
    }
    if let Some(c) = ASKED.captures(text).or_else(|| PLAIN.captures(text)) {
        let (verb, rest) = (c["v"].to_lowercase(), c["rest"].trim_end());
        // "Can you check it?", "could you make sure", "please hold": conversation, not an errand.
        if matches!(verb.as_str(), "check" | "find" | "hold" | "get" | "let" | "give" | "use" | "confirm" | "track")
            && words::tidy(rest).split(' ').count() < 3
        {
            return None;
        }
        if rest.trim().is_empty() && !matches!(verb.as_str(), "cancel" | "unsubscribe" | "upgrade" | "return") {
            return None;
        }
        // "Move it" must say what: the request is read without the call around it.
        let it = IT.find(rest).zip(cx.thing.as_deref());
        let rest = it.map_or(rest.to_owned(), |(m, thing)| format!(" {thing}{}", &rest[m.end()..]));
        return Some(shape(&verb, &rest, text, anchor));
    }
    if let Some(c) = WANTED.captures(text) {
        return Some(asked_for(&c["what"], text, anchor));
    }
    if clause.question {
        return None;
    }
    POLITE.captures(text).map(|c| asked_for(&format!("{}{}", &c["what"], &c["rest"]), text, anchor))
}

/// "A replacement" → "Asked for a replacement".
pub(super) fn asked_for(what: &str, said: &str, anchor: &Anchor) -> Draft {
    let lower = what.to_lowercase();
    let what = if lower.starts_with("to ") { &what[3..] } else { what };
    let what = words::lower_article(what);
    let lead = if lower.starts_with("to ") { "Asked to " } else { "Asked for " };
    Draft::dated(MemoryKind::Request, lead, &words::about(&words::tidy(&what)), said, anchor)
}

fn ask(lead: &str, what: &str, said: &str, anchor: &Anchor) -> Draft {
    Draft::dated(MemoryKind::Request, &format!("Asked to {lead}"), &words::about(&words::tidy(what)), said, anchor)
}

fn shape(verb: &str, rest: &str, said: &str, anchor: &Anchor) -> Draft {
    let mut draft = match ME.captures(rest) {
        // "Call me back" → "to be called back".
        Some(c) if !matches!(verb, "make" | "find" | "get" | "speak to" | "order") => {
            let back = if c.name("back").is_some() { "back" } else { "" };
            let tail = &rest[c.get(0).map_or(0, |m| m.end())..];
            let what = format!("be {} {back} {}", words::participle(verb), tail.trim_start());
            ask("", &what, said, anchor)
        }
        _ => ask("", &format!("{verb}{rest}"), said, anchor),
    };
    key_by_day(&mut draft);
    draft
}

/// Dates of deliveries and appointments are named values: the next call may replace them.
fn key_by_day(draft: &mut Draft) {
    let Some(day) = draft.day else { return };
    let lower = draft.content.to_lowercase();
    if SHIPMENT.is_match(&lower) && !lower.starts_with("asked to order") && !lower.contains("return") {
        draft.slot = Some(crate::Slot { key: "delivery_date".into(), value: full(day) });
    } else if lower.contains("appointment") {
        draft.slot = Some(crate::Slot { key: "appointment_date".into(), value: full(day) });
    }
}

/// "Make it Saturday" and "not Friday, Saturday": the words that hold the new day.
pub(super) fn revision(clause: &Clause) -> Option<&str> {
    REVISED.captures(&clause.text).and_then(|c| c.name("when")).map(|m| m.as_str())
}

/// Whether the revision moves something, rather than naming a day for what was just asked.
pub(super) fn moves(clause: &Clause) -> bool {
    MOVES.is_match(&clause.text)
}

/// The request with another day, or with its first.
pub(super) fn set_day(draft: &mut Draft, anchor: &Anchor, when: &str) -> bool {
    let Some(found) = anchor.find(when, draft.tense).into_iter().find(|f| f.exact) else { return false };
    match draft.day.map(full) {
        Some(old) if draft.content.contains(&old) => draft.content = draft.content.replace(&old, &full(found.day)),
        _ => draft.content = format!("{} on {}", draft.content, full(found.day)),
    }
    draft.day = Some(found.day);
    key_by_day(draft);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transcript;
    use crate::ai::by_rules::sentence::clauses;
    use chrono::TimeZone;

    fn anchor() -> Anchor {
        let started_at = chrono::Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        Anchor::of(&Transcript { started_at, utc_offset_minutes: 0, turns: Vec::new(), ..Transcript::default() })
    }

    fn request(turn: &str) -> Option<Draft> {
        let anchor = anchor();
        find(&clauses(turn)[0], &Context { anchor: &anchor, person: None, thing: None })
    }

    fn all(turn: &str) -> Vec<String> {
        let anchor = anchor();
        let cx = Context { anchor: &anchor, person: None, thing: None };
        clauses(turn).iter().filter_map(|c| find(c, &cx)).map(|d| d.content).collect()
    }

    #[test]
    fn errands_become_requests() {
        assert_eq!(all("Please move my delivery to Friday"), ["Asked to move the delivery to Friday 27 November 2026"]);
        assert_eq!(all("Can you call me back tomorrow?"), ["Asked to be called back on Monday 23 November 2026"]);
        assert_eq!(all("I'd like a refund, please."), ["Asked for a refund"]);
        assert_eq!(all("An exchange please, for a size six."), ["Asked for an exchange for a size six"]);
        assert_eq!(all("cancel my order please"), ["Asked to cancel the order"]);
        assert_eq!(all("We need it fixed by Friday."), ["Asked to have it fixed by Friday 27 November 2026"]);
    }

    #[test]
    fn conversation_is_no_errand() {
        for turn in [
            "Can you hear me?",
            "Can I have your name?",
            "I never said I want a refund.",
            "Do you have a table?",
            "I'd like to know more",
            "I want to ask a question",
        ] {
            assert_eq!(all(turn), Vec::<String>::new(), "{turn}");
        }
    }

    #[test]
    fn a_day_can_be_changed_and_added() {
        let mut draft = request("deliver my order on Friday please").unwrap();
        assert!(set_day(&mut draft, &anchor(), revision(&clauses("not Friday, Saturday")[0]).unwrap()));
        assert_eq!(draft.content, "Asked to deliver the order on Saturday 28 November 2026");
        assert!(set_day(&mut draft, &anchor(), revision(&clauses("No, I said Tuesday.")[0]).unwrap()));
        assert_eq!(draft.content, "Asked to deliver the order on Tuesday 24 November 2026");
        let mut open = request("please book an appointment").unwrap();
        assert!(set_day(&mut open, &anchor(), "Wednesday, please"));
        assert_eq!(open.slot.unwrap().key, "appointment_date");
    }
}
