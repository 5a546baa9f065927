//! The servers that tests ask: a PostgreSQL and a Redis of our own, on free loopback ports, with data that is thrown away.
//!
//! What is on the machine is taken, else Python packages that carry the programs, else Debian's packages; nothing is
//! installed into the system where it can be helped, and nothing that was started outlives this program (`watch.sh`).

mod place;
mod postgres;
mod redis;
mod running;

use crate::process::{self, Outcome, Workspace};
use place::Place;
use running::Running;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the tests find PostgreSQL: a superuser's URL.
const POSTGRES_URL: &str = "HARK_TEST_POSTGRES_URL";
/// Where the tests find Redis.
const REDIS_URL: &str = "HARK_TEST_REDIS_URL";

/// What to run beside the servers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A program with its arguments, after `--`; without one the servers run until Ctrl-C
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Starts the servers, and runs the program beside them or waits.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let services = Services::start(workspace)?;
    let Some((program, rest)) = args.command.split_first() else {
        println!("{}Ctrl-C stops what was started", services.lines());
        loop {
            std::thread::park();
        }
    };
    let mut command = workspace.command(program, &[]);
    process::run(services.tell(command.args(rest)))
}

/// The servers, and how they are told of; what was started ends when it is dropped, or with this process.
#[derive(Debug)]
pub(crate) struct Services {
    told: Vec<(&'static str, OsString)>,
    running: Vec<Running>,
    // Goes after the servers that are in it.
    place: Option<Place>,
}

impl Services {
    /// Starts what the environment does not name already.
    pub(crate) fn start(workspace: &Workspace) -> Outcome<Self> {
        let mut services = Self { told: Vec::new(), running: Vec::new(), place: None };
        if Self::is_to_start(POSTGRES_URL) {
            services.add_postgres(workspace, postgres::Use::Tests)?;
        }
        if Self::is_to_start(REDIS_URL) {
            let place = services.place(workspace)?;
            let program = redis::find(workspace, place)?;
            let server = redis::start(&program, place)?;
            services.add(REDIS_URL, redis::url(server.port()), server, redis::PROGRAM, &program);
        }
        Ok(services)
    }

    /// Starts a PostgreSQL to measure on, whatever the environment names: one that keeps what is committed.
    pub(crate) fn to_measure(workspace: &Workspace) -> Outcome<Self> {
        let mut services = Self { told: Vec::new(), running: Vec::new(), place: None };
        services.add_postgres(workspace, postgres::Use::Measurements)?;
        Ok(services)
    }

    fn add_postgres(&mut self, workspace: &Workspace, whose: postgres::Use) -> Outcome {
        let place = self.place(workspace)?;
        let programs = postgres::Programs::find(workspace, place)?;
        let server = programs.start(place, whose)?;
        self.add(POSTGRES_URL, postgres::url(server.port()), server, postgres::PROGRAMS, programs.folder());
        Ok(())
    }

    /// The URL of the PostgreSQL that was started, as a superuser.
    pub(crate) fn postgres_url(&self) -> Option<String> {
        let (_, url) = self.told.iter().find(|(name, _)| *name == POSTGRES_URL)?;
        url.to_str().map(str::to_owned)
    }

    fn is_to_start(url: &str) -> bool {
        let given = std::env::var_os(url).is_some_and(|given| !given.is_empty());
        if given {
            println!("services: {url} is set; what it names is used as it is");
        }
        !given
    }

    fn place(&mut self, workspace: &Workspace) -> Outcome<&Place> {
        match &mut self.place {
            Some(place) => Ok(place),
            none => Ok(none.insert(Place::find(workspace)?)),
        }
    }

    fn add(&mut self, url: &'static str, is: String, server: Running, program: &'static str, path: &Path) {
        println!("services: {} on port {}, from {}", server.name(), server.port(), path.display());
        self.told.extend([(url, is.into()), (program, path.into())]);
        self.running.push(server);
    }

    /// Tells a child where the servers are, and which programs they are, so that it can start some itself.
    pub(crate) fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.told.iter().map(|(name, value)| (name, value)))
    }

    fn lines(&self) -> String {
        self.told.iter().map(|(name, value)| format!("{name}={}\n", value.to_string_lossy())).collect()
    }
}

/// The one file or folder that a pattern names, below a folder; `*` stands for any part of one name.
fn only(folder: &Path, pattern: &str) -> Outcome<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for part in pattern.split('/') {
        found = match part.split_once('*') {
            None => found.iter().map(|path| path.join(part)).filter(|path| path.exists()).collect(),
            Some((begins, ends)) => found.iter().flat_map(|path| matching(path, begins, ends)).collect(),
        };
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        found => Err(format!("{} has {} of `{pattern}`, not one", folder.display(), found.len())),
    }
}

fn matching(folder: &Path, begins: &str, ends: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let matches = |name: &str| name.strip_prefix(begins).is_some_and(|rest| rest.ends_with(ends));
    entries.filter(|entry| entry.file_name().to_str().is_some_and(matches)).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_told_where_the_servers_are_and_which_programs_they_are() {
        let told = [(POSTGRES_URL, postgres::url(5).into()), (redis::PROGRAM, "bin/redis-server".into())];
        let services = Services { told: told.into(), running: Vec::new(), place: None };
        assert_eq!(
            services.lines(),
            "HARK_TEST_POSTGRES_URL=postgres://hark@127.0.0.1:5/postgres\nHARK_TEST_REDIS_SERVER=bin/redis-server\n"
        );
        let mut child = Command::new("true");
        let told: Vec<_> = services.tell(&mut child).get_envs().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(told, [POSTGRES_URL, redis::PROGRAM]);
        assert_eq!(redis::url(6), "redis://127.0.0.1:6");
    }

    #[test]
    fn a_pattern_names_one_file_or_says_how_many() {
        let root = std::env::temp_dir().join(format!("hark-xtask-services-{}", std::process::id()));
        for name in ["lib/python3.11/x", "lib/other/x"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        assert_eq!(only(&root, "lib/python*/x"), Ok(root.join("lib/python3.11/x")));
        assert!(only(&root, "lib/*/x").unwrap_err().contains("has 2 of"));
        assert!(only(&root, "lib/python*/y").unwrap_err().contains("has 0 of"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
