//! The kinds known by a word or a verb in its place: names, contacts, promises, requests, preferences, numbers, events.

use super::shape::{Doer, Shape, Tense};
use crate::MemoryKind;
use crate::ai::by_rules::sentence::pattern;
use regex::Regex;
use std::sync::LazyLock;

const WHO: &str = r"^(?:(?:the )?(?:caller|customer|user|client|patient|guest|he|she|they|i|we)\s+)?(?:(?:also|really|still|just|has|have|had|is|are|was|were|now)\s+)*";

pattern!(
    CONTACT,
    r"(?i)[\w.+-]+@[\w-]+\.\w+|\b(?:address|e-?mail(?: address)?|(?:phone|mobile|landline|telephone)(?: number)?) (?:is|was|changed to)\b|\blives at\b|\+?\d[\d ()-]{8,}\d"
);
pattern!(
    NAME,
    r"(?i)^(?:(?:the )?(?:caller|customer|user)(?:'s)?\s+|my |their |his |her )?(?:(?:full |first |last |family |maiden |sur|middle )?name is\b|is called [A-Z]|goes by\b|(?:prefers|wants|likes) to be called\b|call me [A-Z]|is named\b)|\bmy (?:\w+ )?(?:sur)?name(?: is|'s)\b"
);
pattern!(
    PROMISE,
    r"(?i)\b(?:promised|promises|committed to|assured|guaranteed|owes? (?:the )?(?:caller|customer) a)\b|^(?:the )?(?:agent|we|support|the team) (?:will|shall)\b|^(?:the )?(?:caller|customer) will (?:pay|send|call|return|bring)\b"
);
pattern!(
    REQUEST,
    &format!(
        r"(?i){WHO}(?:asked|asks|asking|requested|requests|wants? to (?:cancel|move|change|return|book|upgrade|speak|switch|close|open|reschedule)|would like (?:to|a|an)|needs? (?:a|an|to) )|\b(?:could|can|would|will) (?:you|i|we|someone|somebody) (?:please )?\w+|\bplease\b|\b(?:i|we)'d like (?:to|an?|the|my|some|two|another)\b|\b(?:i|we)(?:'m| am|'re| are) (?:calling|ringing|phoning|writing|after|looking)\b|^(?:i|we) (?:want|need) (?:a|an|to|the|my|you|some|somebody|someone|another)\b"
    )
);
pattern!(
    COMPLAINT,
    r"(?i)\b(?:complain(?:ed|s|t)?|overcharged|charged twice|(?:arrived|was|were|is|are|came) (?:\w+ )?(?:late|broken|damaged|missing|defective|faulty|delayed)|(?:has|have|had)(?:n't| not| never) (?:arrived|received|been)|never arrived|stopped working|(?:does|do|is|are|did)(?:n't| not) work(?:ing)?|wrong (?:size|item|order|colou?r|address)|still waiting|out of order|reported (?:a|an|that))\b"
);
pattern!(
    PREFERENCE,
    &format!(
        r"(?i){WHO}(?:prefers?|likes?|loves?|hates?|dislikes?|enjoys?|favou?rs|(?:would|'d) (?:rather|prefer)|can(?:'t|not) stand|(?:does|do)(?:n't| not) (?:like|want)|always|never|only|wants? (?:to be|no|only))\b|\b(?:i|we|they|he|she)'d (?:rather|prefer|sooner)\b|\bfavou?rite\b|\bpreference\b|\bmornings? only\b"
    )
);
pattern!(
    ORDER,
    r"(?i)\b(?:order|ticket|invoice|booking|reservation|policy|case|tracking|contract|claim|account)(?: (?:number|no\.?|id|reference))?(?: is)? #?(?:[a-z]{0,4}-?)?\d[\w-]+\b"
);
pattern!(
    EVENT,
    &format!(
        r"(?i){WHO}(?:ordered|bought|booked|paid|lost|returned|cancelled|canceled|moved|retired|visited|called|met|went|got|received|sent|signed|broke|married|attended|travelled|traveled|flew|installed|renewed|upgraded|joined|left|started|stopped|spoke|moving|flying|travelling|traveling|getting|leaving|visiting|born|hospitali[sz]ed)\b|\b(?:yesterday|today|tomorrow|last (?:week|month|year|night)|next (?:week|month|year)|ago|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b|\b(?:appointment|meeting|surgery|wedding|delivery) (?:is |was )?(?:on|at|scheduled|planned)\b"
    )
);
// What was begun and goes on, or what somebody was: a state, though its verb is past.
pattern!(
    LASTS,
    r"(?i)\b(?:used to|(?:has|have|'ve) (?:\w+ )?(?:been (?:an?|with|in|on|at|married|retired|living|working|left-|right-|vegetarian|vegan|diabetic|deaf|blind)|lived|worked|known|owned|had|got (?:an?|no|some|two|three|four|five|six|\d+))|(?:birthday|anniversary) is|(?:is|was|were) born|grew up|(?:is|'m|are|'re) (?:\w+ )?(?:living|working|studying|named|called|married|retired|divorced|widowed|allergic)|(?:is|'m|are|'re) (?:an?|the) \w+)\b|^(?:(?:the )?(?:caller|customer|he|she|i)\s+)?was (?:an?|the) \w+"
);
// What happened, whoever did it.
pattern!(
    HAPPENED,
    r"(?ix)^(?:agent|(?:the|my|our|an?|his|her|their|caller's)\ \w+)\ \w{3,}ed\ |\b(?:(?:has|have|had|'ve|'s|was|were|got|been|is\ being|'m\ being)\ (?:\w+ly\ |just\ |now\ |already\ |been\ |not\ |never\ )*(?:\w{2,}ed|sent|paid|lost|gone|broken|taken|given|made|told|left|found|bought|sold|put|cut|stolen|torn|written|spoken|done|seen|come|had|got|become|fallen|begun|chosen|flown|hidden|ridden)
      |passed\ away|died|hit|broke|crashed|exploded|leaked|failed|collapsed|flooded|vanished|disappeared|arrived|happened|stopped|started|turned|fell|went|came|ran\ (?:out|into|over)|burst|jammed|blew|rang|bit|stole|dropped|showed|told|sent|took|gave|said|made|left|forgot
      |(?:is|are|'m|'re)\ (?:\w+ly\ )?(?:flying|moving|travell?ing|getting|having|leaving|visiting|going|starting|expecting|waiting|selling|buying|coming|returning|changing|switching|undergoing|due|planning|hosting|meeting|picking|closing|opening|starting|ending|away)
      |(?:can't|cannot|couldn't|won't|will\ not|didn't|did\ not)\ (?:make|come|be|get|find|log|open|reach|pay|arrive|attend|work|sleep|receive|turn)
      |tonight|this\ (?:morning|afternoon|evening|week|weekend)|last\ (?:night|spring|summer|autumn|winter|\w+day|january|february|march|april|june|july|august|september|october|november|december)
      |(?:on|by|since|until|for|of)\ (?:the\ )?(?:mon|tues|wednes|thurs|fri|satur|sun)day\ \d|\d{1,2}(?:st|nd|rd|th)?\ (?:of\ )?(?:january|february|march|april|may|june|july|august|september|october|november|december))\b"
);

/// Kinds that come before any mood or habit, because a promise may hold a mood and a name a habit, but not the other way round.
pub(super) fn first(text: &str) -> Option<MemoryKind> {
    known(text, &[(&NAME, MemoryKind::Name), (&PROMISE, MemoryKind::Promise)])
}

/// Kinds that come after moods and before habits: "Usually it arrives broken" is no routine of the caller's.
pub(super) fn second(text: &str) -> Option<MemoryKind> {
    known(
        text,
        &[(&REQUEST, MemoryKind::Request), (&COMPLAINT, MemoryKind::Complaint), (&CONTACT, MemoryKind::Contact)],
    )
}

/// The kinds that are left when a sentence is no routine, in this order.
pub(super) fn last(text: &str, shape: &Shape<'_>) -> Option<MemoryKind> {
    let done = shape.tense == Tense::Past && shape.doer != Doer::Other;
    if done && !LASTS.is_match(text) {
        return known(text, &[(&ORDER, MemoryKind::Order)]).or(Some(MemoryKind::Event));
    }
    known(
        text,
        &[
            (&PREFERENCE, MemoryKind::Preference),
            (&ORDER, MemoryKind::Order),
            (&LASTS, MemoryKind::Fact),
            (&EVENT, MemoryKind::Event),
            (&HAPPENED, MemoryKind::Event),
        ],
    )
}

type Rule<'a> = (&'a LazyLock<Regex>, MemoryKind);

fn known(text: &str, rules: &[Rule<'_>]) -> Option<MemoryKind> {
    rules.iter().find(|(pattern, _)| pattern.is_match(text)).map(|(_, kind)| *kind)
}
