//! What to do about it.

use hark_core::backend::Role;
use hark_core::{Error, ErrorKind};

/// A backend cannot be opened. Factories name field and remedy of their own where they can.
pub(super) fn opening(error: &Error, name: &str) -> String {
    match error.kind() {
        ErrorKind::Config | ErrorKind::Conflict => String::new(),
        ErrorKind::Unavailable | ErrorKind::Timeout => {
            format!("is what [backends.{name}] points at there and running?")
        }
        _ => format!("check [backends.{name}]"),
    }
}

/// A part of an open backend does not do its work.
pub(super) fn using(error: &Error, role: Role, name: &str) -> String {
    let section = format!("[backends.{name}]");
    match (error.kind(), role) {
        (ErrorKind::Config, Role::Embedder) => {
            "set roles.embedder back, or run `hark reindex` with the server stopped".to_owned()
        }
        (ErrorKind::Config, _) => format!("check {section}"),
        (ErrorKind::Denied, _) => format!("the key is refused: check api_key in {section}, and what it may use"),
        (ErrorKind::Limited, _) => "the provider's limit or quota is used up: wait, or raise it there".to_owned(),
        (ErrorKind::Timeout, _) => {
            format!("is it overloaded, or still loading the model? check base_url and the timeouts in {section}")
        }
        (ErrorKind::Unavailable, Role::Embedder | Role::Chat) => {
            format!("is the server running, and is base_url in {section} right? A proxy or firewall may be between")
        }
        (ErrorKind::Unavailable, _) => "check the disk, its space and its permissions".to_owned(),
        (ErrorKind::Corrupt, Role::Embedder) => {
            format!("the answer does not fit: check embedding_model and dimensions in {section}")
        }
        (ErrorKind::Corrupt, Role::Chat) => {
            format!("choose another chat_model in {section}, or set how it is held to a schema")
        }
        (ErrorKind::Corrupt, Role::Vectors | Role::Keywords) => "rebuild it: `hark reindex`".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_does_wrong_has_a_remedy_that_names_the_section() {
        for kind in [ErrorKind::Denied, ErrorKind::Timeout, ErrorKind::Unavailable, ErrorKind::Corrupt] {
            for role in [Role::Embedder, Role::Chat] {
                let told = using(&Error::new(kind, "test", "x"), role, "openai");
                assert!(told.contains("[backends.openai]"), "{kind:?} {role:?}: {told}");
            }
        }
        assert!(opening(&Error::config("names its own remedy"), "openai").is_empty());
    }
}
