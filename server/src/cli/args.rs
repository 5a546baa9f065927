//! What may be written behind `hark`.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Long-term memory for ElevenLabs voice agents.
#[derive(Debug, Clone, Parser)]
#[command(name = "hark", version, about, propagate_version = true)]
pub struct Cli {
    /// Configuration file [default: ./config.toml, which need not exist]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data folder; overrules server.data_dir
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The server's flags, for `hark` without a command.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// What to do; without one, `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of `serve`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ServeArgs {
    /// Address and port; overrules server.bind
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub bind: Option<String>,
    /// Answer requests only; the queue is left to another process
    #[arg(long)]
    pub no_worker: bool,
    /// Refuse to start while schema steps are pending, instead of running them
    #[arg(long)]
    pub no_migrate: bool,
    /// After another embedder was configured: make its vectors while answering from the old ones
    #[arg(long)]
    pub reindex: bool,
}

impl ServeArgs {
    /// These, and what only `other` says.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            bind: self.bind.or(other.bind),
            no_worker: self.no_worker || other.no_worker,
            no_migrate: self.no_migrate || other.no_migrate,
            reindex: self.reindex || other.reindex,
        }
    }
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Server and workers in one process (what `hark` alone does)
    Serve(ServeArgs),
    /// Workers alone
    Worker {
        /// Refuse to start while schema steps are pending, instead of running them
        #[arg(long)]
        no_migrate: bool,
    },
    /// Play two calls of one caller against a throw-away server, and show what the second is told
    Demo,
    /// Send post-call JSON files, signed, to a running server
    Simulate {
        /// Post-call events, one JSON object a file
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The server [default: where server.bind says]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Do not wait until the calls are learnt
        #[arg(long)]
        no_wait: bool,
    },
    /// Bring the schemas up to date
    Migrate,
    /// Rebuild vectors and words from the truth
    Reindex {
        /// Do not empty them first: what is there keeps serving, but what is no longer true stays
        #[arg(long)]
        keep: bool,
    },
    /// Copy what cannot be derived, beside a running server: truth, queue and erasures, not words and vectors
    Backup {
        /// A folder that is not there yet, or is empty
        #[arg(value_name = "DIR", required_unless_present = "ledger_only")]
        folder: Option<PathBuf>,
        /// With the encryption keys and the generated credentials: whoever has the backup can then read everything
        #[arg(long)]
        with_keys: bool,
        /// Only who was erased, as keyed hashes, in place of an older FILE: write it often, and keep it apart
        #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "with_keys"])]
        ledger_only: Option<PathBuf>,
    },
    /// Bring a backup back into an empty data folder, erase again whoever was erased since, rebuild words and vectors
    Restore {
        /// The backup; left out, the stores were brought back by means of their own, such as PostgreSQL's
        #[arg(value_name = "DIR", required_unless_present = "ledger")]
        folder: Option<PathBuf>,
        /// Who was erased since: what `hark backup --ledger-only` wrote last
        #[arg(long, value_name = "FILE", required_unless_present = "no_ledger")]
        ledger: Option<PathBuf>,
        /// Nobody was erased since the backup, or it cannot be known any more
        #[arg(long, conflicts_with = "ledger")]
        no_ledger: bool,
    },
    /// Carry everything over into other stores, such as from SQLite to PostgreSQL; both sides are compared at the end
    Copy {
        /// The configuration of what is there: it is only read
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The configuration of what shall be: empty stores, and the same encryption keys
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// While the source is in use: brings the target near, so that the last run, with everything stopped, is short
        #[arg(long)]
        live: bool,
        /// Callers of whom both sides are asked something at the end; 0 for none
        #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=1000))]
        samples: u16,
    },
    /// Try every configured backend; say what is wrong and how to mend it
    Doctor,
    /// Check and show the configuration
    Config {
        /// What to do.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Durable work
    Jobs {
        /// What to do.
        #[command(subcommand)]
        command: JobsCommand,
    },
    /// What is done at ElevenLabs
    Elevenlabs {
        /// What to do.
        #[command(subcommand)]
        command: ElevenLabsCommand,
    },
    /// API keys and webhook secrets
    Keys {
        /// What to do.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Encryption keys: what is stored is sealed with them (API keys are `hark keys`)
    Keyring {
        /// What to do; without one, `list`.
        #[command(subcommand)]
        command: Option<KeyringCommand>,
    },
    /// People's rights: erasing them, and proving it
    Users {
        /// What to do.
        #[command(subcommand)]
        command: UsersCommand,
    },
    /// How good what is remembered is: counts of what was never recalled, repeated, stale, contradicted or doubtful
    Quality {
        /// What to do; without one, `show`.
        #[command(subcommand)]
        command: Option<QualityCommand>,
    },
    /// Models of the built-in embedder
    Models {
        /// What to do.
        #[command(subcommand)]
        command: ModelsCommand,
    },
}

/// `hark config`
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Say whether the configuration is right, and if not, what is wrong
    Check,
    /// Print the effective configuration, secrets hidden
    Show,
    /// Print the JSON schema of config.toml, with every kind of this binary
    Schema {
        /// Fail if this file does not hold the same schema
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
}

/// `hark jobs`
#[derive(Debug, Clone, Subcommand)]
pub enum JobsCommand {
    /// List jobs, newest first
    List {
        /// Only this state: pending, running, retrying, dead or discarded
        #[arg(long, value_name = "STATE", value_parser = ["pending", "running", "retrying", "dead", "discarded"])]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show one: how it stands, how often and with which kinds of errors it failed
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Let dead jobs, or discarded ones named by id, start over
    Redrive {
        /// Their ids
        #[arg(required_unless_present = "all", value_name = "ID")]
        ids: Vec<String>,
        /// Every dead job
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// With --all: only this handler's, such as ingest_conversation
        #[arg(long, value_name = "NAME", requires = "all")]
        name: Option<String>,
    },
    /// Give dead jobs up: they are kept with the reason, and run no more unless redriven
    Discard {
        /// Their ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why, for whoever asks later; never what a caller said
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `hark elevenlabs`
#[derive(Debug, Clone, Subcommand)]
pub enum ElevenLabsCommand {
    /// Fetch calls that no webhook told of (needs elevenlabs.reconcile.api_key)
    Reconcile {
        /// Look at everything since then anew: a moment such as 2026-11-20T08:00:00Z, a day, or an age such as 12h or 3d
        /// [default: from where the last look ended]
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
    },
}

/// `hark keys`
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Make one, and show it this once
    Create {
        /// Which kind.
        #[command(flatten)]
        kind: SecretKind,
        /// What it allows; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", required_unless_present = "webhook", conflicts_with = "webhook",
            value_delimiter = ',', value_parser = ["webhook", "tool", "read", "write", "admin"])]
        scopes: Vec<String>,
        /// What people call it
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        /// Whose data it opens; a tenant comes to be with its first key [default: the deployment's own]
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        /// It opens nothing after so many days [default: it never expires]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        expires_in_days: Option<u16>,
        /// With --webhook: the secret the platform has made, in a file; - for the standard input [default: a new one]
        #[arg(long, value_name = "FILE", requires = "webhook")]
        secret_file: Option<PathBuf>,
    },
    /// List them, latest first; the configured ones are not among them
    List {
        /// Which kind.
        #[command(flatten)]
        kind: SecretKind,
        /// Whose [default: the deployment's own]
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
    },
    /// Let nobody in with them any more
    Revoke {
        /// Their ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// `hark keyring`
#[derive(Debug, Clone, Subcommand)]
pub enum KeyringCommand {
    /// List the encryption keys, what is sealed with each, and how much is left under older ones
    List,
    /// Add a key that opens and does not seal yet: the first of two steps where several processes share the stores
    Add,
    /// Let a key seal from the next start on; the one that did until now only opens then
    Activate {
        /// Its id [default: the one key that is next]
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
    /// Add a key and activate it, where one process alone uses the stores
    Rotate,
    /// Take an old key away, if nothing is sealed with it any more
    Retire {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Print a whole new keyring, for one that is kept elsewhere; nothing is changed
    Generate,
}

/// `hark users`
#[derive(Debug, Clone, Subcommand)]
pub enum UsersCommand {
    /// Erase a person everywhere, keep what is from before out for good, and print the signed receipt
    Erase {
        /// Our own id or the integrator's
        id: String,
    },
    /// Print everything that is known of a person, in the clear, as one JSON document
    Export {
        /// Our own id or the integrator's
        id: String,
    },
    /// Say whether a receipt is one that this deployment has signed, unchanged
    VerifyReceipt {
        /// The receipt, as JSON; - for the standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Which kind of secret is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct SecretKind {
    /// A secret that signs the post-call webhook, instead of an API key
    #[arg(long)]
    pub webhook: bool,
}

/// `hark quality`
#[derive(Debug, Clone, Subcommand)]
pub enum QualityCommand {
    /// Examine memories and count what is of concern
    Show {
        /// Memories to examine at the most, of the callers with the newest contact first
        #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
        sample: u32,
        /// Ids to show of each kind
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
        ids: u8,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the sentences that reviewers have released, in the forms of the labelled sets. They are what callers said:
    /// the file is for its owner only, nothing leaves that no reviewer has marked with `label`, and erasing a caller does
    /// not reach a file that was written before
    Export {
        /// A file that is not there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `hark models`
#[derive(Debug, Clone, Subcommand)]
pub enum ModelsCommand {
    /// List the models that are here or can be fetched
    List,
    /// Put a model into the models' folder
    Fetch {
        /// Its name
        name: String,
        /// A folder that holds the published files, instead of where the model is usually found
        #[arg(long, value_name = "FOLDER")]
        from: Option<String>,
    },
}
