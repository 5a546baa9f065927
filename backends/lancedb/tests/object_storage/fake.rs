//! The fake of S3 (`serve.py`): a program of its own, one for all tests of a process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

pub(crate) const BUCKET: &str = "vectors";
/// The only key that it knows.
pub(crate) const KEY: &str = "hark-test";
pub(crate) const SECRET: &str = "geheim-5f1d";

/// A Python that has what `requirements.txt` names.
const PYTHON: &str = "HARK_OBJECT_STORAGE_PYTHON";

#[derive(Debug)]
pub(crate) struct Fake {
    port: u16,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    // It ends with its input, and that with this process.
    _child: Child,
}

/// The fake; started by whoever asks first.
pub(crate) fn get() -> &'static Fake {
    static FAKE: OnceLock<Fake> = OnceLock::new();
    FAKE.get_or_init(|| {
        let fake = start();
        assert_eq!(fake.tell(&format!("bucket {BUCKET}")), "ok");
        fake
    })
}

fn start() -> Fake {
    let python = std::env::var_os(PYTHON)
        .expect("run these tests by `cargo xtask object-storage`, which makes a Python with a fake of S3");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/object_storage/serve.py");
    let mut command = Command::new(python);
    command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the fake of S3 starts");
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let port =
        line.trim().strip_prefix("listening: ").and_then(|port| port.parse().ok()).expect("it says where it listens");
    Fake { port, talk: Mutex::new((child.stdin.take().unwrap(), output)), _child: child }
}

impl Fake {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The names of all objects whose bytes hold these.
    pub(crate) fn holding(&self, bytes: &[u8]) -> Vec<String> {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.tell(&format!("find {BUCKET} {hex}")).split_whitespace().map(str::to_owned).collect()
    }

    /// Overwrites every object whose name holds this; answers how many they were.
    pub(crate) fn damage(&self, part: &str) -> usize {
        self.tell(&format!("damage {BUCKET} {part}")).parse().unwrap()
    }

    /// How many requests there have been.
    pub(crate) fn requests(&self) -> usize {
        self.tell("count").parse().unwrap()
    }

    /// Counts one more.
    pub(crate) fn touch(&self) {
        assert_eq!(self.tell("touch"), "ok");
    }

    fn tell(&self, command: &str) -> String {
        let mut talk = self.talk.lock().unwrap();
        writeln!(talk.0, "{command}").unwrap();
        let mut line = String::new();
        talk.1.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}
