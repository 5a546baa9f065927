//! The driver's errors in Hark's terms. Of what a server says only its code is kept: the rest may quote what it was asked.

use hark_core::{Error, ErrorKind};
use redis::{ErrorKind as Driver, RedisError, ServerErrorKind};
use std::time::Duration;

/// No answer in time.
pub(crate) fn late(operation: &'static str, patience: Duration) -> Error {
    Error::new(ErrorKind::Timeout, operation, format!("redis did not answer within {} ms", patience.as_millis()))
}

/// It has not answered lately, so it is not asked now.
pub(crate) fn resting(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, operation, "redis did not answer lately; it is asked again in a moment")
}

/// After the end.
pub(crate) fn closed(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, operation, "the connection is closed").retriable(false)
}

/// The backend was opened without the keys that names and values are kept under.
pub(crate) fn no_keys(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Config,
        operation,
        "what is kept in redis is sealed, and it was opened without encryption keys",
    )
}

/// Translates what the driver says.
pub(crate) fn translate(operation: &'static str, error: &RedisError) -> Error {
    let new = |kind, context: String| Error::new(kind, operation, context);
    let code = code(error);
    match (error.kind(), code.as_deref()) {
        (Driver::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => new(
            ErrorKind::Denied,
            "redis refuses the user or the password; look at `url` and `password_file`".to_owned(),
        ),
        (Driver::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot), _) => {
            new(ErrorKind::Config, "url: this is a node of a cluster; name a single server or its proxy".to_owned())
        }
        (_, Some("OOM")) => new(ErrorKind::Unavailable, "redis has no memory left".to_owned()).unwritable(),
        (Driver::Server(ServerErrorKind::ReadOnly), _) | (_, Some("READONLY" | "MISCONF")) => {
            new(ErrorKind::Unavailable, "redis takes no writes".to_owned()).unwritable()
        }
        (Driver::Server(kind), _) if waits(kind) => {
            new(ErrorKind::Unavailable, format!("redis cannot serve now ({})", code.unwrap_or_default()))
        }
        (_, Some("BUSY")) => new(ErrorKind::Unavailable, "redis is busy with somebody's script".to_owned()),
        (Driver::Server(_) | Driver::Extension, code) => {
            new(ErrorKind::Corrupt, format!("redis refused the request ({})", code.unwrap_or("no code")))
        }
        _ if error.is_timeout() => new(ErrorKind::Timeout, "redis did not answer in time".to_owned()),
        (Driver::Parse | Driver::UnexpectedReturnType, _) => {
            new(ErrorKind::Corrupt, "what answers does not speak as redis does".to_owned()).retriable(true)
        }
        _ if error.is_connection_refusal() => {
            new(ErrorKind::Unavailable, "nobody listens at redis' address".to_owned())
        }
        _ => new(ErrorKind::Unavailable, "the connection to redis broke off".to_owned()),
    }
}

/// Whether the connection is no good any more; the server's own refusals are answers like others.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    !matches!(error.kind(), Driver::Server(_) | Driver::Extension)
}

fn waits(kind: ServerErrorKind) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, TryAgain};
    matches!(kind, BusyLoading | ClusterDown | MasterDown | TryAgain)
}

/// The code before the text, if it looks like one.
fn code(error: &RedisError) -> Option<String> {
    let code = error.code()?;
    (code.len() <= 20 && code.chars().all(|c| c.is_ascii_uppercase())).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server's line is read.
    fn said(line: &str) -> Error {
        let error = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap().extract_error().unwrap_err();
        assert!(!is_broken(&error), "{line}");
        translate("redis.test", &error)
    }

    #[test]
    fn what_a_server_says_becomes_a_kind_and_is_not_quoted() {
        use ErrorKind::{Config, Corrupt, Denied, Unavailable};
        for (line, kind, retriable, unwritable) in [
            ("NOAUTH Authentication required. geheim", Denied, false, false),
            ("WRONGPASS invalid username-password pair geheim", Denied, false, false),
            ("NOPERM this user has no permissions geheim", Denied, false, false),
            ("OOM command not allowed geheim", Unavailable, true, true),
            ("READONLY You can't write against a read only replica. geheim", Unavailable, true, true),
            ("MISCONF geheim", Unavailable, true, true),
            ("LOADING Redis is loading geheim", Unavailable, true, false),
            ("BUSY geheim", Unavailable, true, false),
            ("MOVED 3999 127.0.0.1:6381", Config, false, false),
            ("ERR unknown command 'geheim'", Corrupt, false, false),
            ("geheim was said", Corrupt, false, false),
        ] {
            let error = said(line);
            assert_eq!(
                (error.kind(), error.is_retriable(), error.is_unwritable()),
                (kind, retriable, unwritable),
                "{line}"
            );
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        }
    }
}
