//! Sentences that tell how somebody felt.

use crate::ai::by_rules::sentence::pattern;

/// Feelings a person can be in.
const MOODS: &str = "frustrated|angry|upset|annoyed|furious|disappointed|fed up|unhappy|worried|anxious|concerned|stressed|nervous|scared|frightened|terrified|alarmed|sad|heartbroken|depressed|miserable|confused|bewildered|puzzled|baffled|happy|glad|delighted|thrilled|pleased|relieved|satisfied|dissatisfied|impressed|grateful|thankful|appreciative|touched|moved to tears|excited|overjoyed|ecstatic|elated|cheerful|content|proud|hopeful|optimistic|amused|surprised|astonished|amazed|calm|relaxed|reassured|comforted|impatient|irritated|irate|livid|outraged|enraged|incensed|appalled|disgusted|horrified|shocked|stunned|devastated|offended|insulted|hurt|humiliated|embarrassed|ashamed|ignored|neglected|betrayed|cheated|let down|overwhelmed|desperate|helpless|hopeless|exhausted|lonely|bitter|resentful|suspicious|sceptical|skeptical|jealous|distraught|distressed|tearful|close to tears|in tears|bored|uneasy|uncomfortable|tense|panicked|panicky|shaken|hesitant|apologetic|sarcastic|sick of|tired of|sick and tired|mad (?:at|about this|that)|gutted|chuffed|cross|at (?:my|her|his|their) wits' end|over the moon|at the end of (?:my|her|his|their) tether|beside (?:myself|herself|himself)|in despair|on edge|at ease|in (?:a )?(?:good|bad|foul|great) (?:mood|spirits)";
const DEGREE: &str = r"(?:(?:\w+ly|very|so|quite|just|a bit|a little|a lot|rather|pretty|too|still|more|even|all|such|genuinely|also|visibly|much|deeply|somewhat|not at all|not|clearly|ever so|absolutely) )*";

pattern!(
    FEELS,
    &format!(
        r"(?i)\b(?:is|was|were|are|am|been|be|felt|feels?|feeling|seem(?:ed|s)?|sound(?:ed|s)?|looks?|looked|appear(?:ed|s)?|got|get|gets|became|becomes|left|made (?:me|them|her|him|us)|makes? (?:me|them|her|him|us)|leaves (?:me|us)|i'm|we're|i've been)\s+(?:to be |being )?{DEGREE}(?:\w+ (?:and|but) )?(?:{MOODS})\b"
    )
);
// A state in one word at the head of a note: "Angry about the fee".
pattern!(
    HEAD,
    &format!(
        r"(?i)^{DEGREE}(?:{MOODS})\b(?: (?:and|but) \w+)? (?:about|at|by|with|that|over|because|to (?:hear|learn|see))\b"
    )
);
// How somebody sounded is a mood, whatever the word.
pattern!(
    SOUNDED,
    r"(?i)^(?:(?:the )?(?:caller|customer|he|she|they)\s+)?(?:sounded|felt (?:like|that|as|\w+ed|un\w+|bad|good|better|awful|terrible|guilty|sorry|lost|alone|safe|rushed|stupid)|seemed (?:\w+ly )?(?:to be )?(?:un)?(?:\w+ed|\w+ful|\w+ing)\b|(?:was|became|got) (?:\w+ly )?(?:emotional|short-tempered|rude|abusive|friendly|warm|curt|aggressive|hysterical))\b"
);
pattern!(
    OUTBURST,
    r"(?i)\b(?:can(?:'t|not) (?:believe|stand (?:this|it)|take (?:it|this|any)|thank you enough)|what an? (?:relief|shame|joke|disgrace|mess|nightmare|lovely|wonderful|pleasure|disappointment|surprise|day|week|delight|farce)|(?:is|was|'s|it's been|been|having|had) (?:\w+ )?(?:an? )?(?:\w+ly |such |so |really |just |simply )*(?:a |an )?(?:ridiculous|unacceptable|outrageous|disgrace(?:ful)?|disgusting|joke|nightmare|horrible|horrid|awful|dreadful|terrible|appalling|shambles|infuriating|frustrating|annoying|upsetting|disappointing|heartbreaking|insult(?:ing)?|unbelievable|stressful|exhausting|embarrassing|scary|frightening|wonderful|fantastic|marvellous|amazing|magical|heavenly|delightful|superb)\b|(?:drives?|driving|drove) (?:me|us|them|her|him) (?:mad|crazy|up the wall|nuts|insane)|had enough|(?:means|meant) (?:a lot|so much|the world|everything)|(?:made|makes?|making) (?:my|our|her|his|their) (?:day|week|year|blood boil)|i could (?:cry|scream|hug|kiss)|breaks? (?:my|our) heart|lost (?:\w+ )?(?:patience|temper|trust|faith|all hope)|(?:my|her|his|their) patience|sick to (?:my|the) (?:stomach|teeth)|gets on my nerves|feel(?:s|ing)? (?:like (?:an?|nobody|no one|you|i|crying|screaming)\b.*(?:idiot|fool|number|nuisance|care|crying|burden|nobody|criminal|second-class|lying|listen)|so |really |very |much |a lot |bad|awful|terrible|better|worse|good about|guilty|sorry|lost|alone|cheated|safe(?:r)?\b|treated|abandoned|stupid|robbed)|treated like|shame on you|how dare|never been so|give up on|fingers crossed|lucky to have)\b"
);
// Liking how one was served is a feeling; liking tea is a preference.
pattern!(
    SERVED,
    r"(?i)\b(?:(?:love[sd]?|like[sd]?|hate[sd]?|loathe[sd]?|adore[sd]?|appreciate[sd]?)(?:n't)? (?:how|the way|that you|what you|your|the fact|being (?:treated|spoken|lied))|(?:love|adore|hate) (?:my|our|the|this|these|that|it)(?: \w+){0,2} new\b|(?:love|hate|adore) (?:my|our) new\b|(?:enjoyed|loved|hated|dreaded|dreads|resented|resents|regretted|regrets|feared|fears) |(?:really |so |very much )appreciate|thank(?:s| you) (?:so|very) much|(?:thanked|praised|complimented|applauded|insulted|shouted|swore|screamed|yelled|cursed|cried|wept|sobbed|laughed|sighed|snapped|joked)\b|in a huff|(?:expressed|voiced|showed) (?:\w+ )?(?:frustration|anger|gratitude|joy|relief|delight|disappointment|concern|sympathy|satisfaction|dissatisfaction|annoyance|irritation|enthusiasm|worry|fear)|frustration|dissatisf\w+|(?:you've|you have|you were|everybody|everyone|she|he|they|your \w+) (?:all )?(?:been|was|were) (?:\w+ )*(?:kind|helpful|patient|wonderful|lovely|rude|amazing|brilliant|nice|sweet|fantastic|unhelpful|great))\b"
);
// What only sounds like a mood: politeness, consent, hobbies, bodies.
pattern!(
    POLITE,
    r"(?i)\b(?:(?:happy|glad|content|pleased|relaxed) (?:with (?:either|any|whichever|whatever|both)|to (?:wait|hold|take|pay|do|go|have|come|be called|receive|switch|help|pick|accept|talk|meet|confirm|answer|try|sign|leave|stay|share|send|give)|for (?:you|the \w+|someone|somebody) to|as long as|if you)|afraid (?:i|we|not|so|that (?:i|we))|upset (?:stomach|tummy)|content of|cross-\w+|happy hour|how are you|i'm fine|calm down|as (?:far as|\w+ as) (?:i|is))\b"
);

pattern!(
    SUPERLATIVE,
    r"(?i)\b(?:best|worst|nicest|loveliest)\b.*\b(?:ever|in (?:years|ages|my life)|i've (?:ever )?had)\b"
);

/// Whether the sentence tells a feeling rather than a fact.
pub(super) fn felt(text: &str) -> bool {
    // "I'm happy with either, but I'm annoyed it took so long": the polite part does not hide the mood.
    let text = POLITE.replace_all(text, "…");
    FEELS.is_match(&text)
        || HEAD.is_match(&text)
        || SOUNDED.is_match(&text)
        || OUTBURST.is_match(&text)
        || SERVED.is_match(&text)
        || SUPERLATIVE.is_match(&text)
}

#[cfg(test)]
mod tests {
    use super::felt;

    #[test]
    fn moods_are_told_from_manners() {
        for text in [
            "Was alarmed by the second letter",
            "Frustrated with the app",
            "I'm absolutely gutted",
            "It was a nightmare from start to finish",
            "Thanked the agent warmly",
            "Sounded defeated",
            "I hate how long this takes",
        ] {
            assert!(felt(text), "{text}");
        }
        for text in [
            "I'm happy to wait",
            "I'm glad to pay the difference",
            "I'm afraid I have no printer",
            "Likes green tea",
            "Hates coriander",
            "I feel like soup today",
            "Has an upset stomach",
        ] {
            assert!(!felt(text), "{text}");
        }
    }
}
