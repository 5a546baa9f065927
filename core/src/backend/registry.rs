//! The list of kinds, filled by explicit calls that one can read.

use super::{Backend, Factory, OpenContext, Role};
use crate::{Error, Result};
use async_trait::async_trait;
use schemars::SchemaGenerator;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What is known of a kind without opening it.
#[derive(Debug, Clone)]
pub struct KindInfo {
    /// The value of `kind`.
    pub kind: &'static str,
    /// The roles it offers; empty for a stub.
    pub roles: &'static [Role],
    /// JSON schema of its section (without `kind`); `None` for a stub.
    pub schema: Option<serde_json::Value>,
}

#[async_trait]
trait ErasedFactory: Send + Sync {
    fn info(&self) -> KindInfo;
    async fn open(&self, section: serde_json::Value, context: &OpenContext) -> Result<Arc<dyn Backend>>;
    async fn restore(&self, section: serde_json::Value, context: &OpenContext, from: &Path) -> Result<()>;
}

struct Typed<F>(F);

impl<F: Factory> Typed<F> {
    fn config(section: serde_json::Value) -> Result<F::Config> {
        serde_json::from_value(section).map_err(|e| Error::config(format!("kind `{}`: {e}", F::KIND)))
    }
}

#[async_trait]
impl<F: Factory> ErasedFactory for Typed<F> {
    fn info(&self) -> KindInfo {
        let schema = SchemaGenerator::default().into_root_schema_for::<F::Config>();
        KindInfo { kind: F::KIND, roles: F::ROLES, schema: Some(schema.to_value()) }
    }

    async fn open(&self, section: serde_json::Value, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        self.0.open(Self::config(section)?, context).await
    }

    async fn restore(&self, section: serde_json::Value, context: &OpenContext, from: &Path) -> Result<()> {
        self.0.restore(Self::config(section)?, context, from).await
    }
}

struct Stub {
    kind: &'static str,
    feature: &'static str,
}

impl Stub {
    fn left_out(&self) -> Error {
        Error::config(format!(
            "kind `{}` is not in this binary: compiled without the `{}` feature",
            self.kind, self.feature
        ))
    }
}

#[async_trait]
impl ErasedFactory for Stub {
    fn info(&self) -> KindInfo {
        KindInfo { kind: self.kind, roles: &[], schema: None }
    }

    async fn open(&self, _: serde_json::Value, _: &OpenContext) -> Result<Arc<dyn Backend>> {
        Err(self.left_out())
    }

    async fn restore(&self, _: serde_json::Value, _: &OpenContext, _: &Path) -> Result<()> {
        Err(self.left_out())
    }
}

/// Kinds by name.
#[derive(Default)]
pub struct Registry {
    factories: BTreeMap<&'static str, Box<dyn ErasedFactory>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.factories.keys()).finish()
    }
}

impl Registry {
    /// A registry that knows only `ram`, which is always there.
    pub fn new() -> Self {
        let mut registry = Self::default();
        registry.register(crate::ram::RamFactory);
        registry
    }

    /// Adds a kind; a later one of the same name replaces the earlier.
    pub fn register<F: Factory>(&mut self, factory: F) -> &mut Self {
        self.factories.insert(F::KIND, Box::new(Typed(factory)));
        self
    }

    /// Notes a kind that was left out at compile time, so that asking for it says so.
    pub fn register_stub(&mut self, kind: &'static str, feature: &'static str) -> &mut Self {
        self.factories.insert(kind, Box::new(Stub { kind, feature }));
        self
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> Vec<KindInfo> {
        self.factories.values().map(|f| f.info()).collect()
    }

    /// What is known of a kind.
    ///
    /// # Errors
    /// `Config`, listing the known kinds.
    pub fn info(&self, kind: &str) -> Result<KindInfo> {
        self.find(kind).map(ErasedFactory::info)
    }

    /// Opens a backend of a kind with its section (without `kind`).
    ///
    /// # Errors
    /// `Config` for an unknown kind (the known ones are listed), a stub, or a section that does not fit;
    /// otherwise what the factory says.
    pub async fn open(
        &self,
        kind: &str,
        section: serde_json::Value,
        context: &OpenContext,
    ) -> Result<Arc<dyn Backend>> {
        self.find(kind)?.open(section, context).await
    }

    /// Puts a copy in place for a backend of a kind with its section (without `kind`): see [`Factory::restore`].
    ///
    /// # Errors
    /// As [`Registry::open`], and what the factory says.
    pub async fn restore(
        &self,
        kind: &str,
        section: serde_json::Value,
        context: &OpenContext,
        from: &Path,
    ) -> Result<()> {
        self.find(kind)?.restore(section, context, from).await
    }

    fn find(&self, kind: &str) -> Result<&dyn ErasedFactory> {
        self.factories.get(kind).map(|f| &**f).ok_or_else(|| {
            let known: Vec<_> = self.factories.keys().copied().collect();
            Error::config(format!("unknown kind `{kind}`; known kinds: {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_answered_with_the_known_ones_and_a_stub_says_why() {
        let mut registry = Registry::new();
        registry.register_stub("lancedb", "lancedb");
        let error = registry.info("lance").unwrap_err().to_string();
        assert!(error.contains("unknown kind `lance`; known kinds: lancedb, ram"), "{error}");
        assert!(registry.info("lancedb").unwrap().roles.is_empty());
    }
}
