//! A JSON schema without references, which Ollama does not follow.

use serde_json::{Map, Value};

/// How deep references are followed; a schema that refers to itself allows anything from there on.
const DEPTH: usize = 8;

/// The schema with every reference to its own `$defs` replaced by what it means. What stands beside a reference,
/// such as a description, is kept.
pub(crate) fn inlined(schema: &Value) -> Value {
    let defs = ["$defs", "definitions"].into_iter().find_map(|key| schema.get(key)?.as_object());
    let defs = defs.cloned().unwrap_or_default();
    let mut root = schema.clone();
    if let Value::Object(map) = &mut root {
        for key in ["$defs", "definitions", "$schema"] {
            map.remove(key);
        }
    }
    inline(&root, &defs, DEPTH)
}

fn inline(schema: &Value, defs: &Map<String, Value>, depth: usize) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| inline(item, defs, depth)).collect(),
        Value::Object(map) => {
            let mut out = Map::new();
            if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                let name = target.rsplit('/').next().unwrap_or_default();
                let meant = defs.get(name).filter(|_| depth > 0).map(|def| inline(def, defs, depth - 1));
                if let Some(Value::Object(meant)) = meant {
                    out = meant;
                }
            }
            let others = map.iter().filter(|(key, _)| *key != "$ref");
            out.extend(others.map(|(key, value)| (key.clone(), inline(value, defs, depth))));
            Value::Object(out)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{JsonSchema, schema_for};
    use serde_json::json;

    #[expect(dead_code, reason = "only its schema is read")]
    #[derive(JsonSchema)]
    struct Found {
        /// How it was said.
        mood: Mood,
        other: Option<Mood>,
        parts: Vec<Found>,
    }

    #[expect(dead_code, reason = "only its schema is read")]
    #[derive(JsonSchema)]
    enum Mood {
        Glad,
        Sad,
    }

    #[test]
    fn references_are_followed_and_end_somewhere() {
        let schema = inlined(&schema_for!(Found).to_value());
        let text = schema.to_string();
        assert!(!text.contains("$ref") && !text.contains("$defs") && !text.contains("$schema"), "{text}");
        let mood = json!({"type": "string", "enum": ["Glad", "Sad"], "description": "How it was said."});
        assert_eq!(schema["properties"]["mood"], mood);
        assert_eq!(schema["properties"]["other"]["anyOf"][0], json!({"type": "string", "enum": ["Glad", "Sad"]}));
    }

    #[test]
    fn what_cannot_be_followed_allows_anything() {
        let schema = json!({"properties": {"a": {"$ref": "#/$defs/Gone"}, "b": {"$ref": "#/definitions/B"}},
            "definitions": {"B": {"properties": {"b": {"$ref": "#/definitions/B"}}}}});
        let schema = inlined(&schema);
        assert_eq!(schema["properties"]["a"], json!({}));
        assert!(!schema.to_string().contains("$ref"));
        assert_eq!(inlined(&json!(true)), json!(true));
    }
}
