//! Tables in an object store: how it is reached, and how long it is waited for.
//!
//! LanceDB's own patience is three minutes a request, tried again at several levels. Nobody on the phone has that, and a job
//! had better be tried again later.

use crate::config::LanceDbConfig;
use crate::error::translate;
use hark_core::{Error, ErrorKind, Result};
use lancedb::Connection;
use std::future::Future;
use std::time::Duration;

/// What reads and looks: a search, a count, opening.
pub(crate) const LOOK: Duration = Duration::from_secs(15);

/// A commit, with everything it does again because another node was quicker.
pub(crate) const COMMIT: Duration = Duration::from_secs(60);

/// Connects, which by itself asks nothing of a store whose region is known.
pub(crate) async fn connect(operation: &'static str, config: &LanceDbConfig) -> Result<Connection> {
    let work = async {
        let connecting = lancedb::connect(config.uri.trim_end_matches('/')).storage_options(options(config));
        // Every reader looks whether another node has written since.
        let connecting = connecting.read_consistency_interval(Duration::ZERO);
        connecting.execute().await.map_err(|e| translate(operation, e))
    };
    in_time(operation, LOOK, work).await
}

/// What is not set here comes from the environment, as far as LanceDB's client knows it.
fn options(config: &LanceDbConfig) -> Vec<(&'static str, String)> {
    let mut options: Vec<(&'static str, String)> = vec![
        ("connect_timeout", "3s".into()),
        ("timeout", "10s".into()),
        ("client_max_retries", "2".into()),
        ("client_retry_timeout", "10".into()),
        ("lance_aimd_max_retries", "1".into()),
        ("download_retry_count", "1".into()),
    ];
    if let Some(endpoint) = &config.endpoint {
        options.push(("aws_endpoint", endpoint.clone()));
        options.push(("allow_http", endpoint.starts_with("http://").to_string()));
    }
    let keys = [("aws_access_key_id", &config.access_key_id), ("aws_secret_access_key", &config.secret_access_key)];
    options.extend(keys.iter().filter_map(|(name, key)| Some((*name, key.as_ref()?.expose().to_owned()))));
    options.extend(config.region.iter().map(|region| ("aws_region", region.clone())));
    options
}

/// The work's outcome, or an error of kind `Timeout` when that takes longer.
pub(crate) async fn in_time<T>(
    operation: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, operation, "the object store did not answer in time")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_longer_than_allowed() {
        let error = in_time("lancedb.search", LOOK, pending::<Result<()>>()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Timeout, true));
        assert_eq!(in_time("lancedb.search", LOOK, ready(Ok(1))).await.unwrap(), 1);
    }
}
