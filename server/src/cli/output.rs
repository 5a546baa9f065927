//! The only place that writes to the terminal: answers on standard output, complaints and progress on standard
//! error. A reader that has gone away (`hark … | head`) is no error of ours.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::sync::atomic::{AtomicU64, Ordering};

/// A line of the answer.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(stdout().lock(), "{line}");
}

/// A piece of an answer that is written as it comes. False when nobody reads it any more.
pub(super) fn pour(piece: &[u8]) -> bool {
    let mut out = stdout().lock();
    out.write_all(piece).and_then(|()| out.flush()).is_ok()
}

/// What went wrong.
pub(super) fn complain(what: &impl Display) {
    let _ = writeln!(stderr().lock(), "hark: {what}");
}

/// Progress of long work: a bar on a terminal, a line every tenth otherwise.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    told: AtomicU64,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is fixed and valid; a default bar is no reason to fail either.
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
                bar.set_style(style);
            }
            bar.set_message(what);
            bar
        });
        Self { what, bar, told: AtomicU64::new(0) }
    }

    pub(super) fn at(&self, done: u64, all: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
            return;
        }
        let tenth = done * 10 / all.max(1);
        if self.told.fetch_max(tenth, Ordering::Relaxed) < tenth {
            let _ = writeln!(stderr().lock(), "{}: {done} of {all}", self.what);
        }
    }

    pub(super) fn line(&self, line: &str) {
        let _ = writeln!(stderr().lock(), "{}: {line}", self.what);
    }

    pub(super) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
