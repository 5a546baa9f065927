//! The keys: ids, one active, one for look-up. How they are stored is the server's business; their text form is here.

use crate::{Entropy, Error, Result};
use std::fmt;
use zeroize::Zeroizing;

/// One sealing key with its id.
#[derive(Clone)]
pub struct Key {
    id: String,
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
}

/// All keys. The first sealing key is the active one; the others only open.
///
/// Text form, one key a line: `lookup <64 hex>` once, then `seal <id> <64 hex>` from newest to oldest.
/// The look-up key is never rotated with the others: every stored hash depends on it.
#[derive(Clone)]
pub struct Keyring {
    lookup: Zeroizing<[u8; 32]>,
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

    /// The same keyring with a new active key in front.
    #[must_use]
    pub fn rotated(&self, entropy: &dyn Entropy) -> Self {
        let mut keys = vec![new_key(entropy)];
        keys.extend(self.keys.iter().cloned());
        Self { lookup: self.lookup.clone(), keys }
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
                ["seal", id, hex] => {
                    if id.len() > 32 || keys.iter().any(|k| k.id == **id) {
                        return Err(fail("the key id must be unique and at most 32 bytes"));
                    }
                    let secret = decode(hex).ok_or_else(|| fail("the key must be 64 hex digits"))?;
                    keys.push(Key { id: (*id).to_owned(), secret });
                }
                _ => return Err(fail("expected `lookup <64 hex>` or `seal <id> <64 hex>`")),
            }
        }
        let lookup = lookup.ok_or_else(|| Error::config("encryption keys: the `lookup` line is missing"))?;
        if keys.is_empty() {
            return Err(Error::config("encryption keys: there is no `seal` line"));
        }
        Ok(Self { lookup, keys })
    }

    /// Writes the text form. A secret: for the key file only.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("lookup {}\n", encode(&self.lookup)));
        for key in &self.keys {
            text.push_str(&format!("seal {} {}\n", key.id, encode(&key.secret)));
        }
        text
    }

    /// The key that seals.
    pub fn active(&self) -> &Key {
        &self.keys[0]
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
    Key { id: format!("k{}", entropy.hex(4)), secret }
}

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
}
