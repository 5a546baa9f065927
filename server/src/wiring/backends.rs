//! Open backends, by name.

use super::models::Models;
use super::{Configured, Surroundings};
use crate::app::RoleInfo;
use crate::config::{Choice, Instance, Plan};
use hark_core::ai::Embedder;
use hark_core::backend::{Backend, Registry, Role};
use hark_core::layer::Profiles;
use hark_core::store::{Migration, Space};
use hark_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Open backends, by name.
#[derive(Debug)]
pub struct Backends {
    open: Vec<(Instance, Arc<dyn Backend>)>,
}

impl Backends {
    /// Opens every backend of the plan, once.
    ///
    /// # Errors
    /// What the factory says, with the backend's name in front.
    pub async fn open(plan: &Plan, registry: &Registry, around: &Surroundings<'_>) -> Result<Self> {
        let context = around.context();
        let mut backends = Self { open: Vec::new() };
        for instance in &plan.instances {
            let section = serde_json::Value::Object(instance.options.clone());
            match registry.open(&instance.kind, section, &context).await {
                Ok(backend) => backends.open.push((instance.clone(), backend)),
                Err(e) => {
                    backends.close().await;
                    return Err(about(instance, e));
                }
            }
        }
        Ok(backends)
    }

    /// A configured embedder of a space, whether or not it plays a part; opened if need be, and kept open if it is
    /// the one.
    ///
    /// # Errors
    /// `Config` for a section that is wrong. One that cannot be opened is only logged: it may not be the one.
    pub(super) async fn embedder_of(
        &mut self,
        space: &Space,
        configured: &Configured<'_>,
        around: &Surroundings<'_>,
        models: &mut Models,
    ) -> Result<Option<Profiles<dyn Embedder>>> {
        let speaks = |backend: &dyn Backend| backend.embedder().filter(|e| e.info().space == *space);
        for instance in configured.loaded.offering(Role::Embedder, configured.registry)? {
            if let Some((_, backend)) = self.find(&instance.name) {
                if let Some(embedder) = speaks(backend.as_ref()) {
                    return Ok(Some(models.embedder(&instance.name, embedder)));
                }
                continue;
            }
            let section = serde_json::Value::Object(instance.options.clone());
            let opened = configured.registry.open(&instance.kind, section, &around.context()).await;
            let backend = match opened {
                Ok(backend) => backend,
                Err(error) => {
                    tracing::warn!(backend = instance.name, ?error, "not opened while looking for the old embedder");
                    continue;
                }
            };
            match speaks(backend.as_ref()) {
                Some(embedder) => {
                    let embedder = models.embedder(&instance.name, embedder);
                    self.open.push((instance, backend));
                    return Ok(Some(embedder));
                }
                None => backend.close().await.unwrap_or_else(|error| tracing::warn!(%error, "could not be closed")),
            }
        }
        Ok(None)
    }

    /// The schema steps that have not run yet, with the backend's name.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn pending(&self) -> Result<Vec<(String, Migration)>> {
        let mut pending = Vec::new();
        for (instance, backend) in &self.open {
            let Some(migrate) = backend.migrate() else { continue };
            let steps = migrate.pending().await.map_err(|e| about(instance, e))?;
            pending.extend(steps.into_iter().map(|step| (instance.name.clone(), step)));
        }
        Ok(pending)
    }

    /// Runs them.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn migrate(&self) -> Result<()> {
        for (instance, backend) in &self.open {
            if let Some(migrate) = backend.migrate() {
                migrate.run().await.map_err(|e| about(instance, e))?;
            }
        }
        Ok(())
    }

    /// Closes all of them. What fails is logged: there is nothing else left to do.
    pub async fn close(&self) {
        for (instance, backend) in &self.open {
            if let Err(error) = backend.close().await {
                tracing::warn!(backend = instance.name, %error, "could not be closed");
            }
        }
    }

    fn find(&self, name: &str) -> Option<&(Instance, Arc<dyn Backend>)> {
        self.open.iter().find(|(instance, _)| instance.name == name)
    }

    /// The part `role` of the backend that plays it. A backend that does not offer what its factory states says
    /// which key of its section switches it off, or has a defect.
    pub(super) fn part<T>(&self, plan: &Plan, role: Role, part: impl Fn(&dyn Backend) -> Option<T>) -> Result<T> {
        let broken = |what: String| Error::new(ErrorKind::Internal, "wiring.part", what);
        let Choice::Backend(name) = plan.choice(role) else {
            return Err(broken(format!("nothing plays {}", role.name())));
        };
        let (_, backend) = self.find(name).ok_or_else(|| broken(format!("backend `{name}` is not open")))?;
        part(backend.as_ref()).ok_or_else(|| match backend.why_not(role) {
            Some(why) => Error::config(format!("roles.{}: backend `{name}` does not play it: {why}", role.name())),
            None => broken(format!("backend `{name}` states that it offers {} but does not", role.name())),
        })
    }

    /// What the backend that plays the truth offers besides, if it does.
    pub(super) fn beside_the_truth<T>(
        &self,
        plan: &Plan,
        part: impl Fn(&dyn Backend) -> Option<T>,
    ) -> Result<Option<T>> {
        self.part(plan, Role::Memory, |backend| Some(part(backend)))
    }

    pub(super) fn optional<T>(
        &self,
        plan: &Plan,
        role: Role,
        part: impl Fn(&dyn Backend) -> Option<T>,
    ) -> Result<Option<T>> {
        match plan.choice(role) {
            Choice::Backend(_) => self.part(plan, role, part).map(Some),
            Choice::None | Choice::ByRules | Choice::ByPrompt => Ok(None),
        }
    }

    pub(super) fn roles(&self, plan: &Plan) -> Vec<RoleInfo> {
        let info = |role| match plan.choice(role) {
            Choice::Backend(name) => {
                let (instance, backend) = self.find(name)?;
                let (name, kind) = (instance.name.clone(), instance.kind.clone());
                Some(RoleInfo { role, instance: name, kind, backend: Some(backend.clone()) })
            }
            Choice::ByRules => Some(built_in(role, "by_rules")),
            Choice::ByPrompt => Some(built_in(role, "by_prompt")),
            Choice::None => Some(built_in(role, "none")),
        };
        Role::ALL.into_iter().filter_map(info).collect()
    }
}

fn built_in(role: Role, name: &str) -> RoleInfo {
    RoleInfo { role, instance: name.to_owned(), kind: name.to_owned(), backend: None }
}

fn about(instance: &Instance, error: Error) -> Error {
    let context = format!("backend `{}`: {}", instance.name, error.context());
    Error::new(error.kind(), "wiring.open", context).retriable(error.is_retriable()).with_source(error)
}
