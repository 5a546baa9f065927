//! From names to backends: which section is opened with which kind, and which part each plays.

use super::{Loaded, Section, problem};
use hark_core::Result;
use hark_core::backend::{KindInfo, Registry, Role};
use serde_json::Value;
use std::collections::BTreeMap;

/// What plays a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing.
    None,
    /// The rules built into the core.
    ByRules,
    /// The prompts built into the core, asked of whatever plays `chat`.
    ByPrompt,
    /// The backend of this name.
    Backend(String),
}

/// A backend to be opened.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its section without `kind`.
    pub options: Section,
}

/// Who plays what; everything in it fits together.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Each backend that is used, once.
    pub instances: Vec<Instance>,
    roles: BTreeMap<Role, Choice>,
}

impl Plan {
    /// What plays the part.
    pub fn choice(&self, role: Role) -> &Choice {
        self.roles.get(&role).unwrap_or(&Choice::None)
    }
}

impl Loaded {
    /// Gives out the roles.
    ///
    /// # Errors
    /// `Config`, naming source, key and remedy: an unknown backend or kind, one that does not offer the part, or
    /// a section with a key its kind does not know.
    pub fn plan(&self, registry: &Registry) -> Result<Plan> {
        let roles = &self.config.roles;
        let named = [
            (Role::Memory, &roles.memory),
            (Role::Jobs, &roles.jobs),
            (Role::Vectors, &roles.vectors),
            (Role::Keywords, &roles.keywords),
            (Role::Embedder, &roles.embedder),
            (Role::Chat, &roles.chat),
            (Role::Extractor, &roles.extractor),
            (Role::Classifier, &roles.classifier),
        ];
        let mut plan = Plan { instances: Vec::new(), roles: BTreeMap::new() };
        for (role, name) in named {
            self.plan_role(&mut plan, role, name, registry)?;
        }
        self.plan_cache(&mut plan, registry)?;
        let limits = self.config.roles.limits.as_deref().unwrap_or("none");
        self.plan_role(&mut plan, Role::Limits, limits, registry)?;
        self.check_unused(&plan, registry)?;
        Ok(plan)
    }

    fn plan_role(&self, plan: &mut Plan, role: Role, name: &str, registry: &Registry) -> Result<()> {
        let choice = self.choose(role, name, registry)?;
        if let Choice::Backend(name) = &choice
            && !plan.instances.iter().any(|i| i.name == *name)
        {
            plan.instances.push(self.instance(role, name, registry)?);
        }
        plan.roles.insert(role, choice);
        Ok(())
    }

    /// Every section of `[backends]` whose kind offers the part, used or not.
    ///
    /// # Errors
    /// `Config`, as [`Loaded::plan`], for a section that is wrong.
    pub(crate) fn offering(&self, role: Role, registry: &Registry) -> Result<Vec<Instance>> {
        let mut offering = Vec::new();
        for (name, section) in &self.config.backends {
            let kind = section.get("kind").and_then(Value::as_str).unwrap_or(name);
            if registry.info(kind).is_ok_and(|info| info.roles.contains(&role)) {
                offering.push(self.instance(role, name, registry)?);
            }
        }
        Ok(offering)
    }

    /// The cache is the truth's neighbour unless somebody says otherwise.
    fn plan_cache(&self, plan: &mut Plan, registry: &Registry) -> Result<()> {
        let name = match (&self.config.roles.cache, plan.choice(Role::Memory)) {
            (Some(name), _) => name.clone(),
            (None, Choice::Backend(memory)) => {
                let kind = plan.instances.iter().find(|i| i.name == *memory).map_or("", |i| i.kind.as_str());
                let offered = registry.info(kind).map(|info| info.roles).unwrap_or_default();
                if offered.contains(&Role::Cache) { memory.clone() } else { "none".to_owned() }
            }
            (None, _) => "none".to_owned(),
        };
        self.plan_role(plan, Role::Cache, &name, registry)
    }

    fn choose(&self, role: Role, name: &str, registry: &Registry) -> Result<Choice> {
        let key = format!("roles.{}", role.name());
        match (name, role) {
            ("none", Role::Embedder | Role::Chat | Role::Cache | Role::Limits) => return Ok(Choice::None),
            ("none", _) => return Err(self.problem(&key, "cannot be none; name a backend")),
            ("by_rules", Role::Extractor | Role::Classifier) => return Ok(Choice::ByRules),
            ("auto", Role::Extractor) if self.config.roles.chat == "none" => return Ok(Choice::ByRules),
            ("auto", Role::Extractor) => return Ok(Choice::ByPrompt),
            ("by_prompt", Role::Extractor | Role::Classifier) if self.config.roles.chat == "none" => {
                return Err(self.problem(&key, "by_prompt asks a chat model, and roles.chat is none; name one there"));
            }
            ("by_prompt", Role::Extractor | Role::Classifier) => return Ok(Choice::ByPrompt),
            _ => {}
        }
        let instance = self.instance(role, name, registry)?;
        let offered = registry.info(&instance.kind).map(|info| info.roles).unwrap_or_default();
        if offered.contains(&role) {
            return Ok(Choice::Backend(instance.name));
        }
        let offered: Vec<_> = offered.iter().map(|r| r.name()).collect();
        Err(self.problem(
            &key,
            format_args!(
                "backend `{name}` ({}) offers {}, not {}; {}",
                instance.kind,
                list(&offered, "and", "nothing"),
                role.name(),
                self.who_offers(role, registry)
            ),
        ))
    }

    /// The backend of that name, as the part that asks for it sees it.
    fn instance(&self, role: Role, name: &str, registry: &Registry) -> Result<Instance> {
        let section = self.config.backends.get(name);
        let kind = section.and_then(|s| s.get("kind"));
        let kind = match kind {
            Some(Value::String(kind)) => kind.clone(),
            Some(_) => return Err(self.problem(&format!("backends.{name}.kind"), "must be a text")),
            None if registry.info(name).is_ok() => name.to_owned(),
            None if section.is_some() => {
                let known = kinds(registry);
                return Err(
                    self.problem(&format!("backends.{name}"), format_args!("`kind` is missing; known kinds: {known}"))
                );
            }
            None => {
                let names: Vec<&str> = self.config.backends.keys().map(String::as_str).collect();
                return Err(self.problem(
                    &format!("roles.{}", role.name()),
                    format_args!(
                        "there is no backend `{name}`; add a section [backends.{name}], or name {}",
                        list(&names, "or", "a kind")
                    ),
                ));
            }
        };
        let mut options = section.cloned().unwrap_or_default();
        options.remove("kind");
        let instance = Instance { name: name.to_owned(), kind, options };
        self.check_section(&instance, registry)?;
        Ok(instance)
    }

    /// Sections nobody uses are checked too, so that a slip in a name does not go unseen; not the built-in ones,
    /// whose kinds a stranger's binary need not have.
    fn check_unused(&self, plan: &Plan, registry: &Registry) -> Result<()> {
        for name in self.config.backends.keys() {
            let used = plan.instances.iter().any(|i| i.name == *name);
            if !used && self.source(&format!("backends.{name}.kind")) != super::layers::DEFAULTS {
                self.instance(Role::Memory, name, registry)?;
            }
        }
        Ok(())
    }

    /// Keys and plain types against the kind's schema. The factory checks the rest; what is caught here is told
    /// with its source, and without its value.
    fn check_section(&self, instance: &Instance, registry: &Registry) -> Result<()> {
        let key = format!("backends.{}", instance.name);
        let info = registry.info(&instance.kind).map_err(|e| self.problem(&format!("{key}.kind"), e.context()))?;
        let Some(schema) = info.schema else {
            return Err(self.problem(
                &format!("{key}.kind"),
                format_args!(
                    "kind `{0}` is not in this binary; build it with the feature `{0}`, or choose another",
                    instance.kind
                ),
            ));
        };
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return match instance.options.keys().next() {
                Some(option) => Err(self.problem(
                    &format!("{key}.{option}"),
                    format_args!("unknown key; kind `{}` has no options, remove it", instance.kind),
                )),
                None => Ok(()),
            };
        };
        for (option, value) in &instance.options {
            let key = format!("{key}.{option}");
            let Some(property) = properties.get(option) else {
                let known: Vec<_> = properties.keys().collect();
                let remedy = problem::did_you_mean(option, &known);
                return Err(self.problem(&key, format_args!("unknown key of kind `{}`; {remedy}", instance.kind)));
            };
            if let Some(wanted) = mismatch(property, value) {
                return Err(self.problem(&key, format_args!("must be {wanted}")));
            }
        }
        Ok(())
    }

    fn who_offers(&self, role: Role, registry: &Registry) -> String {
        let named = self.config.backends.iter().filter_map(|(name, section)| {
            let kind = section.get("kind").and_then(Value::as_str).unwrap_or(name);
            let info = registry.info(kind).ok()?;
            info.roles.contains(&role).then(|| format!("`{name}`"))
        });
        let named: Vec<String> = named.collect();
        if let [.., _] = named.as_slice() {
            let does = if named.len() == 1 { "does" } else { "do" };
            return format!("{} {does}", list(&named, "and", ""));
        }
        let kinds: Vec<KindInfo> = registry.kinds().into_iter().filter(|k| k.roles.contains(&role)).collect();
        let kinds: Vec<String> = kinds.iter().map(|k| format!("`{}`", k.kind)).collect();
        format!("kinds that do: {}", list(&kinds, "and", "none in this binary"))
    }
}

fn kinds(registry: &Registry) -> String {
    registry.kinds().iter().map(|k| k.kind).collect::<Vec<_>>().join(", ")
}

/// What a value should be, if its plain type is wrong. Anything the schema does not say plainly passes.
fn mismatch(property: &Value, value: &Value) -> Option<String> {
    let types: Vec<&str> = match property.get("type")? {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = types.iter().any(|wanted| match *wanted {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    });
    let named = types.iter().filter(|t| **t != "null").map(|wanted| match *wanted {
        "string" => "a text",
        "integer" => "a whole number",
        "array" => "a list",
        "object" => "a section",
        "boolean" => "a boolean",
        _ => "a number",
    });
    (!fits).then(|| named.collect::<Vec<_>>().join(" or "))
}

fn list<S: AsRef<str>>(items: &[S], and: &str, none: &str) -> String {
    match items {
        [] => none.to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} {and} {}", first.join(", "), last.as_ref())
        }
    }
}
