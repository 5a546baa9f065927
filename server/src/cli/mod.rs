//! The command line. Exit codes: 0 done, 1 failed, 2 used wrongly.

mod args;
mod backup;
mod client;
mod config;
mod copy;
mod demo;
mod doctor;
mod door;
mod elevenlabs;
mod jobs;
mod keyring;
mod keys;
mod migrate;
mod models;
mod output;
mod quality;
mod reindex;
mod serve;
mod simulate;
mod users;

pub use args::{
    Cli, Command, ConfigCommand, ElevenLabsCommand, JobsCommand, KeyringCommand, KeysCommand, ModelsCommand,
    QualityCommand, SecretKind, ServeArgs, UsersCommand,
};

use crate::Server;
use crate::config::{Flags, LogFormat, LogLevel, Sources};
use crate::telemetry;
use clap::error::ErrorKind as Misuse;
use clap::{CommandFactory, Parser};
use hark_core::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::process::ExitCode;

/// Reads the arguments and does what they say.
pub(crate) fn run(server: &Server, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments).and_then(Cli::checked) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version come this way too, with exit code 0. A closed pipe is nobody's concern.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            output::complain(&format_args!("cannot start threads: {e}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(server, cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            output::complain(&describe(&e));
            ExitCode::FAILURE
        }
    }
}

/// The error as an operator reads it: configuration errors name their own source, the others their operation.
fn describe(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Config => error.context().to_owned(),
        _ => error.to_string(),
    }
}

async fn dispatch(server: &Server, cli: Cli) -> Result<()> {
    let registry = &server.registry;
    let sources = Sources::of_process(cli.config, Flags { bind: cli.serve.bind.clone(), data_dir: cli.data_dir });
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    match command {
        Command::Config { command: ConfigCommand::Schema { check } } => config::schema(registry, check.as_deref()),
        Command::Copy { from, to, live, samples } => {
            quiet();
            copy::run(registry, (from, to), live, samples.into()).await
        }
        Command::Demo => {
            // Its own configuration, and its own story on standard output.
            quiet();
            demo::run(registry).await
        }
        Command::Serve(args) => {
            let loaded = sources.load()?;
            telemetry::log(&loaded.config.log);
            serve::serve(&loaded, registry, &args).await
        }
        Command::Worker { no_migrate } => {
            let loaded = sources.load()?;
            telemetry::log(&loaded.config.log);
            serve::worker(&loaded, registry, !no_migrate).await
        }
        command => {
            quiet();
            let loaded = sources.load()?;
            match command {
                Command::Simulate { files, url, no_wait } => {
                    simulate::run(&loaded.config, &files, url.as_deref(), !no_wait).await
                }
                Command::Backup { ledger_only: Some(file), .. } => {
                    backup::save(&loaded, registry, backup::What::Ledger(&file)).await
                }
                // Without a folder the arguments would not have been read.
                Command::Backup { folder, with_keys, ledger_only: None } => {
                    let into = folder.unwrap_or_default();
                    backup::save(&loaded, registry, backup::What::Everything { into: &into, with_keys }).await
                }
                Command::Restore { folder, ledger, no_ledger: _ } => match (folder, ledger) {
                    (Some(folder), ledger) => backup::bring_back(&loaded, registry, &folder, ledger.as_deref()).await,
                    (None, Some(ledger)) => backup::forget(&loaded, registry, &ledger).await,
                    (None, None) => Ok(()),
                },
                Command::Migrate => migrate::run(&loaded, registry).await,
                Command::Reindex { keep } => reindex::run(&loaded, registry, !keep).await,
                Command::Doctor => doctor::run(&loaded, registry).await,
                Command::Config { command } => config::run(&loaded, registry, &command),
                Command::Jobs { command } => jobs::run(&loaded, registry, &command).await,
                Command::Elevenlabs { command } => elevenlabs::run(&loaded, registry, &command).await,
                Command::Keys { command } => keys::run(&loaded, registry, &command).await,
                Command::Keyring { command } => {
                    keyring::run(&loaded, registry, command.as_ref().unwrap_or(&KeyringCommand::List)).await
                }
                Command::Users { command } => users::run(&loaded, registry, &command).await,
                Command::Quality { command } => quality::run(&loaded, registry, command.as_ref()).await,
                Command::Models { command } => models::run(&loaded.config, server.models.as_deref(), &command).await,
                Command::Serve(_) | Command::Worker { .. } | Command::Demo | Command::Copy { .. } => Ok(()),
            }
        }
    }
}

/// Commands that answer on standard output log warnings only, for people.
fn quiet() {
    telemetry::log(&crate::config::LogConfig { format: LogFormat::Pretty, level: LogLevel::Warn });
}

impl Cli {
    /// The server's flags stand before or behind `serve`, and nowhere else.
    ///
    /// # Errors
    /// When they are given to another command.
    pub fn checked(mut self) -> Result<Self, clap::Error> {
        match &mut self.command {
            None => {}
            Some(Command::Serve(args)) => {
                self.serve = std::mem::take(&mut self.serve).or(std::mem::take(args));
                *args = self.serve.clone();
            }
            Some(_) if self.serve != ServeArgs::default() => {
                let what = "--bind, --no-worker, --no-migrate and --reindex before a command only go with `serve`\n";
                return Err(Self::command().error(Misuse::ArgumentConflict, what));
            }
            Some(Command::Copy { .. }) if self.config.is_some() || self.data_dir.is_some() => {
                let what = "copy has two configurations, --from and --to, and --config and --data-dir mean neither\n";
                return Err(Self::command().error(Misuse::ArgumentConflict, what));
            }
            Some(_) => {}
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).and_then(Cli::checked)
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_and_its_flags_stand_on_either_side() {
        for line in ["hark --bind 127.0.0.1:1 --no-worker", "hark serve --bind 127.0.0.1:1 --no-worker"] {
            let cli = parse(line).unwrap();
            assert_eq!(cli.serve.bind.as_deref(), Some("127.0.0.1:1"), "{line}");
            assert!(cli.serve.no_worker && !cli.serve.no_migrate, "{line}");
        }
        let Some(Command::Serve(args)) = parse("hark --no-migrate serve --no-worker").unwrap().command else {
            panic!("not serve");
        };
        assert!(args.no_migrate && args.no_worker);
    }

    #[test]
    fn the_configuration_is_named_on_either_side() {
        for line in ["hark --config a.toml migrate", "hark migrate --config a.toml"] {
            assert_eq!(parse(line).unwrap().config.as_deref(), Some(std::path::Path::new("a.toml")), "{line}");
        }
    }

    #[test]
    fn wrong_use_has_exit_code_two() {
        for line in [
            "hark fly",
            "hark simulate",
            "hark --no-worker migrate",
            "hark jobs redrive",
            "hark config",
            "hark backup",
            "hark backup a --ledger-only b",
            "hark backup --with-keys --ledger-only b",
            "hark restore a",
            "hark restore a --ledger b --no-ledger",
            "hark copy --from a",
            "hark copy --from a --to b --config c",
            "hark copy --from a --to b --data-dir c",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert_eq!(parse("hark --version").unwrap_err().exit_code(), 0);
    }
}
