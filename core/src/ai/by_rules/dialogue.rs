//! The walk through a call: who speaks, what was asked, and what an answer therefore means.

use super::dates::{Anchor, Tense, full};
use super::draft::{Context, Draft};
use super::sentence::{self, Clause, pattern};
use super::{complaints, contact, facts, feelings, names, orders, preferences, promises, requests, words};
use crate::injection::reads_like_an_order;
use crate::{Candidate, MemoryKind, Speaker, Transcript};

/// What the agent's last question is after.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Name,
    Email,
    Phone,
    Address,
    Number(String),
    Day,
    Birth,
    Allergy,
    Company,
    Preference,
    /// "Would you like a replacement?": a yes asks for it.
    Offer(String),
    /// "What car do you drive?": the verb that makes a sentence of the answer.
    Thing(String),
}

pattern!(
    Q_NAME,
    r"(?i)\b(?:your (?:full |first |last )?name|(?:who am i|whom am i) (?:speaking|talking)|what name|who is (?:this|calling))\b"
);
pattern!(Q_EMAIL, r"(?i)\be-?mail\b");
pattern!(
    Q_PHONE,
    r"(?i)\b(?:phone|mobile|telephone|contact|callback|which|what) number\b|\bnumber (?:can|should) (?:i|we)\b"
);
pattern!(Q_ADDRESS, r"(?i)\baddress\b");
pattern!(
    Q_NUMBER,
    r"(?i)\b(?P<key>order|ticket|invoice|account|booking|reservation|policy|case|customer|tracking|contract|claim|serial|membership|reference)(?: reference)?(?: number| no\b| id\b| code)?"
);
pattern!(Q_NUMBER_WORD, r"(?i)\b(?:number|reference|id|code|ticket)\b");
pattern!(
    Q_DAY,
    r"(?i)\b(?:(?:which|what) (?:day|date)|when (?:would|should|do|can|shall|suits|works|is good)|what day|for when|day (?:suits|works))\b"
);
pattern!(Q_BIRTH, r"(?i)\b(?:date of birth|birthday|born)\b");
pattern!(Q_ALLERGY, r"(?i)\ballerg(?:ic|ies|y)\b");
pattern!(Q_COMPANY, r"(?i)\b(?:your|which|what) (?:company|business|organi[sz]ation|firm)\b|\bcompany name\b");
pattern!(Q_PREFERENCE, r"(?i)\b(?:preferences?|do you prefer|would you prefer|do you like your)\b");
pattern!(
    Q_OFFER,
    r"(?i)\b(?:would you like|do you want|shall (?:i|we) (?:send|arrange|book)(?: you)?|should (?:i|we) (?:send|arrange|book)(?: you)?) (?P<what>(?:(?:me|us) to |to |a |an |the ).+)$"
);
pattern!(Q_THING, r"(?i)\bwh(?:at|ich) (?P<noun>[\w ]{2,30}?) do you (?P<v>drive|use|have|own|speak|work|play)\b");
pattern!(
    ASKS,
    r"(?i)\b(?:could you|can you|can i|could i|may i|please|tell me|give me|have your|take your|what|which|who|when|whom)\b"
);
pattern!(YES, r"(?i)^(?:yes|yeah|yep|sure|please|yes please|of course|absolutely|that would be)\b");
pattern!(
    AFFIRMS,
    r"(?i)^(?:yes |yeah |yep )?(?:yes|yeah|yep|yup|correct|right|exactly|absolutely|indeed|precisely|definitely|it is|i do|i am|(?:that(?:'s| is)|you(?:'re| are)) (?:right|correct|true|it|me|still right|still correct))\W*$"
);
pattern!(ARTICLE_NOUN, r"(?i)^(?:an?|the|my) .+");
/// The candidates of a call, in order of their turns, not yet settled.
pub(super) fn read(call: &Transcript) -> Vec<Candidate> {
    let anchor = Anchor::of(call);
    let mut walk = Walk {
        cx: Context { anchor: &anchor, person: None, thing: None },
        drafts: Vec::new(),
        asked: None,
        named: false,
    };
    for (index, turn) in call.turns.iter().enumerate() {
        let Ok(index) = u32::try_from(index) else { break };
        if !turn.text.chars().any(char::is_alphanumeric) {
            continue;
        }
        match turn.speaker {
            Speaker::User => walk.user(index, &turn.text),
            Speaker::Agent => walk.agent(index, &turn.text, turn.after_recall),
        }
    }
    walk.drafts.into_iter().map(|d| d.candidate(&anchor)).collect()
}

struct Walk<'a> {
    cx: Context<'a>,
    drafts: Vec<Draft>,
    asked: Option<Asked>,
    named: bool,
}

impl Walk<'_> {
    fn agent(&mut self, index: u32, text: &str, after_recall: bool) {
        self.asked = question(text).or(self.asked.take().filter(|_| text.split(' ').count() < 3));
        if !after_recall {
            let found = promises::by_agent(text, &self.cx);
            self.keep(index, found);
        }
    }

    fn user(&mut self, index: u32, text: &str) {
        if reads_like_an_order(text) {
            self.asked = None;
            return;
        }
        let asked = self.asked.take();
        let mut open = asked;
        let mut unnamed = false;
        for mut clause in sentence::clauses(text) {
            let (normal, numbered) = orders::normalise(&clause.text);
            clause.text = normal;
            let mut found = names::find(&clause, !self.named);
            if unnamed && found.is_empty() {
                found.extend(names::instead(&clause));
            }
            unnamed |= names::forbids(&clause);
            self.named |= found.iter().any(|d| d.kind == MemoryKind::Name);
            if let Some(spelling) = names::spelt(&clause) {
                self.respell(&spelling);
            }
            if found.is_empty() && open.is_some() {
                found = self.answer(index, &clause, &mut open);
            }
            found.extend(contact::find(&clause).into_iter().filter(|d| !clashes(&found, d)).collect::<Vec<_>>());
            if found.is_empty() && self.revise(index, &clause) {
                continue;
            }
            let spoken_for = found.iter().any(|d| {
                d.kind == MemoryKind::Name
                    || (d.kind == MemoryKind::Contact && words::tidy(&clause.text).split(' ').count() < 9)
            });
            if !spoken_for && !found.iter().any(|d| d.kind != MemoryKind::Contact) {
                found.extend(self.sentence(&clause));
            }
            attach(&mut found, numbered);
            self.keep(index, found);
        }
        self.accept(index, open, text);
        if let Some(thanks) = feelings::thanks(text)
            && !self.drafts.iter().any(|d| d.kind == MemoryKind::Feeling)
        {
            self.keep(index, vec![thanks]);
        }
    }

    /// A yes to an offer asks for what was offered, unless the caller already said what.
    fn accept(&mut self, index: u32, open: Option<Asked>, text: &str) {
        let Some(Asked::Offer(what)) = open else { return };
        let asked = self.drafts.iter().any(|d| d.kind == MemoryKind::Request && d.turns.contains(&index));
        if !asked && YES.is_match(text.trim()) {
            let draft = requests::asked_for(&what, "", self.cx.anchor);
            self.keep(index, vec![draft]);
        }
    }

    /// The one thing a clause says, by the first rule that knows it.
    fn sentence(&mut self, clause: &Clause) -> Option<Draft> {
        if let Some(thing) = complaints::thing(&clause.text) {
            self.cx.thing = Some(thing);
        }
        let cx = &self.cx;
        let first = preferences::find(clause, cx)
            .or_else(|| requests::find(clause, cx))
            .or_else(|| feelings::find(clause, cx))
            .or_else(|| complaints::find(clause, cx))
            .or_else(|| promises::by_caller(clause, cx));
        let (fact, person) = facts::find(clause, cx);
        if person.is_some() {
            self.cx.person = person;
        }
        first.or(fact)
    }

    /// What a bare answer means after the agent's question. Answered questions are closed.
    fn answer(&mut self, index: u32, clause: &Clause, open: &mut Option<Asked>) -> Vec<Draft> {
        let Some(asked) = open.clone() else { return Vec::new() };
        // "You are allergic to peanuts, right?" – "That's right": an echo of what is known, and no answer of its own.
        if clause.question || AFFIRMS.is_match(clause.text.trim()) {
            return Vec::new();
        }
        let found = match &asked {
            Asked::Name => names::answer(clause).inspect(|_| self.named = true),
            Asked::Email => contact::email(&clause.text),
            Asked::Phone => contact::phone_answer(&clause.text),
            Asked::Address => contact::address_answer(clause),
            Asked::Number(key) => orders::answer(key, &clause.text).map(|n| n.draft()),
            Asked::Company => names::firm_answer(clause),
            Asked::Preference => preferences::answer(clause, &self.cx),
            Asked::Allergy => allergy(clause),
            Asked::Birth => birth(clause, self.cx.anchor),
            Asked::Thing(verb) => thing(clause, verb),
            // A yes counts for the whole turn, and is heard at its end.
            Asked::Offer(_) => None,
            Asked::Day => {
                if self.set_day(index, &clause.text) {
                    *open = None;
                }
                None
            }
        };
        if found.is_some() {
            *open = None;
        }
        found.into_iter().collect()
    }

    /// "Make it Saturday": the last request gets another day, or the wish stands alone.
    fn revise(&mut self, index: u32, clause: &Clause) -> bool {
        let Some(when) = requests::revision(clause).map(str::to_owned) else { return false };
        if self.cx.anchor.find(&when, Tense::Ahead).iter().all(|f| !f.exact) {
            return false;
        }
        // "Move it to Friday" changes a day that was asked for; else it is a request of its own.
        let dated = self.drafts.iter().rev().find(|d| d.kind == MemoryKind::Request).is_some_and(|d| d.day.is_some());
        if requests::moves(clause) && !dated {
            return false;
        }
        if self.set_day(index, &when) {
            return true;
        }
        let Some(found) = self.cx.anchor.find(&when, Tense::Ahead).into_iter().find(|f| f.exact) else { return false };
        let mut draft = Draft::new(MemoryKind::Request, format!("Asked for {} instead", full(found.day)));
        draft.day = Some(found.day);
        self.keep(index, vec![draft]);
        true
    }

    fn set_day(&mut self, index: u32, when: &str) -> bool {
        let anchor = self.cx.anchor;
        let Some(draft) = self.drafts.iter_mut().rev().find(|d| d.kind == MemoryKind::Request) else { return false };
        let done = requests::set_day(draft, anchor, when);
        if done && !draft.turns.contains(&index) {
            draft.turns.push(index);
        }
        done
    }

    fn respell(&mut self, spelling: &str) {
        if let Some(draft) = self.drafts.iter_mut().rev().find(|d| d.kind == MemoryKind::Name) {
            names::respell(draft, spelling);
        }
    }

    fn keep(&mut self, index: u32, found: Vec<Draft>) {
        for mut draft in found {
            draft.turns = vec![index];
            self.drafts.push(draft);
        }
    }
}

/// The same value twice in a clause ("it's 12 Elm Street" answers and states).
fn clashes(found: &[Draft], draft: &Draft) -> bool {
    found.iter().any(|f| f.slot.is_some() && f.slot == draft.slot)
}

/// Numbers belong to the sentence that names them; alone they make their own.
fn attach(found: &mut Vec<Draft>, numbered: Vec<orders::Numbered>) {
    for number in numbered {
        let carrier = found.iter_mut().find(|d| d.content.contains(&number.value));
        match carrier {
            Some(draft) => {
                if draft.slot.is_none() {
                    draft.slot = Some(number.slot());
                }
                if draft.kind == MemoryKind::Event {
                    draft.kind = MemoryKind::Order;
                }
            }
            None => found.push(number.draft()),
        }
    }
}

/// What an agent's turn asks, from its last question.
fn question(text: &str) -> Option<Asked> {
    let clean = sentence::clean(text);
    let sentences = sentence::sentences(&clean);
    let (last, _) = sentences.iter().rev().find(|(s, asks)| *asks || ASKS.is_match(s))?;
    let asked = last.as_str();
    Some(if Q_EMAIL.is_match(asked) && !asked.to_lowercase().contains("prefer") {
        Asked::Email
    } else if let Some(key) = Q_NUMBER.captures(asked).filter(|_| Q_NUMBER_WORD.is_match(asked)) {
        Asked::Number(key["key"].to_lowercase())
    } else if Q_PHONE.is_match(asked) {
        Asked::Phone
    } else if Q_ADDRESS.is_match(asked) {
        Asked::Address
    } else if Q_BIRTH.is_match(asked) {
        Asked::Birth
    } else if Q_COMPANY.is_match(asked) {
        Asked::Company
    } else if Q_NAME.is_match(asked) {
        Asked::Name
    } else if Q_ALLERGY.is_match(asked) {
        Asked::Allergy
    } else if Q_DAY.is_match(asked) {
        Asked::Day
    } else if Q_PREFERENCE.is_match(asked) {
        Asked::Preference
    } else if let Some(c) = Q_THING.captures(asked) {
        Asked::Thing(words::third(&c["v"]))
    } else if let Some(c) = Q_OFFER.captures(asked).filter(|c| !c["what"].contains(" or ")) {
        Asked::Offer(c["what"].trim_start_matches("me to ").trim_start_matches("us to ").to_owned())
    } else {
        return None;
    })
}

fn allergy(clause: &Clause) -> Option<Draft> {
    let said = words::tidy(&clause.text);
    let lower = said.to_lowercase();
    let none = ["no", "not", "none", "nothing", "i don't", "never"]
        .iter()
        .any(|w| lower.split(' ').next() == Some(w) || lower.starts_with("i don't"));
    let what = lower.strip_prefix("to ").unwrap_or(&lower);
    (!none && !clause.denied && said.split(' ').count() <= 4 && !lower.starts_with("i'm"))
        .then(|| Draft::new(MemoryKind::Fact, format!("Is allergic to {what}")))
}

fn birth(clause: &Clause, anchor: &Anchor) -> Option<Draft> {
    let found = anchor.find(&clause.text, Tense::Past).into_iter().find(|f| f.exact)?;
    let day = found.day.format("%-d %B %Y").to_string();
    // Without a year it would be this year's birthday.
    if !clause.text.contains(&found.day.format("%Y").to_string()) {
        return None;
    }
    Some(Draft::new(MemoryKind::Fact, format!("Date of birth is {day}")).slot("date_of_birth", day))
}

fn thing(clause: &Clause, verb: &str) -> Option<Draft> {
    let said = words::tidy(&clause.text);
    let short = ARTICLE_NOUN.is_match(&said) && said.split(' ').count() <= 6 && !clause.denied;
    let mut rest = said.chars();
    let first = rest.next()?.to_lowercase();
    short.then(|| Draft::new(MemoryKind::Fact, format!("{verb} {first}{}", rest.as_str())))
}
