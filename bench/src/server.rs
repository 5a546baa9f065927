//! The program under measurement, as a child.

use crate::Outcome;
use crate::home::Home;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// The API key it is given.
pub(crate) const KEY: &str = "hark_bench";
/// The webhook secret it is given.
pub(crate) const SECRET: &str = "wsec_bench";

/// A running `hark serve`; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// `http://127.0.0.1:<port>`
    pub(crate) url: String,
    /// From its start to the line that says where it listens.
    pub(crate) started_in: Duration,
    // Kept open: a program whose output nobody takes any more is ended by its next line.
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// Memory of a process, in MiB; `None` where the system does not tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rss {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

impl Server {
    /// Starts it, with its workers, and waits until it is ready.
    pub(crate) async fn start(home: &Home) -> Outcome<Self> {
        Self::start_as(home, &["serve"]).await
    }

    /// The same with these arguments.
    pub(crate) async fn start_as(home: &Home, args: &[&str]) -> Outcome<Self> {
        let start = Instant::now();
        let mut command = home.command();
        let command = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("hark has no output")?).lines();
        while let Some(line) = stdout.next_line().await? {
            if let Some(url) = line.strip_prefix("listening: ") {
                return Ok(Self { child, url: url.trim().to_owned(), started_in: start.elapsed(), _stdout: stdout });
            }
        }
        Err("hark ended before it was ready".into())
    }

    /// Its memory.
    pub(crate) fn rss(&self) -> Option<Rss> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        Some(Rss { now: mebibytes(&status, "VmRSS:")?, peak: mebibytes(&status, "VmHWM:")? })
    }

    /// Ends it as an operator would be forced to; what it acknowledged is durable.
    pub(crate) async fn stop(mut self) -> Outcome {
        self.child.kill().await?;
        Ok(())
    }
}

/// A running `hark worker`, of which nobody hears when it is ready; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Worker(Child);

impl Worker {
    /// Starts it.
    pub(crate) fn start(home: &Home) -> Outcome<Self> {
        let mut command = home.command();
        let command = command.arg("worker").stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        Ok(Self(command.spawn()?))
    }

    /// An error where it has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("a worker ended by itself: {status}").into()),
        }
    }

    /// Ends it, between two jobs or not.
    pub(crate) async fn stop(mut self) -> Outcome {
        self.0.kill().await?;
        Ok(())
    }
}

fn mebibytes(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mebibytes() {
        let status = "Name:\thark\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n";
        assert_eq!(mebibytes(status, "VmRSS:"), Some(100.0));
        assert_eq!(mebibytes(status, "VmHWM:"), Some(200.0));
        assert_eq!(mebibytes(status, "VmSwap:"), None);
    }
}
