//! The section of `kind = "postgres"`.

use hark_core::{Error, Result, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// What may stand behind the `?` of an address. The driver would write anything else into the log, value and all.
const PARAMETERS: [&str; 13] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "port",
    "application_name",
    "statement-cache-capacity",
];

/// One schema of a PostgreSQL database (14 or later). It holds the truth and the queue, and any number of nodes share it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresConfig {
    /// Where the database is: `postgres://user:password@host:5432/database?sslmode=verify-full`. What is special in a
    /// password is percent-encoded. Without a password the server's other ways count (`PGPASSWORD`, `~/.pgpass`,
    /// certificates). Either this or `url_file`.
    pub url: Option<Secret>,
    /// A file that holds the address alone; relative to the data folder.
    pub url_file: Option<PathBuf>,
    /// The schema that holds all tables; made by the migrations if it is not there. Lower-case letters, digits and `_`, 63
    /// at the most. Deployments with schemas of their own never meet within one database.
    pub schema: String,
    /// Connections that a process opens at the most, 1 to 1,000, beside one that listens. All nodes together must stay below
    /// the server's `max_connections`.
    pub max_connections: u32,
    /// Connections that are kept open when nothing is to be done; up to `max_connections`.
    pub min_connections: u32,
    /// How long a call waits for a free connection, or for one to be opened, in milliseconds; 1 to 60,000.
    pub acquire_timeout_ms: u64,
    /// How long the server works on a single statement before it gives up, in milliseconds; 100 to 3,600,000. Migrations
    /// take the time they need.
    pub statement_timeout_ms: u64,
    /// The language of what is kept and asked, for finding words: a text search configuration of the server, such as
    /// `english`, `german` or `simple`, which takes words as they stand (`\dF` in psql lists them). Where another one is set,
    /// the words of what is there are made anew at the next start.
    pub language: String,
    /// Tenants whose callers speak another language, and which: `{ acme = "german" }`.
    pub languages: BTreeMap<String, String>,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            schema: "hark".to_owned(),
            max_connections: 10,
            min_connections: 0,
            acquire_timeout_ms: 5_000,
            statement_timeout_ms: 30_000,
            language: "english".to_owned(),
            languages: BTreeMap::new(),
        }
    }
}

impl PostgresConfig {
    /// Checks everything that can be checked without asking the server, and answers how to connect.
    ///
    /// # Errors
    /// `Config`, naming field and remedy, and nothing of the address.
    pub(crate) fn resolve(&self, data_dir: &Path) -> Result<PgConnectOptions> {
        let ranges = [
            ("max_connections", u64::from(self.max_connections), 1, 1_000),
            ("min_connections", u64::from(self.min_connections), 0, u64::from(self.max_connections)),
            ("acquire_timeout_ms", self.acquire_timeout_ms, 1, 60_000),
            ("statement_timeout_ms", self.statement_timeout_ms, 100, 3_600_000),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(wrong(&format!("{field}: must be {least} to {most}")));
            }
        }
        if !is_plain(&self.schema) {
            return Err(wrong(
                "schema: must begin with a-z or `_`, hold only a-z, 0-9 and `_`, have 63 letters at the most, and not \
                 begin with `pg_`, which is the server's own",
            ));
        }
        let own = self.languages.iter().map(|(tenant, language)| (format!("languages.{tenant}"), language));
        for (field, language) in std::iter::once(("language".to_owned(), &self.language)).chain(own) {
            if !is_plain(language) {
                return Err(wrong(&format!(
                    "{field}: must be the name of a text search configuration, such as `english`: a-z, 0-9 and `_` alone"
                )));
            }
        }
        let options = parse(&self.address(data_dir)?)?;
        let timeout = self.statement_timeout_ms.to_string();
        Ok(options.options([
            // Only there: a table of the same name elsewhere is never taken for ours.
            ("search_path", self.schema.as_str()),
            ("statement_timeout", timeout.as_str()),
            // Nobody else waits for ever for a row that a process locked before it hung.
            ("idle_in_transaction_session_timeout", "60000"),
            ("client_min_messages", "warning"),
            ("default_transaction_isolation", "read committed"),
        ]))
    }

    /// How long to wait for a connection.
    pub(crate) fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(crate) fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }

    fn address(&self, data_dir: &Path) -> Result<String> {
        match (&self.url, &self.url_file) {
            (Some(url), None) => Ok(url.expose().trim().to_owned()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(data_dir.join(file)).map_err(|error| {
                    wrong(&format!("url_file: `{}` cannot be read: {}", file.display(), error.kind()))
                })?;
                Ok(text.trim().to_owned())
            }
            (None, None) => Err(wrong("url: must be set, such as `postgres://hark@db.example/hark`, or `url_file`")),
            (Some(_), Some(_)) => Err(wrong("url_file: set either `url` or `url_file`, not both")),
        }
    }
}

fn wrong(what: &str) -> Error {
    Error::config(format!("kind `postgres`: {what}"))
}

/// A name that needs no quoting, and is none of the server's own.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=63).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.starts_with("pg_")
}

fn parse(address: &str) -> Result<PgConnectOptions> {
    if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
        return Err(wrong("url: must begin with `postgres://`"));
    }
    let parameters = address.split_once('?').map_or("", |(_, behind)| behind);
    let parameters = parameters.split('#').next().unwrap_or_default();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if name == "password" || name == "user" {
            return Err(wrong(
                "url: user and password belong before the host: `postgres://user:password@host/database`",
            ));
        }
        if !PARAMETERS.contains(&name) {
            return Err(wrong(&format!("url: only these may stand behind the `?`: {}", PARAMETERS.join(", "))));
        }
    }
    // The driver's error may quote what it could not read.
    let options = PgConnectOptions::from_str(address).map_err(|_| {
        wrong(
            "url: cannot be read; it looks like `postgres://user:password@host:5432/database?sslmode=require`, with what is \
             special in a password percent-encoded",
        )
    })?;
    Ok(if parameters.contains("application_name=") { options } else { options.application_name("hark") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "tortoise";

    fn parse(section: serde_json::Value) -> PostgresConfig {
        serde_json::from_value(section).unwrap()
    }

    fn refusal(section: serde_json::Value) -> String {
        let config = parse(section);
        let error = config.resolve(Path::new("/data")).unwrap_err();
        assert!(!format!("{error} {error:?} {config:?}").contains(SECRET), "{error:?}");
        error.to_string()
    }

    #[test]
    fn an_address_is_all_that_must_be_set() {
        let config = parse(json!({"url": "postgres://sam:tortoise@db.example:6000/calls?sslmode=require"}));
        assert_eq!(PostgresConfig { url: None, ..config.clone() }, PostgresConfig::default());
        let options = config.resolve(Path::new("/data")).unwrap();
        let told = (options.get_host(), options.get_port(), options.get_username(), options.get_database());
        assert_eq!(told, ("db.example", 6000, "sam", Some("calls")));
        assert_eq!(options.get_application_name(), Some("hark"));
        assert!(options.get_options().unwrap().contains("-c search_path=hark "), "{:?}", options.get_options());
        assert!(!format!("{config:?}").contains(SECRET));
    }

    #[test]
    fn an_address_may_stand_in_a_file() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("address"), "postgresql://sam@db.example/calls?application_name=x\n")
            .unwrap();
        let options = parse(json!({"url_file": "address"})).resolve(folder.path()).unwrap();
        assert_eq!((options.get_host(), options.get_application_name()), ("db.example", Some("x")));
        let error = parse(json!({"url_file": "missing"})).resolve(folder.path()).unwrap_err().to_string();
        assert!(error.contains("url_file: `missing` cannot be read"), "{error}");
    }

    #[test]
    fn wrong_values_name_the_field_and_quote_nothing() {
        let url = "postgres://sam:tortoise@db.example/calls";
        for (section, field) in [
            (json!({}), "url: must be set"),
            (json!({"url": url, "url_file": "x"}), "url_file: set either"),
            (json!({"url": "mysql://sam:tortoise@db/calls"}), "url: must begin with `postgres://`"),
            (json!({"url": "postgres://sam:tortoise@db:port/calls"}), "url: cannot be read"),
            (json!({"url": format!("{url}?sslmode=tortoise")}), "url: cannot be read"),
            (
                json!({"url": "postgres://sam@db/calls?password=tortoise"}),
                "url: user and password belong before the host",
            ),
            (json!({"url": format!("{url}?sslmode=require&tortoise=tortoise")}), "url: only these may stand"),
            (json!({"url": url, "schema": ""}), "schema: "),
            (json!({"url": url, "schema": "Hark"}), "schema: "),
            (json!({"url": url, "schema": "pg_hark"}), "schema: "),
            (json!({"url": url, "schema": "hark; drop"}), "schema: "),
            (json!({"url": url, "schema": "h".repeat(64)}), "schema: "),
            (json!({"url": url, "max_connections": 0}), "max_connections: must be 1 to 1000"),
            (json!({"url": url, "max_connections": 3, "min_connections": 4}), "min_connections: must be 0 to 3"),
            (json!({"url": url, "acquire_timeout_ms": 0}), "acquire_timeout_ms: must be 1 to 60000"),
            (json!({"url": url, "statement_timeout_ms": 99}), "statement_timeout_ms: must be 100 to 3600000"),
            (json!({"url": url, "language": ""}), "language: must be the name"),
            (json!({"url": url, "languages": {"acme": "German"}}), "languages.acme: must be the name"),
        ] {
            let error = refusal(section);
            assert!(error.contains(field), "{field}: {error}");
        }
        let unknown = serde_json::from_value::<PostgresConfig>(json!({"ulr": "x"})).unwrap_err().to_string();
        assert!(unknown.contains("ulr"), "{unknown}");
    }
}
