//! A Hark of one's own: the whole server and command line over SQLite, with vectors and words in memory and no model.
//!
//! It is what a binary outside this repository would look like, and builds in a fraction of the time of the bundle:
//!
//! ```sh
//! cargo run -p hark-server --no-default-features --example sqlite_alone -- serve --config server/examples/sqlite_alone.toml
//! ```

use hark_core::backend::Registry;
use hark_server::Server;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut registry = Registry::new();
    hark_sqlite::register(&mut registry);
    Server::new(registry).run()
}
