//! `[limits]`: how often, how much at once, how long.

use crate::middleware::limits::LimitSettings;
use hark_core::limit::Quota;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How often, how much at once, how long. Rates count by client address and by key, each for itself; a number of 0 is no limit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Tool calls a minute of one address, and with one key; more are answered with 429.
    pub tools_per_minute: u32,
    /// Webhook deliveries a minute of one address, and with one key or secret; more calls that begin are answered with 429.
    /// Signed post-call events are counted, but kept all the same: see `refuse_events`.
    pub webhooks_per_minute: u32,
    /// Tool calls at once after a quiet time; 0 for as many as in a minute.
    pub tools_burst: u32,
    /// Webhook deliveries at once after a quiet time; 0 for as many as in a minute.
    pub webhooks_burst: u32,
    /// Wrong keys and signatures a minute of one address; more are answered with 429, as are API keys of under 32 characters
    /// from there, even right ones.
    pub auth_failures_per_minute: u32,
    /// Answer 429 to signed post-call events beyond the rate. The platform sends them again only where `retry_enabled` is set
    /// on its webhook, four times within 41 minutes: without that they are lost.
    pub refuse_events: bool,
    /// Webhook and tool calls at once; more are answered with 503 and `Retry-After`.
    pub concurrent_calls: usize,
    /// Requests of the `/v1` routes at once; more are answered with 503 and `Retry-After`. Keys, erasure and jobs are exempt.
    pub concurrent_requests: usize,
    /// Post-call events read at once; more wait.
    pub concurrent_events: usize,
    /// After so long a request is given up and answered with 503, in seconds.
    pub request_timeout_secs: u64,
    /// After so long a post-call event that has not arrived is given up and answered with 408, in seconds.
    pub event_timeout_secs: u64,
    /// Connections at once; more wait to be taken.
    pub connections: usize,
    /// Largest head of a request, in bytes, at least 8192; larger ones, and those of more than 100 headers, are answered with
    /// 431.
    pub head_bytes: usize,
    /// A head that takes longer to come ends the connection, as does an idle time, in seconds.
    pub head_timeout_secs: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            tools_per_minute: 100,
            webhooks_per_minute: 200,
            tools_burst: 0,
            webhooks_burst: 0,
            auth_failures_per_minute: 30,
            refuse_events: false,
            concurrent_calls: 256,
            concurrent_requests: 64,
            concurrent_events: 64,
            request_timeout_secs: 60,
            event_timeout_secs: 120,
            connections: 1024,
            head_bytes: 65_536,
            head_timeout_secs: 30,
        }
    }
}

impl LimitsConfig {
    /// What types alone cannot check.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, value, least) in [
            ("limits.concurrent_calls", self.concurrent_calls as u64, 1),
            ("limits.concurrent_requests", self.concurrent_requests as u64, 1),
            ("limits.concurrent_events", self.concurrent_events as u64, 1),
            ("limits.request_timeout_secs", self.request_timeout_secs, 1),
            ("limits.event_timeout_secs", self.event_timeout_secs, 1),
            ("limits.connections", self.connections as u64, 1),
            ("limits.head_bytes", self.head_bytes as u64, 8_192),
            ("limits.head_timeout_secs", self.head_timeout_secs, 1),
        ] {
            if value < least {
                return Err((key, format!("must be at least {least}")));
            }
            // More than a semaphore counts, and more than anybody means.
            if value > u64::from(u32::MAX) / 2 {
                return Err((key, "is too large".to_owned()));
            }
        }
        Ok(())
    }

    /// As the routes are told.
    pub fn settings(&self) -> LimitSettings {
        LimitSettings {
            tools: quota(self.tools_per_minute, self.tools_burst),
            webhooks: quota(self.webhooks_per_minute, self.webhooks_burst),
            auth_failures: quota(self.auth_failures_per_minute, 0),
            refuse_events: self.refuse_events,
            concurrent_calls: self.concurrent_calls,
            concurrent_requests: self.concurrent_requests,
            concurrent_events: self.concurrent_events,
            request_timeout: Duration::from_secs(self.request_timeout_secs),
            event_timeout: Duration::from_secs(self.event_timeout_secs),
        }
    }
}

fn quota(per_minute: u32, burst: u32) -> Option<Quota> {
    let burst = if burst == 0 { per_minute } else { burst };
    (per_minute > 0).then_some(Quota { per_minute, burst })
}

/// Addresses and networks of proxies.
///
/// # Errors
/// What is wrong with one, without quoting it.
pub(crate) fn proxies(given: &[String]) -> Result<Vec<IpNet>, String> {
    let read = |text: &String| {
        let text = text.trim();
        text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
    };
    let wrong = || "must hold addresses or networks, such as 10.0.0.0/8 or fd00::1".to_owned();
    given.iter().map(|text| read(text).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed_and_zero_is_no_limit() {
        let config = LimitsConfig::default();
        config.check().unwrap();
        let config = LimitsConfig { tools_per_minute: 0, webhooks_burst: 5, ..config };
        assert_eq!(config.settings().tools, None);
        assert_eq!(config.settings().webhooks, Some(Quota { per_minute: 200, burst: 5 }));
        assert_eq!(LimitsConfig { head_bytes: 100, ..config }.check().unwrap_err().0, "limits.head_bytes");
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let texts = |texts: &[&str]| proxies(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        let nets = texts(&["10.0.0.0/8", " 127.0.0.1", "::1"]).unwrap();
        assert_eq!(nets.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]);
        for wrong in ["proxy.local", "10.0.0.0/33", ""] {
            assert!(texts(&[wrong]).is_err(), "{wrong}");
        }
    }
}
