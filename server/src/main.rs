//! The binary `hark`: the bundle is installed, the command line does the rest.

mod local_models;

use hark_core::backend::Registry;
use hark_server::Server;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut registry = Registry::new();
    hark_plugins::install(&mut registry);
    Server::new(registry).with_models(local_models::LocalModels).run()
}
