//! Family, work, home, health, possessions, and what happened or will happen.

use super::draft::{Context, Draft};
use super::sentence::{Clause, pattern};
use super::{names, words};
use crate::MemoryKind;

pattern!(
    RELATIVE,
    &format!(
        r"(?i)\b(?:my|our) (?:\w+ (?:old(?:er|est)? |young(?:er|est)? |late ))?(?:(?:old(?:er|est)?|young(?:er|est)?|late|eld(?:er|est)|little|big|new) )?(?P<who>{})\b(?P<rest>.*)$",
        words::PEOPLE
    )
);
pattern!(NAMED, r"(?i)^(?:'s name is|,? (?:is )?(?:called|named),?)? ?,?");
pattern!(
    DOES,
    r"(?i)^,? *(?P<p>(?:usually |always |often |also |never |just |really )*(?:is|was|has|had|would|wants|needs|loves|hates|likes|prefers|lives|works|passed|died|drives|helps|takes|speaks|can't|cannot|doesn't|does not|will|is coming|comes|calls|handles|pays|got|moved|turns|broke|goes|studies|uses|owns|manages|orders)\b.*)$"
);
pattern!(
    IS_SHORT,
    r"(?i)^'s (?P<p>(?:gonna|going|coming|getting|picking|starting|moving|allergic|a|an|in|at|not|very|really|so|getting) .+)$"
);
pattern!(THEIR_NAME, r"(?i)^(?:his|her|their) name(?:'s| is) (?P<n>.+)$");
pattern!(THEY_DO, r"(?i)^(?:he|she)(?P<is>'s)? ?(?P<p>.+)$");
pattern!(
    WORKS,
    r"(?i)^(?:.*?\b)?(?:i|we) (?:also |now |currently |mostly |usually )?(?P<v>work) (?P<rest>(?:as|for|at|in|from|with|on|nights?|days|shifts?|part|full|every|late|weekends|remotely|outside|two|three|night)\b.*)$"
);
pattern!(
    LIVES,
    r"(?i)^(?:i|we) (?:now |also |currently )?(?P<v>live) (?P<rest>(?:in|with|near|alone|on|out|by|next|abroad|together|far)\b.*)$"
);
pattern!(
    HAS,
    r"(?i)^(?:i|we)(?:'ve got| have got| have| own| drive| use| speak| play| study| teach| run| rent| manage| keep) (?P<rest>.+)$"
);
pattern!(
    VERB,
    r"(?i)^(?:i|we)(?P<v>'ve got| have got| have| own| drive| use| speak| play| study| teach| run| rent| manage| keep)\b"
);
pattern!(
    NOT_HAD,
    r"(?i)^(?:(?:an?|the|one|another|some|two) (?:quick |small |few |little |minor )?(?:questions?|problems?|issues?|complaints?|look|moment|minute|second|idea|feeling|suggestion|request|good|nice|great|number|code|case|ticket|chance|choice|lot|few)\b|no\b|to\b|been\b|it\b|that\b|this\b|them\b|you\b|not\b|never\b|already\b|just\b|any\b|heard\b|your\b|the (?:receipt|number|order|same)\b|my\b|received\b|\w+ed\b|\w+en\b|lost\b|had\b|made\b|paid\b|sent\b|got\b|done\b|enough\b|everything\b|nothing\b|trouble\b|problems\b|more\b)"
);
pattern!(
    AM,
    r"(?ix)\b(?:i|we)(?:'m|\ am|'re|\ are)\ (?:\w+ly\ |also\ |now\ |still\ |a\ bit\ )*(?P<what>(?:allergic\ to|vegetarian|vegan|diabetic|pregnant|deaf|blind|retired|unemployed|married|divorced|widowed|single|disabled|asthmatic|self-employed|left-handed|hard\ of\ hearing|gluten[\ -]intolerant|lactose[\ -]intolerant|coeliac|celiac|colou?r[\ -]blind|in\ a\ wheelchair|on\ (?:blood\ thinners|autopay|antibiotics|benefits|a\ pension|medication|a\ diet|insulin|holiday|sick\ leave|maternity\ leave)|a\ (?:nurse|teacher|doctor|lawyer|driver|student|vegetarian|vegan|pensioner|single\ (?:mother|father|mum|mom|dad|parent)|carer|farmer|chef|builder|plumber|courier|musician|developer|designer|freelancer|widow|widower|member|long-time\ customer)|an\ (?:engineer|electrician|accountant|architect|artist|actor|early\ riser)|\d+\ years\ old)\b.*)$"
);
pattern!(
    OF_US,
    r"(?i)^one of (?:us|them) is (?P<what>allergic to .+|gluten[ -]\w+|vegetarian|vegan|lactose .+|in a wheelchair|pregnant|disabled)$"
);
pattern!(
    DO_NOT,
    r"(?i)^(?:i|we) (?P<not>don't|do not|can't|cannot) (?P<rest>(?:eat|drink|drive|use|own|speak|read|walk|hear|see|climb|smoke|take|pick up|have a (?:car|computer|smartphone|printer|bank|credit))\b.*)$"
);
pattern!(
    WILL,
    r"(?ix)^(?:i|we)(?:'m|\ am|'re|\ are)\ (?:\w+ly\ |also\ |now\ |actually\ )*(?P<p>(?:moving|flying|travell?ing|leaving|starting|opening|getting\ married|visiting|coming|retiring|having\ (?:surgery|a\ baby|an\ operation|guests|a\ party)|expecting|returning|arriving|closing|launching|hosting|getting\ (?:a|an)|going\ (?:to\ [A-Z]\w+|on|abroad|away|into\ hospital)|buying|selling|renovating|changing\ jobs)\b.*)$"
);
pattern!(
    DID,
    r"(?ix)^(?:i|we)(?:'ve|\ have)?\ (?:just\ |recently\ |already\ |also\ |actually\ |only\ )*(?P<p>(?:sent|raised|submitted|filed|posted|dropped|passed|adopted|hired|injured|fell|hurt\ my|ordered|bought|purchased|booked|rented|paid|lost|returned|cancell?ed|moved|retired|got\ (?:married|divorced|a\ new|my|the)|visited|signed\ up|had\ (?:a|an|my|surgery)|broke\ my|changed|switched|started|opened|closed|sold|received|installed|registered|applied|met|spoke\ (?:to|with)|called\ (?:you|last|yesterday|on)|was\ in|were\ in|was\ born|joined|left\ my|upgraded|renewed|reported|traveled|travelled|flew)\b.*)$"
);
pattern!(
    VAGUE_DID,
    r"(?i)^(?:moved|changed|called you|paid|booked|ordered|received|returned|started|lost) ?(?:it|that|them|this|on|again|one|something)?$"
);
pattern!(BUT_NOT, r"(?i)\b(?:never mind|driving|walking)\b");
pattern!(
    HURTS,
    r"(?i)^my (?P<p>(?:neck|back|arm|leg|head|knee|foot|tooth|stomach|chest|shoulder|eyes?) (?:hurts?|aches?|is (?:sore|broken|swollen)).*)$"
);
pattern!(
    OCCASION,
    r"(?i)\b(?:appointment|meeting|surgery|wedding|exam|interview|flight|operation|party|conference|funeral|holiday|trip|viewing)\b"
);
pattern!(
    WE_FIRM,
    r"(?i)^(?:our|my) (?P<p>(?:company|business|shop|store|restaurant|team|office|firm) (?:is|has|uses|runs|sells|makes)\b.*)$"
);

/// A fact or event of a clause, and the person it leaves in mind.
pub(super) fn find(clause: &Clause, cx: &Context<'_>) -> (Option<Draft>, Option<String>) {
    if clause.question || clause.supposed || BUT_NOT.is_match(&clause.text) {
        return (None, None);
    }
    let (draft, person) = relative(clause, cx);
    if draft.is_some() || clause.denied {
        return (draft, person);
    }
    (own(clause, cx), person)
}

fn relative(clause: &Clause, cx: &Context<'_>) -> (Option<Draft>, Option<String>) {
    let text = clause.text.as_str();
    if let Some(c) = RELATIVE.captures(text) {
        let (who, rest) = (c["who"].to_lowercase(), c["rest"].to_owned());
        if let Some(c) = IS_SHORT.captures(&rest) {
            let person = format!("Caller's {who}");
            let predicate = words::about(&c["p"]).replacen("gonna ", "going to ", 1);
            let draft = Draft::dated(MemoryKind::Fact, &format!("{person} is "), &predicate, text, cx.anchor);
            return (Some(draft), Some(person));
        }
        if rest.starts_with('\'') && !rest.starts_with("'s name is") {
            return (None, None);
        }
        let after = &rest[NAMED.find(&rest).map_or(0, |m| m.end())..];
        let named_so = rest.to_lowercase().starts_with("'s name is") || clause.cased;
        let name = if named_so { names::take(after, clause.cased) } else { None };
        let person = name.as_ref().map_or(format!("Caller's {who}"), |n| format!("Caller's {who} {n}"));
        let tail = name.as_deref().map_or(rest.as_str(), |n| after.strip_prefix(n).unwrap_or(after));
        // "I live with my son" is about the caller; "my son lives with me" about the son.
        let subject = c.get(0).is_some_and(|m| m.start() == 0);
        if subject && let Some(d) = DOES.captures(tail) {
            let draft = Draft::dated(MemoryKind::Fact, &format!("{person} "), &words::about(&d["p"]), text, cx.anchor);
            return (Some(draft), Some(person));
        }
        if let Some(name) = name {
            if let (Some(own), _) = (own(clause, cx), ()) {
                return (Some(own), Some(person));
            }
            let article = if "aeiou".contains(&who[..1]) { "an" } else { "a" };
            return (Some(Draft::new(MemoryKind::Fact, format!("Has {article} {who}, {name}"))), Some(person));
        }
        return (None, Some(person));
    }
    let Some(person) = cx.person.clone() else { return (None, None) };
    if let Some(name) = THEIR_NAME.captures(text).and_then(|c| names::take(&c["n"], clause.cased)) {
        return (
            Some(Draft::new(MemoryKind::Fact, format!("{person} is called {name}"))),
            Some(format!("{person} {name}")),
        );
    }
    if let Some(c) = THEY_DO.captures(text).filter(|_| !clause.denied) {
        let short = c.name("is").is_some();
        let is = if !short {
            ""
        } else if c["p"].starts_with("got ") {
            "has "
        } else {
            "is "
        };
        let predicate = format!("{is}{}", &c["p"]);
        if DOES.is_match(&predicate) {
            let draft =
                Draft::dated(MemoryKind::Fact, &format!("{person} "), &words::about(&predicate), text, cx.anchor);
            return (Some(draft), None);
        }
    }
    (None, None)
}

fn own(clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    let text = clause.text.as_str();
    let draft = |kind, lead: &str, rest: &str| Some(Draft::dated(kind, lead, &words::about(rest), text, cx.anchor));
    if let Some(c) = WORKS.captures(text).or_else(|| LIVES.captures(text)) {
        return draft(MemoryKind::Fact, &format!("{} ", words::third(&c["v"])), &c["rest"]);
    }
    if let Some(c) = AM.captures(text) {
        return draft(MemoryKind::Fact, "Is ", &c["what"]);
    }
    if let Some(c) = OF_US.captures(text) {
        return draft(MemoryKind::Fact, "Is in a party of which one is ", &c["what"]);
    }
    if let Some(c) = WILL.captures(text) {
        let rest = c["p"].trim();
        let alone = rest.split(' ').count() == 1;
        return if alone { None } else { draft(MemoryKind::Event, "Is ", rest) };
    }
    if let Some(c) = DID.captures(text) {
        let rest = words::tidy(&c["p"]);
        if VAGUE_DID.is_match(&rest) {
            return None;
        }
        // Told in the past even where a "for Friday" stands in it: only the verb counts.
        return draft(MemoryKind::Event, "", &rest);
    }
    if let Some(c) = DO_NOT.captures(text) {
        let not = if c["not"].to_lowercase().starts_with("do") { "Does not " } else { "Cannot " };
        return draft(MemoryKind::Fact, not, &c["rest"]);
    }
    if let Some(c) = HURTS.captures(text).or_else(|| WE_FIRM.captures(text)) {
        return draft(MemoryKind::Fact, "Caller's ", &c["p"]);
    }
    let (c, v) = (HAS.captures(text)?, VERB.captures(text)?);
    let rest = words::tidy(&c["rest"]);
    if NOT_HAD.is_match(&rest) || rest.is_empty() {
        return None;
    }
    let kind = if OCCASION.is_match(&rest) || !cx.anchor.find(&rest, super::dates::Tense::Ahead).is_empty() {
        MemoryKind::Event
    } else {
        MemoryKind::Fact
    };
    draft(kind, &format!("{} ", words::third(v["v"].trim())), &rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transcript;
    use crate::ai::by_rules::dates::Anchor;
    use crate::ai::by_rules::sentence::clauses;
    use chrono::TimeZone;

    fn all(turn: &str, person: Option<&str>) -> Vec<String> {
        let started_at = chrono::Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let anchor =
            Anchor::of(&Transcript { started_at, utc_offset_minutes: 0, turns: Vec::new(), ..Transcript::default() });
        let cx = Context { anchor: &anchor, person: person.map(str::to_owned), thing: None };
        clauses(turn).iter().filter_map(|c| find(c, &cx).0).map(|d| d.content).collect()
    }

    #[test]
    fn relatives_are_told_apart_from_the_caller() {
        assert_eq!(
            all("My daughter Mia is allergic to peanuts.", None),
            ["Caller's daughter Mia is allergic to peanuts"]
        );
        assert_eq!(all("she is vegetarian", Some("Caller's wife Laura")), ["Caller's wife Laura is vegetarian"]);
        assert_eq!(all("This is for my wife Anna.", None), ["Has a wife, Anna"]);
        assert_eq!(all("his name is George", Some("Caller's father")), ["Caller's father is called George"]);
    }

    #[test]
    fn work_home_health_and_things() {
        assert_eq!(all("I work nights.", None), ["Works nights"]);
        assert_eq!(all("I have two dogs.", None), ["Has two dogs"]);
        assert_eq!(all("I'm allergic to penicillin", None), ["Is allergic to penicillin"]);
        assert_eq!(all("I live with my son in Bristol now", None), ["Lives with their son in Bristol"]);
        assert_eq!(all("I don't use the internet", None), ["Does not use the internet"]);
    }

    #[test]
    fn events_have_their_day() {
        assert_eq!(all("I'm moving to Leeds in March.", None), ["Is moving to Leeds in March 2027"]);
        assert_eq!(all("I lost my card yesterday", None), ["Lost the card on Saturday 21 November 2026"]);
    }

    #[test]
    fn questions_phrases_and_denials_are_no_facts() {
        for turn in [
            "I have a question.",
            "I have to go.",
            "I don't have a dog.",
            "Do you have a car?",
            "I'm driving.",
            "I've been waiting.",
        ] {
            assert_eq!(all(turn, None), Vec::<String>::new(), "{turn}");
        }
    }
}
