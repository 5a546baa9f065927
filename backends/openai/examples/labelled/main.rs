//! How well a real model does what rules do, on the labelled sets.
//!
//! ```text
//! HARK_EXAMPLE_BASE_URL=http://127.0.0.1:8080/v1 HARK_EXAMPLE_MODEL=chat HARK_EXAMPLE_STRUCTURED=full_schema \
//!     cargo run -p hark-openai --example labelled -- extraction heldout 5
//! ```
//!
//! `extraction SET CALLS` reads calls, `conflicts` judges pairs of memories, `sectors` sorts sentences; each prints the rules'
//! row beside the model's. `HARK_EXAMPLE_API_KEY` where the server wants one. `cargo xtask realmodel` starts a server and runs this.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

mod chat;
mod conflicts;
mod extraction;
mod sectors;

#[path = "../../../../core/tests/support/conflict_score.rs"]
mod conflict_score;
#[path = "../../../../core/tests/support/extraction_score.rs"]
mod extraction_score;

use chat::Counting;
use std::error::Error;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().ok_or("name what to measure: extraction, conflicts or sectors")?;
    let chat = Counting::open().await?;
    match what.as_str() {
        "extraction" => extraction::run(chat, arguments).await,
        "conflicts" => conflicts::run(chat).await,
        "sectors" => sectors::run(chat).await,
        other => Err(format!("`{other}` is not measured; name extraction, conflicts or sectors").into()),
    }
}
