//! Logs and metrics.
//!
//! Logs go to the standard error stream, so that a command's answer on standard output can be piped. No log line
//! may hold what somebody said, a number or a secret; libraries that log statements or requests are held to
//! warnings for that reason, whatever level is configured.

use crate::config::{LogConfig, LogFormat, LogLevel};
use hark_core::{Error, ErrorKind, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use tracing_subscriber::EnvFilter;

/// Prefixes of libraries that log more than an operator wants, or than anybody should see.
const NOISY: [&str; 14] = [
    "arrow",
    "datafusion",
    "h2",
    "hyper",
    "lance",
    "object_store",
    "opendal",
    "reqwest",
    "rten",
    "rustls",
    "sqlx",
    "tantivy",
    "tokenizers",
    "tower",
];

/// Upper bounds of the latency histograms, in seconds: from a cached recall to a large job.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 5.0, 15.0, 60.0];

/// Starts logging. Later calls change nothing: a process has one subscriber.
pub fn log(config: &LogConfig) {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(config.level)).with_writer(std::io::stderr);
    // An error here only says that a subscriber is installed already, by an earlier call or by a stranger's binary.
    let _ = match config.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let capped = if level == "error" { "error" } else { "warn" };
    let mut directives = level.to_owned();
    for library in NOISY {
        directives.push_str(&format!(",{library}={capped}"));
    }
    EnvFilter::new(directives)
}

/// The metrics of this process; the first call installs the recorder.
///
/// # Errors
/// `Internal` when somebody else has installed a recorder.
pub fn metrics() -> Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let internal = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Internal, "telemetry.metrics", e.to_string());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(|e| internal(&e))?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        // Two threads raced, or a stranger's binary records elsewhere.
        return HANDLE.get().cloned().ok_or_else(|| internal(&"a metrics recorder is installed already"));
    }
    Ok(HANDLE.get_or_init(|| handle).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_held_to_warnings_at_every_level() {
        for level in [LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
            let filter = filter(level).to_string();
            assert!(filter.contains("sqlx=warn") && filter.contains("lance=warn"), "{filter}");
        }
        assert!(filter(LogLevel::Error).to_string().contains("sqlx=error"));
    }

    #[test]
    fn metrics_are_installed_once() {
        let first = metrics().unwrap();
        metrics::counter!("hark_test_total").increment(1);
        assert!(metrics().unwrap().render().contains("hark_test_total 1"));
        assert!(first.render().contains("hark_test_total"));
    }
}
