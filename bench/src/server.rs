//! The program under measurement, as a child.

use crate::Outcome;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

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
    /// Starts it on a data folder and waits until it is ready.
    pub(crate) async fn start(hark: &Path, folder: &Path, data: &Path, keys: &Path) -> Outcome<Self> {
        let start = Instant::now();
        let mut command = Command::new(std::path::absolute(hark)?);
        environment(&mut command, folder, data, keys);
        let command = command.arg("serve").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
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

/// The configuration that everything here runs with.
pub(crate) fn environment(command: &mut Command, folder: &Path, data: &Path, keys: &Path) {
    command
        .current_dir(folder)
        .env("HARK_SERVER__BIND", "127.0.0.1:0")
        .env("HARK_SERVER__DATA_DIR", data)
        .env("HARK_AUTH__API_KEYS", format!("[\"{KEY}\"]"))
        .env("HARK_ELEVENLABS__WEBHOOK_SECRETS", format!("[\"{SECRET}\"]"))
        .env("HARK_ENCRYPTION__KEYS_FILE", keys)
        .env("HARK_LOG__LEVEL", "warn")
        .env("HARK_LIMITS__TOOLS_PER_MINUTE", "1000000")
        .env("HARK_LIMITS__WEBHOOKS_PER_MINUTE", "1000000");
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
