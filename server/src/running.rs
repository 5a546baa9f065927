//! A started Hark: the server, the workers, or both, in one process.

use crate::app::{App, WorkerSettings};
use crate::catch_up::catch_up;
use crate::config::{Config, Loaded, WorkerConfig};
use crate::credentials::Credentials;
use crate::data_dir::DataDir;
use crate::lifecycle::Lifecycle;
use crate::serve::{ConnectionLimits, serve};
use crate::spaces::{self, OtherSpace};
use crate::wiring::{self, Backends, Configured, Surroundings, wire};
use crate::worker::Worker;
use crate::{http, keys, telemetry};
use hark_core::backend::Registry;
use hark_core::crypt::Vault;
use hark_core::{Error, ErrorKind, Result, SystemClock, SystemEntropy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often the histograms are folded, so that they do not grow while nobody asks for the metrics.
const UPKEEP: Duration = Duration::from_secs(5);

/// How often what models cost and what agents were told is kept: a killed process loses so much of it at the most.
const KEEP: Duration = Duration::from_secs(5);

/// Erasures that are looked at for what is held in memory.
const LET_GO: usize = 1_000;

/// How long the backends may take to be closed: a store that hangs must not keep the process for ever.
const CLOSING: Duration = Duration::from_secs(10);

/// What is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// The HTTP server.
    pub http: bool,
    /// The workers.
    pub worker: bool,
    /// Schemas are brought up to date; otherwise pending steps are refused.
    pub migrate: bool,
    /// What to do when the memories' vectors are another model's.
    pub other_space: OtherSpace,
}

/// A started Hark.
#[derive(Debug)]
pub struct Running {
    /// The application.
    pub app: App,
    /// Where it listens, if it does.
    pub address: Option<SocketAddr>,
    /// What opens its doors.
    pub credentials: Credentials,
    /// How it is stopped.
    pub lifecycle: Lifecycle,
    backends: Backends,
    grace: Duration,
    folder: DataDir,
}

impl Running {
    /// Starts, in an order that fails early and cheaply: configuration, data folder, credentials, port, keys, and
    /// only then backends.
    ///
    /// # Errors
    /// Whatever is wrong, with the remedy where there is one; nothing runs then.
    pub async fn start(loaded: &Loaded, registry: &Registry, start: Start) -> Result<Self> {
        // Before the folder is made.
        loaded.plan(registry)?;
        Self::start_in(loaded, registry, start, DataDir::open(&loaded.config.server.data_dir)?).await
    }

    /// As [`Running::start`], in a folder that is held already.
    pub(crate) async fn start_in(loaded: &Loaded, registry: &Registry, start: Start, folder: DataDir) -> Result<Self> {
        let config = &loaded.config;
        let plan = loaded.plan(registry)?;
        let credentials = Credentials::ensure(config, &folder, &SystemEntropy)?;
        let listener = match start.http {
            true => Some(listen(&config.server.bind, &credentials).await?),
            false => None,
        };
        let address = listener.as_ref().and_then(|l| l.local_addr().ok());
        let keyring = keys::ensure(config, &folder, &SystemEntropy)?;
        let metrics = telemetry::metrics()?;

        let around = Surroundings {
            data_dir: folder.path(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            vault: Some(Vault::new(keyring.clone(), Arc::new(SystemEntropy))),
        };
        let mut backends = Backends::open(&plan, registry, &around).await.map_err(|e| folder.explain(e))?;
        let configured = Configured { loaded, plan: &plan, registry };
        let secrets = (&credentials, keyring);
        let app = match wire(&configured, &mut backends, &around, secrets, metrics, &start).await {
            Ok(app) => app,
            Err(e) => {
                backends.close().await;
                // Derived stores set what is damaged aside; what is left to be damaged is the truth.
                return Err(folder.explain(wiring::damaged(e)));
            }
        };

        let app = if start.http { app } else { app.unasked() };

        let lifecycle = Lifecycle::new();
        spawn_upkeep(&app, &lifecycle);
        spawn_keeping(&app, &lifecycle);
        let grace = Duration::from_secs(config.server.shutdown_grace_secs);
        if start.worker {
            spawn_worker(&app, &lifecycle, worker_settings(&config.worker, grace));
            spawn_catch_up(&app, &lifecycle);
            spawn_filling(&app, &lifecycle);
        } else {
            spawn_letting_go(&app, &lifecycle, Duration::from_secs(config.worker.repair_secs));
        }
        if let Some(listener) = listener {
            spawn_http(&app, &lifecycle, listener, connection_limits(config));
        }
        Ok(Self { app, address, credentials, lifecycle, backends, grace, folder })
    }

    /// Notes that the restore into the folder is done.
    pub(crate) fn end_restore(&self) -> Result<()> {
        self.folder.end_restore()
    }

    /// Stops: first softly, after the grace, or at a second signal, hard; then the backends are closed, or left alone if that
    /// takes longer than ten seconds. The folder is free afterwards.
    pub async fn stop(self) {
        let clean = self.lifecycle.stop(self.grace).await;
        let closing = async {
            keep(&self.app).await;
            self.app.recall.keep_uses().await;
            self.backends.close().await;
        };
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("the backends do not answer and are left as they are; what was acknowledged is kept");
        }
        tracing::info!(clean, "stopped");
    }
}

async fn listen(bind: &str, credentials: &Credentials) -> Result<TcpListener> {
    let wrong = |e: std::io::Error| {
        Error::config(format!("server.bind: `{bind}` is not an address; use one like 127.0.0.1:8080")).with_source(e)
    };
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host(bind).await.map_err(wrong)?.collect();
    credentials.allow_binding(&addresses)?;
    TcpListener::bind(addresses.as_slice()).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => Error::new(
            ErrorKind::Conflict,
            "server.bind",
            format!("{bind} is taken by another program; stop it, or choose another with --bind or server.bind"),
        ),
        _ => Error::new(ErrorKind::Unavailable, "server.bind", format!("{bind} cannot be bound: {e}")).with_source(e),
    })
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        connections: config.limits.connections,
        head_bytes: config.limits.head_bytes,
        head_timeout: Duration::from_secs(config.limits.head_timeout_secs),
    }
}

fn worker_settings(config: &WorkerConfig, grace: Duration) -> WorkerSettings {
    WorkerSettings {
        concurrency: config.concurrency,
        lease: Duration::from_secs(config.lease_secs),
        poll: Duration::from_millis(config.poll_ms),
        // Ends before the grace does, so that jobs are given back rather than dropped.
        drain: grace.mul_f64(0.8),
        repair_every: Duration::from_secs(config.repair_secs),
        optimise_every: Duration::from_secs(config.optimise_secs),
        ..WorkerSettings::default()
    }
}

fn spawn_http(app: &App, lifecycle: &Lifecycle, listener: TcpListener, limits: ConnectionLimits) {
    let (soft, hard) = (lifecycle.soft.clone(), lifecycle.hard.clone());
    let router = http::router(app.clone());
    lifecycle.tasks.spawn(async move {
        tokio::select! {
            () = serve(listener, router, limits, soft) => {}
            () = hard.cancelled() => {}
        }
    });
}

fn spawn_worker(app: &App, lifecycle: &Lifecycle, settings: WorkerSettings) {
    let worker = Worker::new(app.clone(), settings);
    let (soft, hard) = (lifecycle.soft.clone(), lifecycle.hard.clone());
    lifecycle.tasks.spawn(async move {
        tokio::select! {
            () = worker.run(soft) => {}
            // Its jobs are taken up again when their leases run out.
            () = hard.cancelled() => {}
        }
    });
}

fn spawn_catch_up(app: &App, lifecycle: &Lifecycle) {
    let (app, soft) = (app.clone(), lifecycle.soft.clone());
    lifecycle.tasks.spawn(async move {
        tokio::select! {
            () = catch_up(app) => {}
            () = soft.cancelled() => {}
        }
    });
}

fn spawn_filling(app: &App, lifecycle: &Lifecycle) {
    if app.engine.next.is_none() {
        return;
    }
    let (app, soft) = (app.clone(), lifecycle.soft.clone());
    lifecycle.tasks.spawn(async move {
        tokio::select! {
            () = spaces::fill(app) => {}
            () = soft.cancelled() => {}
        }
    });
}

/// What the schedule of a worker does beside the rest: a process without one holds callers in memory too.
fn spawn_letting_go(app: &App, lifecycle: &Lifecycle, period: Duration) {
    let (app, soft) = (app.clone(), lifecycle.soft.clone());
    lifecycle.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = soft.cancelled() => return,
            }
            if let Err(error) = app.ingest.let_go_of_erased(LET_GO).await {
                tracing::warn!(?error, "people whom another process has erased may still be held in memory");
            }
        }
    });
}

fn spawn_upkeep(app: &App, lifecycle: &Lifecycle) {
    let (metrics, soft) = (app.metrics.clone(), lifecycle.soft.clone());
    lifecycle.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                _ = ticks.tick() => metrics.run_upkeep(),
                () = soft.cancelled() => return,
            }
        }
    });
}

/// Also without workers: a server that only answers questions pays for embeddings, and tells agents things.
fn spawn_keeping(app: &App, lifecycle: &Lifecycle) {
    let (app, soft) = (app.clone(), lifecycle.soft.clone());
    lifecycle.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(KEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => keep(&app).await,
                // What comes from now on is kept when everything has ended.
                () = soft.cancelled() => return,
            }
        }
    });
}

async fn keep(app: &App) {
    if let Err(error) = app.engine.receipts.flush().await {
        tracing::warn!(?error, "receipts not kept");
    }
    if let Err(error) = app.audit.flush().await {
        tracing::warn!(?error, "the audit log is behind");
    }
    if let Err(error) = app.access.flush().await {
        tracing::warn!(?error, "uses of keys not kept");
    }
    if let Err(error) = app.engine.meter.flush().await {
        tracing::warn!(?error, "costs not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Sources};
    use std::io::Write;
    use std::path::Path;

    const ALL: Start = Start { http: true, worker: true, migrate: true, other_space: OtherSpace::Refuse };

    /// On the in-memory stores, in `folder`.
    fn loaded(folder: &Path, bind: &str) -> Loaded {
        let roles = ["MEMORY", "JOBS", "VECTORS", "KEYWORDS"].map(|r| (format!("HARK_ROLES__{r}"), "ram".to_owned()));
        let mut environment = roles.to_vec();
        environment.push(("HARK_ROLES__EMBEDDER".to_owned(), "none".to_owned()));
        let flags = Flags { bind: Some(bind.to_owned()), data_dir: Some(folder.to_owned()) };
        Sources { file: None, environment, flags }.load().unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn folder_and_port_belong_to_one_process_until_it_stops() {
        let parent = tempfile::tempdir().unwrap();
        let (a, b) = (parent.path().join("a"), parent.path().join("b"));
        let registry = Registry::new();
        let first = Running::start(&loaded(&a, "127.0.0.1:0"), &registry, ALL).await.unwrap();
        let address = first.address.unwrap().to_string();

        let folder = Running::start(&loaded(&a, "127.0.0.1:0"), &registry, ALL).await.unwrap_err();
        assert_eq!((folder.kind(), folder.operation()), (ErrorKind::Conflict, "data_dir.open"));
        let port = Running::start(&loaded(&b, &address), &registry, ALL).await.unwrap_err();
        assert!(port.context().contains("is taken") && port.context().contains("--bind"), "{port}");

        first.stop().await;
        Running::start(&loaded(&a, &address), &registry, ALL).await.unwrap().stop().await;
    }

    /// A disk of its own, for as long as this lives.
    #[cfg(target_os = "linux")]
    struct Disk<'a>(&'a Path);

    #[cfg(target_os = "linux")]
    impl<'a> Disk<'a> {
        /// `None` where this process may not mount.
        fn of(at: &'a Path, kibibytes: usize) -> Option<Self> {
            let size = format!("size={kibibytes}k");
            let mounted =
                std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
            mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(at))
        }
    }

    #[cfg(target_os = "linux")]
    impl Drop for Disk<'_> {
        fn drop(&mut self) {
            std::process::Command::new("umount").arg("-l").arg(self.0).output().ok();
        }
    }

    /// Whatever step of the start it is that finds no room.
    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread")]
    async fn on_a_full_disk_a_start_names_the_folder_the_cause_and_the_remedy() {
        let parent = tempfile::tempdir().unwrap();
        let mut registry = Registry::new();
        hark_sqlite::register(&mut registry);
        for kibibytes in [4, 8, 16, 32, 64, 96, 128, 256] {
            let Some(disk) = Disk::of(parent.path(), kibibytes) else {
                let why = "SKIPPED: this process may not mount a small disk; run it as root to have it checked";
                writeln!(std::io::stderr(), "{why}").unwrap();
                return;
            };
            let folder = parent.path().join("data");
            let mut sources = loaded(&folder, "127.0.0.1:0");
            sources.config.roles.memory = "sqlite".into();
            sources.config.roles.jobs = "sqlite".into();
            let error = Running::start(&sources, &registry, ALL).await.expect_err("there is no room");
            for part in [folder.to_str().unwrap(), "No space left on device", "make room on that disk"] {
                assert!(error.context().contains(part), "{kibibytes} KiB: {error}");
            }
            drop(disk);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_network_is_refused_before_anything_is_opened() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let error = Running::start(&loaded(&folder, "0.0.0.0:0"), &Registry::new(), ALL).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.context().contains("only loopback may be bound"), "{error}");
        assert!(!folder.join("keys").exists(), "it stopped at the door");
    }
}
