//! The sector and kind of a sentence written by somebody else: through the API, or by an agent during a call.
//!
//! Words alone mislead: "I like" is a preference and no mood, "then" makes no procedure, "I think" no insight. So every rule asks
//! for a verb in its place, and what no rule knows is a fact.

use super::draft::{salience, sector};
use super::sentence::pattern;
use crate::ai::{Classified, Classifier};
use crate::{MemoryKind, Result, Sector};
use async_trait::async_trait;

const WHO: &str = r"^(?:(?:the )?(?:caller|customer|user|client|patient|guest|he|she|they|i|we)\s+)?(?:(?:also|really|still|just|has|have|had|is|are|was|were|now)\s+)*";

pattern!(
    OPINION,
    r"(?i)^(?:(?:i|we) (?:think|believe|guess|suppose|know)(?: that)?|then|so|well|note(?: that)?:?|remember(?: that)?:?)[, ]+"
);
pattern!(
    CONTACT,
    r"(?i)[\w.+-]+@[\w-]+\.\w+|\b(?:address|e-?mail(?: address)?|(?:phone|mobile|landline|telephone)(?: number)?) (?:is|was|changed to)\b|\blives at\b|\+?\d[\d ()-]{8,}\d"
);
pattern!(
    NAME,
    r"(?i)^(?:(?:the )?(?:caller|customer|user)(?:'s)?\s+|my |their |his |her )?(?:(?:full |first |last )?name is\b|is called [A-Z]|goes by\b|(?:prefers|wants|likes) to be called\b|call me [A-Z]|is named\b)"
);
pattern!(
    PROMISE,
    r"(?i)\b(?:promised|promises|committed to|assured|guaranteed|owes? (?:the )?(?:caller|customer) a)\b|^(?:the )?(?:agent|we|support|the team) (?:will|shall)\b|^(?:the )?(?:caller|customer) will (?:pay|send|call|return|bring)\b"
);
pattern!(
    REFLECTIVE,
    r"(?i)\b(?:tends? to|over (?:several|many|the last \w+|multiple) calls|every time (?:they|the caller|he|she) calls?|pattern|in general|(?:repeatedly|always|often|usually|regularly) (?:calls|complains|contacts|asks|cancels)|keeps? (?:calling|asking|complaining)|across calls|learnt that|lesson)\b"
);
pattern!(
    REQUEST,
    &format!(
        r"(?i){WHO}(?:asked|asks|asking|requested|requests|wants? to (?:cancel|move|change|return|book|upgrade|speak|switch|close|open|reschedule)|would like (?:to|a|an)|needs? (?:a|an|to) )"
    )
);
pattern!(
    COMPLAINT,
    r"(?i)\b(?:complain(?:ed|s|t)?|overcharged|charged twice|(?:arrived|was|were|is|are|came) (?:\w+ )?(?:late|broken|damaged|missing|defective|faulty|delayed)|(?:has|have|had)(?:n't| not| never) (?:arrived|received|been)|never arrived|stopped working|(?:does|do|is|are|did)(?:n't| not) work(?:ing)?|wrong (?:size|item|order|colou?r|address)|still waiting|out of order|reported (?:a|an|that))\b"
);
pattern!(
    FEELING,
    r"(?i)\b(?:(?:is|was|were|are|am|felt|feels|feeling|seemed|seems|sounded|sounds|got|became|'m)\s+(?:\w+ly |very |so |quite |a bit |extremely )*(?:frustrated|angry|upset|annoyed|furious|disappointed|fed up|unhappy|worried|anxious|concerned|stressed|nervous|sad|confused|happy|delighted|thrilled|pleased|relieved|satisfied|impressed|grateful|excited|calm|impatient|irritated)|frustration|dissatisf\w+|thanked)\b"
);
pattern!(
    PROCEDURE,
    r"(?i)\b(?:usually|normally|typically|generally|routinely)\s+\w+|\bfirst\b.+\b(?:then|after that|next|finally)\b|^(?:the )?(?:process|procedure|steps?|routine|how (?:to|they))\b|^to \w+,? (?:they|the caller|he|she)\b"
);
pattern!(
    PREFERENCE,
    &format!(
        r"(?i){WHO}(?:prefers?|likes?|loves?|hates?|dislikes?|enjoys?|favou?rs|would rather|can(?:'t|not) stand|(?:does|do)(?:n't| not) (?:like|want)|always|never|only|wants? (?:to be|no|only))\b|\bfavou?rite\b|\bpreference\b|\bmornings? only\b"
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

/// Classifies by rules. Stateless.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleClassifier;

impl RuleClassifier {
    /// The verdict on one sentence; never fails. What no rule knows is a semantic fact; what has no letters hardly matters.
    pub fn judge(&self, sentence: &str) -> Classified {
        let text = sentence.split_whitespace().take(120).collect::<Vec<_>>().join(" ");
        let text = OPINION.replace(&text, "");
        if !text.chars().any(char::is_alphabetic) {
            return Classified { sector: Sector::Semantic, kind: MemoryKind::Fact, salience: 0.1 };
        }
        if REFLECTIVE.is_match(&text) && !PROMISE.is_match(&text) {
            return Classified {
                sector: Sector::Reflective,
                kind: MemoryKind::Fact,
                salience: salience(MemoryKind::Fact),
            };
        }
        let kind = kind(&text);
        Classified { sector: sector(kind), kind, salience: salience(kind) }
    }
}

/// In this order, because a promise may hold an address and a request a number, but not the other way round.
fn kind(text: &str) -> MemoryKind {
    let rules = [
        (&*NAME, MemoryKind::Name),
        (&PROMISE, MemoryKind::Promise),
        (&REQUEST, MemoryKind::Request),
        (&FEELING, MemoryKind::Feeling),
        (&COMPLAINT, MemoryKind::Complaint),
        (&CONTACT, MemoryKind::Contact),
        (&PROCEDURE, MemoryKind::Procedure),
        (&PREFERENCE, MemoryKind::Preference),
        (&ORDER, MemoryKind::Order),
        (&EVENT, MemoryKind::Event),
    ];
    rules.into_iter().find(|(pattern, _)| pattern.is_match(text)).map_or(MemoryKind::Fact, |(_, kind)| kind)
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

    proptest! {
        #[test]
        fn every_sentence_gets_a_sane_verdict(text in "\\PC{0,200}") {
            let verdict = RuleClassifier.judge(&text);
            prop_assert!((0.0..=1.0).contains(&verdict.salience));
        }
    }
}
