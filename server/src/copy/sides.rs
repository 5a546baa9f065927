//! Where from and where to: both configurations looked at before anything is opened.

use super::Order;
use crate::config::{Choice, Instance, Loaded, Plan};
use crate::data_dir::DataDir;
use crate::keys;
use crate::wiring::{Backends, Surroundings};
use hark_core::backend::{Registry, Role};
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::Archive;
use hark_core::{Error, ErrorKind, Result, SystemClock, SystemEntropy};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who keeps what is copied.
pub(super) const COPIED: [Role; 3] = [Role::Memory, Role::Jobs, Role::Cache];

/// One of the two.
pub(super) struct Side<'a> {
    /// `the source` or `the target`.
    pub(super) what: &'static str,
    pub(super) loaded: &'a Loaded,
    pub(super) plan: Plan,
    pub(super) keyring: Keyring,
    /// The data folder, held; `None` where the source may be in use.
    pub(super) folder: Option<DataDir>,
}

/// Both.
pub(super) struct Sides<'a> {
    pub(super) from: Side<'a>,
    pub(super) to: Side<'a>,
    pub(super) registry: &'a Registry,
    pub(super) live: bool,
}

impl<'a> Sides<'a> {
    /// Looks at both, and holds their folders.
    pub(super) fn of(order: &Order<'a>) -> Result<Self> {
        let from_folder = &order.from.config.server.data_dir;
        if !from_folder.is_dir() {
            let what =
                format!("the source's data folder {} is not there; look at server.data_dir", from_folder.display());
            return Err(Error::config(what));
        }
        let plans = (order.from.plan(order.registry)?, order.to.plan(order.registry)?);
        let from_keys = keys::read(&order.from.config, from_folder)?;
        let to_keys = keys::read(&order.to.config, &order.to.config.server.data_dir).map_err(|e| {
            let what = format!(
                "the target's {}; it needs the keys of the source: put the source's file `keys` into the target's data folder \
                 (mode 0600), or name it with encryption.keys_file",
                e.context()
            );
            Error::config(what).with_source(e)
        })?;
        let folder = |loaded: &Loaded| DataDir::open(&loaded.config.server.data_dir);
        // Whoever runs on the source holds its folder, which may be the target's too.
        let (held, into) = match (order.live, one_folder(order)) {
            (true, true) => (None, None),
            (true, false) => (None, Some(folder(order.to)?)),
            (false, true) => folder(order.from).map(|folder| (Some(folder.clone()), Some(folder)))?,
            (false, false) => (Some(folder(order.from)?), Some(folder(order.to)?)),
        };
        let side = |what, loaded, plan, keyring, folder| Side { what, loaded, plan, keyring, folder };
        let sides = Self {
            from: side("the source", order.from, plans.0, from_keys, held),
            to: side("the target", order.to, plans.1, to_keys, into),
            registry: order.registry,
            live: order.live,
        };
        if sides.share(Role::Memory) {
            return Err(Error::config(
                "both configurations name the same stores: roles.memory is of the same kind at the same place; environment \
                 variables (HARK_…) overrule both files",
            ));
        }
        sides.check_lookup()?;
        Ok(sides)
    }

    /// Whether both sides have the same store for that: of one kind, at one place.
    pub(super) fn share(&self, role: Role) -> bool {
        match (self.from.instance(role), self.to.instance(role)) {
            (Some(from), Some(to)) => {
                let at = |side: &Side<'_>| whole(&side.loaded.config.server.data_dir);
                from.kind == to.kind && from.options == to.options && at(&self.from) == at(&self.to)
            }
            _ => false,
        }
    }

    fn check_lookup(&self) -> Result<()> {
        if self.from.keyring.lookup_mark() == self.to.keyring.lookup_mark() {
            return Ok(());
        }
        Err(Error::config(
            "encryption keys: the target has another `lookup` key than the source, so that nobody would be found there; use \
             the source's keyring, file `keys` or encryption.keys_file, for both",
        ))
    }

    /// What tells this source from others, and names nothing of it.
    pub(super) fn mark(&self) -> String {
        let vault = Vault::new(self.from.keyring.clone(), Arc::new(SystemEntropy));
        let parts: Vec<_> = COPIED
            .iter()
            .filter_map(|role| self.from.instance(*role))
            .map(|instance| serde_json::json!([instance.kind, instance.options]))
            .collect();
        let place = whole(&self.from.loaded.config.server.data_dir);
        vault.sign_copy("source", &serde_json::json!([place, parts]).to_string())
    }
}

impl Side<'_> {
    pub(super) fn instance(&self, role: Role) -> Option<&Instance> {
        match self.plan.choice(role) {
            Choice::Backend(name) => self.plan.instances.iter().find(|instance| instance.name == *name),
            _ => None,
        }
    }

    pub(super) fn around(&self) -> Surroundings<'_> {
        Surroundings {
            data_dir: &self.loaded.config.server.data_dir,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            // Rows are carried as they are sealed.
            vault: None,
        }
    }

    pub(super) async fn open(&self, roles: &[Role], registry: &Registry) -> Result<Backends> {
        let opened = Backends::open_of(&self.plan, roles, registry, &self.around()).await;
        opened.map_err(|e| self.about(e))
    }

    /// The tables of whoever plays the role; `None` where nobody does.
    pub(super) fn archive(&self, role: Role, backends: &Backends) -> Result<Option<Arc<dyn Archive>>> {
        let Some(instance) = self.instance(role) else { return Ok(None) };
        if let Some(archive) = backends.archive(&instance.name) {
            return Ok(Some(archive));
        }
        if role == Role::Cache {
            // It costs money to do without, and nothing else.
            return Ok(None);
        }
        let what = format!(
            "{}: roles.{}: kind `{}` keeps nothing that could be carried over; name a store that does, such as sqlite or \
             postgres",
            self.what,
            role.name(),
            instance.kind
        );
        Err(Error::new(ErrorKind::Unsupported, "copy.archive", what))
    }

    /// The same error, told of this side.
    pub(super) fn about(&self, error: Error) -> Error {
        let context = format!("{}: {}", self.what, error.context());
        Error::new(error.kind(), error.operation(), context).retriable(error.is_retriable()).with_source(error)
    }
}

fn one_folder(order: &Order<'_>) -> bool {
    whole(&order.from.config.server.data_dir) == whole(&order.to.config.server.data_dir)
}

/// The path by which a folder is the same however it is written; one that is not there is itself.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
