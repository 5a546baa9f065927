//! Two ways of asking the same model.

use std::fmt;
use std::sync::Arc;

/// The same model behind two profiles that share one breaker: `interactive` while somebody is on the phone
/// (short patience, no second attempt), `background` for work that can wait (patient, tries again).
pub struct Profiles<T: ?Sized> {
    /// Somebody waits.
    pub interactive: Arc<T>,
    /// Nobody does.
    pub background: Arc<T>,
}

impl<T: ?Sized> Profiles<T> {
    /// Both profiles the bare model: for what is local and cannot be late.
    pub fn same(model: Arc<T>) -> Self {
        Self { interactive: model.clone(), background: model }
    }
}

impl<T: ?Sized> Clone for Profiles<T> {
    fn clone(&self) -> Self {
        Self { interactive: self.interactive.clone(), background: self.background.clone() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Profiles<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profiles").field("interactive", &self.interactive).finish_non_exhaustive()
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Somebody on the phone.
    Interactive,
    /// Work that can wait.
    Background,
}

impl Profile {
    /// The stable lower-case name, as it stands in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Background => "background",
        }
    }
}

/// Which of a backend's models is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// What turns text into vectors.
    Embedder,
    /// What answers.
    Chat,
}

impl Part {
    /// The stable lower-case name, as it stands in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedder => "embedder",
            Self::Chat => "chat",
        }
    }
}
