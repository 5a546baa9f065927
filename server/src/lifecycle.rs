//! Starting and stopping: first everything is asked to finish, after a grace everything is told to.

use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The two cancellations and what runs under them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// No new work; what is under way finishes.
    pub soft: CancellationToken,
    /// What is under way ends now.
    pub hard: CancellationToken,
    /// Everything that was started.
    pub tasks: TaskTracker,
}

impl Lifecycle {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for the first SIGTERM or SIGINT, or for somebody to cancel.
    pub async fn stop_requested(&self) {
        let mut signals = Signals::listen();
        tokio::select! {
            () = self.soft.cancelled() => {}
            signal = signals.next() => tracing::info!(signal, "stopping"),
        }
    }

    /// Stops everything: softly, then after `grace`, or at a second signal, hard. Answers whether everything
    /// finished by itself.
    pub async fn stop(&self, grace: Duration) -> bool {
        // Before anybody can see that it is stopping: who asks again from then on is heard.
        let mut signals = Signals::listen();
        self.soft.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => return true,
            () = tokio::time::sleep(grace) => tracing::warn!("the grace is over, ending what still runs"),
            signal = signals.next() => tracing::warn!(signal, "asked again, ending what still runs"),
        }
        self.hard.cancel();
        self.tasks.wait().await;
        false
    }
}

/// The signals that ask this process to end, from the moment this is made.
#[cfg(unix)]
struct Signals(Option<[tokio::signal::unix::Signal; 2]>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => Self(Some([terminate, interrupt])),
            // Without a handler the signal would end the process at once; there is then nothing to wait for.
            _ => {
                tracing::warn!("signals cannot be listened to; stopping will not be graceful");
                Self(None)
            }
        }
    }

    async fn next(&mut self) -> &'static str {
        let Some([terminate, interrupt]) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    }
}

/// The signals that ask this process to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        "Ctrl-C"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_finish_in_the_grace_is_ended() {
        let lifecycle = Lifecycle::new();
        let hard = lifecycle.hard.clone();
        lifecycle.tasks.spawn(async move { hard.cancelled().await });
        assert!(!lifecycle.stop(Duration::from_secs(20)).await);
        assert!(lifecycle.hard.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_finishes_is_not_ended() {
        let lifecycle = Lifecycle::new();
        let soft = lifecycle.soft.clone();
        lifecycle.tasks.spawn(async move { soft.cancelled().await });
        assert!(lifecycle.stop(Duration::from_secs(20)).await);
        assert!(!lifecycle.hard.is_cancelled());
    }
}
