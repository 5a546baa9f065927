//! The keys: ids, one active, one for look-up. How they are stored is the server's business; their text form is here.

use crate::{Entropy, Error, ErrorKind, Result};
use std::fmt;
use zeroize::Zeroizing;

/// How a sealing key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Opens, and will seal once it is activated: every process that shares the stores is to have it before one seals
    /// with it.
    Next,
    /// Seals and opens.
    Active,
    /// Opens only; what it sealed is sealed anew under the active key.
    Old,
}

impl KeyState {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Old => "old",
        }
    }
}

/// One sealing key with its id.
#[derive(Clone)]
pub struct Key {
    id: String,
    next: bool,
    secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    /// The id that stands in front of everything sealed with it.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn sealing(&self) -> &[u8; 32] {
        &self.secret
    }

    fn line(&self) -> Zeroizing<String> {
        let kind = if self.next { "next" } else { "seal" };
        Zeroizing::new(format!("{kind} {} {}\n", self.id, encode(&self.secret)))
    }
}

/// All keys. The first `seal` line is the active key; the others, and those of `next` lines, only open.
///
/// Text form, one key a line: `lookup <64 hex>` once, then `seal <id> <64 hex>` from newest to oldest, and
/// `next <id> <64 hex>` for a key that is to become active. The look-up key is never rotated with the others: every stored
/// hash depends on it.
#[derive(Clone)]
pub struct Keyring {
    lookup: Zeroizing<[u8; 32]>,
    /// Those that come next first, then the active one, then the old ones from newest to oldest.
    keys: Vec<Key>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(Key::id)).finish()
    }
}

impl Keyring {
    /// A new keyring with one sealing key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut lookup = Zeroizing::new([0; 32]);
        entropy.fill(lookup.as_mut());
        Self { lookup, keys: vec![new_key(entropy)] }
    }

    /// The same keyring with a new active key.
    #[must_use]
    pub fn rotated(&self, entropy: &dyn Entropy) -> Self {
        let mut keys = self.keys.clone();
        let place = keys.iter().take_while(|key| key.next).count();
        keys.insert(place, new_key(entropy));
        Self { lookup: self.lookup.clone(), keys }
    }

    /// The same keyring with a new key that opens and does not seal yet, and its id.
    pub fn with_next(&self, entropy: &dyn Entropy) -> (Self, String) {
        let key = Key { next: true, ..new_key(entropy) };
        let id = key.id.clone();
        let mut keys = vec![key];
        keys.extend(self.keys.iter().cloned());
        (Self { lookup: self.lookup.clone(), keys }, id)
    }

    /// The same keyring with that key active, whatever it was; the one that was is an old key then.
    ///
    /// # Errors
    /// `NotFound` when there is no key of that id.
    pub fn with_active(&self, id: &str) -> Result<Self> {
        let key = self.get(id).ok_or_else(|| self.unknown(id))?;
        let mut keys: Vec<Key> = self.keys.iter().filter(|other| other.id != id).cloned().collect();
        let place = keys.iter().take_while(|other| other.next).count();
        keys.insert(place, Key { next: false, ..key.clone() });
        Ok(Self { lookup: self.lookup.clone(), keys })
    }

    /// The same keyring without that key. Whether something still needs it is the caller's business.
    ///
    /// # Errors
    /// `NotFound` when there is no key of that id, `Conflict` when it is the active one.
    pub fn without(&self, id: &str) -> Result<Self> {
        self.get(id).ok_or_else(|| self.unknown(id))?;
        if self.active().id == id {
            let what = format!("key `{id}` is the active one; activate another first");
            return Err(Error::new(ErrorKind::Conflict, KEYRING, what));
        }
        let keys = self.keys.iter().filter(|key| key.id != id).cloned().collect();
        Ok(Self { lookup: self.lookup.clone(), keys })
    }

    fn unknown(&self, id: &str) -> Error {
        let ids: Vec<&str> = self.keys.iter().map(Key::id).collect();
        let what = format!("there is no key `{id}` in the keyring; it has {}", ids.join(", "));
        Error::new(ErrorKind::NotFound, KEYRING, what)
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// `Config`, naming the line, never its content.
    pub fn parse(text: &str) -> Result<Self> {
        let mut lookup = None;
        let mut keys = Vec::<Key>::new();
        for (number, line) in text.lines().enumerate() {
            let fail = |what: &str| Error::config(format!("encryption keys, line {}: {what}", number + 1));
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                [comment, ..] if comment.starts_with('#') => {}
                ["lookup", hex] if lookup.is_none() => {
                    lookup = Some(decode(hex).ok_or_else(|| fail("the key must be 64 hex digits"))?);
                }
                ["lookup", _] => return Err(fail("there is a look-up key already")),
                [kind @ ("seal" | "next"), id, hex] => {
                    if id.len() > 32 || keys.iter().any(|k| k.id == **id) {
                        return Err(fail("the key id must be unique and at most 32 bytes"));
                    }
                    let secret = decode(hex).ok_or_else(|| fail("the key must be 64 hex digits"))?;
                    keys.push(Key { id: (*id).to_owned(), next: *kind == "next", secret });
                }
                _ => return Err(fail("expected `lookup <64 hex>`, `seal <id> <64 hex>` or `next <id> <64 hex>`")),
            }
        }
        let lookup = lookup.ok_or_else(|| Error::config("encryption keys: the `lookup` line is missing"))?;
        if keys.iter().all(|key| key.next) {
            return Err(Error::config("encryption keys: there is no `seal` line"));
        }
        // Stable: within each kind they stay as they stood.
        keys.sort_by_key(|key| !key.next);
        Ok(Self { lookup, keys })
    }

    /// Writes the text form. A secret: for the key file only.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("lookup {}\n", encode(&self.lookup)));
        for key in &self.keys {
            text.push_str(&key.line());
        }
        text
    }

    /// The key that seals.
    pub fn active(&self) -> &Key {
        self.keys.iter().find(|key| !key.next).unwrap_or_else(|| unreachable!("a keyring has a key that seals"))
    }

    /// The ids of the sealing keys and how they stand, in the order of the text form.
    pub fn standing(&self) -> impl Iterator<Item = (&str, KeyState)> {
        self.keys.iter().map(|key| {
            let state = match (key.next, self.is_old(&key.id)) {
                (true, _) => KeyState::Next,
                (false, true) => KeyState::Old,
                (false, false) => KeyState::Active,
            };
            (key.id(), state)
        })
    }

    /// Whether the key of that id is there, and was active before the one that is now.
    pub(super) fn is_old(&self, id: &str) -> bool {
        self.active().id != id && self.get(id).is_some_and(|key| !key.next)
    }

    /// The key of that id.
    pub fn get(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|k| k.id == id)
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(super) fn lookup(&self) -> &[u8; 32] {
        &self.lookup
    }
}

fn new_key(entropy: &dyn Entropy) -> Key {
    let mut secret = Zeroizing::new([0; 32]);
    entropy.fill(secret.as_mut());
    Key { id: format!("k{}", entropy.hex(4)), next: false, secret }
}

const KEYRING: &str = "keyring";

fn encode(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn decode(hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    #[test]
    fn the_text_form_comes_back_and_errors_name_the_line() {
        let ring = Keyring::generate(&SystemEntropy).rotated(&SystemEntropy);
        let back = Keyring::parse(&ring.to_text()).unwrap();
        assert_eq!(back.to_text(), ring.to_text());
        for (text, needle) in [
            ("", "`lookup` line is missing"),
            ("lookup zz", "line 1"),
            ("# c\nlookup 00", "line 2"),
            ("seal k1", "line 1"),
        ] {
            let error = Keyring::parse(text).unwrap_err().to_string();
            assert!(error.contains(needle), "{error}");
        }
    }

    #[test]
    fn a_key_comes_next_then_seals_then_only_opens_and_then_goes() {
        let first = Keyring::generate(&SystemEntropy);
        let old = first.active().id().to_owned();
        let (ring, new) = first.with_next(&SystemEntropy);
        let states =
            |ring: &Keyring| ring.standing().map(|(id, state)| (id.to_owned(), state.name())).collect::<Vec<_>>();
        assert_eq!(states(&ring), [(new.clone(), "next"), (old.clone(), "active")]);
        let back = Keyring::parse(&ring.to_text()).unwrap();
        assert_eq!((states(&back), back.active().id()), (states(&ring), old.as_str()));
        assert_eq!(back.without(&old).unwrap_err().kind(), ErrorKind::Conflict);

        let ring = back.with_active(&new).unwrap();
        assert_eq!(states(&ring), [(new.clone(), "active"), (old.clone(), "old")]);
        assert_eq!(ring.with_active(&new).unwrap().to_text(), ring.to_text(), "twice is the same as once");
        assert_eq!(states(&Keyring::parse(&ring.to_text()).unwrap()), states(&ring));
        let ring = ring.without(&old).unwrap();
        assert_eq!(states(&ring), [(new.clone(), "active")]);
        assert_eq!(ring.lookup(), first.lookup());
        for error in [ring.without(&old).unwrap_err(), ring.with_active("k1").unwrap_err()] {
            assert!(error.kind() == ErrorKind::NotFound && error.context().contains(&new), "{error}");
        }
        let (waiting, _) = first.with_next(&SystemEntropy);
        assert_ne!(waiting.rotated(&SystemEntropy).active().id(), old, "a key that waits stays behind the active one");
        let only_next: String = first.to_text().replace("seal", "next");
        assert!(Keyring::parse(&only_next).unwrap_err().context().contains("no `seal` line"));
    }
}
