//! Sentences that tell how the caller does things: steps, routines, and what is done every month.

use super::shape::{Doer, Shape, Tense, is_in};
use crate::ai::by_rules::sentence::pattern;

/// What is and lasts rather than is done: such verbs state a fact, whatever else the sentence says.
pub(super) const STATES: &str = " live own have belong come know speak work want need wish hope like love hate dislike prefer enjoy \
    detest adore favour favor fancy mean weigh stand suffer understand believe think guess suppose wonder agree expect contain cost \
    earn rent study teach care matter fit owe lack share remember share sleep smoke refuse trust look seem sound \
    support attend identify practise represent lie include begin promise call see understand mind commute consist date ";
/// Verbs that state a fact ("drives a van") unless a when, a how or a next step makes a routine of it.
const EITHER: &str = " use keep take drive run play eat drink wear get hold stay sit go visit receive manage carry watch cover \
    sell make train spend travel grow raise breed avoid do say subscribe serve lead coach volunteer sing collect ";

pattern!(
    ROUTINE,
    r"(?ix)\b(?:every\ (?:other\ )?(?:day|morning|evening|night|week|month|quarter|year|autumn|spring|summer|winter|time|\w+day|two|three|few|few\ \w+|invoice|order|box|parcel|new)|each\ (?:day|morning|evening|night|week|month|quarter|year|time|order|trip|\w+day)|once\ a|twice\ a|on\ (?:\w+days)|at\ the\ (?:end|start|beginning)\ of
      |(?:before|after|by|without|while)\ \w+ing|then|first|afterwards|straight\ away|when|whenever|if|as\ soon\ as|until|instead\ of|overnight|to\ (?:log|sign|check|make\ sure|avoid|get|pay|save|track|confirm)|for\ (?:\w+ing)|in\ advance|ahead\ of|in\ the\ (?:morning|evening)s?|at\ night
      |and\ (?:then\ )?(?:sends?|puts?|takes?|swaps?|brings?|hands?|writes?|checks?|calls?|rings?|pays?|collects?|files?|leaves?|notes?|e-?mails?|forwards?|uploads?|scans?|prints?|drops?|picks?|adds?|enters?|switch(?:es)?|moves?|submits?|keeps?|copies|copy)\b)"
);
pattern!(
    ANNOUNCED,
    r"(?i)^(?:(?:the|my|our|their|her|his) )?(?:usual |normal |standard |regular |morning |monthly |weekly )?(?:process|procedure|steps?|routine|workflow|method|order of (?:doing|things)|how (?:to|they|she|he|i|we)|way (?:i|we|they) (?:do|handle|pay|work))\b|^what (?:i|we) (?:\w+ )?do(?: \w+){0,3} is\b|^(?:you know )?how (?:i|we) do (?:it|this|that)\b|\bhow (?:i|we) do (?:it|this|that):|^to \w+.*,? (?:they|the caller|he|she)\b"
);
pattern!(STEPS, r"(?i)\b(?:first|start(?:s)? (?:by|with))\b.+\b(?:then|after that|next|finally|afterwards)\b");
pattern!(
    LASTING,
    r"(?i)^(?:a |an )?(?:size|(?:no|some|two|three) sugars?|sugar|milk|insulin|tablets for|medication|blood thinners|painkillers|pills for)\b"
);
pattern!(
    AMOUNT,
    r"(?i)^(?:about |around |roughly )?(?:[£$€]\s?)?\d[\d.,]*\s*(?:euros?|pounds?|dollars?|a (?:month|year))?\b"
);

/// Whether the sentence tells how the caller does something.
pub(super) fn told(text: &str, shape: &Shape<'_>) -> bool {
    if ANNOUNCED.is_match(text) {
        return true;
    }
    if shape.tense != Tense::Present {
        return false;
    }
    let verb = shape.verb.as_str();
    if shape.doer == Doer::Other || LASTING.is_match(shape.rest) || verb == "pay" && AMOUNT.is_match(shape.rest) {
        return false;
    }
    if is_in(STATES, verb) {
        // "I see", "I call you because": no routine, unless a frequency makes one of it ("Usually I call the surgery at eight").
        return matches!(verb, "call" | "work" | "sleep" | "see" | "begin")
            && (routinely(shape) || STEPS.is_match(shape.rest));
    }
    if is_in(EITHER, verb) {
        return routinely(shape)
            || shape.conditioned
            || ROUTINE.is_match(shape.rest)
            || STEPS.is_match(text)
            || verb == "do" && shape.doer == Doer::Speaker;
    }
    true
}

fn routinely(shape: &Shape<'_>) -> bool {
    shape.often.as_deref().is_some_and(|often| often != "never" && often != "sometimes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::by_rules::classifier::shape::shape;

    #[test]
    fn routines_are_told_from_facts() {
        let told = |text: &str| told(text, &shape(text));
        for text in [
            "Rinses the tank with vinegar",
            "I leave the key under the mat",
            "Drives to the depot every Monday",
            "When the bin is full I empty it",
            "Usually orders online and picks up in store",
            "The procedure is to sign twice",
            "We count the till first and then lock it",
        ] {
            assert!(told(text), "{text}");
        }
        for text in [
            "Drives a van",
            "Lives in Lyon",
            "I know the way",
            "Pays 40 a month",
            "Rinsed the tank",
            "Has two dogs",
            "Takes insulin",
            "I need a lamp",
        ] {
            assert!(!told(text), "{text}");
        }
    }
}
