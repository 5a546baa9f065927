//! Sentences that see a pattern over several calls, or tell what kind of customer somebody is.

use super::habits::STATES;
use super::shape::{Doer, Shape, Tense, is_in};
use crate::ai::by_rules::sentence::pattern;

pattern!(
    ALWAYS,
    r"(?ix)\b(?:tends?\ to|tendency|pattern|in\ general|lesson|learnt\ that|by\ and\ large|on\ the\ whole|trend|habit\ of|time\ and\ again|again\ and\ again|year\ after\ year|month\ after\ month
      |time\ after\ time|more\ often\ than\ not|most\ of\ the\ time|nine\ times\ out\ of\ ten|as\ a\ customer
      |(?:over|across|during|in|through|throughout|between)\ (?:(?:the\ )?(?:several|many|multiple|all|last|past|recent|previous|most|more|both)\ )+(?:\w+\ )?(?:calls?|contacts|conversations|years|months|weeks|orders|visits|seasons|stays)
      |over\ (?:the\ years|time)|with\ time|from\ call\ to\ call|(?:in|on|at|with|after|during)\ (?:each|every|almost\ every|nearly\ every|most)\ (?:calls?|contacts?|conversations?|orders?)
      |(?:has|have|'ve)\ (?:\w+\ )?(?:come\ to|grown|become|begun\ to|started\ to|stopped|warmed|softened|learnt|learned\ to|cooled|mellowed|lost\ (?:trust|faith|confidence)|gained|built\ up)
      |(?:grows?|becomes?|gets?|growing|becoming|getting)\ (?:more|less|ever|\w+er)\b|more\ and\ more|less\ and\ less|increasingly|gradually|steadily|little\ by\ little|lately|these\ days
      |(?:almost|nearly|practically|virtually)\ (?:every|always|never)|hardly\ ever|rarely|seldom
      |every\ (?:second|other|third|single|few)\ \w+|(?:once|twice|three\ times|four\ times|five\ times|\w+\ times|several\ times|repeatedly)\ (?:this|in\ the\ last|in\ the\ past|in|within|over|since)\ (?:\w+\ )?(?:week|month|year|quarter|weeks|months|\w+day)
      |for\ the\ (?:second|third|fourth|fifth|umpteenth|\w+th)\ time|the\ (?:more|less|longer|sooner|earlier|later)\b.+,?\ the\ (?:more|less|longer|sooner|earlier|later)
      |keeps?\ (?:on\ )?\w+ing|always\ the\ same|it's\ the\ same|same\ (?:story|thing|problem)\ (?:every|each|again)|ends?\ up|each\ (?:and\ every\ )?time\ (?:i|we)\ (?:speak|talk|call|ring|phone|contact|write)
      |(?:i've|i\ have|we've|we\ have)\ (?:noticed|found|learnt|learned|realised|realized|come)|i\ notice\ that|looking\ back|in\ hindsight|in\ my\ experience|from\ experience|so\ far,?\ (?:every|each|all|no)
      |(?:usually|mostly|typically|generally|mainly)\ (?:on|in|at|around|after|before|when|about)\ \S+|mostly\ on|more\ often|less\ often|more\ frequently)\b"
);
pattern!(
    CHARACTER,
    r"(?ix)^(?:(?:the\ )?(?:caller|customer|he|she|they|i)\s+)?(?:(?:usually|generally|often|typically|mostly|only|ever)\s+)*
      (?:seems?\ to|appears?\ to|seems?\ \w+
      |(?:is|are)\ (?:\w+\ )?(?:likely|unlikely|inclined|prone|quick|slow|apt|reluctant|hesitant|open|receptive|easily|easier|best|at\ (?:his|her|their)\ (?:best|most)
        |sensitive|price-sensitive|loyal|usually|generally|often|more|less|rarely|mostly)\b
      |(?:can|may|might|could)\ be\ (?:\w+\ )?(?:won|reached|persuaded|calmed|convinced|kept|retained|reassured))"
);
pattern!(
    CONTACTED,
    r"(?i)^(?:\s*(?:again|back|in|up|us|you|support|repeatedly|late|early|first|straight|within|more|less|about|because|only|whenever|when|if|every|each|on|at|after|before|for|around|during|with|since|the (?:same day|hotline|support|service|help ?desk|helpline|call cent(?:re|er)|company|agent|shop when)|customer|mostly|mainly|once|twice|several|outside|late|just|right|shortly|and|soon|to (?:check|ask|complain|make sure|confirm|chase|hear|say|see|cancel|negotiate|haggle))\b|$)"
);
pattern!(MEANS, r"(?i)^(?:by|via|through|from|using|with (?:a|the|his|her|their))\b");
pattern!(
    FREQUENT,
    r"(?i)\b(?:always|never|every|each|whenever|again|usually|often|keeps?|constantly|without fail|invariably|only ever)\b"
);
pattern!(
    REPEATS,
    r"(?i)^(?:whenever|every (?:time|winter|summer|autumn|spring|month|year|week|christmas|single)|each (?:time|winter|month|year|week))\b"
);
pattern!(
    MOODY,
    r"(?i)^(?:\w+ly |very |more |less |quite |a bit |rather )*(?:impatient|angry|upset|annoyed|nervous|anxious|frustrated|friendly|friendlier|irritated|confused|stressed|worried|defensive|short|quiet|chatty|talkative|suspicious|happy|calm|calmer|rude|loud|louder|emotional|lost|distracted|stuck|overwhelmed|flustered|softer)\b"
);
pattern!(EVENT, r"(?i)\b(?:was|were|had|happened|came|went|broke|did)\b");

pattern!(
    TURNS,
    r"(?i)^(?:\w+ )?(?:open(?:s|ing)? up|warms? (?:up|to)|calms? down|hangs? up|gives? (?:up|in)|backs? (?:down|out|off)|shies away|sticks? (?:to|with)|stays? (?:calm|loyal|polite|patient|on the line|away)|turns? (?:rude|abusive|quiet|friendly|nasty|cold|down)|comes? (?:back|round|around)|(?:puts?|leaves?) (?:it |things |payments? |everything )?(?:off|until the last)|pays? (?:late|attention)|changes? (?:his|her|their|my) mind|shows? (?:up|interest|more|less|little|no)|listens? (?:better|more|less|only)|handles? (?:bad|delays|change|criticism)|values?\b|feels? (?:\w+ )?(?:when|whenever|more|less|safer|better)|goes (?:quiet|silent|along|back to))\b"
);
pattern!(
    THEN_OFTEN,
    r"(?i)\b(?:and|but) (?:(?:then )?(?:often|regularly|usually|frequently|sometimes|rarely|always|never)|then (?:cancels?|changes?|regrets?|returns?|complains?|calls?|forgets?|accepts?|asks?))\b"
);

/// Verbs by which people reach a company.
const CONTACT: &str = " call ring phone contact telephone complain ask enquire inquire write ";
/// Those of them that may be said of one call.
const ASKS: &str = " complain ask enquire inquire write ";
/// Verbs that judge a person: nobody does these as a step of a routine.
const CONDUCT: &str = " threaten respond react trust mistrust distrust worry complain hesitate insist haggle negotiate apologise apologize \
    forget tend seem appear behave become grow calm soften warm relax struggle expect assume underestimate overestimate \
    exaggerate bargain procrastinate panic escalate remain sound lose regret doubt question accept decline refuse resist reject \
    tolerate demand argue interrupt cooperate deal cope blame criticise criticize praise thank appreciate decide overreact \
    benefit rely misunderstand understand gravitate churn drift need ";
/// What happens to somebody rather than what they do: "I always get the wrong size".
const OUTCOME: &str = " get end have receive seem hear lose wait find feel call ring phone contact speak talk miss see notice \
    wonder forget come go wind ";
/// Those of them that say it only when they are done to the company.
const REACHES: &str = " call ring phone contact go see ";
/// Frequencies that nobody plans: a routine is done "always" or "usually".
const OFTEN: &str = " often frequently rarely seldom mostly sometimes occasionally never repeatedly constantly consistently invariably ";

/// Whether the sentence sees a pattern.
pub(super) fn seen(text: &str, shape: &Shape<'_>) -> bool {
    if shape.tense == Tense::Past && shape.doer != Doer::Other {
        return false;
    }
    if ALWAYS.is_match(text) || CHARACTER.is_match(text) {
        return true;
    }
    match (shape.doer, shape.tense) {
        (Doer::Caller, Tense::Present) if is_in(CONTACT, &shape.verb) => contacts(shape),
        (Doer::Caller, Tense::Present) => behaves(shape),
        (Doer::Speaker, Tense::Present) => befalls(text, shape),
        // "The driver always rings next door", "Whenever it rains the line drops".
        (Doer::Other, _) => {
            (REPEATS.is_match(text) || OTHERS.is_match(text)) && !EVENT.is_match(text) && !OPENING.is_match(text)
        }
        (Doer::Caller | Doer::Speaker, _) => false,
    }
}

/// When and why somebody gets in touch. By which means is a routine, and asking once is a request.
fn contacts(shape: &Shape<'_>) -> bool {
    let repeated = shape.often.is_some() || FREQUENT.is_match(shape.rest) || CONDITIONAL.is_match(shape.rest);
    if is_in(ASKS, &shape.verb) {
        return repeated;
    }
    !MEANS.is_match(shape.rest) && (repeated || CONTACTED.is_match(shape.rest))
}

/// How somebody behaves, as an agent sees it.
fn behaves(shape: &Shape<'_>) -> bool {
    let verb = shape.verb.as_str();
    let often = shape.often.as_deref().is_some_and(|often| is_in(OFTEN, often));
    if matches!(verb, "get" | "go") {
        return often || MOODY.is_match(shape.rest);
    }
    // "Needs a ramp" is a fact; what somebody needs before they decide is a pattern.
    let conduct = is_in(CONDUCT, verb) && (verb != "need" || shape.often.is_some() || CONDITIONAL.is_match(shape.rest));
    conduct
        || often && !is_in(STATES, verb)
        || TURNS.is_match(&format!("{verb} {}", shape.rest))
        || THEN_OFTEN.is_match(shape.rest)
}

/// What keeps happening to the speaker. Calling a surgery every Monday is their routine, calling "you" is not.
fn befalls(text: &str, shape: &Shape<'_>) -> bool {
    let repeated = shape.often.is_some() || shape.conditioned && REPEATS.is_match(text);
    let to_others = is_in(REACHES, &shape.verb) && !YOU.is_match(shape.rest);
    repeated && is_in(OUTCOME, &shape.verb) && !to_others
}

pattern!(CONDITIONAL, r"(?i)\b(?:when|whenever|if|unless|once|as soon as|every|each|after|before|until|since)\b");
pattern!(YOU, r"(?i)\b(?:you|your|support|hotline)\b");
pattern!(
    OTHERS,
    r"(?i)\b(?:it|you|they|nobody|somebody|someone|no one|something|there|there's|it's|you're|deliver(?:y|ies)|parcels?|drivers?|invoices?|bills?|orders?|technicians?|couriers?|agents?|the \w+|my \w+|your \w+) (?:always|never|usually|often|only ever|constantly|mostly|forever)\b"
);
pattern!(OPENING, r"(?i)\b(?:open|closed|opens|closes)\b");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::by_rules::classifier::shape::shape;

    #[test]
    fn patterns_are_told_from_single_events_and_routines() {
        let seen = |text: &str| seen(text, &shape(text));
        for text in [
            "Always calls when the bill is late",
            "Has come to trust the night shift",
            "Over the years has moved from letters to the app",
            "Often hangs up before the menu ends",
            "Reacts badly to being transferred",
            "Whenever it rains the line goes dead",
            "You never ring back when you say you will",
            "Keeps forgetting the password",
        ] {
            assert!(seen(text), "{text}");
        }
        for text in [
            "Asked for a copy of the bill",
            "Asks for a copy of the bill",
            "Calls the depot from the van",
            "Washes the filter on Sundays",
            "The office is always closed on Sundays",
            "I always weigh the parcel first",
            "Has two dogs",
        ] {
            assert!(!seen(text), "{text}");
        }
    }
}
