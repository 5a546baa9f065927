//! The configuration's JSON schema: the fixed part, and one branch per registered kind.

use super::Config;
use hark_core::backend::Registry;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

/// The schema for what this registry knows. The same registry gives the same text.
pub fn json_schema(registry: &Registry) -> Value {
    let mut root = SchemaGenerator::default().into_root_schema_for::<Config>().to_value();
    let mut definitions = root.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    let branches: Vec<Value> = registry
        .kinds()
        .into_iter()
        .filter_map(|info| Some(branch(info.kind, info.schema?, &mut definitions)))
        .collect();
    if let Some(root) = root.as_object_mut() {
        root.insert("title".to_owned(), "Hark's configuration".into());
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    if let Some(backends) = root.pointer_mut("/properties/backends").and_then(Value::as_object_mut) {
        backends.insert("additionalProperties".to_owned(), json!({ "anyOf": branches }));
    }
    super::show::shorten_floats(&mut root);
    root
}

/// A kind's section. Its own definitions move to the root, under the kind's name, so that none meets another's.
fn branch(kind: &str, mut schema: Value, definitions: &mut Map<String, Value>) -> Value {
    rename_references(&mut schema, kind);
    let Some(section) = schema.as_object_mut() else { return schema };
    section.remove("$schema");
    if let Some(Value::Object(own)) = section.remove("$defs") {
        definitions.extend(own.into_iter().map(|(name, definition)| (format!("{kind}_{name}"), definition)));
    }
    section.insert("title".to_owned(), format!("kind = \"{kind}\"").into());
    let properties = section.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("kind".to_owned(), json!({ "const": kind }));
    }
    schema
}

fn rename_references(value: &mut Value, kind: &str) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/$defs/{kind}_{name}");
            }
            map.values_mut().for_each(|v| rename_references(v, kind));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| rename_references(v, kind)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_a_definition_and_every_kind_a_branch() {
        let schema = json_schema(&Registry::new());
        let branches = &schema["properties"]["backends"]["additionalProperties"]["anyOf"];
        assert_eq!(branches[0]["properties"]["kind"]["const"], "ram");
        let text = schema.to_string();
        for reference in text.split("\"#/$defs/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schema["$defs"].get(name).is_some(), "{name} is not defined");
        }
        assert!(schema["properties"]["roles"].is_object());
    }
}
