//! The committed inputs, and what becomes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::path::Path;

/// The inputs of one target.
pub(crate) struct Corpus(Vec<Vec<u8>>);

/// Longer inputs are cut: what matters is found in short ones, many times a second.
const LONGEST: usize = 16 << 10;

/// What means something to one of the readers, as libFuzzer is told it too.
fn scraps() -> Vec<Vec<u8>> {
    let lines = include_str!("scraps.dict").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| unquoted(line).unwrap_or_else(|| panic!("{line:?} is no scrap"))).collect()
}

/// A line of libFuzzer's dictionary: quoted, with `\\`, `\"` and `\xAB`.
fn unquoted(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.bytes();
    let mut bytes = Vec::new();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                escaped @ (b'"' | b'\\') => escaped,
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(bytes)
}

/// One thing done to an input.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, Index),
    Repeat(Index, Index),
    Insert(Index, Vec<u8>),
    Overwrite(Index, Vec<u8>),
    Splice(Index, Vec<u8>),
}

impl Corpus {
    pub(crate) fn of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{target} has no corpus");
        Self(files.into_iter().map(|file| std::fs::read(file).unwrap()).collect())
    }

    /// The inputs as they are.
    pub(crate) fn each(&self, check: fn(&[u8])) {
        self.0.iter().for_each(|input| check(input));
    }

    /// Inputs with up to twelve things done to them; one in ten is made up from scraps and noise.
    pub(crate) fn damaged(&self) -> impl Strategy<Value = Vec<u8>> + use<> {
        let bytes = prop_oneof![4 => select(scraps()), 1 => vec(any::<u8>(), 0..8)].boxed();
        let damage = prop_oneof![
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
            (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Cut(from, to)),
            (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
            (any::<Index>(), bytes.clone()).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
            (any::<Index>(), bytes.clone()).prop_map(|(at, bytes)| Damage::Overwrite(at, bytes)),
            (any::<Index>(), select(self.0.clone())).prop_map(|(at, other)| Damage::Splice(at, other)),
        ];
        let changed = (select(self.0.clone()), vec(damage, 0..12)).prop_map(|(mut input, damages)| {
            damages.into_iter().for_each(|damage| damage.done_to(&mut input));
            input
        });
        let made_up = vec(bytes, 0..40).prop_map(|pieces| pieces.concat());
        prop_oneof![9 => changed, 1 => made_up]
    }
}

impl Damage {
    fn done_to(self, input: &mut Vec<u8>) {
        let place = |at: &Index, input: &[u8]| at.index(input.len() + 1);
        match self {
            Self::Flip(at, byte) if !input.is_empty() => {
                let at = at.index(input.len());
                input[at] ^= byte;
            }
            Self::Flip(..) => {}
            Self::Cut(from, to) => {
                let (from, to) = (place(&from, input), place(&to, input));
                input.drain(from.min(to)..from.max(to));
            }
            Self::Repeat(from, to) => {
                let (from, to) = (place(&from, input), place(&to, input));
                let piece = input[from.min(to)..from.max(to)].to_vec();
                input.splice(to..to, piece);
            }
            Self::Insert(at, bytes) => {
                let at = place(&at, input);
                input.splice(at..at, bytes);
            }
            Self::Overwrite(at, bytes) => {
                let at = place(&at, input);
                let end = (at + bytes.len()).min(input.len());
                input.splice(at..end, bytes);
            }
            Self::Splice(at, other) => {
                let at = place(&at, input);
                input.truncate(at);
                let from = at.min(other.len());
                input.extend_from_slice(&other[from..]);
            }
        }
        input.truncate(LONGEST);
    }
}
