//! What a number is said to be: "card number", "order", "the code on the back".

use super::token::{Part, Token};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What is said beside a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// "card number": what follows is one, though misheard.
    CardNumber,
    /// "Visa": perhaps.
    Card,
    Iban,
    SecurityCode,
    Pin,
    OneTimeCode,
    SocialSecurity,
    NationalId,
    Password,
    /// Something that agents need: an order, a telephone, a day, an amount.
    Harmless,
}

/// A term, as tokens `from..to` of a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) context: Context,
}

const CARD_NUMBER: &str = "card number|card numbers|card no|card details|credit card number|debit card number|long number|\
    sixteen digits|16 digits|sixteen digit|16 digit|fifteen digits|15 digits|numbers across the front|number across the front|\
    numbers on the front|number on the front|pan";
const CARD: &str = "card|credit card|debit card|bank card|visa|mastercard|master card|amex|american express|maestro|discover|\
    diners|visa debit|visa card";
const IBAN: &str = "iban|iban number|bank account|bank account number|international bank account number";
const SECURITY_CODE: &str = "cvv|cvc|cvv2|cvc2|cv2|csc|cvv number|cvv code|cvc code|security code|card security code|\
    card verification|three digits|3 digits|three digit|three digit code|digits on the back|numbers on the back|\
    number on the back|code on the back|signature strip|on the back of the card|on the back of it|on the back|\
    three digit code on the back|\
    four digit code on the front|digit code on the front|digit code on the back|code on the front";
const PIN: &str = "pin|pin number|pin code|p.i.n|personal identification number|card pin";
const ONE_TIME_CODE: &str = "verification code|one-time code|one time code|one-time passcode|one time passcode|\
    one-time password|one time password|otp|two factor code|two-factor code|2fa code|authentication code|authenticator|\
    authenticator app|authenticator code|login code|log-in code|log in code|sign-in code|access code|sms code|text code|\
    six digit code|6 digit code|six-digit code|four digit code|4 digit code|four-digit code|digit code|\
    security code you texted me|security code you texted|security code you sent me|security code you sent|\
    security code we sent you|security code we sent|security code we texted|code we sent|code you sent|code we texted|\
    code you texted|temporary code|2-step code|two step code|activation code|unlock code|recovery code";
const SOCIAL_SECURITY: &str = "social security|social security number|ssn|social|soc|last four of your social|\
    last four of my social|social insurance number|social insurance";
const NATIONAL_ID: &str = "national insurance|national insurance number|ni number|nino|national id|national id number|\
    national identity|identity card|id card|id card number|identity number|tax id|tax id number|tax number|\
    tax identification number|taxpayer id|steuer-id|steuer id|steueridentifikationsnummer|identifikationsnummer|\
    steuernummer|numéro de sécurité sociale|sécurité sociale|nir|dni|nie|nif|passport|passport number|passport no|\
    driver's license|drivers license|driver's license number|drivers license number|driving licence|driving license|\
    driving licence number|bsn|burgerservicenummer|codice fiscale|personnummer|pesel|aadhaar|cpf|ahv|ahv number|\
    french social security number";
const PASSWORD: &str = "password|passwords|pass word|passphrase|pass phrase|passcode|pass code|memorable word|security word|\
    secret word|safe word|security password|memorable phrase";
/// Cards that pay nothing, and whatever else a business counts by.
const HARMLESS: &str = "order|orders|order number|order code|order id|order card|tracking|tracking number|tracking code|parcel|\
    package|consignment|shipment|delivery number|ticket|ticket number|booking|booking number|booking reference|booking code|\
    reservation|reservation number|confirmation number|confirmation code|confirmation|reference|reference number|\
    reference code|ref|invoice|invoice number|case|case number|case id|claim|claim number|policy|policy number|account|\
    account number|customer number|customer id|client number|member number|membership|membership number|loyalty|\
    loyalty number|loyalty card|loyalty card number|library card|library card number|gift card|gift card number|\
    membership card|membership card number|sim card|sim card number|business card|store card|club card|club card number|\
    bonus card|rewards card|reward card|points card|insurance card|health card|student card|travel card|key card|memory card|\
    graphics card|sd card|boarding card|report card|birthday card|greeting card|serial|serial number|imei|model|\
    model number|product|product code|product number|article|article number|item|item number|sku|part number|isbn|barcode|\
    bar code|ean|phone|phone number|telephone|telephone number|mobile|mobile number|cell|cell number|call me|reach me|\
    ring me|text me on|call you|reach you|number can i reach you on|fax|landline|whatsapp|zip|zip code|postcode|post code|\
    postal code|area code|country code|dialling code|sort code|error code|fault code|discount code|promo code|voucher code|\
    voucher|coupon|coupon code|gift code|referral code|product key|door code|gate code|entry code|building code|\
    alarm code|key safe code|dress code|qr code|source code|date of birth|birthday|born|dob|address|street|road|avenue|lane|\
    drive|flat|apartment|room|floor|extension|pounds|dollars|euros|price|cost|total|amount|paid|meter reading|meter|flight|\
    flight number|version|vin|registration|number plate|plate|licence plate|license plate|vat|vat number|company number|expiry|\
    expires|expiry date|expiration|expiration date|valid until|valid thru|good through|unit|batch|contract|contract number|\
    quote|quote number|reading|po box";

/// What can stand before "code" without saying what code it is.
const BEFORE_CODE: [&str; 15] = [
    "the", "a", "my", "your", "this", "that", "digit", "new", "another", "secret", "secure", "same", "code", "special",
    "his",
];

/// Phrases by their first word, the longest first.
type Phrases = HashMap<&'static str, Vec<(Vec<&'static str>, Context)>>;

static TERMS: LazyLock<Phrases> = LazyLock::new(|| {
    let mut terms = Phrases::new();
    for (list, context) in [
        (CARD_NUMBER, Context::CardNumber),
        (CARD, Context::Card),
        (IBAN, Context::Iban),
        (SECURITY_CODE, Context::SecurityCode),
        (PIN, Context::Pin),
        (ONE_TIME_CODE, Context::OneTimeCode),
        (SOCIAL_SECURITY, Context::SocialSecurity),
        (NATIONAL_ID, Context::NationalId),
        (PASSWORD, Context::Password),
        (HARMLESS, Context::Harmless),
    ] {
        for phrase in list.split('|') {
            let words: Vec<&str> = phrase.split_whitespace().collect();
            if let Some(first) = words.first() {
                terms.entry(*first).or_default().push((words, context));
            }
        }
    }
    for phrases in terms.values_mut() {
        phrases.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
    }
    terms
});

/// The terms of a turn, in order; the longest where several begin with one word.
pub(super) fn terms(tokens: &[Token]) -> Vec<Term> {
    let mut found: Vec<Term> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match at_token(tokens, at) {
            Some(term) => {
                at = term.to;
                if !found.last().is_some_and(|before| is_of(tokens, before, &term)) {
                    found.push(term);
                }
            }
            None => at += 1,
        }
    }
    found
}

/// "The PIN for the card", "the password on the account": the latter says whose the former is.
fn is_of(tokens: &[Token], one: &Term, other: &Term) -> bool {
    let whole = match one.context {
        Context::Pin | Context::Password => matches!(other.context, Context::Card | Context::Harmless),
        Context::SecurityCode | Context::OneTimeCode => other.context == Context::Card,
        _ => false,
    };
    let between = &tokens[one.to..other.from];
    let joins =
        |token: &Token| token.is(&["for", "of", "on", "to", "with", "the", "my", "your", "this", "that", "our"]);
    whole && (1..=3).contains(&between.len()) && between.iter().all(joins)
}

fn at_token(tokens: &[Token], at: usize) -> Option<Term> {
    if tokens[at].part == Part::Mark {
        return None;
    }
    let word = tokens[at].word.as_str();
    let phrases = TERMS.get(word).map_or(&[][..], Vec::as_slice);
    let matches = |words: &[&str]| {
        words.iter().enumerate().all(|(offset, word)| tokens.get(at + offset).is_some_and(|token| token.word == *word))
    };
    if let Some((words, context)) = phrases.iter().find(|(words, _)| matches(words)) {
        return Some(Term { from: at, to: at + words.len(), context: *context });
    }
    if !matches!(word, "code" | "codes") {
        return None;
    }
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    let plain = before.is_none_or(|before| before.closes() || before.is(&BEFORE_CODE) || before.part != Part::Word);
    let context = if plain { Context::OneTimeCode } else { Context::Harmless };
    Some(Term { from: at, to: at + 1, context })
}

#[cfg(test)]
mod tests {
    use super::super::token::tokens;
    use super::*;

    fn contexts(text: &str) -> Vec<Context> {
        terms(&tokens(text)).into_iter().map(|term| term.context).collect()
    }

    #[test]
    fn the_longest_term_counts() {
        assert_eq!(contexts("my library card number"), [Context::Harmless]);
        assert_eq!(contexts("my credit card number is"), [Context::CardNumber]);
        assert_eq!(contexts("the security code you texted me"), [Context::OneTimeCode]);
        assert_eq!(contexts("order code, then the CVV"), [Context::Harmless, Context::SecurityCode]);
    }

    #[test]
    fn a_code_of_something_is_no_secret() {
        assert_eq!(contexts("the code is"), [Context::OneTimeCode]);
        assert_eq!(contexts("my paint code is"), [Context::Harmless]);
        assert_eq!(contexts("[one-time code] code"), [Context::OneTimeCode]);
    }
}
