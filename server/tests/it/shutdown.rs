//! A process is told to end, while something hangs: the grace is kept, a second signal ends it at once, and nothing that was
//! acknowledged is lost either way. Signals reach whole processes, so each server here is one of its own.

use super::harness::{KEY, SECRET, call};
use hark_core::backend::Registry;
use hark_core::{Clock, Secret, SystemClock};
use hark_server::config::{Flags, Sources};
use hark_server::elevenlabs::sign;
use hark_server::running::{Running, Start};
use hark_server::spaces::OtherSpace;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Set for the processes that these tests start.
const CHILD: &str = "SHUTDOWN_TEST_SERVES";

/// Far longer than anything here takes, and shorter than the grace that must not be waited for.
const SOON: Duration = Duration::from_secs(180);

/// The other half of the tests below: what the process they start does. Alone it has nothing to do.
#[test]
fn a_process_that_serves_until_it_is_told_to_end() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let mut registry = Registry::new();
    hark_sqlite::register(&mut registry);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let loaded = Sources::of_process(None, Flags::default()).load().unwrap();
        let start = Start { http: true, worker: true, migrate: true, other_space: OtherSpace::Refuse };
        let running = Running::start(&loaded, &registry, start).await.unwrap();
        writeln!(std::io::stdout(), "listening: {}", running.address.unwrap()).unwrap();
        running.lifecycle.stop_requested().await;
        running.stop().await;
    });
}

struct Process {
    child: Child,
    address: SocketAddr,
    /// Held, so that it may go on saying things.
    _said: BufReader<ChildStdout>,
}

impl Process {
    fn start(data: &Path, grace_secs: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("a server that answers"));
        command
            .args(["--exact", "shutdown::a_process_that_serves_until_it_is_told_to_end", "--nocapture"])
            .env(CHILD, "1")
            .env("HARK_SERVER__BIND", "127.0.0.1:0")
            .env("HARK_SERVER__DATA_DIR", data)
            .env("HARK_SERVER__SHUTDOWN_GRACE_SECS", grace_secs.to_string())
            .env("HARK_AUTH__API_KEYS", json!([KEY]).to_string())
            .env("HARK_ELEVENLABS__WEBHOOK_SECRETS", json!([SECRET]).to_string())
            // What a process was at when it ended is taken up by the next one so much later.
            .env("HARK_WORKER__LEASE_SECS", "5")
            .env("HARK_ROLES__EMBEDDER", "none")
            .env("HARK_ROLES__VECTORS", "ram")
            .env("HARK_ROLES__KEYWORDS", "ram")
            .current_dir(data.parent().expect("a server that answers"))
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("a server that answers");
        let mut said = BufReader::new(child.stdout.take().expect("a server that answers"));
        let mut lines = said.by_ref().lines().map_while(Result::ok);
        let address =
            lines.find_map(|line| line.split_once("listening: ")?.1.parse().ok()).expect("a server that answers");
        Self { child, address, _said: said }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().expect("a server that answers").success());
    }

    /// How long it took to end, from `since` on.
    async fn ended(mut self, since: Instant) -> Duration {
        let status = tokio::task::spawn_blocking(move || self.child.wait().expect("a server that answers"))
            .await
            .expect("a server that answers");
        assert!(status.success(), "{status}");
        since.elapsed()
    }

    /// Status and body of an answer.
    async fn ask(&self, head: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.expect("a server that answers");
        let length = body.len();
        let head = format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("a server that answers");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("a server that answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a server that answers");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a server that answers");
        (status, serde_json::from_str(body).expect("a server that answers"))
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(&format!("GET {path} HTTP/1.1\r\nauthorization: Bearer {KEY}"), b"").await.1
    }

    async fn deliver(&self, event: &Value) {
        let body = event.to_string().into_bytes();
        let signature = sign(&Secret::new(SECRET), SystemClock.now().timestamp(), &body);
        let head = format!("POST /webhooks/post-call HTTP/1.1\r\nElevenLabs-Signature: {signature}");
        assert_eq!(self.ask(&head, &body).await.0, 200);
    }

    /// An event that never arrives whole, and is waited for.
    async fn hang(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a server that answers");
        let signature = sign(&Secret::new(SECRET), SystemClock.now().timestamp(), b"");
        let head = format!(
            "POST /webhooks/post-call HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\
             ElevenLabs-Signature: {signature}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("a server that answers");
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).await.expect("a server that answers");
        assert_eq!(&begun, b"HTTP/1.1 100", "its body is being read");
        stream
    }

    /// It has heard the signal: nobody new is let in.
    async fn is_closing(&self) {
        let since = Instant::now();
        while TcpStream::connect(self.address).await.is_ok() {
            assert!(since.elapsed() < SOON, "it goes on");
            tokio::task::yield_now().await;
        }
    }
}

/// What was acknowledged before is learnt, once, by the next process.
async fn nothing_is_lost(data: &Path, calls: &[&str]) {
    let process = Process::start(data, 20);
    let since = Instant::now();
    for id in calls {
        while process.get(&format!("/v1/conversations/{id}")).await["state"] != "learnt" {
            assert!(since.elapsed() < SOON, "{id} is not learnt");
            tokio::task::yield_now().await;
        }
    }
    let users = process.get("/v1/users").await;
    assert_eq!(users["items"][0]["call_count"], calls.len(), "{users}");
    let since = Instant::now();
    process.signal("TERM");
    assert!(process.ended(since).await < SOON);
}

fn said(id: &str) -> Value {
    call(id, "+4930111111", &["I keep bees on the roof."])
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_hangs_keeps_nobody_longer_than_the_grace() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let process = Process::start(&data, 2);
    process.deliver(&said("conv_1")).await;
    let _hung = process.hang().await;
    process.deliver(&said("conv_2")).await;
    let since = Instant::now();
    process.signal("TERM");
    let took = process.ended(since).await;
    assert!((Duration::from_secs(2)..SOON).contains(&took), "{took:?}");
    nothing_is_lost(&data, &["conv_1", "conv_2"]).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_what_the_first_one_waits_for() {
    for second in ["TERM", "INT"] {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        let process = Process::start(&data, 600);
        process.deliver(&said("conv_1")).await;
        let _hung = process.hang().await;
        process.deliver(&said("conv_2")).await;
        let since = Instant::now();
        process.signal("TERM");
        process.is_closing().await;
        process.signal(second);
        let took = process.ended(since).await;
        assert!(took < SOON, "{took:?}");
        nothing_is_lost(&data, &["conv_1", "conv_2"]).await;
    }
}
