//! What a later call says became of something promised or complained of.
//!
//! Only what the caller says counts: an agent that reads "a callback on Friday" from its memory tells nothing about
//! Friday. What cannot be told stays open; a promise wrongly called kept is never asked after again.

use super::super::sentence::{Clause, clauses};
use super::{RuleJudge, STATES, pattern, values, words};
use crate::MemoryKind;
use std::collections::BTreeSet;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// What was promised happened; what was wrong is settled.
    Settled,
    /// What was promised did not happen.
    Broken,
}

pattern!(BINDS_AGENT, r"(?i)\bagent\b|^(?:we|our)\b|^was promised\b");
pattern!(
    CALLBACK,
    r"(?i)\bcallback\b|\b(?:call|ring|phone|get)(?:ed|s|ing)?(?: (?:the caller|him|her|them|you|me))? back\b|\bbe in touch\b|\bcall the caller\b"
);
pattern!(
    CALLED,
    r"(?ix)\b(?:thanks|thank\ you|grateful|appreciate)\b.*\b(?:call(?:ing|ed)?|r[iau]ng(?:ing)?|phon(?:ing|ed)|get(?:ting)?|got)\b(?:\ \w+)?\ back\b
      |^for\ (?:calling|ringing|phoning|getting)\ (?:\w+\ )?back\b
      |\b(?:someone|somebody|you|he|she|they|we\ spoke|your\ \w+|the\ \w+|a\ colleague\ of\ yours)\ (?:\w+\ ){0,2}?(?:called|rang|phoned|got)\ (?:me\ |us\ )?(?:back|yesterday|today|on\b)
      |\bgot\ (?:the|your|a|my)\ (?:call(?:back)?|call\ back)\b"
);
pattern!(
    NOT_CALLED,
    r"(?ix)\b(?:nobody|no\ one|noone|no-one|never|not|haven't|hasn't|didn't|without)\b.*\b(?:call(?:ed)?|r[aui]ng|phoned?|heard?|hear|got|get|in\ touch|callback|call\ back)\b
      |\bno\ (?:call(?:back)?|call\ back)\b|\bstill\ waiting\ (?:for|on)\ (?:\w+\ ){0,3}?(?:call|callback|someone|somebody|you)\b|\bno\ one\ did\b|\bnobody\ did\b"
);
pattern!(
    DONE,
    r"(?ix)\b(?:arrived|came|(?:has|have|'s|'ve)\ come|got\ here|received|got|delivered|turned\ up|showed\ up|was\ here|been\ here|fixed|repaired|replaced
      |works|working|sorted|solved|resolved|settled|refunded|credited|paid|sent|emailed|went\ through|came\ through|in\ my\ account|is\ back|up\ and\ running|all\ good)\b"
);
pattern!(
    MENDED,
    r"(?ix)\b(?:fixed|repaired|replaced|replacement\ (?:came|arrived)|works|working|sorted|solved|resolved|settled|refunded|credited|up\ and\ running|all\ good|is\ back)\b"
);
pattern!(
    UNDONE,
    r"(?ix)\bstill\ waiting\b|\b(?:nobody|no\ one|noone|never|not|nothing|\w+n't)\b.*\b(?:arrived?|come|came|shown?|show|turn(?:ed)?|get|got|gotten|receive[d]?|deliver(?:ed)?|fix(?:ed)?|repair(?:ed)?
      |work(?:s|ing|ed)?|sort(?:ed)?|solve[d]?|resolve[d]?|refund(?:ed)?|credit(?:ed)?|paid|pay|sen[dt]|emailed|happen(?:ed)?|seen|here|been|did)\b"
);
pattern!(MISSING, r"(?i)\b(?:not|never|n't|nothing|nobody|no one|waiting|missing)\b");

impl RuleJudge {
    /// What a turn of the caller's in a later call says became of a promise or a complaint; `None` when it says
    /// nothing about it. `due` is whether its day has come: before, that something has not arrived breaks no promise.
    pub fn fate(&self, matter: &str, kind: MemoryKind, due: bool, said: &str) -> Option<Fate> {
        let Matter { topic, codes, callback, by_agent } = Matter::of(matter, kind)?;
        let turn = values::read(said, None);
        let other_number = !codes.is_empty() && !turn.codes.is_empty() && codes.is_disjoint(&turn.codes);
        let named = !codes.is_disjoint(&turn.codes) || meets(&topic, &about(&turn.rest));
        if other_number || !(named || callback) {
            return None;
        }
        let mut fate = None;
        for clause in clauses(said).iter().filter(|clause| !clause.question && !clause.supposed) {
            let found = match kind {
                MemoryKind::Promise => of_promise(clause, callback, named),
                _ => of_complaint(clause, matter),
            };
            // The caller's own "I have not sent it yet" leaves it open.
            fate = found.filter(|fate| *fate == Fate::Settled || (due && by_agent)).or(fate);
        }
        fate
    }

    /// The sentence that says so, about the sentence that told the matter.
    pub fn fate_told(&self, matter: &str, kind: MemoryKind, fate: Fate) -> String {
        let matter = matter.trim().trim_end_matches('.');
        if kind == MemoryKind::Complaint {
            return match matter.split_once(' ') {
                Some(("Complained", rest)) => format!("The complaint {rest} is settled"),
                _ => format!("Settled: {matter}"),
            };
        }
        let (kept, broken) = ("kept the promise", "did not keep the promise");
        let done = if fate == Fate::Settled { kept } else { broken };
        for told in ["promised", "Promised"] {
            let Some((who, what)) = matter.split_once(told) else { continue };
            let what = what.trim_start();
            // "Promised a callback" is a promise of one; "promised to call" and "promised that" stand as they are.
            let of = if ["to ", "that "].iter().any(|lead| what.starts_with(lead)) { "" } else { "of " };
            let done = if who.is_empty() { capitalised(done) } else { done.to_owned() };
            return format!("{who}{done} {of}{what}");
        }
        let lead = if fate == Fate::Settled { "Done as promised" } else { "Not done as promised" };
        format!("{lead}: {matter}")
    }
}

struct Matter {
    topic: BTreeSet<String>,
    codes: BTreeSet<String>,
    callback: bool,
    by_agent: bool,
}

impl Matter {
    /// `None` for what no later call could be recognised to speak of.
    fn of(matter: &str, kind: MemoryKind) -> Option<Self> {
        let read = values::read(matter, None);
        let topic = about(&read.rest);
        let callback = kind == MemoryKind::Promise && CALLBACK.is_match(matter);
        let known = callback || !topic.is_empty() || !read.codes.is_empty();
        known.then(|| Self { topic, codes: read.codes, callback, by_agent: BINDS_AGENT.is_match(matter) })
    }
}

/// The things a text is about, without numbers and states.
fn about(text: &str) -> BTreeSet<String> {
    let state = |word: &str| STATES.contains(&word) || word == "within" || word == "callback" || word == "call";
    words::topic(text).into_iter().filter(|w| !state(w) && !w.bytes().all(|b| b.is_ascii_digit())).collect()
}

/// Half of what the matter is about, and one thing at least.
fn meets(matter: &BTreeSet<String>, turn: &BTreeSet<String>) -> bool {
    let shared = matter.intersection(turn).count();
    shared > 0 && 2 * shared >= matter.len()
}

fn of_promise(clause: &Clause, callback: bool, named: bool) -> Option<Fate> {
    let text = clause.text.as_str();
    if callback {
        let called = CALLED.is_match(text) && !MISSING.is_match(text);
        return if called { Some(Fate::Settled) } else { NOT_CALLED.is_match(text).then_some(Fate::Broken) };
    }
    if UNDONE.is_match(text) {
        return named.then_some(Fate::Broken);
    }
    (named && !clause.denied && DONE.is_match(text) && !MISSING.is_match(text)).then_some(Fate::Settled)
}

fn of_complaint(clause: &Clause, matter: &str) -> Option<Fate> {
    let text = clause.text.as_str();
    if clause.denied || MISSING.is_match(text) {
        return None;
    }
    // What was missing is settled when it comes; what came wrong is not settled by having come.
    let settled = if MISSING.is_match(matter) { DONE.is_match(text) } else { MENDED.is_match(text) };
    settled.then_some(Fate::Settled)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Fate::{Broken, Settled};

    const CALL: &str = "Agent promised a callback on Friday 27 November 2026";
    const ENGINEER: &str = "Agent promised to send an engineer on Thursday 26 November 2026";
    const CARD: &str = "Agent promised that a new card will arrive within five working days";
    const INVOICE: &str = "Agent promised to email the invoice for order 4711";
    const FORM: &str = "Promised to send the signed form on Monday 30 November 2026";

    fn promise(matter: &str, said: &str) -> Option<Fate> {
        RuleJudge.fate(matter, MemoryKind::Promise, true, said)
    }

    fn complaint(matter: &str, said: &str) -> Option<Fate> {
        RuleJudge.fate(matter, MemoryKind::Complaint, true, said)
    }

    #[test]
    fn a_kept_promise_is_heard() {
        for (matter, said) in [
            (CALL, "Thanks for calling me back on Friday."),
            (CALL, "Yes, your colleague called me back yesterday, that was helpful."),
            (ENGINEER, "The engineer came on Thursday and it is warm again."),
            (CARD, "Hi, the new card arrived this morning."),
            (INVOICE, "I received the invoice, thank you."),
            (FORM, "I've sent the signed form this morning."),
        ] {
            assert_eq!(promise(matter, said), Some(Settled), "{matter} / {said}");
        }
    }

    #[test]
    fn a_broken_promise_is_heard_once_its_day_has_come() {
        for (matter, said) in [
            (CALL, "You said you would call me back on Friday, but nobody called."),
            (CALL, "I'm still waiting for someone to call me."),
            (CALL, "I never got a callback."),
            (ENGINEER, "I stayed home all Thursday and the engineer never came."),
            (CARD, "My new card still hasn't arrived."),
            (INVOICE, "I still haven't received the invoice for 4711."),
        ] {
            assert_eq!(promise(matter, said), Some(Broken), "{matter} / {said}");
            assert_eq!(RuleJudge.fate(matter, MemoryKind::Promise, false, said), None, "before its day: {said}");
        }
        assert_eq!(promise(FORM, "I have not sent the signed form yet."), None, "the caller's own stays open");
    }

    #[test]
    fn what_says_nothing_about_it_leaves_it_open() {
        for (matter, said) in [
            (CALL, "I'm calling about my bill."),
            (CALL, "Could you call me back on Monday?"),
            (CALL, "If nobody calls me I will cancel."),
            (ENGINEER, "When is the engineer coming?"),
            (ENGINEER, "My parcel arrived."),
            (CARD, "The credit on my phone arrived."),
            (INVOICE, "I received the invoice for order 4712."),
        ] {
            assert_eq!(promise(matter, said), None, "{matter} / {said}");
        }
    }

    #[test]
    fn a_complaint_is_settled_by_what_mends_it() {
        let missing = "Complained that the bookshelf has not arrived";
        let damaged = "Complained that the parcel arrived damaged";
        assert_eq!(complaint(missing, "The bookshelf arrived on Monday."), Some(Settled));
        assert_eq!(complaint(missing, "The bookshelf still has not arrived."), None);
        assert_eq!(complaint(damaged, "The parcel arrived."), None);
        assert_eq!(complaint(damaged, "They replaced the parcel, all good."), Some(Settled));
        assert_eq!(complaint("Complained that the router does not work", "The router is working now."), Some(Settled));
    }

    #[test]
    fn what_became_of_it_can_be_spoken() {
        let told = |matter, kind, fate| RuleJudge.fate_told(matter, kind, fate);
        let promise = MemoryKind::Promise;
        assert_eq!(
            told(CALL, promise, Broken),
            "Agent did not keep the promise of a callback on Friday 27 November 2026"
        );
        assert_eq!(
            told(ENGINEER, promise, Settled),
            "Agent kept the promise to send an engineer on Thursday 26 November 2026"
        );
        assert_eq!(told(FORM, promise, Settled), "Kept the promise to send the signed form on Monday 30 November 2026");
        assert_eq!(told("A refund is due.", promise, Broken), "Not done as promised: A refund is due");
        assert_eq!(
            told("Complained that the bookshelf has not arrived", MemoryKind::Complaint, Settled),
            "The complaint that the bookshelf has not arrived is settled"
        );
    }
}
