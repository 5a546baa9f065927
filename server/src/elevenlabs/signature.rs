//! `ElevenLabs-Signature: t=<unix seconds>,v0=<hex>`: HMAC-SHA-256 over `t.body` under the webhook secret's text.

use hark_core::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header's name.
pub const HEADER: &str = "elevenlabs-signature";

/// Why a signature does not count. The names are stable: they are codes of problems and labels of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No header.
    Missing,
    /// More than one header: which one a proxy in front of us looked at cannot be known.
    Duplicate,
    /// Not of the form `t=…,v0=…`.
    Malformed,
    /// Older than agreed.
    TooOld,
    /// Further in the future than clocks differ.
    InFuture,
    /// Signed with none of our secrets, or the body was changed.
    Mismatch,
}

impl Refused {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "signature_missing",
            Self::Duplicate => "signature_duplicate",
            Self::Malformed => "signature_malformed",
            Self::TooOld => "signature_too_old",
            Self::InFuture => "signature_in_future",
            Self::Mismatch => "signature_mismatch",
        }
    }

    /// What an operator should look at.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Missing => "the ElevenLabs-Signature header is missing: use a webhook with auth type hmac",
            Self::Duplicate => "send exactly one ElevenLabs-Signature header",
            Self::Malformed => "the ElevenLabs-Signature header must be t=<unix seconds>,v0=<hex>",
            Self::TooOld => "the signature is too old: check both clocks, or raise elevenlabs.signature_max_age_secs",
            Self::InFuture => "the signature lies in the future: check both clocks",
            Self::Mismatch => "the signature matches no live secret: check elevenlabs.webhook_secrets",
        }
    }
}

/// A header that is fresh, and the running check of the body it belongs to.
///
/// The body is fed in pieces, so that a large one never has to be held to be checked.
#[derive(Clone)]
pub struct Verifier {
    /// One running MAC a live secret.
    macs: Vec<Hmac<Sha256>>,
    /// Every signature the header offers; those that are not 32 bytes of hex cannot match and are left out.
    offered: Vec<[u8; 32]>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({} secrets, {} signatures)", self.macs.len(), self.offered.len())
    }
}

impl Verifier {
    /// Reads a header and checks its time against `now` (unix seconds).
    ///
    /// # Errors
    /// `Malformed`, `TooOld` or `InFuture`.
    pub fn new<'a>(
        header: &str,
        secrets: impl IntoIterator<Item = &'a Secret>,
        now: i64,
        max_age: i64,
        max_future: i64,
    ) -> Result<Self, Refused> {
        let mut time: Option<&str> = None;
        let mut offered = Vec::new();
        let mut any = false;
        for part in header.split(',') {
            match part.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some(("t", value)) if time.is_none() => time = Some(value),
                Some(("t", _)) => return Err(Refused::Malformed),
                Some(("v0", value)) => {
                    any = true;
                    offered.extend(unhex(value));
                }
                // Other versions may come one day beside v0.
                Some(_) => {}
                None => return Err(Refused::Malformed),
            }
        }
        let time = time.filter(|t| !t.is_empty() && t.len() <= 15 && t.bytes().all(|b| b.is_ascii_digit()));
        let (Some(time), true) = (time, any) else { return Err(Refused::Malformed) };
        let at: i64 = time.parse().map_err(|_| Refused::Malformed)?;
        if now - at > max_age {
            return Err(Refused::TooOld);
        }
        if at - now > max_future {
            return Err(Refused::InFuture);
        }
        let macs = secrets
            .into_iter()
            .map(|secret| {
                let mut mac = mac(secret);
                mac.update(time.as_bytes());
                mac.update(b".");
                mac
            })
            .collect();
        Ok(Self { macs, offered })
    }

    /// The next piece of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        for mac in &mut self.macs {
            mac.update(bytes);
        }
    }

    /// The place of the secret under which an offered signature is right, of several the first. Every pair is compared, each
    /// in constant time, whatever the others gave.
    ///
    /// # Errors
    /// `Mismatch`.
    pub fn finish(self) -> Result<usize, Refused> {
        let mut matched = None;
        for (place, mac) in self.macs.into_iter().enumerate() {
            for signature in &self.offered {
                if mac.clone().verify_slice(signature).is_ok() {
                    matched.get_or_insert(place);
                }
            }
        }
        matched.ok_or(Refused::Mismatch)
    }
}

/// The header's value for a body, as ElevenLabs makes it; for `simulate`, `demo` and tests.
pub fn sign(secret: &Secret, unix_secs: i64, body: &[u8]) -> String {
    let mut mac = mac(secret);
    mac.update(unix_secs.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("t={unix_secs},v0={hex}")
}

fn mac(secret: &Secret) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(secret.expose().as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_341_600;

    fn check(header: &str, secrets: &[&str], body: &[u8]) -> Result<(), Refused> {
        let secrets: Vec<_> = secrets.iter().map(|s| Secret::new(*s)).collect();
        let mut verifier = Verifier::new(header, &secrets, NOW, 1_800, 300)?;
        // In two pieces: how the body arrives must not matter.
        let (head, tail) = body.split_at(body.len() / 2);
        verifier.update(head);
        verifier.update(tail);
        verifier.finish().map(drop)
    }

    #[test]
    fn a_known_vector_is_made_and_accepted() {
        // From Python: hmac.new(b"wsec_x", b"1795341600." + b'{"a":1}', hashlib.sha256).hexdigest()
        let header = sign(&Secret::new("wsec_x"), NOW, br#"{"a":1}"#);
        assert_eq!(header, KNOWN);
        assert_eq!(check(&header, &["wsec_x"], br#"{"a":1}"#), Ok(()));
    }

    const KNOWN: &str = "t=1795341600,v0=a1adeacaf96e9a393dc2abdbec683a899307a78110842619f6cd87a21013fe60";

    #[test]
    fn order_spaces_case_and_several_signatures_or_secrets_do_not_matter() {
        let body = b"{}";
        let good = sign(&Secret::new("new"), NOW, body);
        let (t, v0) = good.split_once(',').unwrap();
        for header in [
            format!("{v0},{t}"),
            format!(" {t} , {v0} "),
            format!("{t},v0=00,{v0},v1=later"),
            format!("{t},v0={}", v0[3..].to_uppercase()),
        ] {
            assert_eq!(check(&header, &["old", "new"], body), Ok(()), "{header}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let body = b"{}";
        let secret = Secret::new("s");
        let good = sign(&secret, NOW, body);
        assert_eq!(check(&good, &["s"], b"{ }"), Err(Refused::Mismatch));
        assert_eq!(check(&good, &["t"], body), Err(Refused::Mismatch));
        assert_eq!(check(&good, &[], body), Err(Refused::Mismatch));
        assert_eq!(check(&sign(&secret, NOW - 1_801, body), &["s"], body), Err(Refused::TooOld));
        assert_eq!(check(&sign(&secret, NOW - 1_800, body), &["s"], body), Ok(()));
        assert_eq!(check(&sign(&secret, NOW + 301, body), &["s"], body), Err(Refused::InFuture));
        assert_eq!(check(&sign(&secret, NOW + 300, body), &["s"], body), Ok(()));
        for malformed in ["", "t=1", "v0=00", "t=abc,v0=00", "t=-5,v0=00", "t=,v0=", "nonsense", "t=1,t=2,v0=00"] {
            assert_eq!(check(malformed, &["s"], body), Err(Refused::Malformed), "{malformed}");
        }
    }
}
