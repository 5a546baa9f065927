//! When a server wants to be asked again.

use chrono::DateTime;
use hark_core::Timestamp;
use reqwest::header::HeaderMap;
use std::time::Duration;

/// No advice goes further than this: whoever waits longer asks a person.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The server's advice: `retry-after-ms`, `retry-after` (seconds or a date), or the moment at which what
/// `x-ratelimit-remaining-…` calls used up is there again.
pub(crate) fn advice(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let found = text("retry-after-ms")
        .and_then(|ms| seconds(ms, 1e-3))
        .or_else(|| text("retry-after").and_then(|after| seconds(after, 1.0).or_else(|| until(after, now))));
    let used_up = |what: &str| {
        let remaining = text(&format!("x-ratelimit-remaining-{what}"))?;
        (remaining == "0").then(|| text(&format!("x-ratelimit-reset-{what}")).and_then(clock_units)).flatten()
    };
    found.or_else(|| used_up("requests").max(used_up("tokens"))).map(|after| after.min(LONGEST))
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse::<f64>().ok()? * unit).ok()
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let date = DateTime::parse_from_rfc2822(date).ok()?;
    // A date that has passed means: now.
    Some((date.to_utc() - now).to_std().unwrap_or_default())
}

/// `6m0s`, `1.5s`, `20ms`
fn clock_units(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let unit = match &after[..letters] {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        sum = sum.checked_add(seconds(number, unit)?)?;
        rest = &after[letters..];
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::testkit::fixtures::start;

    fn told(headers: &[(&'static str, &str)]) -> Option<f64> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        advice(&headers, start()).map(|after| after.as_secs_f64())
    }

    #[test]
    fn every_form_of_advice_is_understood() {
        assert_eq!(told(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(told(&[("retry-after", "0.5")]), Some(0.5));
        assert_eq!(told(&[("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT")]), Some(30.0));
        assert_eq!(told(&[("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT")]), Some(0.0));
        assert_eq!(told(&[("retry-after", "9"), ("retry-after-ms", "1500")]), Some(1.5));
        let reset = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "20ms"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1h6m1.5s"),
        ];
        assert_eq!(told(&reset), Some(3961.5));
    }

    #[test]
    fn nonsense_is_no_advice_and_no_advice_is_endless() {
        for headers in [
            [("retry-after", "soon")],
            [("retry-after", "-1")],
            [("retry-after", "inf")],
            [("retry-after", "NaN")],
            [("x-ratelimit-reset-tokens", "1s")],
        ] {
            assert_eq!(told(&headers), None, "{headers:?}");
        }
        assert_eq!(told(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "5y")]), None);
        assert_eq!(told(&[("retry-after", "1e18")]), Some(86_400.0));
    }
}
