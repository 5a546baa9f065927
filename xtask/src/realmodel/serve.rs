//! Servers of models, on free loopback ports; whatever happens, they end with this program's work.

use super::fetch::Fetched;
use crate::http::Request;
use crate::process::{Outcome, Workspace};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A model is read from disk in seconds, on a busy machine in a minute.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(200);

/// llama.cpp's server, twice in one process: a chat model and an embedding model.
#[derive(Debug)]
pub(crate) struct Llama {
    _child: Guarded,
    chat: SocketAddr,
    embedder: SocketAddr,
}

impl Llama {
    /// The models' names; a server of one model heeds none.
    pub(crate) const CHAT: &str = "chat";
    /// The other.
    pub(crate) const EMBEDDER: &str = "embed";

    /// Starts it and waits until both models are loaded.
    pub(crate) fn start(workspace: &Workspace, reference: &Path, fetched: &Fetched) -> Outcome<Self> {
        let script = reference.join("serve.py");
        if !script.is_file() {
            return Err(format!("there is no {}; name its folder with --reference", script.display()));
        }
        let [chat, embedder] = free()?;
        let mut command = workspace.command(&fetched.python, &[]);
        command.arg(script).arg(&fetched.chat).arg(chat.port().to_string());
        command.arg(&fetched.embedder).arg(embedder.port().to_string()).env("PYTHONDONTWRITEBYTECODE", "1");
        let log = workspace.target().join("realmodel/llama.log");
        let mut child = Guarded::start("llama.cpp's server", &mut command, &log)?;
        child.wait_for(&[(chat, "/health"), (embedder, "/health")])?;
        Ok(Self { _child: child, chat, embedder })
    }

    /// Up to and with the version.
    pub(crate) fn chat_url(&self) -> String {
        format!("http://{}/v1", self.chat)
    }

    /// Up to and with the version.
    pub(crate) fn embedder_url(&self) -> String {
        format!("http://{}/v1", self.embedder)
    }
}

/// `ollama-proxy-plus` in front of a [`Llama`]: Ollama's API in another's hand.
#[derive(Debug)]
pub(crate) struct OllamaImitation {
    _child: Guarded,
    address: SocketAddr,
}

impl OllamaImitation {
    /// The models' names: provider and model.
    pub(crate) const CHAT: &str = "talk/chat";
    /// The other.
    pub(crate) const EMBEDDER: &str = "vectors/embed";

    /// Starts it and waits until it answers.
    pub(crate) fn start(workspace: &Workspace, fetched: &Fetched, llama: &Llama) -> Outcome<Self> {
        let [address] = free()?;
        let port = address.port().to_string();
        // Its own command listens on every address; uvicorn is told not to.
        let args = ["-m", "uvicorn", "ollama_proxy.server:app", "--host", "127.0.0.1", "--port", &port];
        let mut command = workspace.command(&fetched.python, &args);
        command
            .env("PROVIDERS_TALK_API_KEY", "none")
            .env("PROVIDERS_TALK_BASE_URL", llama.chat_url())
            .env("PROVIDERS_VECTORS_API_KEY", "none")
            .env("PROVIDERS_VECTORS_BASE_URL", llama.embedder_url())
            .env("EXTRA_MODELS", format!("{},{}", Self::CHAT, Self::EMBEDDER))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let log = workspace.target().join("realmodel/ollama.log");
        let mut child = Guarded::start("ollama-proxy-plus", &mut command, &log)?;
        child.wait_for(&[(address, "/api/version")])?;
        Ok(Self { _child: child, address })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A child that is ended when it is dropped.
#[derive(Debug)]
struct Guarded {
    what: &'static str,
    child: Child,
    log: String,
}

impl Guarded {
    fn start(what: &'static str, command: &mut Command, log: &Path) -> Outcome<Self> {
        let failed = |e: std::io::Error| format!("{what} did not start: {e}");
        let out = std::fs::File::create(log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let child = command.stdout(Stdio::from(out)).stderr(Stdio::from(err)).spawn().map_err(failed)?;
        Ok(Self { what, child, log: log.display().to_string() })
    }

    /// Until every one of these answers with 200.
    fn wait_for(&mut self, places: &[(SocketAddr, &str)]) -> Outcome {
        let up = || places.iter().all(|(address, path)| Request::get(path).send(*address).is_ok());
        let (what, log) = (self.what, self.log.clone());
        until(PATIENCE, LOOK, || match self.child.try_wait() {
            Ok(None) => Ok(up().then_some(())),
            Ok(Some(status)) => Err(format!("{what} ended ({status}); see {log}")),
            Err(e) => Err(format!("{what} got lost: {e}")),
        })?
        .ok_or_else(|| format!("{what} was not ready within {} s; see {log}", PATIENCE.as_secs()))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until there is something, at most so long; `None` when that has passed.
pub(super) fn until<T>(
    patience: Duration,
    look: Duration,
    mut found: impl FnMut() -> Outcome<Option<T>>,
) -> Outcome<Option<T>> {
    let start = Instant::now();
    loop {
        if let Some(found) = found()? {
            return Ok(Some(found));
        }
        if start.elapsed() >= patience {
            return Ok(None);
        }
        pause(look);
    }
}

#[expect(clippy::disallowed_methods, reason = "another program's state is only to be had by looking at it")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Free ports, found by taking them all at once, so that no two are the same, and letting go of them.
fn free<const N: usize>() -> Outcome<[SocketAddr; N]> {
    let taken: Result<Vec<TcpListener>, _> = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let addresses = taken.and_then(|taken| taken.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>());
    let addresses = addresses.map_err(|e| format!("there is no free port: {e}"))?;
    addresses.try_into().map_err(|_| "there is no free port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_looking_ends() {
        let [one, other] = free().unwrap();
        assert!(one.ip().is_loopback() && one.port() != other.port());
        let mut looks = 0;
        let third = until(PATIENCE, Duration::ZERO, || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(third, Ok(Some(3)));
        assert_eq!(until(Duration::ZERO, Duration::ZERO, || Ok(None::<()>)), Ok(None));
        assert!(until(PATIENCE, Duration::ZERO, || Err::<Option<()>, _>("gone".to_owned())).is_err());
    }

    #[test]
    fn a_server_that_ends_is_not_waited_for() {
        let log = std::env::temp_dir().join(format!("hark-xtask-guarded-{}", std::process::id()));
        let [nobody] = free().unwrap();
        let mut child = Guarded::start("true", &mut Command::new("true"), &log).unwrap();
        let wrong = child.wait_for(&[(nobody, "/health")]).unwrap_err();
        assert!(wrong.contains("ended"), "{wrong}");
        std::fs::remove_file(&log).unwrap();
    }
}
