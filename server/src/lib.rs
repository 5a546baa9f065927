//! Hark's server: routes, workers, wiring and the command line, for any set of backends.
//!
//! This library knows only `hark-core`. The binary `hark` fills a registry with the bundle; a binary of your own
//! fills it with what you like and hands over in the same way:
//!
//! ```no_run
//! use hark_core::backend::Registry;
//! use hark_server::Server;
//!
//! fn main() -> std::process::ExitCode {
//!     let mut registry = Registry::new();
//!     // hark_plugins::install(&mut registry);
//!     // registry.register(my_backend::MyFactory);
//!     Server::new(registry).run()
//! }
//! ```
//!
//! Your kinds then appear in `config.toml`, in `hark config schema` and in error messages, because all of these
//! read the registry.

pub mod access;
pub mod app;
pub mod backup;
mod catch_up;
pub mod cli;
pub mod config;
pub mod copy;
pub mod credentials;
pub mod data_dir;
pub mod elevenlabs;
pub mod http;
mod http_client;
pub mod keys;
pub mod lifecycle;
pub mod middleware;
pub mod missed;
pub mod models;
pub mod running;
mod serve;
pub mod spaces;
pub mod telemetry;
pub mod tenant;
pub mod wiring;
pub mod worker;

use hark_core::backend::Registry;
use models::Models;
use std::fmt;
use std::process::ExitCode;

/// A Hark made of a registry: the whole command line over whatever kinds it knows.
pub struct Server {
    registry: Registry,
    models: Option<Box<dyn Models>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Server {
    /// A Hark with these kinds.
    pub fn new(registry: Registry) -> Self {
        Self { registry, models: None }
    }

    /// With models for `hark models`.
    #[must_use]
    pub fn with_models(mut self, models: impl Models + 'static) -> Self {
        self.models = Some(Box::new(models));
        self
    }

    /// Does what this process's arguments say, and answers the exit code: 0 done, 1 failed, 2 used wrongly.
    pub fn run(self) -> ExitCode {
        cli::run(&self, std::env::args_os())
    }
}
