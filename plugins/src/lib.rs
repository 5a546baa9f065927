//! The bundle: every backend of this repository, one line each. A kind that was left out at compile time becomes
//! a stub, so that a configuration that asks for it is told why it is missing.

use hark_core::backend::Registry;

/// Adds everything this build was compiled with.
pub fn install(registry: &mut Registry) {
    #[cfg(feature = "sqlite")]
    hark_sqlite::register(registry);
    #[cfg(not(feature = "sqlite"))]
    registry.register_stub("sqlite", "sqlite");

    #[cfg(feature = "postgres")]
    hark_postgres::register(registry);
    #[cfg(not(feature = "postgres"))]
    registry.register_stub("postgres", "postgres");

    #[cfg(feature = "lancedb")]
    hark_lancedb::register(registry);
    #[cfg(not(feature = "lancedb"))]
    registry.register_stub("lancedb", "lancedb");

    #[cfg(feature = "tantivy")]
    hark_tantivy::register(registry);
    #[cfg(not(feature = "tantivy"))]
    registry.register_stub("tantivy", "tantivy");

    #[cfg(feature = "local")]
    hark_local::register(registry);
    #[cfg(not(feature = "local"))]
    registry.register_stub("local", "local");

    #[cfg(feature = "openai")]
    hark_openai::register(registry);
    #[cfg(not(feature = "openai"))]
    registry.register_stub("openai", "openai");

    #[cfg(feature = "ollama")]
    hark_ollama::register(registry);
    #[cfg(not(feature = "ollama"))]
    registry.register_stub("ollama", "ollama");

    #[cfg(feature = "redis")]
    hark_redis::register(registry);
    #[cfg(not(feature = "redis"))]
    registry.register_stub("redis", "redis");
}

/// The built-in embedder's models: what `hark models` lists and fetches.
#[cfg(feature = "local")]
pub mod local {
    pub use hark_local::{Fetched, ModelListing, Progress, Source, fetch, list};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_and_those_compiled_in_offer_what_the_defaults_need() {
        let mut registry = Registry::new();
        install(&mut registry);
        for (kind, compiled) in [
            ("sqlite", cfg!(feature = "sqlite")),
            ("postgres", cfg!(feature = "postgres")),
            ("lancedb", cfg!(feature = "lancedb")),
            ("tantivy", cfg!(feature = "tantivy")),
            ("local", cfg!(feature = "local")),
            ("openai", cfg!(feature = "openai")),
            ("ollama", cfg!(feature = "ollama")),
            ("redis", cfg!(feature = "redis")),
        ] {
            let info = registry.info(kind).unwrap();
            assert_eq!(info.schema.is_some(), compiled, "{kind}");
            assert_eq!(info.roles.is_empty(), !compiled, "{kind}");
        }
    }
}
