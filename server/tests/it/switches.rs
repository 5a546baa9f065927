//! What a test can break.

use hark_core::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A part of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Truth,
    Queue,
    Embedder,
    Extractor,
}

/// How a part fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not answer, and says so.
    Down,
    /// It never answers.
    Hangs,
    /// It has a defect.
    Panics,
}

/// All switches; everything works until told otherwise.
#[derive(Debug, Default)]
pub(crate) struct Switches(Mutex<BTreeMap<Part, Fault>>);

impl Switches {
    pub(crate) fn set(&self, part: Part, fault: Fault) {
        self.0.lock().expect("not poisoned").insert(part, fault);
    }

    pub(crate) fn mend(&self, part: Part) {
        self.0.lock().expect("not poisoned").remove(&part);
    }

    pub(crate) async fn gate(&self, part: Part) -> Result<()> {
        let fault = self.0.lock().expect("not poisoned").get(&part).copied();
        match fault {
            None => Ok(()),
            Some(Fault::Down) => Err(Error::new(ErrorKind::Unavailable, "test.gate", format!("{part:?} is down"))),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Panics) => panic!("{part:?} has a defect"),
        }
    }
}
