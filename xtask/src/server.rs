//! A `hark` of our own, for chores that ask one over HTTP.

use crate::http::Request;
use crate::process::{Outcome, Workspace};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A data folder of its own for a `hark`, with credentials that are known; the folder goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Sandbox {
    hark: PathBuf,
    folder: PathBuf,
    log: &'static str,
}

impl Sandbox {
    /// A fresh one for the given program. A configuration is written beside the data, where `hark` looks for one.
    pub(crate) fn new(workspace: &Workspace, hark: &Path, config: Option<&str>) -> Outcome<Self> {
        let folder = workspace.target().join(format!("hark-{}", std::process::id()));
        let failed = |e: std::io::Error| format!("{} cannot be made: {e}", folder.display());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        if let Some(config) = config {
            std::fs::write(folder.join("config.toml"), config).map_err(failed)?;
        }
        Ok(Self { hark: hark.to_owned(), folder, log: "warn" })
    }

    /// The same, with a log of failures alone.
    pub(crate) fn quiet(mut self) -> Self {
        self.log = "error";
        self
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program with these arguments, for this folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.hark);
        command.args(args).current_dir(&self.folder).stdin(Stdio::null());
        command
            .env("HARK_SERVER__BIND", "127.0.0.1:0")
            .env("HARK_SERVER__DATA_DIR", self.folder.join("data"))
            .env("HARK_AUTH__API_KEYS", format!("[\"{}\"]", Server::KEY))
            .env("HARK_ELEVENLABS__WEBHOOK_SECRETS", format!("[\"{}\"]", Server::SECRET))
            // A harness asks as one address with one key what a day's callers would.
            .env("HARK_LIMITS__TOOLS_PER_MINUTE", "0")
            .env("HARK_LIMITS__WEBHOOKS_PER_MINUTE", "0")
            .env("HARK_LIMITS__AUTH_FAILURES_PER_MINUTE", "0")
            .env("HARK_LOG__LEVEL", self.log);
        command
    }

    /// Starts the server and waits until it says where it listens, which it does when it is ready.
    pub(crate) fn serve(self) -> Outcome<Server> {
        let mut command = self.command(&["serve"]);
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("hark did not start: {e}"))?;
        let mut stdout = child.stdout.take().map(BufReader::new).ok_or("hark has no output")?;
        match listening(&mut stdout) {
            Some(address) => Ok(Server { child, address, sandbox: self, _stdout: stdout }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err("hark ended before it was ready".to_owned())
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A running server on a free loopback port; it ends, and its folder goes, when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    sandbox: Sandbox,
    // Kept open: a program whose output nobody takes any more is ended by its next line.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// The API key it accepts.
    pub(crate) const KEY: &str = "hark_xtask";
    /// The webhook secret it accepts.
    pub(crate) const SECRET: &str = "wsec_xtask";

    /// Starts the given program with its defaults.
    pub(crate) fn start(workspace: &Workspace, hark: &Path) -> Outcome<Self> {
        Sandbox::new(workspace, hark, None)?.serve()
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its folder, and the program beside it.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The body of a path.
    pub(crate) fn get(&self, path: &str) -> Outcome<String> {
        self.ask(&Request::get(path))
    }

    /// The body of a path that wants the key.
    pub(crate) fn text(&self, path: &str) -> Outcome<String> {
        self.ask(&Request::get(path).with_key(Self::KEY))
    }

    /// The JSON of a request with the key.
    pub(crate) fn json(&self, request: &Request<'_>) -> Outcome<Value> {
        let body = self.ask(&request.with_key(Self::KEY))?;
        serde_json::from_str(&body).map_err(|_| format!("hark answered {} with no JSON", request.path))
    }

    fn ask(&self, request: &Request<'_>) -> Outcome<String> {
        request.send(self.address).map_err(|e| format!("hark did not answer {}: {e}", request.path))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of the line `listening: http://<address>`; `None` when the output ends without it.
fn listening(output: &mut impl BufRead) -> Option<SocketAddr> {
    output.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("listening: http://")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_among_other_lines() {
        let mut output = &b"credentials: data/credentials.toml\nlistening: http://127.0.0.1:4711\nmore\n"[..];
        assert_eq!(listening(&mut output), Some("127.0.0.1:4711".parse().unwrap()));
        assert_eq!(output, b"more\n", "what comes later is left for later");
        assert_eq!(listening(&mut &b"no\n"[..]), None);
    }
}
