//! What either side promised to do.

use super::draft::{Context, Draft};
use super::sentence::{self, Clause, pattern};
use super::words;
use crate::MemoryKind;

pattern!(
    WILL,
    r"(?i)^(?:(?:i|we|our team|the team)(?:'ll| will| shall)|(?:i'm|i am|we're|we are) going to|i promise to|we promise to)\s+(?:(?:also|then|personally|certainly|definitely|just|now|make sure to|be sure to)\s+)*(?P<v>[a-z'-]+)\b(?P<rest>.*)$"
);
pattern!(
    COMES,
    r"(?i)^(?P<who>(?:the|a|an|your|our|my|someone|somebody|one of our)\b[\w' -]*?)(?:'ll| will)(?: also| then| now)? (?P<v>[a-z-]+)\b(?P<rest>.*)$"
);
pattern!(RECEIVE, r"(?i)^(?:you(?:'ll| will))(?: also| then)? (?P<v>receive|get|have|see)\b(?P<rest>.*)$");
pattern!(
    IDLE,
    r"(?i)^(?:be|need|have|look|see|take|do|try|wait|think|stay|hold|help|pull|verify|just|let|ask you|tell you|say|repeat|start|go|assist|love|want|like|know|make|use|hang|never|not|speak|talk|understand|explain|give you (?:a|one) (?:moment|second)|put you|transfer you|connect you|check|note|keep)$"
);
pattern!(
    KEPT,
    r"(?i)^(?:look into|take (?:care|it up)|let (?:you|the|our|them|him|her)\b|keep you|give you a call|make sure|be in touch|be back|be there|check with|check back|go (?:to|back)|have (?:it|someone|the|a|an|your)|put (?:a|it|in) |try again|come|note )"
);
pattern!(
    CALL_BACK,
    r"(?i)^(?:call|ring|phone|get)(?: you)? back\b(?: to you)?|^(?:give you a call(?: back)?|be in touch)"
);
// Done while the caller listens: no promise to be kept later.
pattern!(NOW, r"(?i)\b(?:now|right away|for you now|while you wait|one moment|a moment)$");
pattern!(YOU, r"(?i)\b(?:you|your)\b");
pattern!(
    BOOKED,
    r"(?i)^(?:(?:i've|i have|we've|we have|i)(?: now| just)? (?P<v>booked|scheduled|rescheduled|arranged|reserved)|you(?:'re| are)(?: now| all)? (?P<v2>booked|scheduled|confirmed))(?: in| you)*\b(?P<rest>.*)$"
);

/// What the agent binds itself to in one turn. Questions, offers and "let me check" bind nobody.
pub(super) fn by_agent(text: &str, cx: &Context<'_>) -> Vec<Draft> {
    let clauses = sentence::clauses(text);
    let mut out = Vec::new();
    for clause in clauses.iter().filter(|c| !c.question && !c.supposed) {
        let text = clause.text.as_str();
        let found = if let Some(c) = WILL.captures(text) {
            agent_will(&c["v"], &c["rest"], cx)
        } else if let Some(c) = COMES.captures(text) {
            let rest = format!("{} will {}{}", for_caller(&c["who"]).to_lowercase(), &c["v"], for_caller(&c["rest"]));
            (!matches!(&c["v"].to_lowercase()[..], "be" | "need" | "cost" | "depend" | "have")
                || c["rest"].to_lowercase().contains("deliver"))
            .then(|| promise("Agent promised that ", &rest, cx))
        } else if let Some(c) = RECEIVE.captures(text) {
            // "You'll get it" alone says what nobody can read later.
            let object = words::tidy(&c["rest"]).to_lowercase();
            (!object.starts_with("it ") && !object.starts_with("to ") && object.split(' ').count() > 1).then(|| {
                promise(
                    "Agent promised that the caller will ",
                    &format!("{}{}", &c["v"].to_lowercase(), for_caller(&c["rest"])),
                    cx,
                )
            })
        } else {
            booked(text, cx)
        };
        out.extend(found);
    }
    out
}

fn agent_will(verb: &str, rest: &str, cx: &Context<'_>) -> Option<Draft> {
    let whole = format!("{}{rest}", verb.to_lowercase());
    if IDLE.is_match(verb) && !KEPT.is_match(&whole) {
        return None;
    }
    if let Some(m) = CALL_BACK.find(&whole) {
        return Some(promise("Agent promised a callback ", &for_caller(&whole[m.end()..]), cx));
    }
    if NOW.is_match(rest) || rest.trim().is_empty() || words::tidy(rest).eq_ignore_ascii_case("it") {
        return None;
    }
    Some(promise("Agent promised to ", &for_caller(&whole), cx))
}

/// What the agent says it has booked is an event when it has a day; without one it is an echo of the request.
fn booked(text: &str, cx: &Context<'_>) -> Option<Draft> {
    let c = BOOKED.captures(text)?;
    let content = match c.name("v") {
        Some(v) => format!("Agent {}{}", v.as_str().to_lowercase(), for_caller(&c["rest"])),
        None => format!("Was booked{}", for_caller(&c["rest"])),
    };
    let draft = promise("", &content, cx);
    draft.day.is_some().then_some(Draft { kind: MemoryKind::Event, ..draft })
}

/// What the caller promises.
pub(super) fn by_caller(clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    if clause.question || clause.supposed || clause.denied {
        return None;
    }
    let c = WILL.captures(&clause.text)?;
    let verb = c["v"].to_lowercase();
    let whole = format!("{verb}{}", &c["rest"]);
    let kept = matches!(
        verb.as_str(),
        "pay"
            | "send"
            | "bring"
            | "return"
            | "drop"
            | "pick"
            | "collect"
            | "email"
            | "e-mail"
            | "transfer"
            | "sign"
            | "upload"
            | "post"
            | "ship"
            | "come"
            | "provide"
            | "fill"
            | "deliver"
            | "mail"
            | "forward"
            | "settle"
            | "book"
            | "order"
            | "confirm"
            | "arrange"
            | "visit"
            | "cancel"
    ) && !c["rest"].trim().is_empty();
    let back = whole.starts_with("let you know")
        || (whole.starts_with("call") && !cx.anchor.find(&whole, super::dates::Tense::Ahead).is_empty());
    (kept || back).then(|| promise("Promised to ", &words::about(&whole), cx))
}

fn promise(lead: &str, rest: &str, cx: &Context<'_>) -> Draft {
    // The tense of a promise is never past, whatever participles stand in it.
    Draft::dated(MemoryKind::Promise, lead, rest, "will", cx.anchor)
}

fn for_caller(text: &str) -> String {
    YOU.replace_all(text, |c: &regex::Captures<'_>| if c[0].to_lowercase() == "your" { "the" } else { "the caller" })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transcript;
    use crate::ai::by_rules::dates::Anchor;
    use chrono::TimeZone;

    fn agent(turn: &str) -> Vec<String> {
        let started_at = chrono::Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let anchor =
            Anchor::of(&Transcript { started_at, utc_offset_minutes: 0, turns: Vec::new(), ..Transcript::default() });
        let cx = Context { anchor: &anchor, person: None, thing: None };
        by_agent(turn, &cx).into_iter().map(|d| d.content).collect()
    }

    #[test]
    fn an_agent_is_bound_by_what_it_will_do() {
        assert_eq!(agent("I'll call you back on Friday."), ["Agent promised a callback on Friday 27 November 2026"]);
        assert_eq!(
            agent("We will send an assessor on Thursday."),
            ["Agent promised to send an assessor on Thursday 26 November 2026"]
        );
        assert_eq!(
            agent("A new card will arrive within five working days."),
            ["Agent promised that a new card will arrive within five working days"]
        );
        assert_eq!(
            agent("I've booked the engineer for Thursday 26 November."),
            ["Agent booked the engineer for Thursday 26 November 2026"]
        );
    }

    #[test]
    fn talk_binds_nobody() {
        for turn in [
            "Let me check.",
            "I'll check that for you.",
            "I will be happy to help.",
            "Will you be home?",
            "I'll need your name.",
            "I'll transfer you now.",
            "I moved it from Thursday to Friday morning.",
        ] {
            assert_eq!(agent(turn), Vec::<String>::new(), "{turn}");
        }
    }
}
