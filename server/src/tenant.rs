//! The application as one tenant sees it.

use crate::app::App;
use crate::http::error::Problem;
use crate::middleware::audit::Touched;
use crate::middleware::principal::{KeyName, Principal};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use hark_core::privacy::AuditNote;
use hark_core::{AuditAction, KeyScopes, KeyedHash, Result, TenantId};
use std::ops::Deref;

/// The application and who is asking. Only this has a tenant, and the tenant is the key's: a handler that was not told
/// who asks cannot reach anybody's data.
#[derive(Debug, Clone)]
pub struct TenantApp {
    app: App,
    principal: Principal,
    touched: Touched,
}

impl TenantApp {
    /// Whose data may be touched.
    pub fn tenant(&self) -> &TenantId {
        &self.principal.tenant
    }

    /// For the audit log: whom and what it is about.
    pub fn touched(&self) -> &Touched {
        &self.touched
    }

    /// Puts on record what a command has done, or tried to, beside the data folder.
    ///
    /// # Errors
    /// What the store says: then it is not on record.
    pub(crate) async fn record(
        &self,
        action: AuditAction,
        command: &str,
        person: Option<KeyedHash>,
        object: Option<&str>,
        done: bool,
    ) -> Result<()> {
        let note = AuditNote {
            actor: self.principal.key.as_str().to_owned(),
            action,
            route: command.to_owned(),
            person,
            object: object.map(str::to_owned),
            status: u16::from(!done),
        };
        self.app.audit.note(self.tenant(), note);
        self.app.audit.flush().await
    }

    /// Who is asking.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl Deref for TenantApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl App {
    /// The application as `principal` may use it.
    pub fn of(&self, principal: Principal) -> TenantApp {
        TenantApp { app: self.clone(), principal, touched: Touched::default() }
    }

    /// The application for a command that holds the data folder itself: the deployment's tenant, everything allowed.
    pub fn at_the_folder(&self) -> TenantApp {
        let tenant = self.default_tenant().clone();
        self.of(Principal { tenant, key: KeyName::Folder, scopes: KeyScopes::all() })
    }
}

impl FromRequestParts<App> for TenantApp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> std::result::Result<Self, Problem> {
        match parts.extensions.get::<Principal>() {
            Some(principal) => {
                let touched = parts.extensions.get::<Touched>().cloned().unwrap_or_default();
                Ok(TenantApp { touched, ..app.of(principal.clone()) })
            }
            None => {
                tracing::error!("a route about a tenant's data stands outside of authentication");
                Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be served"))
            }
        }
    }
}
