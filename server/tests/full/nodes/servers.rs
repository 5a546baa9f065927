//! A PostgreSQL and a Redis of this test's own, which it may stop: those of `cargo xtask services` are everybody's.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, interval};

const PATIENCE: Duration = Duration::from_secs(120);

/// Sends the server its first argument when its own input ends, which it does however the test ends.
const WATCH: &str =
    r#"signal=$1; shift; "$@" & server=$!; exec 3<&0; { read -r _ <&3; kill -s "$signal" $server; } & wait $server"#;

/// What `cargo xtask services` has found.
fn program(variable: &str) -> PathBuf {
    let told = env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: run by `cargo xtask test` (or `cargo xtask services -- COMMAND`), which sets it")
    });
    PathBuf::from(told)
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a free port").port()
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&said));
}

/// A server that comes and goes, on a port that stays.
#[derive(Debug)]
pub struct Server {
    port: u16,
    /// What ends it at once.
    signal: &'static str,
    line: Vec<String>,
    /// Asks it whether it serves.
    asks: Vec<String>,
    watch: Option<Child>,
    folder: tempfile::TempDir,
}

impl Server {
    /// PostgreSQL on a cluster of its own. It loses nothing that was committed, however it ends.
    pub async fn postgres() -> Self {
        let programs = program("HARK_TEST_POSTGRES_BIN");
        let named = |name: &str| programs.join(name).display().to_string();
        let folder = tempfile::tempdir().expect("a folder");
        let as_whom = give(folder.path());
        let data = folder.path().join("cluster").display().to_string();
        let mut initdb: Vec<String> = as_whom.clone();
        initdb.push(named("initdb"));
        initdb.extend(["-U", "hark", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D", &data].map(str::to_owned));
        done(Command::new(&initdb[0]).args(&initdb[1..]).current_dir(folder.path()));
        let port = free_port();
        let at = port.to_string();
        let mut line = as_whom;
        line.extend([named("postgres"), "-D".into(), data, "-p".into(), at.clone()]);
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=100"];
        line.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        let ready = named("pg_isready");
        let asks = [ready.as_str(), "-q", "-h", "127.0.0.1", "-p", &at, "-U", "hark"].map(str::to_owned).into();
        // Its own way of ending without ado: killed, it would leave memory behind that the next one stumbles over.
        let mut server = Self { port, signal: "QUIT", line, asks, watch: None, folder };
        server.start().await;
        server
    }

    /// Redis, which forgets everything when it ends.
    pub async fn redis() -> Self {
        let program = program("HARK_TEST_REDIS_SERVER").display().to_string();
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let at = port.to_string();
        let line = [program.as_str(), "--bind", "127.0.0.1", "--port", &at, "--save", ""].map(str::to_owned).into();
        let mut server = Self { port, signal: "KILL", line, asks: Vec::new(), watch: None, folder };
        server.start().await;
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers when it serves.
    pub async fn start(&mut self) {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "watch", self.signal]).args(&self.line).current_dir(self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.watch = Some(command.spawn().expect("a shell"));
        let deadline = Instant::now() + PATIENCE;
        let mut pace = interval(Duration::from_millis(20));
        while !self.serves().await {
            assert!(Instant::now() < deadline, "{} does not serve", self.line.join(" "));
            pace.tick().await;
        }
    }

    async fn serves(&self) -> bool {
        match self.asks.split_first() {
            Some((program, args)) => Command::new(program).args(args).status().is_ok_and(|status| status.success()),
            None => tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_ok(),
        }
    }

    /// Ends it at once, with whatever was under way; answers when it is gone.
    pub fn stop(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            drop(watch.stdin.take());
            // The shell ends with the server.
            drop(watch.wait());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// PostgreSQL does not run as root: gives the folder to nobody, and answers what a command line begins with that runs as them.
fn give(folder: &Path) -> Vec<String> {
    let id = |args: &[&str]| {
        let said = Command::new("id").args(args).output().expect("`id`").stdout;
        String::from_utf8(said).expect("a number").trim().to_owned()
    };
    if id(&["-u"]) != "0" {
        return Vec::new();
    }
    let (user, group) = (id(&["-u", "nobody"]), id(&["-g", "nobody"]));
    done(Command::new("chown").arg(format!("{user}:{group}")).arg(folder));
    ["setpriv", "--clear-groups", &format!("--reuid={user}"), &format!("--regid={group}"), "--"]
        .map(str::to_owned)
        .into()
}
