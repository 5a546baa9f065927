//! What tells that something changed, ended, was wrong, is only for once, or is not so yet.

use super::pattern;
use super::words::{self, topic};
use std::collections::BTreeSet;

pattern!(
    TAKES_BACK,
    r"(?ix)\b(?: no,?\s+(?:no,?\s+)?(?:wait|sorry|i\s+(?:said|meant|mean)|it'?s|that'?s|not|make)
      | i\s+(?:said|meant|mean)\b | scratch\s+that | correction | let\s+me\s+correct
      | that(?:'s|\s+is|\s+was)\s+(?:wrong|not\s+right|incorrect)
      | (?:sorry|oops|actually|wait),?\s+(?:no|not|i\s+meant|make|it'?s|that'?s)
      | make\s+(?:that|it)\s | my\s+mistake | i\s+got\s+that\s+wrong | on\s+second\s+thoughts?
      | forget\s+(?:that|what\s+i\s+said) | i\s+misspoke | (?:i\s+have|i've)?\s*changed\s+my\s+mind )"
);
pattern!(
    ENDS,
    r"(?ix)\b(?: cancel(?:s|l?ed|ling)? | called?\s+off | calls\s+off | stop(?:s|ped)? | quit(?:s|ted)? | gave\s+up | has\s+given\s+up | gives\s+up
      | no\s+longer | no\s+more | sold | died | (?:has\s+)?passed\s+away | retired | disconnected | paused | deleted | uninstalled
      | (?:gave|given|handed)\s+back | removed | ended | discontinued | terminated | withdr[ae]wn? | withdrew | revoked | given\s+notice
      | (?:took|taken|came|come|is|went)\s+(?:\w+\s+)?off | got\s+rid\s+of | moved\s+out(?:\s+of)? | (?:switched|changed)\s+from
      | swapped | replaced | traded\s+in | graduated\s+from | left\s+(?:the\s+job|the\s+company)
      | resigned(?:\s+from)? | laid\s+off | unsubscribed(?:\s+from)? | opted\s+out(?:\s+of)? | deactivated | expired | closed\s+(?:the|their)
      | let\s+(?:\w+\s+){1,3}lapse | lapsed | is\s+over | split\s+up(?:\s+with)? | separated\s+from | divorced )\b"
);
pattern!(NOT_ANY_MORE, r"(?i)\b(?:not|n't)\b.{1,60}\bany\s?(?:more|longer)\b");
pattern!(
    INSTEAD_OF,
    r"(?i)\b(?:instead of|rather than) (?:the |an? |being )?(?P<gone>[\w -]+?)(?: ones?)?\s*(?:$|[,.;]|\b(?:from|as|because|since|now)\b)"
);
pattern!(
    NEVER_DID,
    r"(?i)\b(?:never|nobody|did not|didn't|was not|wasn't|could not|couldn't) (?:been )?(?:cancel|stop|sold|remov|replac|end)"
);
pattern!(
    MOVES,
    r"(?ix)\b(?: mov(?:e|es|ed|ing) | put\s+back | pushed\s+(?:back|to) | brought\s+forward | bring\s+forward | postpone[ds]? | reschedul\w+ | rebook(?:ed)?
      | chang(?:e|es|ed|ing) | switch(?:ed)? | shift(?:ed)? | delay(?:ed)?\s+(?:to|until) | instead | is\s+now | are\s+now | now\s+(?:on|at|in|for|due|covers|comes)
      | not\s+(?:on|at|in)\s+the | new\s+(?:date|day|time|slot) | rather\s+than )\b"
);
pattern!(
    NOW,
    r"(?ix)\b(?: now | nowadays | these\s+days | from\s+now\s+on | since\s+then | instead | as\s+of | has\s+(?:just\s+)?(?:moved|changed|switched|become)
      | new | changed | switched | (?:can|will)\s+only | only | any\s?more | no\s+longer | since | after\s+all | gone\s+(?:up|down) | (?:up|down)graded | (?:in|de)creased | raised | reduced | lowered )\b"
);
pattern!(
    CORRECTS,
    r"(?ix)\b(?: correct(?:ed|s|ion)? | the\s+right | swapped | typo | misread | misheard | mishearing | mistake(?:n|nly)? | wrong(?:ly)? | mixed\s+up
      | misspel\w+ | spelled\s+wrong | actually | should\s+(?:be|read|have\s+been) | not\s+(?-i:[A-Z0-9]) )"
);
pattern!(
    REPLACED,
    r"(?ix)\b(?: replac\w+ | rewritten | renew\w+\s+(?:as|under) | superseded | instead | chang\w+ | moved | transferred | converted | upgraded | not\b | new\b | now\b | became | merged )"
);
pattern!(
    ONCE,
    r"(?ix)\b(?: this\s+once | just\s+(?:this\s+)?once | for\s+once | one\s+time | as\s+an\s+exception | exceptionally | (?:only|just)\s+(?:today|tomorrow|this\s+(?:time|week|month))
      | this\s+(?:time|week|weekend)\s*(?:only|$) | for\s+the\s+time\s+being | temporar\w+ | for\s+(?:a|one|two|three|\d+|a\s+few|a\s+couple\s+of)\s+(?:days?|weeks?|months?)
      | on\s+holiday | on\s+vacation | while\s+(?:away|abroad|travelling) | sometimes | occasionally | now\s+and\s+then | staying )\b"
);
pattern!(
    NOT_YET,
    r"(?ix)\b(?: might | maybe | perhaps | thinking\s+(?:of|about) | consider(?:s|ing|ed)? | plan(?:s|ning)?\s+to | hop(?:es|ing)\s+to | wonder\w* | may\s+(?:move|change|switch|cancel|leave)
      | is\s+going\s+to | is\s+about\s+to | would\s+(?:like|love)\s+to\s+(?:move|switch|change|live|work) | ask(?:ed|s)\s+(?:about|if|whether|how|what|when|why|where) | want(?:s|ed)\s+to\s+know
      | if\s+(?:they|the|he|she|it) | unless | threaten\w* | wants\s+to\s+(?:move|live|work|retire|marry) | looking\s+(?:at|into|for) | almost | nearly | unsure | has\s+not\s+decided )\b"
);
pattern!(
    ALSO,
    r"(?i)\b(?:also|another|as well|too|additional|additionally|second|extra|besides|in addition|other|both|spare|backup|alternative|either)\b"
);
pattern!(
    HAPPENED,
    r"(?i)^(?:the user (?:says|said) )?(?:asked|called|ordered|booked|bought|complained|was|were|had|got|went|visited|stayed|travelled|lived|worked|used to|received|reported|raised|met|ran|attended|tried|spoke|wanted|formerly|once)\b"
);
pattern!(
    FOR_ANOTHER,
    r"(?i)\b(?:swapped|traded in|replaced|exchanged|switched from|changed from)\b.*?(?P<other>\s+(?:for|by|with|to) .*)$"
);
pattern!(ACQUIRED, r"(?i)^(?:has )?(?:just )?(?:bought|got) an? \w+");
pattern!(CLAUSE, r"(?i)[;.]|,\s| and | but | so ");
pattern!(
    REASON,
    r"(?i),?\s+(?:because|since (?:the|an?|his|her|their|\w+'?s?)\b|so that|in order|due to|owing to|as (?:he|she|they|it)|now that|after (?:the|an?)\b).*$"
);

/// Whether somebody takes back what they said a moment ago.
pub(super) fn takes_back(said: &str) -> bool {
    TAKES_BACK.is_match(said)
}

/// A sentence without why it is so: the reason names people and things it is not about.
pub(super) fn without_reason(text: &str) -> String {
    let main = REASON.replace(text, "");
    // "Since Saturday …" is when, not why; and a sentence that is all reason stays.
    if main.split_whitespace().count() < 2 { text.to_owned() } else { main.into_owned() }
}

pub(super) fn moves(text: &str) -> bool {
    MOVES.is_match(text)
}

pub(super) fn is_now(text: &str) -> bool {
    NOW.is_match(text)
}

pub(super) fn corrects(text: &str) -> bool {
    CORRECTS.is_match(text)
}

pub(super) fn replaces(text: &str) -> bool {
    REPLACED.is_match(text)
}

/// Whether it holds for once, for a while, or is not decided: nothing gives way to that.
pub(super) fn is_passing(text: &str) -> bool {
    ONCE.is_match(text) || NOT_YET.is_match(text)
}

/// Whether it comes beside what there is.
pub(super) fn adds(text: &str) -> bool {
    ALSO.is_match(text)
}

/// Whether it tells what happened, rather than what is so.
pub(super) fn happened(text: &str) -> bool {
    HAPPENED.is_match(text.trim())
}

/// Whether it tells of something got, which is there from then on.
pub(super) fn acquired(text: &str) -> bool {
    ACQUIRED.is_match(text)
}

/// What the sentence says has ended, as far as it names it: the topics of its clauses that speak of an end.
pub(super) fn ended(text: &str) -> Vec<BTreeSet<String>> {
    if NEVER_DID.is_match(text) {
        return Vec::new();
    }
    // What took its place has not ended.
    let lasting = match FOR_ANOTHER.captures(text).and_then(|found| found.name("other")) {
        Some(other) => &text[..other.start()],
        None => text,
    };
    let speaks_of_end = |text: &str| ENDS.is_match(text) || NOT_ANY_MORE.is_match(text);
    let named = |text: &str| topic(&ENDS.replace_all(text, " "));
    let clauses = CLAUSE.split(lasting).filter(|clause| speaks_of_end(clause));
    let mut ended: Vec<BTreeSet<String>> = clauses.map(named).filter(|topic| !topic.is_empty()).collect();
    if ended.is_empty() && speaks_of_end(lasting) {
        ended.push(named(lasting));
    }
    if !happened(text) {
        ended.extend(INSTEAD_OF.captures(text).map(|found| topic(&found["gone"])).filter(|topic| !topic.is_empty()));
    }
    ended
}

/// What the sentence denies, clause by clause.
pub(super) fn denied(text: &str) -> Vec<BTreeSet<String>> {
    CLAUSE.split(text).filter(|clause| words::is_denial(clause)).map(topic).filter(|topic| !topic.is_empty()).collect()
}

/// From one state of life or of a matter to the next. What stands first was true until what stands second is. Where
/// the third is set, both have to be about the same thing.
const NEXT: &[(&str, &str, bool)] = &[
    (
        r"\b(?:engaged|single|lives alone|widowed)\b",
        r"\b(?:married|got married|has (?:just )?married|is married)\b",
        false,
    ),
    (r"\b(?:is |are )?married\b", r"\b(?:divorced|separated|widowed|split up)\b", false),
    (
        r"\b(?:expecting|pregnant|baby is due)\b",
        r"\b(?:gave birth|has had (?:a|the|her|his|their) baby|baby was born|had a (?:baby|boy|girl))\b",
        false,
    ),
    (
        r"\b(?:out of work|unemployed|looking for (?:a |new )?(?:job|work)|between jobs)\b",
        r"\b(?:started|has found|found|got) (?:a )?(?:new )?(?:job|work|position)\b|\bnow works\b",
        false,
    ),
    (
        r"\bworks (?:as|at|for|in)\b",
        r"\bis (?:now )?retired\b|\bhas retired\b|\bretired from\b|\bout of work\b|\bunemployed\b|\bwas (?:laid off|made redundant)\b|\bmade redundant\b",
        false,
    ),
    (
        r"\bis a student\b|\bstudies\b|\bis studying\b",
        r"\bgraduated\b|\bfinished (?:the |their )?(?:degree|studies|university)\b",
        false,
    ),
    (r"\b(?:learning to drive|driving lessons)\b", r"\bpassed the driving test\b", false),
    (r"\brents\b|\bis renting\b", r"\bbought (?:a|the|their) (?:house|flat|home|place)\b", false),
    (
        r"\b(?:leave|leaving|switch(?:ing)? to another|cancel(?:ling)?)\b",
        r"\b(?:decided to stay|staying (?:as a customer )?after all|stays after all|keep (?:it|the \w+) after all)\b",
        false,
    ),
    (
        r"\b(?:waiting for|has not arrived|have not arrived|not (?:been )?(?:received|delivered|refunded)|still owed|missing|outstanding|overdue|pending)\b",
        r"\b(?:arrived|received|came|delivered|was paid|been paid|refunded|settled|turned up|reached (?:them|him|her))\b",
        true,
    ),
    (
        r"\b(?:down|not working|does not work|doesn't work|broken|out of order|faulty|leaks|leaking|not heating|blocked|locked|suspended|stuck|crashes)\b",
        r"\b(?:back|working again|works again|works now|fixed|repaired|mended|resolved|solved|replaced|restored|unlocked|unblocked|running again|reactivated)\b",
        true,
    ),
    (
        r"\b(?:is|are) (?:open|pending|unresolved)\b|\bremains open\b|\bopen (?:claim|ticket|case|complaint|request|invoice|issue)\b",
        r"\b(?:closed|resolved|settled|decided|approved|declined)\b",
        true,
    ),
    (
        r"\b(?:sick leave|parental leave|maternity leave|in (?:the )?hospital)\b",
        r"\b(?:back at work|back home|out of (?:the )?hospital|discharged|works again)\b",
        false,
    ),
    (r"\b(?:vegetarian|vegan)\b", r"\beats (?:meat|fish|everything|cheese|dairy)\b", false),
    (r"\bon (?:a|the) (?:free )?trial\b", r"\b(?:subscribed|bought|signed up|upgraded)\b", true),
    (
        r"\b(?:wants|asked for|requested|waiting for) (?:a |the )?(?:refund|replacement|callback)\b",
        r"\b(?:got|received|has had) (?:a |the )?(?:refund|replacement|callback)\b",
        true,
    ),
];

static PATTERNS: std::sync::LazyLock<Vec<(regex::Regex, regex::Regex, bool)>> = std::sync::LazyLock::new(|| {
    let compiled = |pattern: &str| super::super::sentence::rx(&format!("(?i){pattern}"));
    NEXT.iter().map(|(before, after, shared)| (compiled(before), compiled(after), *shared)).collect()
});

/// Whether what `new` tells comes after what `old` tells; `shared` is whether they are about the same thing.
pub(super) fn follows(old: &str, new: &str, shared: bool) -> bool {
    PATTERNS.iter().any(|(before, after, same)| {
        (shared || !same) && before.is_match(old) && after.is_match(new) && !after.is_match(old)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_back_is_heard_and_ordinary_speech_is_not() {
        for said in [
            "No, I said Tuesday.",
            "no no, I meant the blue one",
            "Sorry, not Friday, Saturday.",
            "Scratch that, the fifth.",
            "Make it Thursday instead",
            "Actually, no, the other address.",
            "I've changed my mind, keep it.",
        ] {
            assert!(takes_back(said), "{said}");
        }
        for said in ["On Tuesday, please.", "No thanks, that was all.", "I do not eat meat.", "Yes, Friday is fine."] {
            assert!(!takes_back(said), "{said}");
        }
    }

    #[test]
    fn what_ended_is_named() {
        let first = |text: &str| ended(text).into_iter().next().unwrap_or_default();
        assert_eq!(first("Stopped the direct debit and pays by card now"), topic("direct debit"));
        assert_eq!(first("Is no longer a student"), topic("student"));
        assert_eq!(first("The parcel was never cancelled"), topic(""));
        assert!(ended("Likes tea").is_empty());
    }

    #[test]
    fn a_state_follows_another_but_not_the_other_way_round() {
        assert!(follows("Is engaged to Tomas", "Married Tomas", false));
        assert!(!follows("Is married to Tomas", "Is engaged to Tomas", false));
        assert!(follows("Is waiting for the refund", "The refund arrived", true));
        assert!(!follows("Is waiting for the refund", "The parcel arrived", false));
    }
}
