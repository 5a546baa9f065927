//! A JSON schema, cut down to the subset that strict answers allow.
//!
//! OpenAI and Azure refuse a schema unless every object forbids further properties and requires all of its own,
//! and refuse most keywords that limit a value. What is dropped here is not lost: the asker checks the answer.

use serde_json::{Map, Value, json};

/// What survives as it is.
const KEPT: [&str; 4] = ["type", "enum", "description", "title"];

/// The strict form of a schema: optional properties become required ones that may be null (those with a default
/// stay as they are, since null is not what they mean), `const` becomes `enum`, `oneOf` becomes `anyOf`, `$defs`
/// stay.
pub(crate) fn strict(schema: &Value) -> Value {
    let Value::Object(given) = schema else {
        // `true` allows anything; strict answers want it said.
        let any = ["string", "number", "boolean", "null"].map(|name| json!({ "type": name }));
        return json!({ "anyOf": any });
    };
    if let Some(target) = given.get("$ref") {
        // Nothing may stand beside a reference.
        return json!({ "$ref": renamed(target) });
    }
    let mut out = Map::new();
    if let Some(Value::Array(all)) = given.get("allOf") {
        // One schema in two parts, which is how descriptions are put beside references: the parts become one.
        for part in all {
            if let Value::Object(part) = strict(part) {
                out.extend(part);
            }
        }
        if out.contains_key("$ref") {
            return Value::Object(out);
        }
    }
    for key in KEPT {
        if let Some(value) = given.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(value) = given.get("const") {
        out.insert("enum".to_owned(), json!([value]));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(choices)) = given.get(key) {
            out.insert("anyOf".to_owned(), choices.iter().map(strict).collect());
        }
    }
    if let Some(items) = given.get("items") {
        out.insert("items".to_owned(), strict(items));
    }
    for key in ["$defs", "definitions"] {
        if let Some(Value::Object(defs)) = given.get(key) {
            out.insert("$defs".to_owned(), Value::Object(each(defs, strict)));
        }
    }
    if is_object(given) {
        let empty = Map::new();
        let properties = given.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required = given.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let property = |name: &String, schema: &Value| {
            let strict = strict(schema);
            let may_be_absent = !required.iter().any(|r| r == name) && schema.get("default").is_none();
            (name.clone(), if may_be_absent { nullable(strict) } else { strict })
        };
        out.insert("required".to_owned(), properties.keys().cloned().collect());
        let properties = properties.iter().map(|(name, schema)| property(name, schema)).collect();
        out.insert("properties".to_owned(), Value::Object(properties));
        out.insert("additionalProperties".to_owned(), false.into());
    }
    Value::Object(out)
}

/// What is added to the instructions where a server cannot be held to a schema.
pub(crate) fn told(schema: &Value) -> String {
    format!("\n\nAnswer with one JSON object that keeps to this JSON schema, and with nothing else:\n{schema}")
}

fn each(map: &Map<String, Value>, change: fn(&Value) -> Value) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.clone(), change(value))).collect()
}

fn renamed(target: &Value) -> Value {
    match target {
        Value::String(path) => path.replace("#/definitions/", "#/$defs/").into(),
        other => other.clone(),
    }
}

fn is_object(schema: &Map<String, Value>) -> bool {
    let named = match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => false,
    };
    named || schema.contains_key("properties")
}

fn nullable(schema: Value) -> Value {
    let null = json!({ "type": "null" });
    let Value::Object(mut map) = schema else { return schema };
    if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
        if !choices.iter().any(|choice| choice["type"] == "null") {
            choices.push(null);
        }
        return Value::Object(map);
    }
    if let Some(Value::Array(values)) = map.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    let listed = map.contains_key("enum");
    match map.get_mut("type") {
        Some(Value::String(name)) if name == "null" => {}
        Some(Value::String(name)) => {
            let both = json!([name, "null"]);
            map.insert("type".to_owned(), both);
        }
        Some(Value::Array(names)) => {
            if !names.iter().any(|name| name == "null") {
                names.push("null".into());
            }
        }
        _ if listed => {}
        _ => return json!({ "anyOf": [map, null] }),
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{JsonSchema, schema_for};

    #[expect(dead_code, reason = "only its schema is read")]
    #[derive(JsonSchema)]
    struct Found {
        /// What was said.
        #[schemars(length(max = 100))]
        text: String,
        #[schemars(range(min = 0, max = 1))]
        salience: f32,
        when: Option<String>,
        mood: Option<Mood>,
        kind: Kind,
        #[serde(default)]
        turns: Vec<u32>,
        inner: Option<Box<Found>>,
    }

    #[expect(dead_code, reason = "only its schema is read")]
    #[derive(JsonSchema)]
    enum Mood {
        Glad,
        Sad,
    }

    #[expect(dead_code, reason = "only its schema is read")]
    #[derive(JsonSchema)]
    enum Kind {
        /// It is so.
        Fact,
        /// It shall be so.
        Promise,
    }

    /// OpenAI's rules, as far as its documentation states them.
    fn keeps_the_rules(schema: &Value) {
        let map = schema.as_object().unwrap_or_else(|| panic!("{schema}"));
        if map.contains_key("$ref") {
            assert_eq!(map.len(), 1, "{schema}");
        }
        const ALLOWED: [&str; 11] = [
            "type",
            "enum",
            "description",
            "title",
            "anyOf",
            "items",
            "$defs",
            "$ref",
            "properties",
            "required",
            "additionalProperties",
        ];
        assert!(map.keys().all(|key| ALLOWED.contains(&key.as_str())), "{schema}");
        if is_object(map) {
            assert_eq!(map["additionalProperties"], false);
            let mut names: Vec<_> = map["properties"].as_object().unwrap().keys().collect();
            let mut required: Vec<_> = map["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            names.sort();
            required.sort_unstable();
            assert_eq!(names, required);
        }
        for key in ["properties", "$defs"] {
            map.get(key).and_then(Value::as_object).into_iter().flat_map(Map::values).for_each(keeps_the_rules);
        }
        map.get("anyOf").and_then(Value::as_array).into_iter().flatten().for_each(keeps_the_rules);
        map.get("items").into_iter().for_each(keeps_the_rules);
    }

    #[test]
    fn a_derived_schema_becomes_a_strict_one() {
        let strict = strict(&schema_for!(Found).to_value());
        keeps_the_rules(&strict);
        let property = |name: &str| &strict["properties"][name];
        assert_eq!(property("text"), &json!({"type": "string", "description": "What was said."}));
        assert_eq!(property("salience"), &json!({"type": "number"}));
        assert_eq!(property("when"), &json!({"type": ["string", "null"]}));
        assert_eq!(property("mood"), &json!({"anyOf": [{"$ref": "#/$defs/Mood"}, {"type": "null"}]}));
        assert_eq!(property("turns"), &json!({"type": "array", "items": {"type": "integer"}}), "null is no list");
        assert_eq!(property("kind"), &json!({"$ref": "#/$defs/Kind"}));
        assert_eq!(strict["$defs"]["Mood"], json!({"type": "string", "enum": ["Glad", "Sad"]}));
        assert_eq!(
            strict["$defs"]["Kind"],
            json!({"anyOf": [
                {"type": "string", "enum": ["Fact"], "description": "It is so."},
                {"type": "string", "enum": ["Promise"], "description": "It shall be so."}
            ]})
        );
    }

    #[test]
    fn what_is_written_by_hand_becomes_strict_too() {
        let changed = |schema: Value| {
            let strict = strict(&schema);
            keeps_the_rules(&strict);
            strict
        };
        assert_eq!(changed(json!({"type": "string", "format": "date", "pattern": "x"})), json!({"type": "string"}));
        assert_eq!(
            changed(json!({"type": "object", "properties": {
                "a": {"enum": ["x"]}, "b": {"$ref": "#/definitions/B"}, "c": true, "d": {"type": ["integer", "null"]}
            }, "required": ["b"], "definitions": {"B": {"type": "array", "items": {"const": 1}, "maxItems": 2}}})),
            json!({"type": "object", "additionalProperties": false, "required": ["a", "b", "c", "d"],
                "properties": {
                    "a": {"enum": ["x", null]},
                    "b": {"$ref": "#/$defs/B"},
                    "c": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
                    "d": {"type": ["integer", "null"]}
                },
                "$defs": {"B": {"type": "array", "items": {"enum": [1]}}}})
        );
        assert_eq!(
            changed(json!({"allOf": [{"$ref": "#/$defs/B"}], "description": "B"})),
            json!({"$ref": "#/$defs/B"})
        );
        assert_eq!(changed(json!({"allOf": [{"type": "string"}], "description": "B"}))["type"], "string");
        assert_eq!(changed(json!({"type": "object"}))["required"], json!([]));
    }
}
