//! E-mail, telephone and postal addresses, written or spoken.

use super::draft::Draft;
use super::numbers;
use super::sentence::{Clause, pattern};
use super::words;
use crate::MemoryKind;

pattern!(WRITTEN, r"(?i)\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+");
pattern!(
    SPOKEN,
    r"(?ix)\b(?P<local>[\w.]+(?:\s+(?:dot|underscore|dash|hyphen|plus)\s+[\w.]+)*)\s+at\s+
      (?P<host>[\w-]+(?:\s+(?:dash|hyphen|dot)\s+[\w-]+)*(?:\s+dot\s+|\.)(?:com|org|net|edu|gov|io|info|example|biz|co|[a-z]{2})(?:\s+dot\s+[a-z]{2,3})?)\b"
);
pattern!(
    PHONE,
    r"(?ix)\b(?P<what>(?:other|new|second|work|home|mobile|cell)?\s*(?:phone\ number|mobile\ number|number|phone|mobile|cell|landline)|reach\ me|call\ me|ring\ me|text\ me)
      (?:\ (?:is|at|on|number|under|instead|now|it's)|,|:)*\s+(?P<rest>.+)$"
);
pattern!(
    NOT_A_PHONE,
    r"(?i)\b(?:order|ticket|invoice|account|booking|reservation|policy|case|reference|customer|tracking|contract|claim|confirmation|serial|meter|card|member\w*) (?:reference |id )?(?:number|phone)\b"
);
pattern!(
    ADDRESS,
    r"(?ix)\b(?:(?P<live>(?:i|we)\ (?:now\ )?live\ at|(?:i|we)\ (?:have\ )?moved\ to|(?:i|we)(?:'ve|\ have)\ moved\ to)|(?:my\ |our\ |the\ )?(?:new\ |home\ |delivery\ |billing\ |postal\ )?address\ (?:is|was|:)(?:\ now)?|(?:deliver|send|ship)(?:\ it|\ them|\ that)?\ to|it's|it\ is|to)\s+(?P<where>.+)$"
);
pattern!(HOUSE, r"(?i)^\d+\w?,?\s+\w+");
pattern!(
    STREET,
    r"(?i)\b(?:street|st|road|rd|avenue|ave|lane|drive|close|court|way|square|place|terrace|boulevard|crescent|gardens|hill|row|park|grove|mews|highway|alley|quay|walk)\b"
);

/// The contact details a clause gives, whoever asked for them.
pub(super) fn find(clause: &Clause) -> Vec<Draft> {
    if clause.supposed {
        return Vec::new();
    }
    let mut out = Vec::new();
    out.extend(email(&clause.text));
    if clause.question {
        return out;
    }
    if out.is_empty() {
        out.extend(phone(&clause.text));
    }
    out.extend(address(clause));
    out
}

/// An e-mail address, spoken or written.
pub(super) fn email(text: &str) -> Option<Draft> {
    let found = match (WRITTEN.find(text), SPOKEN.captures(text)) {
        (Some(m), _) => m.as_str().to_owned(),
        (None, Some(c)) => format!("{}@{}", symbols(&c["local"]), symbols(&c["host"])),
        _ => return None,
    };
    let found = found.trim_end_matches('.').to_lowercase();
    Some(Draft::new(MemoryKind::Contact, format!("E-mail address is {found}")).slot("email", found).confidence(0.9))
}

fn symbols(text: &str) -> String {
    text.split_whitespace()
        .map(|w| match w.to_lowercase().as_str() {
            "dot" => ".".to_owned(),
            "dash" | "hyphen" => "-".to_owned(),
            "underscore" => "_".to_owned(),
            "plus" => "+".to_owned(),
            other => other.to_owned(),
        })
        .collect()
}

fn phone(text: &str) -> Option<Draft> {
    if NOT_A_PHONE.is_match(text) {
        return None;
    }
    let c = PHONE.captures(text)?;
    let code = numbers::code(&c["rest"], 6)?;
    let what = if c["what"].to_lowercase().ends_with("landline") { "Landline" } else { "Phone" };
    Some(phone_draft(what, &code.value))
}

/// The answer to "what is your phone number".
pub(super) fn phone_answer(text: &str) -> Option<Draft> {
    let said = text
        .trim_start_matches("It's ")
        .trim_start_matches("it's ")
        .trim_start_matches("It is ")
        .trim_start_matches("it is ");
    numbers::code(said, 6).map(|code| phone_draft("Phone", &code.value))
}

fn phone_draft(what: &str, number: &str) -> Draft {
    Draft::new(MemoryKind::Contact, format!("{what} number is {number}")).slot("phone", number)
}

fn address(clause: &Clause) -> Option<Draft> {
    let c = ADDRESS.captures(&clause.text)?;
    let place = place(&c["where"], clause.cased).filter(|p| STREET.is_match(p))?;
    let lead = if c.name("live").is_some() { "Lives at" } else { "Address is" };
    Some(Draft::new(MemoryKind::Contact, format!("{lead} {place}")).slot("address", place))
}

/// The answer to "what is your address".
pub(super) fn address_answer(clause: &Clause) -> Option<Draft> {
    let place = place(&clause.text, clause.cased)?;
    Some(Draft::new(MemoryKind::Contact, format!("Address is {place}")).slot("address", place))
}

fn place(text: &str, cased: bool) -> Option<String> {
    let text = words::tidy(&numbers::leading_numeral(text));
    if !HOUSE.is_match(&text) || text.split(' ').count() < 3 || text.chars().count() > 120 {
        return None;
    }
    Some(if cased { text } else { words::title(&text) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::by_rules::sentence::clauses;

    fn all(turn: &str) -> Vec<String> {
        clauses(turn).iter().flat_map(find).map(|d| d.content).collect()
    }

    #[test]
    fn mail_addresses_are_written_and_spoken() {
        assert_eq!(all("My email is sam at example dot com."), ["E-mail address is sam@example.com"]);
        assert_eq!(all("Accounts at bellini dash foods dot com."), ["E-mail address is accounts@bellini-foods.com"]);
        assert_eq!(all("it's r.santos@example.org"), ["E-mail address is r.santos@example.org"]);
        assert_eq!(all("jo dot murphy at example dot co dot uk"), ["E-mail address is jo.murphy@example.co.uk"]);
        assert_eq!(all("I am at home at noon."), Vec::<String>::new());
    }

    #[test]
    fn numbers_need_to_be_called_numbers() {
        assert_eq!(all("My other number is 555 0188."), ["Phone number is 5550188"]);
        assert_eq!(
            all("use my landline, zero two zero seven nine four six zero one two three"),
            ["Landline number is 02079460123"]
        );
        assert_eq!(all("My order number is 5550188."), Vec::<String>::new());
    }

    #[test]
    fn streets_need_a_house_number() {
        assert_eq!(all("I live at 12 Elm Street, Leeds."), ["Lives at 12 Elm Street, Leeds"]);
        assert_eq!(all("it's 21 Maple Close, Bristol"), ["Address is 21 Maple Close, Bristol"]);
        assert_eq!(all("I moved to the city."), Vec::<String>::new());
    }
}
