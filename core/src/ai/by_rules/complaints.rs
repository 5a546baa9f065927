//! What went wrong for the caller.

use super::draft::{Context, Draft};
use super::sentence::{Clause, pattern};
use super::words;
use crate::MemoryKind;

pattern!(
    WRONG,
    r"(?ix)\b(?:
        still\ (?:have\ not|haven't|hasn't|has\ not|not|isn't|waiting|doesn't|don't\ have)
      | (?:hasn't|haven't|has\ not|have\ not|never|didn't|did\ not|not)\ (?:\w+\ ){0,2}?(?:arrived?|come|came|shown?\ up|been\ delivered|receive[d]?|called|answered|got|gotten|turn(?:ed)?\ up)
      | (?:arrived|came|delivered|got\ here)\ (?:\w+\ ){0,2}?(?:damaged|late|broken|open(?:ed)?|cold|empty|incomplete|wet|crushed)
      | (?:is|are|was|were|'s|got|been|keeps?\ being)\ (?:\w+\ ){0,2}?(?:broken|damaged|late|missing|wrong|defective|faulty|dirty|cold|delayed|torn|cracked|incorrect|useless|unusable|scratched|leaking|rude|lost\ in\ the\ post|too\ (?:small|big|large|tight|slow|noisy|loud|high|expensive))
      | wrong\ (?:size|item|colou?r|order|address|amount|product|parcel|name|part|meal|room|bill|model)
      | overcharged|double[-\ ]charged|charged\ (?:me|us)|(?:been|was|were)\ charged|billed\ (?:me|us)?\ ?twice
      | (?:doesn't|does\ not|don't|isn't|is\ not|aren't|are\ not|not|stopped|won't|quit)\ (?:\w+\ )?(?:work(?:s|ing)?|charge|charging|turn\ on|start(?:ing)?|connect(?:ing)?|load(?:ing)?|sync(?:ing)?)
      | (?:has\ been|have\ been|is|are|was|were|went|keeps\ going)\ (?:\w+\ )?(?:down|offline|out\ of\ order|blocked)
      | short\ (?:by|of)\ | (?:been\ )?wait(?:ing|ed)\ (?:for\ (?:over\ |about\ |more\ than\ )?(?:\d+|\w+)\ (?:minutes?|hours?|days?|weeks?|months?)|since|for\ (?:ages|so\ long))
      | (?:keeps?|kept)\ \w+ing|(?:got|getting|am|i'm)\ locked\ out|came\ (?:loose|off|apart)|fell\ off|makes?\ no\ sense|made\ (?:me|us)\ (?:sick|ill|dizzy|late)|i've\ (?:chipped|cracked|broken)|(?:late|extra|hidden|surprise)\ (?:fee|charge)|nothing\ (?:here|there|arrived)|\w+ing\ (?:constantly|all\ the\ time)
      | (?:terrible|awful|strange|weird|horrible|bad)\ (?:noise|smell|quality|service|experience|sound)
      | (?:no|without)\ (?:signal|internet|hot\ water|heating|power|electricity|water)\b
      | (?:leaks|leaking|crashed|crashes|broke\ down|fell\ apart|smells)\b
      | (?:nobody|no\ one)\ (?:has\ |ever\ |even\ )*(?:called|answered|came|come|responded|helped|showed|got\ back|rang|replied|turned|picked|bothered|told|explained)
      | (?:can't|cannot|couldn't)\ (?:log\ in|access|get\ into|connect|open\ the|use\ (?:my|the|our))
      | (?:third|fourth|fifth|second)\ time\ (?:i|we|this|that)
      | on\ hold\ for
    )"
);
pattern!(
    OWN_AFFAIR,
    r"(?i)^(?:(?:i|we)(?: don't| do not|'m not| am not|'re not| won't) (?:work|have|like|want)|it(?:'s| is) not|i am late|i'm late|(?:i|we) (?:won't|can't make))|\bdon't (?:like|want|charge)\b|\b(?:wrong number|not wrong|nothing (?:is|was) wrong|something wrong with me)\b"
);
pattern!(PRONOUN, r"(?i)^(?:it|they|one of them|some of them|this|that|he|she)\b");
pattern!(
    THING,
    r"(?i)\b(?:bought|ordered|got|received|booked|rented|purchased|returned|have|had)\s+(?:a|an|the|my|our|two|three|four|some|\d+)\s+(?:(?:new|pairs? of|boxes of|set of)\s+)?(?P<np>[a-z][\w-]*(?: [a-z][\w-]*){0,2}?)(?:\s+(?:from|for|last|on|in|at|with|to|three|two|a|yesterday|this|online|and|that|order|\d+)\b|,|$)"
);
pattern!(
    OWN_THING,
    r"(?i)\b(?:my|our) (?:\w+ )?(?P<np>appointment|booking|reservation|delivery|order|contract|subscription|flight|card|bill|plan|parcel|package|phone|router|laptop|internet|boiler|meter|car|account|ticket|room)\b"
);
pattern!(
    CAUSE,
    r"(?i)^(?:(?:i'm|i am|we're) calling (?:about|because(?: of)?)|it's about|it is about|the (?:problem|issue) is(?: that)?)\s+"
);

/// The complaint of a clause.
pub(super) fn find(clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    let text = CAUSE.replace(&clause.text, "").into_owned();
    let asks = clause.question && !text.to_lowercase().starts_with("why");
    if asks || clause.supposed || !WRONG.is_match(&text) || OWN_AFFAIR.is_match(&text) || text.split(' ').count() < 3 {
        return None;
    }
    if clause.question {
        return None;
    }
    let said = text.as_str();
    // "It stopped working" must say what: the memory is read without the call around it.
    let text = match (PRONOUN.find(said), &cx.thing, &cx.person) {
        (Some(m), _, Some(person)) if matches!(&m.as_str().to_lowercase()[..], "he" | "she") => {
            format!("{person}{}", &said[m.end()..])
        }
        (Some(m), Some(thing), _) => match m.as_str().to_lowercase().as_str() {
            "one of them" => format!("one of {thing}{}", &said[m.end()..]),
            "some of them" => format!("some of {thing}{}", &said[m.end()..]),
            _ => format!("{thing}{}", &said[m.end()..]),
        },
        _ => said.to_owned(),
    };
    let text = words::about(&text);
    let text = if text.starts_with("Caller's") { text } else { lower_first(&text) };
    Some(Draft::dated(MemoryKind::Complaint, "Complained that ", &text, said, cx.anchor))
}

/// What a later "it" will mean: the thing bought, ordered or got.
pub(super) fn thing(text: &str) -> Option<String> {
    let np = THING.captures(text).or_else(|| OWN_THING.captures(text))?;
    Some(format!("the {}", &np["np"]))
}

fn lower_first(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    // Only words that begin a sentence by grammar lose their capital; names keep theirs.
    let common = [
        "The", "My", "Our", "It", "They", "One", "Some", "Someone", "Nobody", "No", "There", "This", "That", "Your",
        "Their", "Still", "You",
    ];
    if !common.contains(&first) {
        return text.to_owned();
    }
    let mut out = first.to_lowercase();
    out.push_str(&text[first.len()..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transcript;
    use crate::ai::by_rules::dates::Anchor;
    use crate::ai::by_rules::sentence::clauses;
    use chrono::TimeZone;

    fn all(turn: &str, thing: Option<&str>) -> Vec<String> {
        let started_at = chrono::Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let anchor =
            Anchor::of(&Transcript { started_at, utc_offset_minutes: 0, turns: Vec::new(), ..Transcript::default() });
        let cx = Context { anchor: &anchor, person: None, thing: thing.map(str::to_owned) };
        clauses(turn).iter().filter_map(|c| find(c, &cx)).map(|d| d.content).collect()
    }

    #[test]
    fn trouble_is_told_about_the_caller() {
        assert_eq!(all("My parcel arrived damaged.", None), ["Complained that the parcel arrived damaged"]);
        assert_eq!(
            all("I've been charged twice for November.", None),
            ["Complained that they have been charged twice for November 2026"]
        );
        assert_eq!(
            all("my internet has been down since saturday", None),
            ["Complained that the internet has been down since Saturday 21 November 2026"]
        );
        assert_eq!(
            all("it stopped working yesterday", thing("I bought a coffee machine from you").as_deref()),
            ["Complained that the coffee machine stopped working on Saturday 21 November 2026"]
        );
    }

    #[test]
    fn no_trouble_no_complaint() {
        for turn in [
            "Is it broken?",
            "I don't work on Mondays.",
            "Sorry, wrong number.",
            "If it arrived late I would say so.",
            "It works well.",
        ] {
            assert_eq!(all(turn, None), Vec::<String>::new(), "{turn}");
        }
    }
}
