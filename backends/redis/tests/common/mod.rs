//! The Redis that all tests share, and servers of their own.
#![allow(dead_code, reason = "each test binary takes what it needs")]

use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::crypt::Vault;
use hark_core::testkit::{MockClock, SeededEntropy, fixtures};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const WHO_STARTS: &str = "run by `cargo xtask test` (or `cargo xtask services -- COMMAND`), which starts Redis";

/// The server that `cargo xtask services` started.
pub fn shared() -> String {
    std::env::var("HARK_TEST_REDIS_URL").unwrap_or_else(|_| panic!("HARK_TEST_REDIS_URL is not set: {WHO_STARTS}"))
}

/// A prefix that nobody else has.
pub fn prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A section in which nothing is in a hurry: the machine may be busy.
pub fn section(url: &str, prefix: &str) -> Value {
    json!({"url": url, "prefix": prefix, "timeout_ms": 10_000, "background_timeout_ms": 20_000, "retry_ms": 1, "keep_days": 1})
}

/// A node.
pub async fn open(section: Value, vault: Option<Vault>) -> Arc<dyn Backend> {
    let mut registry = Registry::new();
    hark_redis::register(&mut registry);
    let context = OpenContext {
        data_dir: std::env::temp_dir(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault,
    };
    registry.open("redis", section, &context).await.unwrap()
}

/// A node on the shared server.
pub async fn node(prefix: &str) -> Arc<dyn Backend> {
    open(section(&shared(), prefix), Some(fixtures::vault())).await
}

/// A server of our own. It ends when this is dropped, or with this process.
pub struct Server {
    watch: Child,
    port: u16,
    _stdout: BufReader<ChildStdout>,
}

/// Ends the server when its own input ends, which it does however the test ends.
const WATCH: &str = r#""$@" & server=$!; exec 3<&0; { read -r _ <&3; kill -KILL $server; } & wait $server"#;

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(settings: &[&str]) -> Self {
        // Free again before the server takes it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(free, settings)
    }

    pub fn start_on(port: u16, settings: &[&str]) -> Self {
        let program = std::env::var("HARK_TEST_REDIS_SERVER")
            .unwrap_or_else(|_| panic!("HARK_TEST_REDIS_SERVER does not name the server's program: {WHO_STARTS}"));
        let (port_text, folder) = (port.to_string(), std::env::temp_dir());
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "watch", &program, "--bind", "127.0.0.1", "--port", &port_text, "--save", ""]);
        command.args(settings).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut watch = command.spawn().unwrap();
        let mut stdout = BufReader::new(watch.stdout.take().unwrap());
        let (mut said, mut line) = (String::new(), String::new());
        while !line.contains("Ready to accept connections") {
            line.clear();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "the server ended: {said}");
            said.push_str(&line);
        }
        Self { watch, port, _stdout: stdout }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it, and answers its port when it is gone.
    pub fn kill(mut self) -> u16 {
        self.end();
        self.port
    }

    fn end(&mut self) {
        drop(self.watch.stdin.take());
        let _ = self.watch.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
