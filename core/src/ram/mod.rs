//! Honest in-memory stores: kind `ram`, always there, passing the same suites as every other backend.

use crate::Result;
use crate::backend::{Backend, Factory, OpenContext, Role};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Nothing to configure.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RamConfig {}

/// Kind `ram`.
#[derive(Debug, Clone, Copy)]
pub struct RamFactory;

#[async_trait]
impl Factory for RamFactory {
    const KIND: &'static str = "ram";
    const ROLES: &'static [Role] = &[Role::Memory, Role::Jobs, Role::Vectors, Role::Keywords];
    type Config = RamConfig;

    async fn open(&self, _: RamConfig, _: &OpenContext) -> Result<Arc<dyn Backend>> {
        todo!()
    }
}
