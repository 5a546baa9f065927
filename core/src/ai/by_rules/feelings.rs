//! How the caller felt.

use super::draft::{Context, Draft};
use super::sentence::{Clause, pattern};
use super::words;
use crate::MemoryKind;

const MOODS: &str = "frustrated|angry|upset|annoyed|furious|disappointed|fed up|unhappy|worried|anxious|concerned|stressed|nervous|scared|sad|confused|happy|delighted|thrilled|pleased|relieved|satisfied|impressed|grateful|thankful|excited|devastated|livid|mad|tired of|sick of|exhausted";

pattern!(
    FEELS,
    &format!(
        r"(?i)\b(?:i'm|i am|we're|we are|i was|we were|i (?:get|got|feel)|i've been|makes? me|made me|leaves me)\s+(?:\w+ly |so |very |quite |just |a bit |a little |extremely |pretty |getting )*(?P<mood>{MOODS})\b(?P<rest>.*)$"
    )
);
pattern!(
    GRATEFUL,
    r"(?i)\b(?:thank you so much|thanks so much|thank you very much for|(?:i|we) (?:really |so )?appreciate|that's so kind|(?:you've|you have) been (?:very|so|really|extremely) (?:kind|helpful|patient|good))\b"
);
pattern!(ABOUT, r"(?i)^\s*(?:about|with|at|by|for|that|because|of|to hear)\b");

/// The feeling of a clause.
pub(super) fn find(clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    if clause.denied || clause.question || clause.supposed {
        return None;
    }
    let c = FEELS.captures(&clause.text)?;
    let mood = c["mood"].to_lowercase();
    let rest = words::tidy(&c["rest"]);
    let object = matches!(mood.as_str(), "tired of" | "sick of");
    // "Happy to wait" is consent, not joy.
    if mood == "happy" && rest.to_lowercase().starts_with("to ") {
        return None;
    }
    let why = if object || ABOUT.is_match(&rest) { format!(" {}", words::about(&rest)) } else { String::new() };
    Some(Draft::dated(MemoryKind::Feeling, "Was ", &format!("{mood}{why}"), &clause.text, cx.anchor))
}

/// Warm thanks are a feeling; a plain "thanks" is manners.
pub(super) fn thanks(text: &str) -> Option<Draft> {
    GRATEFUL.is_match(text).then(|| Draft::new(MemoryKind::Feeling, "Was grateful for the help").confidence(0.6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transcript;
    use crate::ai::by_rules::dates::Anchor;
    use crate::ai::by_rules::sentence::clauses;
    use chrono::TimeZone;

    fn all(turn: &str) -> Vec<String> {
        let started_at = chrono::Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let anchor =
            Anchor::of(&Transcript { started_at, utc_offset_minutes: 0, turns: Vec::new(), ..Transcript::default() });
        let cx = Context { anchor: &anchor, person: None, thing: None };
        clauses(turn).iter().filter_map(|c| find(c, &cx)).map(|d| d.content).collect()
    }

    #[test]
    fn moods_are_told_with_their_reason() {
        assert_eq!(all("I'm really frustrated."), ["Was frustrated"]);
        assert_eq!(all("I'm worried about her vaccination"), ["Was worried about her vaccination"]);
        assert_eq!(all("that makes me very happy"), ["Was happy"]);
    }

    #[test]
    fn denied_and_polite_moods_are_not() {
        assert_eq!(all("I'm not angry. I'm happy to wait. Are you upset?"), Vec::<String>::new());
        assert!(thanks("Thank you so much").is_some() && thanks("Thanks, bye").is_none());
    }
}
