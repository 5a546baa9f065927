//! What a test can break.

use hark_core::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

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
    /// It is read, but takes no writes.
    Full,
    /// Whoever decides about two memories finds that somebody else was faster.
    Outrun,
    /// It has a defect.
    Panics,
    /// It answers after so long.
    Slow(Duration),
    /// It asks to be left alone for so long, as with 429.
    Limited { retry_after: Duration },
    /// It has a defect of its own, as with 500.
    Broken,
    /// What it says breaks off in the middle.
    Garbled,
    /// Its vectors do not fit.
    WrongWidth,
    /// It is not who it says it is.
    Untrusted,
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

    /// In front of what writes.
    pub(crate) async fn gate_write(&self, part: Part) -> Result<()> {
        if self.is_full(part) {
            return Err(Error::new(ErrorKind::Unavailable, "test.gate", "disk full").unwritable());
        }
        self.gate(part).await
    }

    pub(crate) fn is_full(&self, part: Part) -> bool {
        self.is(part, Fault::Full)
    }

    pub(crate) fn is(&self, part: Part, fault: Fault) -> bool {
        self.0.lock().expect("not poisoned").get(&part) == Some(&fault)
    }

    pub(crate) async fn gate(&self, part: Part) -> Result<()> {
        let fault = self.0.lock().expect("not poisoned").get(&part).copied();
        match fault {
            None | Some(Fault::Full | Fault::Outrun) => Ok(()),
            Some(Fault::Down) => Err(Error::new(ErrorKind::Unavailable, "test.gate", format!("{part:?} is down"))),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Panics) => panic!("{part:?} has a defect"),
            Some(Fault::Slow(latency)) => {
                tokio::time::timeout(latency, std::future::pending::<()>()).await.unwrap_or_default();
                Ok(())
            }
            // The kinds that `backends/openai/tests/faults.rs` finds on the wire.
            Some(Fault::Limited { retry_after }) => {
                Err(model(ErrorKind::Limited, "status 429").with_retry_after(retry_after))
            }
            Some(Fault::Broken) => Err(model(ErrorKind::Unavailable, "status 500")),
            Some(Fault::Garbled) => Err(model(ErrorKind::Corrupt, "the answer breaks off").retriable(true)),
            Some(Fault::WrongWidth) => Err(model(ErrorKind::Corrupt, "3 numbers, not 32").retriable(false)),
            Some(Fault::Untrusted) => Err(model(ErrorKind::Unavailable, "TLS handshake failed")),
        }
    }
}

fn model(kind: ErrorKind, what: &str) -> Error {
    Error::new(kind, "test.model", what)
}
