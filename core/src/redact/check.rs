//! Check digits: what tells a card number from any other number of its length.

/// Luhn's sum. `digits` are ASCII digits.
pub(super) fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(digit - b'0')) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a number is a card's: its issuer's prefix, a length which that issuer uses, and Luhn's sum.
pub(super) fn card(digits: &str) -> bool {
    let prefix = |length: usize| digits.get(..length).and_then(|prefix| prefix.parse::<u32>().ok()).unwrap_or(0);
    let lengths = match (prefix(1), prefix(2), prefix(3), prefix(4)) {
        (4, ..) => [13, 16, 19].as_slice(),
        (_, 51..=55, ..) | (.., 2221..=2720) => &[16],
        (_, 34 | 37, ..) => &[15],
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305, _) => &[14, 16, 19],
        (.., 3528..=3589) => &[16, 19],
        (.., 2200..=2204) => &[16, 17, 18, 19],
        // Discover, UnionPay, Maestro.
        (6, ..) | (_, 50 | 56..=58, ..) => &[16, 18, 19],
        _ => &[],
    };
    lengths.contains(&digits.len()) && luhn(digits)
}

/// How long a country's IBAN is.
fn iban_length(country: &str) -> Option<usize> {
    const LENGTHS: [(usize, &str); 20] = [
        (15, "NO"),
        (16, "BE"),
        (18, "DK FO FI GL NL"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
        (20, "MN"),
        (18, "FK"),
    ];
    LENGTHS.iter().find(|(_, countries)| countries.split(' ').any(|known| known == country)).map(|(length, _)| *length)
}

/// The IBAN that some symbols begin with, as how many of them it takes.
pub(super) fn iban(symbols: &str) -> Option<usize> {
    let length = iban_length(symbols.get(..2)?)?;
    let iban = symbols.get(..length)?;
    if !iban[2..4].bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let rotated = iban[4..].bytes().chain(iban[..4].bytes());
    let rest = rotated.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.to_ascii_uppercase() - b'A') + 10) % 97,
    });
    (rest == 1).then_some(length)
}

/// Whether some symbols are, by their form and their check digits, a person's number with a state: certain enough to need no word
/// that says so.
pub(super) fn national_id(symbols: &str) -> bool {
    if symbols.bytes().all(|b| b.is_ascii_digit()) {
        return steuer_id(symbols) || nir(symbols) || ahv(symbols);
    }
    nino(symbols) || dni(symbols) || nir_of_corsica(symbols) || codice_fiscale(symbols)
}

/// Whether nine digits can be a US social security number.
pub(super) fn ssn(digits: &str) -> bool {
    digits.len() == 9
        && !matches!(&digits[..3], "000" | "666")
        && !digits.starts_with('9')
        && &digits[3..5] != "00"
        && &digits[5..] != "0000"
}

/// UK national insurance: `AB123456C`.
fn nino(symbols: &str) -> bool {
    let bytes = symbols.as_bytes();
    let never = |byte: &u8| b"DFIQUV".contains(byte);
    bytes.len() == 9
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && !bytes[..2].iter().any(never)
        && bytes[1] != b'O'
        && !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].contains(&&symbols[..2])
        && bytes[2..8].iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(&bytes[8])
}

/// Germany: 11 digits, of the first ten one twice or three times, ISO 7064 MOD 11,10.
fn steuer_id(digits: &str) -> bool {
    if digits.len() != 11 || digits.starts_with('0') {
        return false;
    }
    let mut counts = [0_u8; 10];
    let mut product = 10;
    for digit in digits.bytes().take(10).map(|b| b - b'0') {
        counts[usize::from(digit)] += 1;
        let sum = (u32::from(digit) + product) % 10;
        product = (if sum == 0 { 10 } else { sum }) * 2 % 11;
    }
    let repeated: Vec<u8> = counts.into_iter().filter(|count| *count > 1).collect();
    let check = (11 - product) % 10;
    matches!(repeated.as_slice(), [2 | 3]) && u32::from(digits.as_bytes()[10] - b'0') == check
}

/// France: 13 digits and a key of two.
fn nir(digits: &str) -> bool {
    if digits.len() != 15 || !digits.starts_with(['1', '2', '3', '4', '7', '8']) {
        return false;
    }
    let month = digits[3..5].parse().unwrap_or(0);
    let number: u64 = digits[..13].parse().unwrap_or(0);
    let key: u64 = digits[13..].parse().unwrap_or(0);
    matches!(month, 1..=12 | 20..=42 | 50..=99) && key == 97 - number % 97
}

/// The two departments of Corsica are written 2A and 2B.
fn nir_of_corsica(symbols: &str) -> bool {
    symbols.len() == 15
        && match symbols.get(5..7) {
            Some("2A") => all_digits(&symbols.replacen("2A", "19", 1)),
            Some("2B") => all_digits(&symbols.replacen("2B", "18", 1)),
            _ => false,
        }
}

fn all_digits(symbols: &str) -> bool {
    symbols.bytes().all(|b| b.is_ascii_digit()) && nir(symbols)
}

/// Spain: eight digits and a letter; foreigners' begin with X, Y or Z instead of a digit.
fn dni(symbols: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let bytes = symbols.as_bytes();
    if bytes.len() != 9 || !bytes[1..8].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let first = match bytes[0] {
        b'X' => '0',
        b'Y' => '1',
        b'Z' => '2',
        digit if digit.is_ascii_digit() => char::from(digit),
        _ => return false,
    };
    let number: usize = format!("{first}{}", &symbols[1..8]).parse().unwrap_or(0);
    bytes[8] == LETTERS[number % 23]
}

/// Switzerland: 756, and the check digit of a European article number.
fn ahv(digits: &str) -> bool {
    let weighted = |(at, digit): (usize, u8)| u32::from(digit - b'0') * if at % 2 == 0 { 1 } else { 3 };
    digits.len() == 13
        && digits.starts_with("756")
        && digits.bytes().enumerate().map(weighted).sum::<u32>().is_multiple_of(10)
}

/// Italy: 16 letters and digits, the last a check letter.
fn codice_fiscale(symbols: &str) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let bytes = symbols.as_bytes();
    if bytes.len() != 16 || !bytes[..6].iter().all(u8::is_ascii_uppercase) || !bytes[15].is_ascii_uppercase() {
        return false;
    }
    let sum: u32 = bytes[..15]
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte.to_ascii_uppercase() - b'A' };
            if at % 2 == 0 { ODD[usize::from(value % 26)] } else { u32::from(value) }
        })
        .sum();
    sum % 26 == u32::from(bytes[15] - b'A')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_have_an_issuer_a_length_and_a_sum() {
        for card_number in
            ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904"]
        {
            assert!(card(card_number), "{card_number}");
        }
        // One digit off, an IMEI, a SIM card's, too short, nothing.
        for other in ["4111111111111112", "490154203237518", "89490200001234567890", "411111111111", ""] {
            assert!(!card(other), "{other}");
        }
    }

    #[test]
    fn an_iban_ends_where_its_country_says() {
        assert_eq!(iban("DE89370400440532013000"), Some(22));
        assert_eq!(iban("GB82WEST12345698765432AND"), Some(22));
        assert_eq!(iban("NO9386011117947"), Some(15));
        for other in ["DE88370400440532013000", "DE8937040044053201300", "XX89370400440532013000", "DEAB", "D", ""] {
            assert_eq!(iban(other), None, "{other}");
        }
    }

    #[test]
    fn national_ids_have_check_digits() {
        let known = [
            "AB123456C",
            "86095742719",
            "185057800608491",
            "12345678Z",
            "X1234567L",
            "7569217076985",
            "RSSMRA85T10A562S",
        ];
        for id in known {
            assert!(national_id(id), "{id}");
        }
        for other in [
            "GB123456C",
            "86095742718",
            "185057800608492",
            "12345678A",
            "7569217076984",
            "RSSMRA85T10A562T",
            "123456789",
            "",
        ] {
            assert!(!national_id(other), "{other}");
        }
        assert!(ssn("078051120") && !ssn("000051120") && !ssn("912345678") && !ssn("078001120"));
    }

    #[test]
    fn nothing_is_cut_inside_a_character() {
        for odd in ["ééééééééé", "DEé", "12345678é", "1234é2A890123456"] {
            assert!(!national_id(odd) && iban(odd).is_none());
        }
    }
}
