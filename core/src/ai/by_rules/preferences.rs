//! Likes, dislikes, standing wishes, and habits.

use super::draft::{Context, Draft};
use super::sentence::{Clause, pattern};
use super::words;
use crate::MemoryKind;

pattern!(
    LIKES,
    r"(?ix)^(?:\w+ly\ )?(?:i|we)\ (?:(?:really|much|also|actually|just|still|honestly|absolutely|do|personally|now)\ )*(?P<v>prefer|like|love|hate|enjoy|dislike|can't\ stand|cannot\ stand|don't\ like|do\ not\ like|don't\ want|do\ not\ want)\ (?P<rest>.+)$"
);
pattern!(RATHER, r"(?i)\b(?:i'd|i would|we'd|we would) (?:rather|prefer)\b\s*(?P<rest>.+)$");
pattern!(
    EMPTY,
    r"(?i)^(?:it|that|this|them|to (?:know|ask|say|see|be|hear|thank|make|talk|think|bother|go|wait)|you|him|her|what|how|if|the (?:sound|idea)|any (?:trouble|problems)|anything)\b"
);
pattern!(
    DO_NOT,
    r"(?i)^(?:(?:can|could) you )?(?:please )?(?:don't|do not|never|stop) (?P<v>call|text|e-?mail|send|ring|phone|contact|leave|charge|calling|texting|emailing|sending|leaving|deliver|put|share|use)(?:ing)?\b(?P<rest>.*)$"
);
pattern!(
    CHANNEL,
    r"(?i)\b(?:can you |could you |please |just )*(?P<yes>text|call|e-?mail|message|write to) me\b,?(?: and| but)? (?:not|instead of|don't|rather than) (?P<no>call|text|e-?mail|phone|ring|calling|texting|emailing|phoning|letters?)"
);
pattern!(
    ONLY,
    r"(?i)^(?:only )?(?:in the )?(?P<when>mornings?|afternoons?|evenings?|weekends?|weekdays?|lunchtimes?)(?: only| please| are best| work best| would be best| is best)+\b|\bonly (?:in the |on )?(?P<when2>mornings?|afternoons?|evenings?|weekends?|weekdays?)\b"
);
pattern!(BEST, r"(?i)^(?:the )?(?P<what>[\w' ]{3,40}?) (?:works?|suits?|is|are) best(?: for (?:me|us))?\b");
pattern!(
    HABIT,
    r"(?i)^(?:(?:i|we) (?P<adv>usually|normally|typically|generally|always|never|often|mostly) (?P<v>[a-z]+)\b(?P<rest>.*))$"
);
pattern!(FAVOURITE, r"(?i)^(?:my|our) (?P<f>favou?rite [\w ]+?) (?P<is>is|are) (?P<rest>.+)$");
pattern!(
    ONCE,
    r"(?i)^(?:said|asked|got|had|received|ordered|heard|wanted|saw|thought|knew|agreed|signed|told|was|been|forget)$"
);
pattern!(MY_NAME, r"^\s*[Mm]e [A-Z]");

/// The preference or habit of a clause.
pub(super) fn find(clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    let text = clause.text.as_str();
    if let Some(c) = CHANNEL.captures(text) {
        return Some(Draft::new(
            MemoryKind::Preference,
            format!("Prefers to be {}, not {}", channel(&c["yes"]), channel(&c["no"])),
        ));
    }
    if let Some(c) = DO_NOT.captures(text)
        && !c["rest"].trim().is_empty()
    {
        return do_not(&c["v"], &c["rest"], clause, cx);
    }
    if clause.question || clause.supposed {
        return None;
    }
    if let Some(c) = HABIT.captures(text) {
        return habit(&c["adv"], &c["v"], &c["rest"], clause, cx);
    }
    if let Some(c) = RATHER.captures(text) {
        let rest = words::tidy(&c["rest"]);
        let rest = rest.strip_prefix("to ").unwrap_or(&rest);
        let verb = rest.split(' ').next().is_some_and(|w| {
            matches!(
                w,
                "get"
                    | "have"
                    | "be"
                    | "pay"
                    | "receive"
                    | "not"
                    | "speak"
                    | "come"
                    | "use"
                    | "keep"
                    | "wait"
                    | "go"
                    | "do"
                    | "stay"
            )
        });
        let to = if verb { "to " } else { "" };
        let lead = rest.strip_prefix("not ").map_or(format!("Prefers {to}"), |_| "Prefers ".to_owned());
        let rest = if rest.starts_with("not ") { rest.replacen("not ", "not to ", 1) } else { rest.to_owned() };
        return (!EMPTY.is_match(&rest)).then(|| dated(&lead, &rest, clause, cx));
    }
    if let Some(c) = LIKES.captures(text) {
        let (verb, rest) = (c["v"].to_lowercase(), words::tidy(&c["rest"]));
        if EMPTY.is_match(&rest) {
            return None;
        }
        let lead = match verb.as_str() {
            "don't like" | "do not like" => "Does not like ".to_owned(),
            "don't want" | "do not want" => "Does not want ".to_owned(),
            "can't stand" | "cannot stand" => "Cannot stand ".to_owned(),
            "hate" => "Hates ".to_owned(),
            verb => format!("{} ", words::third(verb)),
        };
        return Some(dated(&lead, &rest, clause, cx));
    }
    if let Some(c) = FAVOURITE.captures(text) {
        return Some(dated("", &format!("{} {} {}", &c["f"], &c["is"], &c["rest"]), clause, cx));
    }
    if let Some(when) = ONLY.captures(text).and_then(|c| c.name("when").or(c.name("when2"))) {
        let only = if text.to_lowercase().contains("only") { " only" } else { "" };
        return Some(Draft::new(MemoryKind::Preference, format!("Prefers {}{only}", when.as_str().to_lowercase())));
    }
    BEST.captures(text).map(|c| dated("Prefers ", &c["what"].to_lowercase(), clause, cx))
}

/// A short answer to "any seat preference?".
pub(super) fn answer(clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    let said = words::tidy(&clause.text);
    let plain = !clause.question && !clause.denied && said.split(' ').count() <= 5;
    let nothing = ["none", "nothing", "not really", "any", "don't", "whatever", "either", "no"]
        .iter()
        .any(|w| said.to_lowercase().starts_with(w));
    (plain && !nothing && !said.to_lowercase().starts_with("i ")).then(|| dated("Prefers ", &lower(&said), clause, cx))
}

fn do_not(verb: &str, rest: &str, clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    let verb = verb.to_lowercase();
    let stem = match verb.strip_suffix("ing") {
        Some("leav") => "leave",
        Some(stem) => stem,
        None => verb.as_str(),
    };
    let me = rest.trim_start().to_lowercase();
    if let Some(tail) = me.strip_prefix("me").filter(|t| t.is_empty() || t.starts_with(' ')) {
        // "Don't call me Samuel" is about a name.
        if stem == "call" && clause.cased && MY_NAME.is_match(rest) {
            return None;
        }
        let original = rest.trim_start().get(2..).unwrap_or(tail);
        return Some(dated("Prefers not to ", &format!("be {}{original}", words::participle(stem)), clause, cx));
    }
    Some(dated("Asked never to ", &format!("{stem}{rest}"), clause, cx))
}

fn habit(adverb: &str, verb: &str, rest: &str, clause: &Clause, cx: &Context<'_>) -> Option<Draft> {
    if ONCE.is_match(verb) || verb.ends_with("ed") || clause.denied {
        return None;
    }
    let adverb = adverb.to_lowercase();
    let kind =
        if matches!(adverb.as_str(), "never" | "always") { MemoryKind::Preference } else { MemoryKind::Procedure };
    let rest = conjugate_second(rest);
    let content = format!("{adverb} {}{}", words::third(verb), words::about(&rest));
    Some(Draft::dated(kind, "", &content, &clause.text, cx.anchor))
}

/// "Order online and pick up in store": the second verb has the same subject.
fn conjugate_second(rest: &str) -> String {
    const AND: [&str; 8] = ["pick", "pay", "collect", "order", "call", "return", "print", "send"];
    let mut out = rest.to_owned();
    for verb in AND {
        out = out.replace(&format!(" and {verb} "), &format!(" and {} ", words::third(verb)));
    }
    out
}

fn dated(lead: &str, rest: &str, clause: &Clause, cx: &Context<'_>) -> Draft {
    Draft::dated(MemoryKind::Preference, lead, &words::about(rest), &clause.text, cx.anchor)
}

fn channel(word: &str) -> String {
    match word.to_lowercase().as_str() {
        "text" | "texting" => "texted",
        "call" | "calling" | "phone" | "phoning" | "ring" => "called",
        "message" => "messaged",
        "letter" | "letters" | "write to" => "written to",
        _ => "e-mailed",
    }
    .to_owned()
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_lowercase);
    let out: String = first.chain(chars).collect();
    ["a ", "an ", "the "].iter().find_map(|a| out.strip_prefix(a)).unwrap_or(&out).to_owned()
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
    fn likes_and_habits_are_kept() {
        assert_eq!(all("I prefer deliveries in the morning."), ["Prefers deliveries in the morning"]);
        assert_eq!(all("I'd rather get emails in Portuguese."), ["Prefers to get emails in Portuguese"]);
        assert_eq!(all("mornings only please"), ["Prefers mornings only"]);
        assert_eq!(
            all("We usually order online and pick up in store"),
            ["Usually orders online and picks up in store"]
        );
        assert_eq!(all("can you text me not call me"), ["Prefers to be texted, not called"]);
        assert_eq!(all("Don't call me before noon."), ["Prefers not to be called before noon"]);
        assert_eq!(
            all("please never leave parcels with the neighbours"),
            ["Asked never to leave parcels with the neighbours"]
        );
    }

    #[test]
    fn manners_and_denials_are_not() {
        for turn in [
            "I'd like to ask something.",
            "I like it.",
            "I never said that.",
            "Do you like dogs?",
            "Don't call me Samuel.",
            "I would like a refund",
        ] {
            assert_eq!(all(turn), Vec::<String>::new(), "{turn}");
        }
    }
}
