//! One connection, shared by everybody in the process, and what is known of the server behind it.
//!
//! A server that does not answer is left alone for a moment, so that not every request waits for it in vain; then one
//! request tries again, and the others go on without meanwhile. A connection on which anything went wrong is not used
//! again: behind a firewall that forgot it, it would hang for ever.

use crate::config::RedisConfig;
use crate::error::{closed, is_broken, late, resting, translate};
use hark_core::Result;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult, ScriptInvocation};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The server, as far as it answers.
pub(crate) struct Link {
    client: Client,
    patience: Duration,
    rest: Duration,
    state: Mutex<State>,
    /// Held while the first connection is made: whoever comes meanwhile waits for it rather than go on alone.
    first: tokio::sync::Mutex<()>,
}

enum State {
    /// Nobody has asked yet.
    New,
    /// The connection, and the how manieth it is.
    Open(MultiplexedConnection, u64),
    /// Did not answer; to be asked again from then on. Behind it, how many connections there have been.
    Away(Instant, u64),
    Closed,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client would tell the password.
        f.debug_struct("Link").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects to nothing yet.
    pub(crate) fn new(config: &RedisConfig, data_dir: &Path) -> Result<Self> {
        config.validate()?;
        // Another part of the process may have chosen one already: the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            client: config.client(data_dir)?,
            patience: config.patience(),
            rest: Duration::from_millis(config.retry_ms),
            state: Mutex::new(State::New),
            first: tokio::sync::Mutex::new(()),
        })
    }

    /// Runs a script. The call goes on when its caller gives up, so that a server that hangs is noticed however little time
    /// everybody has.
    pub(crate) async fn run<T: FromRedisValue + Send + 'static>(
        self: &Arc<Self>,
        operation: &'static str,
        patience: Duration,
        script: ScriptInvocation<'static>,
    ) -> Result<T> {
        let link = self.clone();
        let call = async move {
            let ask = |mut connection| async move { script.invoke_async(&mut connection).await };
            link.ask(operation, patience, ask).await
        };
        match tokio::spawn(call).await {
            Ok(answer) => answer,
            // The runtime ends.
            Err(_) => Err(closed(operation)),
        }
    }

    /// Whether it answers; asked also where it is to be left alone.
    pub(crate) async fn ping(&self) -> Result<()> {
        if let State::Away(again, _) = &mut *self.state() {
            *again = Instant::now();
        }
        let ping = |mut connection| async move { redis::cmd("PING").query_async::<String>(&mut connection).await };
        self.ask("redis.health", self.patience, ping).await.map(drop)
    }

    /// Lets go.
    pub(crate) fn close(&self) {
        *self.state() = State::Closed;
    }

    async fn ask<T, F>(
        &self,
        operation: &'static str,
        patience: Duration,
        call: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let mut generation = None;
        let work = async {
            let (connection, number) = match self.connection(operation)? {
                Some(open) => open,
                None => self.connect(operation).await?,
            };
            generation = Some(number);
            Ok(call(connection).await)
        };
        let answer = match timeout(patience, work).await {
            Ok(Ok(Ok(answer))) => return Ok(answer),
            Ok(Ok(Err(error))) => {
                if is_broken(&error) {
                    self.away(generation);
                }
                return Err(translate(operation, &error));
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => late(operation, patience),
        };
        self.away(generation);
        Err(answer)
    }

    /// The open connection; `None` where this caller is to make one.
    fn connection(&self, operation: &'static str) -> Result<Option<(MultiplexedConnection, u64)>> {
        match &mut *self.state() {
            State::Open(connection, number) => Ok(Some((connection.clone(), *number))),
            State::New => Ok(None),
            State::Closed => Err(closed(operation)),
            State::Away(again, _) if Instant::now() < *again => Err(resting(operation)),
            // This one tries; the others see that it is still away.
            State::Away(again, _) => {
                *again = Instant::now() + self.rest;
                Ok(None)
            }
        }
    }

    async fn connect(&self, operation: &'static str) -> Result<(MultiplexedConnection, u64)> {
        let _first = self.first.lock().await;
        // Somebody else may have made it, or found that nobody answers.
        let number = match &*self.state() {
            State::Open(connection, number) => return Ok((connection.clone(), *number)),
            State::Closed => return Err(closed(operation)),
            State::New => 0,
            State::Away(_, number) => *number,
        };
        // How long anything may take is for whoever asks to say.
        let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        match self.client.get_multiplexed_async_connection_with_config(&settings).await {
            Ok(connection) => {
                let mut state = self.state();
                if matches!(*state, State::Closed) {
                    return Err(closed(operation));
                }
                *state = State::Open(connection.clone(), number + 1);
                metrics::gauge!("hark_redis_up").set(1.0);
                Ok((connection, number + 1))
            }
            Err(error) => {
                self.away(None);
                Err(translate(operation, &error))
            }
        }
    }

    /// Leaves the server alone for a moment, unless what failed was an older connection than today's.
    fn away(&self, failed: Option<u64>) {
        let mut state = self.state();
        let number = match (&*state, failed) {
            (State::Closed, _) => return,
            (State::Open(_, number), Some(failed)) if *number != failed => return,
            (State::Open(_, number) | State::Away(_, number), _) => *number,
            (State::New, _) => 0,
        };
        *state = State::Away(Instant::now() + self.rest, number);
        metrics::gauge!("hark_redis_up").set(0.0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
