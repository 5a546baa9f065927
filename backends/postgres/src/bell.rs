//! Tells other nodes that a job has come, and hears it from them (NOTIFY, LISTEN). Only a hint: whoever misses it finds the job
//! at the next look. So nobody who enqueues waits for it, and where a connection pooler lets no LISTEN through, all goes on.

use crate::db::Db;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How long to leave a server alone that does not let us listen.
const REST: Duration = Duration::from_secs(1);

/// The bell of one process. Its two tasks begin when they are needed and end with it.
#[derive(Debug)]
pub(crate) struct Bell {
    channel: String,
    /// Tells our own ringing from that of others.
    name: String,
    db: Arc<Db>,
    arrived: Arc<Notify>,
    to_tell: Arc<Notify>,
    listener: OnceLock<Task>,
    herald: OnceLock<Task>,
}

#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Bell {
    /// A bell for the jobs of this schema; no other process may have the same name.
    pub(crate) fn new(db: Arc<Db>, name: String) -> Self {
        let channel = format!("{}_jobs", db.schema);
        let (arrived, to_tell) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        Self { channel, name, db, arrived, to_tell, listener: OnceLock::new(), herald: OnceLock::new() }
    }

    /// Wakes everybody who waits, here and elsewhere, and the next one to come: who looks between two waits misses nothing.
    pub(crate) fn ring(&self) {
        wake(&self.arrived);
        self.to_tell.notify_one();
        self.herald.get_or_init(|| {
            let (pool, channel, name) = (self.db.pool.clone(), self.channel.clone(), self.name.clone());
            Task(tokio::spawn(tell(pool, Arc::clone(&self.to_tell), channel, name)))
        });
    }

    /// Ends what was begun. Who waits goes on waiting.
    pub(crate) fn stop(&self) {
        for task in [&self.listener, &self.herald].into_iter().filter_map(OnceLock::get) {
            task.0.abort();
        }
    }

    /// Waits until somebody has rung since the last call. Who never waits does not listen either.
    pub(crate) async fn wait(&self) {
        self.listener.get_or_init(|| {
            let (channel, name) = (self.channel.clone(), self.name.clone());
            Task(tokio::spawn(listen(self.db.beside(), Arc::clone(&self.arrived), channel, name)))
        });
        self.arrived.notified().await;
    }
}

fn wake(arrived: &Notify) {
    arrived.notify_waiters();
    arrived.notify_one();
}

/// Passes on what rings, after it was committed and beside it: NOTIFY inside of a transaction makes all that do so commit one
/// after the other. What rings while one is on its way goes with the next.
async fn tell(pool: PgPool, to_tell: Arc<Notify>, channel: String, name: String) {
    while !pool.is_closed() {
        to_tell.notified().await;
        let told = sqlx::query("SELECT pg_notify($1, $2)").bind(&channel).bind(&name).execute(&pool).await;
        if told.is_err() {
            tracing::debug!("other nodes were not told of a job; they find it when they look");
        }
    }
}

async fn listen(pool: PgPool, arrived: Arc<Notify>, channel: String, name: String) {
    loop {
        let Ok(mut listener) = listening(&pool, &channel).await else {
            tracing::debug!("not listening for jobs of other nodes; looking now and then");
            tokio::time::sleep(REST).await;
            continue;
        };
        // What came while nobody listened.
        wake(&arrived);
        while let Ok(heard) = listener.try_recv().await {
            // Nothing heard: the connection broke and is there again, and something may have been missed.
            if heard.is_none_or(|heard| heard.payload() != name) {
                wake(&arrived);
            }
        }
    }
}

async fn listening(pool: &PgPool, channel: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    Ok(listener)
}
