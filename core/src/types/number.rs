//! Telephone numbers: the many ways to write one line, brought to one.

/// What is known of each region's numbers; see there.
const REGIONS: &str = include_str!("number/regions.txt");

/// Fewest and most digits of what counts as a number at all.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=20;

/// How numbers are written in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Region {
    name: &'static str,
    /// The country calling code.
    code: &'static str,
    /// What is dialled before a national number and is no part of it; empty for none.
    trunk: &'static str,
    /// What is dialled before a country calling code.
    abroad: &'static str,
    /// Digits of a national number.
    national: std::ops::RangeInclusive<usize>,
}

impl Region {
    fn parse(line: &'static str) -> Option<Self> {
        let mut fields = line.split(' ');
        let mut text = || fields.next().map(|field| if field == "-" { "" } else { field });
        let (name, code, trunk, abroad) = (text()?, text()?, text()?, text()?);
        let (least, most) = (text()?.parse().ok()?, text()?.parse().ok()?);
        (!code.is_empty()).then_some(Self { name, code, trunk, abroad, national: least..=most })
    }

    fn all() -> impl Iterator<Item = Self> {
        REGIONS.lines().filter(|line| !line.starts_with('#')).filter_map(Self::parse)
    }

    /// Whether digits can be a national number here.
    fn is_national(&self, digits: &str) -> bool {
        // North American area codes and exchanges begin with 2 to 9, which tells a number from abroad that lost its
        // plus from one of ours.
        let north_american = |at: usize| digits.as_bytes().get(at).is_some_and(|d| (b'2'..=b'9').contains(d));
        self.national.contains(&digits.len()) && (self.code != "1" || (north_american(0) && north_american(3)))
    }

    /// Digits without `+` or international prefix, with the calling code in front; `None` where they cannot be told
    /// from a number of anywhere else.
    fn complete(&self, digits: &str) -> Option<String> {
        let with_code = |national: &str| self.is_national(national).then(|| format!("{}{national}", self.code));
        if let Some(national) = digits.strip_prefix(self.trunk).filter(|_| !self.trunk.is_empty())
            && let Some(complete) = with_code(national)
        {
            return Some(complete);
        }
        // Platforms drop the plus.
        if digits.strip_prefix(self.code).is_some_and(|national| self.is_national(national)) {
            return Some(digits.to_owned());
        }
        // Where a trunk prefix is dialled, a number without it is not one of this region. In North America it is not.
        with_code(digits).filter(|_| self.trunk.is_empty() || self.code == "1")
    }
}

/// How telephone numbers are read: with a region, a number as it is dialled there is the same as its international
/// form; without, only `+`, `00` and punctuation are seen through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Numbers {
    region: Option<Region>,
}

impl Numbers {
    /// Numbers without a country calling code belong to this region, by its ISO 3166 code such as `DE`, in any case.
    /// `None` for a region that is not known.
    pub fn of_region(region: &str) -> Option<Self> {
        let region = region.trim();
        let found = Region::all().find(|known| known.name.eq_ignore_ascii_case(region));
        found.map(|region| Self { region: Some(region) })
    }

    /// The form a number is looked up by: E.164 without the plus where it can be told, else its digits. `None` for
    /// what is no number of at least 5 digits: withheld callers ("anonymous", ""), names, SIP user parts.
    pub fn normalise(&self, raw: &str) -> Option<String> {
        let written = Written::read(raw)?;
        let Some(region) = &self.region else { return written.plain() };
        let digits = written.digits.as_str();
        let complete = if written.plus {
            Some(written.without_trunk())
        } else if let Some(abroad) = digits.strip_prefix(region.abroad).filter(|_| !region.abroad.is_empty()) {
            Some(abroad.to_owned())
        } else if let Some(abroad) = digits.strip_prefix("00") {
            Some(abroad.to_owned())
        } else {
            region.complete(digits)
        };
        complete.filter(|digits| DIGITS.contains(&digits.len())).or_else(|| written.plain())
    }

    /// Every form a number may be stored under, the one of [`Numbers::normalise`] first: before a region was
    /// configured, or by an earlier version, digits alone were.
    pub fn forms(&self, raw: &str) -> Vec<String> {
        let mut forms: Vec<String> = self.normalise(raw).into_iter().collect();
        forms.extend(normalise_number(raw).filter(|plain| !forms.contains(plain)));
        forms
    }

    /// Whether two texts name one line.
    pub fn same(&self, one: &str, other: &str) -> bool {
        self.normalise(one).is_some_and(|number| self.normalise(other) == Some(number))
    }
}

/// A number as it came, without punctuation.
struct Written<'a> {
    plus: bool,
    digits: String,
    raw: &'a str,
}

impl<'a> Written<'a> {
    /// `None` for what holds anything but a number.
    fn read(raw: &'a str) -> Option<Self> {
        let raw = raw.trim();
        let raw = raw.strip_prefix("tel:").or_else(|| raw.strip_prefix("whatsapp:")).unwrap_or(raw);
        let raw = raw.strip_prefix("sip:").or_else(|| raw.strip_prefix("sips:")).map_or(raw, before('@'));
        let raw = before(';')(raw).trim();
        let punctuation = |c: char| "+-. ()/\u{2010}\u{2011}\u{2012}\u{2013}\u{a0}\u{2009}\u{202f}".contains(c);
        if raw.chars().any(|c| !c.is_ascii_digit() && !punctuation(c)) {
            return None;
        }
        let digits = raw.chars().filter(char::is_ascii_digit).collect();
        Some(Self { plus: raw.trim_start_matches('(').starts_with('+'), digits, raw })
    }

    /// `+49 (0)30 123456`: what stands in brackets is dialled at home only.
    fn without_trunk(&self) -> String {
        self.raw.replacen("(0)", "", 1).chars().filter(char::is_ascii_digit).collect()
    }

    fn plain(&self) -> Option<String> {
        let digits = self.digits.strip_prefix("00").unwrap_or(&self.digits);
        DIGITS.contains(&digits.len()).then(|| digits.to_owned())
    }
}

fn before(end: char) -> impl Fn(&str) -> &str {
    move |text| text.split(end).next().unwrap_or(text)
}

/// A telephone number's digits, without `+`, without a leading `00`: how it is looked up where no region is
/// configured.
///
/// Platforms disagree about the plus sign for the same line, so it is dropped. `None` for anything that is not
/// a number of at least 5 digits: withheld callers ("anonymous", "restricted", ""), names, SIP user parts.
pub fn normalise_number(raw: &str) -> Option<String> {
    Written::read(raw)?.plain()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(region: &str) -> Numbers {
        Numbers::of_region(region).unwrap()
    }

    #[test]
    fn one_line_has_one_form() {
        for same in [
            "+14155550123",
            "14155550123",
            "+1 (415) 555-0123",
            "0014155550123",
            "sip:+14155550123@sip.example.com",
            "tel:+1-415-555-0123;ext=9",
        ] {
            assert_eq!(normalise_number(same).as_deref(), Some("14155550123"), "{same}");
            assert_eq!(of("DE").normalise(same).as_deref(), Some("14155550123"), "{same}");
        }
        for nobody in ["", "anonymous", "Restricted", "unknown", "sip:sam@example.com", "+", "12", "call me"] {
            assert_eq!(normalise_number(nobody), None, "{nobody}");
            assert_eq!(of("DE").normalise(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_national_number_is_the_same_as_its_international_form() {
        for (region, national, international) in [
            ("DE", "030 123456", "+49 30 123456"),
            ("de", "030/123456", "+49 (0)30 123456"),
            ("DE", "0049 30 123456", "4930123456"),
            ("AT", "0664 1234567", "+43 664 1234567"),
            ("GB", "020 7946 0018", "+44 20 7946 0018"),
            ("US", "(415) 555-0123", "+1 415 555 0123"),
            ("US", "1-415-555-0123", "011 1 415 555 0123"),
            ("ES", "612 34 56 78", "+34 612 345 678"),
            // In Italy the zero is part of the number.
            ("IT", "06 1234 5678", "+39 06 1234 5678"),
            ("HU", "06 20 123 4567", "+36 20 123 4567"),
            ("RU", "8 (912) 345-67-89", "+7 912 345 67 89"),
            ("RU", "79123456789", "810 7 912 345 67 89"),
            ("DK", "45 12 34 56", "+45 45 12 34 56"),
            ("AU", "0412 345 678", "0011 61 412 345 678"),
            ("JP", "010 49 30 123456", "+49 30 123456"),
        ] {
            let numbers = of(region);
            assert!(numbers.same(national, international), "{region}: {national}, {international}");
        }
    }

    #[test]
    fn what_cannot_be_told_stays_as_it_is() {
        // A foreign number that lost its plus, a short code, something longer than any number.
        for (region, raw) in [("DE", "14155550123"), ("DE", "110110"), ("ES", "447911123456"), ("US", "4930123456")] {
            assert_eq!(of(region).normalise(raw).as_deref(), Some(raw), "{region}");
        }
        assert_eq!(of("DE").normalise("0123456789012345678").as_deref(), Some("0123456789012345678"));
        assert_ne!(Numbers::default().normalise("030 123456"), Numbers::default().normalise("+49 30 123456"));
    }

    #[test]
    fn earlier_forms_are_looked_up_too() {
        assert_eq!(of("DE").forms("030 123456"), ["4930123456", "030123456"]);
        assert_eq!(of("DE").forms("+49 (0)30 123456"), ["4930123456", "49030123456"]);
        assert_eq!(of("DE").forms("+49 30 123456"), ["4930123456"]);
        assert_eq!(Numbers::default().forms("030 123456"), ["030123456"]);
        assert!(of("DE").forms("withheld").is_empty());
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = REGIONS.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((Region::all().count(), lines), (245, 245));
        for region in Region::all() {
            assert!(
                region.code.bytes().all(|b| b.is_ascii_digit()) && region.national.start() <= region.national.end()
            );
        }
        assert_eq!((Numbers::of_region("XX"), Numbers::of_region("")), (None, None));
    }
}
