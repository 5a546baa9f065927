//! A `hark` of our own, for chores that ask one over HTTP.

use crate::process::{Outcome, Workspace};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server on a free loopback port with a data folder of its own; both go when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    // Kept open: a program whose output nobody takes any more is ended by its next line.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// The API key it accepts.
    pub(crate) const KEY: &str = "hark_xtask";
    /// The webhook secret it accepts.
    pub(crate) const SECRET: &str = "wsec_xtask";

    /// Starts the given program and waits until it says where it listens, which it does when it is ready.
    pub(crate) fn start(workspace: &Workspace, hark: &Path) -> Outcome<Self> {
        let folder = workspace.target().join(format!("hark-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))?;
        let mut child = workspace
            .command(hark, &["serve"])
            .current_dir(&folder)
            .env("HARK_SERVER__BIND", "127.0.0.1:0")
            .env("HARK_SERVER__DATA_DIR", folder.join("data"))
            .env("HARK_AUTH__API_KEYS", format!("[\"{}\"]", Self::KEY))
            .env("HARK_ELEVENLABS__WEBHOOK_SECRETS", format!("[\"{}\"]", Self::SECRET))
            .env("HARK_LOG__LEVEL", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("hark did not start: {e}"))?;
        let mut stdout = child.stdout.take().map(BufReader::new).ok_or("hark has no output")?;
        match listening(&mut stdout) {
            Some(address) => Ok(Self { child, address, folder, _stdout: stdout }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err("hark ended before it was ready".to_owned())
            }
        }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The body of a path that needs no key.
    pub(crate) fn get(&self, path: &str) -> Outcome<String> {
        get(self.address, path).map_err(|e| format!("hark did not answer {path}: {e}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The address of the line `listening: http://<address>`; `None` when the output ends without it.
fn listening(output: &mut impl BufRead) -> Option<SocketAddr> {
    output.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("listening: http://")?.parse().ok())
}

/// By HTTP/1.0, so that the body comes in one piece and ends with the connection.
fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(body.to_owned()) } else { Err(std::io::Error::other(format!("status {status}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_address_is_found_among_other_lines() {
        let mut output = &b"credentials: data/credentials.toml\nlistening: http://127.0.0.1:4711\nmore\n"[..];
        assert_eq!(listening(&mut output), Some("127.0.0.1:4711".parse().unwrap()));
        assert_eq!(output, b"more\n", "what comes later is left for later");
        assert_eq!(listening(&mut &b"no\n"[..]), None);
    }

    fn ask(answer: &'static str) -> std::io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // To the empty line: a connection closed with something unread is reset, and the answer lost.
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(answer.as_bytes()).unwrap();
            request[0].clone()
        });
        let body = get(address, "/openapi.json");
        assert!(served.join().unwrap().starts_with("GET /openapi.json HTTP/1.0"));
        body
    }

    #[test]
    fn only_a_200_has_a_body() {
        assert_eq!(ask("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap(), "{}");
        assert!(ask("HTTP/1.0 503 Service Unavailable\r\n\r\n{}").unwrap_err().to_string().contains("503"));
    }
}
