//! Tables in an object store: how it is reached, and how long it is waited for.
//!
//! LanceDB's own patience is three minutes a request, tried again at several levels. Nobody on the phone has that, and a job
//! had better be tried again later.

use crate::config::LanceDbConfig;
use crate::error::translate;
use hark_core::{Error, ErrorKind, Result};
use lance::dataset::CommitBuilder;
use lance::dataset::transaction::{Operation, Transaction};
use lance::datatypes::Schema;
use lance::io::{ObjectStoreParams, StorageOptionsAccessor};
use lancedb::Connection;
use lancedb::arrow::arrow_schema::Schema as Columns;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// What reads and looks: a search, a count, opening.
pub(crate) const LOOK: Duration = Duration::from_secs(15);

/// A commit, with everything it does again because another node was quicker.
pub(crate) const COMMIT: Duration = Duration::from_secs(60);

/// Connects, which by itself asks nothing of a store whose region is known.
pub(crate) async fn connect(
    operation: &'static str,
    config: &LanceDbConfig,
    options: &StoreOptions,
) -> Result<Connection> {
    let work = async {
        let connecting = lancedb::connect(config.uri.trim_end_matches('/')).storage_options(options.0.clone());
        // Every reader looks whether another node has written since.
        let connecting = connecting.read_consistency_interval(Duration::ZERO);
        connecting.execute().await.map_err(|e| translate(operation, e))
    };
    in_time(operation, LOOK, work).await
}

/// What LanceDB's client is told of a store, keys among it.
#[derive(Clone, Default)]
pub(crate) struct StoreOptions(HashMap<String, String>);

impl StoreOptions {
    /// What is not set here comes from the environment, as far as LanceDB's client knows it.
    pub(crate) fn of(config: &LanceDbConfig) -> Self {
        Self(options(config).into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// Makes an empty table, or fails where there is one: of two nodes that do so at once, one is refused.
///
/// LanceDB's own way first looks, and then commits a replacement of everything, which conflicts with nothing (lance 14): the
/// second of two nodes would take away what the first has written meanwhile. A commit that is never tried again as another
/// version is the first version or none.
pub(crate) async fn create(
    connection: &Connection,
    options: &StoreOptions,
    name: &str,
    columns: &Columns,
) -> lancedb::Result<()> {
    let uri = format!("{}/{name}.lance", connection.uri().trim_end_matches('/'));
    let schema = Schema::try_from(columns)?;
    let operation =
        Operation::Overwrite { fragments: Vec::new(), schema, config_upsert_values: None, initial_bases: None };
    let known = StorageOptionsAccessor::with_static_options(options.0.clone());
    let store = ObjectStoreParams { storage_options_accessor: Some(Arc::new(known)), ..ObjectStoreParams::default() };
    let commit = CommitBuilder::new(uri.as_str()).with_max_retries(0).with_store_params(store);
    commit.execute(Transaction::new(0, operation, None)).await?;
    Ok(())
}

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
