//! One server that runs, and ends with us.

use super::place::Place;
use crate::process::Outcome;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ends the server when this process is gone, however it went.
const WATCH: &str = include_str!("watch.sh");

/// How long a server may take until it answers: an empty one, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody else may take a port between our finding it free and the server's taking it.
const TRIES: usize = 3;

/// A server on a free loopback port. It is stopped, and its data goes, when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    port: u16,
    watch: Child,
}

impl Running {
    /// Starts `name` with the command line that `prepare` makes of a data folder, which it fills, and a port; waits until
    /// `answers` says that it does.
    pub(crate) fn start(
        name: &'static str,
        place: &Place,
        prepare: impl Fn(&Path, u16) -> Outcome<Vec<OsString>>,
        answers: impl Fn(u16) -> bool,
    ) -> Outcome<Self> {
        let mut why = String::new();
        for _ in 0..TRIES {
            let port = free_port()?;
            let folder = place.data(&format!("{name}-{port}"));
            let line = prepare(&folder, port)?;
            match Self::once(name, port, &folder, &line, &answers) {
                Ok(running) => return Ok(running),
                Err(failed) => why = failed,
            }
        }
        Err(why)
    }

    fn once(
        name: &'static str,
        port: u16,
        folder: &Path,
        line: &[OsString],
        answers: &impl Fn(u16) -> bool,
    ) -> Outcome<Self> {
        // Beside the folder: what a server says before it ends by itself is to be read then.
        let log = folder.with_extension("log");
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "watch"]).arg(folder).arg(&log).args(line);
        // Where whoever runs it may be, too.
        command.current_dir(folder.parent().unwrap_or(folder));
        let child = command.stdin(Stdio::piped()).spawn().map_err(|e| format!("{name} did not start: {e}"))?;
        let mut running = Self { name, port, watch: child };
        let begun = Instant::now();
        loop {
            if answers(port) {
                return Ok(running);
            }
            let ended = running.watch.try_wait().map_err(|e| format!("{name} got lost: {e}"))?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let what = if ended.is_some() { "ended before it answered" } else { "does not answer" };
                return Err(format!("{name} {what}; it says:\n{}", said.trim()));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn free_port() -> Outcome<u16> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(|e| format!("no free port on the loopback: {e}"))
}

impl Drop for Running {
    fn drop(&mut self) {
        // This closes its standard input: the sign to stop.
        let _ = self.watch.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Workspace, works};

    fn start(place: &Place, script: &str, answers: bool) -> Outcome<Running> {
        let prepare = |folder: &Path, _| {
            fs::create_dir(folder).unwrap();
            let pid = folder.with_extension("pid");
            let line = [OsString::from("sh"), "-c".into(), script.into(), "server".into(), pid.into()];
            Ok(line.into())
        };
        Running::start("test", place, prepare, |port| {
            let said = fs::read_to_string(place.data(&format!("test-{port}.pid"))).unwrap_or_default();
            answers && said.ends_with('\n')
        })
    }

    #[test]
    fn a_server_ends_with_whoever_started_it_and_its_data_goes() {
        let place = Place::find(&Workspace::find().unwrap()).unwrap();
        // It does not end when it is asked to, as a shell without a terminal does not.
        let running = start(&place, "echo $$ > $1; exec tail -f /dev/null", true).unwrap();
        let folder = place.data(&format!("test-{}", running.port()));
        let pid = fs::read_to_string(folder.with_extension("pid")).unwrap();
        let lives = || works(Command::new("kill").args(["-0", pid.trim()]));
        assert!(lives() && folder.is_dir());
        drop(running);
        assert!(!lives() && !folder.exists());
    }

    #[test]
    fn what_a_server_says_that_ends_before_it_answers_is_told() {
        let place = Place::find(&Workspace::find().unwrap()).unwrap();
        let why = start(&place, "echo out of luck >&2; exit 1", false).unwrap_err();
        assert!(why.contains("test ended before it answered; it says:\nout of luck"), "{why}");
    }
}
