//! Release builds, measured.

use crate::build;
use crate::process::{self, Outcome, Workspace, output, works};
use crate::server::{Sandbox, Server};
use crate::services::Services;
use std::path::{Path, PathBuf};

/// What to measure.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Passed on to hark-bench; `cargo xtask bench -- --help` lists them
    #[arg(last = true)]
    rest: Vec<String>,
    /// With the development build: to see that the measuring works, not to measure
    #[arg(long)]
    debug: bool,
    /// Starts a PostgreSQL beside, which keeps what is committed: for `--stores embedded,postgres` and for `workers`
    #[arg(long)]
    postgres: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Recall quality, with a harness that asks over HTTP
    Recall(Recall),
}

#[derive(Debug, clap::Args)]
struct Recall {
    /// The folder with http_recall.py, score.py and data/
    #[arg(long, default_value = "../shared/bench/recall")]
    harness: PathBuf,
    /// What is added: turns, observations, transcripts (any of them, separated by commas)
    #[arg(long, default_value = "turns", value_delimiter = ',')]
    mode: Vec<String>,
    /// Which part of the data
    #[arg(long, default_value = "dev")]
    splits: String,
    /// A built `hark` to ask, instead of building one
    #[arg(long)]
    hark: Option<PathBuf>,
    /// With memory, jobs, vectors and keywords on a PostgreSQL that is started for it, instead of the built-in stores
    #[arg(long)]
    postgres: bool,
}

impl Recall {
    /// What the figures are of.
    fn stores(&self) -> &'static str {
        if self.postgres { "postgres" } else { "embedded" }
    }
}

/// Builds and measures.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    match &args.what {
        Some(What::Recall(recall)) => run_recall(workspace, recall),
        None => run_latency(workspace, args),
    }
}

fn run_latency(workspace: &Workspace, args: &Args) -> Outcome {
    let mut cargo = workspace.cargo(&["build", "-p", "hark-server", "-p", "hark-bench"]);
    if !args.debug {
        cargo.arg("--release");
    }
    let built = build::programs(cargo.arg("--message-format=json-render-diagnostics"))?;
    let mut bench = workspace.command(build::pick(&built, "hark-bench")?, &[]);
    bench.arg("--hark").arg(build::pick(&built, "hark")?);
    bench.arg("--out").arg(workspace.target().join("bench.json")).args(&args.rest);
    let services = if args.postgres { Some(Services::to_measure(workspace)?) } else { None };
    if let Some(services) = &services {
        services.tell(&mut bench);
    }
    process::run(&mut bench)
}

fn run_recall(workspace: &Workspace, args: &Recall) -> Outcome {
    let harness = workspace.root().join(&args.harness);
    if !harness.join("http_recall.py").is_file() {
        return Err(format!("there is no harness at {}; name it with --harness", harness.display()));
    }
    let python = python(workspace)?;
    let hark = match &args.hark {
        Some(hark) => std::path::absolute(hark).map_err(|e| format!("{}: {e}", hark.display()))?,
        None => {
            // The same packages as above, so that LanceDB is built with the same features, once.
            let mut cargo = workspace.cargo(&["build", "--release", "-p", "hark-server", "-p", "hark-bench"]);
            build::pick(&build::programs(cargo.arg("--message-format=json-render-diagnostics"))?, "hark")?
        }
    };
    let services = if args.postgres { Some(Services::to_measure(workspace)?) } else { None };
    let url = services.as_ref().and_then(Services::postgres_url);
    for (number, mode) in args.mode.iter().enumerate() {
        // A fresh server for each mode, on stores of its own: nothing of one is found by another.
        let config = url.as_ref().map(|url| on_postgres(url, number));
        let server = Sandbox::new(workspace, &hark, config.as_deref())?.serve()?;
        println!("\n## recall, {mode}, {}, {} stores\n", args.splits, args.stores());
        let answers = workspace.target().join(format!("recall-{mode}-{}.jsonl", args.stores()));
        measure(workspace, &python, &harness, &server, mode, &args.splits, &answers)?;
    }
    Ok(())
}

/// The configuration that puts all stores into the schema of that number.
fn on_postgres(url: &str, number: usize) -> String {
    format!(
        "[roles]\nmemory = \"main\"\njobs = \"main\"\nvectors = \"main\"\nkeywords = \"main\"\n\n\
         [backends.main]\nkind = \"postgres\"\nurl = \"{url}\"\nschema = \"recall_{number}\"\n"
    )
}

fn measure(
    workspace: &Workspace,
    python: &Path,
    harness: &Path,
    server: &Server,
    mode: &str,
    splits: &str,
    answers: &Path,
) -> Outcome {
    let mut ask = workspace.command(python, &[]);
    ask.arg(harness.join("http_recall.py")).args(["--adapter", "MemoryServer", "--mode", mode, "--splits", splits]);
    ask.arg("--out").arg(answers);
    ask.env("RECALL_URL", server.url()).env("RECALL_TOKEN", Server::KEY).env("RECALL_WEBHOOK_SECRET", Server::SECRET);
    // The harness may lie in a folder that cannot be written to.
    process::run(ask.env("PYTHONDONTWRITEBYTECODE", "1"))?;
    let mut score = workspace.command(python, &[]);
    score.arg(harness.join("score.py")).arg("--queries").arg(harness.join("data/queries.jsonl"));
    score.arg("--run").arg(answers).args(["--splits", splits]).env("PYTHONDONTWRITEBYTECODE", "1");
    println!("{}", output(&mut score)?);
    Ok(())
}

/// A Python with `requests`, which the harness needs: the machine's, or one made in the target folder.
fn python(workspace: &Workspace) -> Outcome<PathBuf> {
    let has_requests = |python: &Path| works(&mut workspace.command(python, &["-c", "import requests"]));
    let folder = workspace.target().join("recall-venv");
    let own = folder.join("bin/python");
    if let Some(python) = [PathBuf::from("python3"), own.clone()].into_iter().find(|python| has_requests(python)) {
        return Ok(python);
    }
    process::run(workspace.command("python3", &["-m", "venv", "--clear"]).arg(&folder))?;
    process::run(&mut workspace.command(&own, &["-m", "pip", "install", "--quiet", "requests==2.32.5", "numpy"]))?;
    Ok(own)
}
