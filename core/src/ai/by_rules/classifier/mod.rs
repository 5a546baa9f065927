//! The sector and kind of a sentence written by somebody else: through the API, or by an agent during a call.
//!
//! Words alone mislead: "I like" is a preference and no mood, "then" makes no procedure, "I think" no insight. So every rule asks
//! for a verb in its place, and what no rule knows is a fact.

use super::draft::{salience, sector};
use super::sentence::pattern;
use crate::ai::{Classified, Classifier};
use crate::{MemoryKind, Result, Sector};
use async_trait::async_trait;

mod habits;
mod insights;
mod kinds;
mod moods;
mod shape;

pattern!(
    OPINION,
    r"(?i)^(?:(?:(?:i|we) (?:think|believe|guess|suppose|know|mean)(?: that)?|you know|i'm sorry|sorry|honestly|to be honest|by the way|look|listen|then|so|well|and|but|oh|yeah|yes|no|ok|okay|note(?: that)?:?|remember(?: that)?:?)[, ]+)+"
);

/// Classifies by rules. Stateless.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleClassifier;

impl RuleClassifier {
    /// The verdict on one sentence; never fails. What no rule knows is a semantic fact; what has no letters hardly matters.
    pub fn judge(&self, sentence: &str) -> Classified {
        let text = sentence.split_whitespace().take(120).collect::<Vec<_>>().join(" ").replace('’', "'");
        let text = OPINION.replace(&text, "");
        if !text.chars().any(char::is_alphabetic) {
            return Classified { sector: Sector::Semantic, kind: MemoryKind::Fact, salience: 0.1 };
        }
        let (sector, kind) = sort(&text);
        Classified { sector, kind, salience: salience(kind) }
    }
}

/// The sector and kind. Patterns and moods come before what they hold a word of ("was furious that the order came broken"); who is
/// called what and what was promised come before all.
fn sort(text: &str) -> (Sector, MemoryKind) {
    let shape = shape::shape(text);
    let known = kinds::first(text).or_else(|| {
        if insights::seen(text, &shape) {
            return None;
        }
        let habit = || habits::told(text, &shape).then_some(MemoryKind::Procedure);
        let felt = moods::felt(text).then_some(MemoryKind::Feeling);
        Some(
            felt.or_else(|| kinds::second(text))
                .or_else(habit)
                .or_else(|| kinds::last(text, &shape))
                .unwrap_or(MemoryKind::Fact),
        )
    });
    known.map_or((Sector::Reflective, MemoryKind::Fact), |kind| (sector(kind), kind))
}

#[async_trait]
impl Classifier for RuleClassifier {
    async fn classify(&self, sentences: &[String]) -> Result<Vec<Classified>> {
        Ok(sentences.iter().map(|s| self.judge(s)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_is_known_by_its_verb() {
        for (text, want) in [
            ("Prefers to be called Sam", MemoryKind::Name),
            ("The caller's name is Priya Nair", MemoryKind::Name),
            ("E-mail address is sam@example.com", MemoryKind::Contact),
            ("Lives at 12 Elm Street", MemoryKind::Contact),
            ("Agent promised a callback on Friday", MemoryKind::Promise),
            ("Asked to move the delivery to Friday", MemoryKind::Request),
            ("Was upset that the parcel arrived damaged", MemoryKind::Feeling),
            ("The parcel arrived damaged", MemoryKind::Complaint),
            ("Prefers deliveries in the morning", MemoryKind::Preference),
            ("Usually orders online and picks up in store", MemoryKind::Procedure),
            ("Invoice 77-310 is open", MemoryKind::Order),
            ("Bought a car last week", MemoryKind::Event),
            ("Has two dogs", MemoryKind::Fact),
            ("Works nights", MemoryKind::Fact),
        ] {
            assert_eq!(RuleClassifier.judge(text).kind, want, "{text}");
        }
    }

    #[test]
    fn ordinary_speech_stays_where_it_belongs() {
        assert_eq!(RuleClassifier.judge("I like tea").sector, Sector::Semantic);
        assert_eq!(RuleClassifier.judge("I think he has a dog").sector, Sector::Semantic);
        assert_eq!(RuleClassifier.judge("Then he has a dog").sector, Sector::Semantic);
        assert_eq!(RuleClassifier.judge("I know the code of the gate!!").sector, Sector::Semantic);
        assert_eq!(RuleClassifier.judge("Tends to call on Mondays").sector, Sector::Reflective);
    }

    #[test]
    fn the_five_sectors_are_told_apart() {
        use Sector::{Emotional, Episodic, Procedural, Reflective, Semantic};
        for (text, want) in [
            ("Owns a bakery in Graz", Semantic),
            ("Needs step-free access", Semantic),
            ("I've got two boilers", Semantic),
            ("My husband works nights", Semantic),
            ("Would rather not be called before ten", Semantic),
            ("I was born in Leeds", Semantic),
            ("Is vegetarian", Semantic),
            ("Has been a member since 2011", Semantic),
            ("I can't eat nuts", Semantic),
            ("Our warehouse opens at six", Semantic),
            ("The parcel came on Tuesday", Episodic),
            ("Returned the boots last week", Episodic),
            ("I moved house in May", Episodic),
            ("Can you send it again?", Episodic),
            ("We had a burst pipe last night", Episodic),
            ("Is having surgery on 3 May", Episodic),
            ("Broke a leg while skiing", Episodic),
            ("My card was swallowed by the machine", Episodic),
            ("Agent waived the fee", Episodic),
            ("I've just been cut off", Episodic),
            ("Orders the ink in bulk every January", Procedural),
            ("Pays in cash at the counter", Procedural),
            ("I turn the tap off before I leave", Procedural),
            ("If the screen freezes, I pull the plug", Procedural),
            ("Scans the receipts and files them by month", Procedural),
            ("We usually send the van round at six", Procedural),
            ("Unplugs the router overnight", Procedural),
            ("My routine is to call the depot first", Procedural),
            ("Checks the balance on the app before shopping", Procedural),
            ("I just type the code in twice and it opens", Procedural),
            ("Was furious about the delay", Emotional),
            ("I'm so relieved", Emotional),
            ("That's absolutely disgraceful", Emotional),
            ("It made my day", Emotional),
            ("I feel cheated", Emotional),
            ("Sounded tired and resigned", Emotional),
            ("Thanked the agent for her patience", Emotional),
            ("I hate being treated like a number", Emotional),
            ("Is worried about the surgery", Emotional),
            ("You've all been so lovely", Emotional),
            ("Has come to trust the chat more than the phone", Reflective),
            ("Always asks for the same agent", Reflective),
            ("Over the years the calls have become shorter", Reflective),
            ("Often cancels at the last minute", Reflective),
            ("Calms down once the steps are explained", Reflective),
            ("Whenever I change the address, the bill is wrong", Reflective),
            ("Rarely reads the letters", Reflective),
            ("You always send the wrong one", Reflective),
            ("Needs to be reminded before every appointment", Reflective),
            ("Contacts support mostly about billing", Reflective),
        ] {
            assert_eq!(RuleClassifier.judge(text).sector, want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_sentence_gets_a_sane_verdict(text in "\\PC{0,200}") {
            let verdict = RuleClassifier.judge(&text);
            prop_assert!((0.0..=1.0).contains(&verdict.salience));
        }
    }
}
