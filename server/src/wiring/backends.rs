//! Open backends, by name.

use super::models::Models;
use super::{Configured, Surroundings};
use crate::app::RoleInfo;
use crate::backup;
use crate::config::{Choice, Instance, Plan};
use hark_core::ai::Embedder;
use hark_core::backend::{Backend, Registry, Role};
use hark_core::layer::Profiles;
use hark_core::store::{Archive, MemoryStore, Migration, SealedStore, Space};
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
        Self::open_these(plan, &plan.instances, registry, around).await
    }

    /// Opens those backends of the plan that play one of these roles, once: for a process beside a server, which holds
    /// the others.
    ///
    /// # Errors
    /// As [`Backends::open`].
    pub(crate) async fn open_of(
        plan: &Plan,
        roles: &[Role],
        registry: &Registry,
        around: &Surroundings<'_>,
    ) -> Result<Self> {
        let plays = |instance: &&Instance| roles.iter().any(|role| plays(plan, *role, instance));
        let instances: Vec<Instance> = plan.instances.iter().filter(plays).cloned().collect();
        Self::open_these(plan, &instances, registry, around).await
    }

    async fn open_these(
        plan: &Plan,
        instances: &[Instance],
        registry: &Registry,
        around: &Surroundings<'_>,
    ) -> Result<Self> {
        let context = around.context();
        let mut backends = Self { open: Vec::new() };
        for instance in instances {
            let section = serde_json::Value::Object(instance.options.clone());
            match registry.open(&instance.kind, section, &context).await {
                Ok(backend) => backends.open.push((instance.clone(), backend)),
                Err(e) => {
                    backends.close().await;
                    let is_truth = backup::COPIED.iter().any(|role| plays(plan, *role, instance));
                    return Err(if is_truth { damaged(about(instance, e)) } else { about(instance, e) });
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

    /// What any of them keeps sealed.
    pub(crate) fn sealed(&self) -> Vec<Arc<dyn SealedStore>> {
        self.open.iter().flat_map(|(_, backend)| backend.sealed()).collect()
    }

    /// Closes all of them. What fails is logged: there is nothing else left to do.
    pub async fn close(&self) {
        for (instance, backend) in &self.open {
            if let Err(error) = backend.close().await {
                tracing::warn!(backend = instance.name, %error, "could not be closed");
            }
        }
    }

    /// The open truth.
    ///
    /// # Errors
    /// As every part.
    pub(crate) fn memory(&self, plan: &Plan) -> Result<Arc<dyn MemoryStore>> {
        self.part(plan, Role::Memory, Backend::memory)
    }

    /// The backend that plays the truth.
    pub(super) fn truth(&self, plan: &Plan) -> Option<&dyn Backend> {
        let Choice::Backend(name) = plan.choice(Role::Memory) else { return None };
        self.find(name).map(|(_, backend)| backend.as_ref())
    }

    /// What is copied by a backup, in its order.
    ///
    /// # Errors
    /// `Unsupported` when one of them makes no copies.
    pub(crate) fn sources(&self, plan: &Plan) -> Result<Vec<backup::Source>> {
        let mut sources: Vec<backup::Source> = Vec::new();
        for role in backup::COPIED {
            let Choice::Backend(name) = plan.choice(role) else { continue };
            if let Some((folder, roles, _, _)) = sources.iter_mut().find(|(_, _, instance, _)| instance.name == *name) {
                role.name().clone_into(folder);
                roles.push(role);
                continue;
            }
            let Some((instance, backend)) = self.find(name) else { continue };
            let copies = backend.backup().ok_or_else(|| {
                let what = format!(
                    "roles.{}: backend `{name}` (kind `{}`) makes no copies of its own; back it up by its own means",
                    role.name(),
                    instance.kind
                );
                Error::new(ErrorKind::Unsupported, "backup.sources", what)
            })?;
            sources.push((role.name().to_owned(), vec![role], instance.clone(), copies));
        }
        Ok(sources)
    }

    /// The tables of the backend of that name, if it is open and has some to be carried over.
    pub(crate) fn archive(&self, name: &str) -> Option<Arc<dyn Archive>> {
        self.find(name).and_then(|(_, backend)| backend.archive())
    }

    fn find(&self, name: &str) -> Option<&(Instance, Arc<dyn Backend>)> {
        self.open.iter().find(|(instance, _)| instance.name == name)
    }

    /// The part `role` of the backend that plays it. A backend that does not offer what its factory states says
    /// which key of its section switches it off, or has a defect.
    pub(crate) fn part<T>(&self, plan: &Plan, role: Role, part: impl Fn(&dyn Backend) -> Option<T>) -> Result<T> {
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

fn plays(plan: &Plan, role: Role, instance: &Instance) -> bool {
    matches!(plan.choice(role), Choice::Backend(name) if *name == instance.name)
}

/// Says what to do about a damaged truth; every other error stays as it is.
pub(crate) fn damaged(error: Error) -> Error {
    if error.kind() != ErrorKind::Corrupt {
        return error;
    }
    let remedy = "move the data folder's content away (but keep `keys`), and bring the last backup back with \
                  `hark restore`: docs/operations/backup.md";
    Error::new(error.kind(), error.operation(), format!("{}; {remedy}", error.context())).with_source(error)
}

fn about(instance: &Instance, error: Error) -> Error {
    let context = format!("backend `{}`: {}", instance.name, error.context());
    Error::new(error.kind(), "wiring.open", context).retriable(error.is_retriable()).with_source(error)
}
