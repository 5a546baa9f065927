//! The fake of ElevenLabs' conversations that our tests ask, for others to ask too: the official package
//! (`server/tests/elevenlabs/check.py`), or a Hark of one's own. Prints its address; ends with its standard input.

#[path = "../tests/support/fake_elevenlabs.rs"]
#[expect(dead_code, reason = "misbehaviour is for the tests")]
mod fake;

use std::io::{Read, Write};

/// Conversations of a page: few, so that there are several pages.
const PAGE: usize = 3;

/// When the first call starts, in unix seconds; the others follow by the hour.
const FIRST: i64 = 1_795_341_600;

fn main() -> std::io::Result<()> {
    let platform = fake::FakeElevenLabs::start(PAGE);
    for (i, status) in (0..).zip(["done", "done", "failed", "processing", "done", "done", "done"]) {
        let (id, started) = (format!("conv_example_{i}"), FIRST + i * 3_600);
        platform.put(fake::conversation(&id, started, status, "+14155550123", &["My order never arrived."]));
    }
    let mut out = std::io::stdout();
    writeln!(out, "listening: {} key: {}", platform.base_url(), fake::KEY)?;
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
