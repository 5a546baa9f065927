//! What a webhook tool sends: flat or in an envelope, with strings where numbers were meant.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use hark_core::{Sector, Timestamp};
use serde_json::{Map, Value};

/// Fields of a tool call that a language model has touched. Unknown ones are ignored.
#[derive(Debug, Clone, Default)]
pub struct ToolBody(Map<String, Value>);

/// A field that says something, but nothing that can be meant; its name, and what it should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misused {
    /// The field.
    pub field: &'static str,
    /// The problem's stable code.
    pub code: &'static str,
    /// What to put there. Never what was there.
    pub remedy: &'static str,
}

impl ToolBody {
    /// Reads a body. The fields of a `parameters` object are merged up, and win.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn read(body: &[u8]) -> Result<Self, Misused> {
        let not_an_object =
            Misused { field: "body", code: "invalid_json", remedy: "the body must be a JSON object; see /docs" };
        let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(body) else { return Err(not_an_object) };
        if let Some(Value::Object(_)) = fields.get("parameters")
            && let Some(Value::Object(inner)) = fields.remove("parameters")
        {
            fields.extend(inner);
        }
        Ok(Self(fields))
    }

    /// Whether any of these fields is there, even as null.
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(*name))
    }

    /// The first of these fields that holds text; numbers count as text. White space around it is dropped.
    pub fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match self.0.get(*name)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    /// A flag; strings such as "true" count, anything else is false.
    pub fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes"),
            Some(Value::Number(number)) => number.as_f64() == Some(1.0),
            _ => false,
        }
    }

    /// How many memories are wanted: 5 unless told, and within 1 to 50 whatever is told, because a caller is on
    /// the line and some answer is better than a lecture.
    pub fn limit(&self) -> usize {
        let told = match self.0.get("limit") {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        told.filter(|n: &f64| !n.is_nan()).map_or(5, |n| n.clamp(1.0, 50.0) as usize)
    }

    /// The sectors to search; none for all. `sector`, `sector_type` and `sectors` are read, as text, as text
    /// with commas, or as a list.
    ///
    /// # Errors
    /// When a name is none of the five: the tool's schema is wrong, and somebody should see it.
    pub fn sectors(&self) -> Result<Vec<Sector>, Misused> {
        let mut sectors = Vec::new();
        for name in ["sector", "sector_type", "sectors"] {
            match self.0.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => add_sectors(text, &mut sectors)?,
                Some(Value::Array(items)) => {
                    for item in items {
                        add_sectors(item.as_str().ok_or(NOT_A_SECTOR)?, &mut sectors)?;
                    }
                }
                Some(_) => return Err(NOT_A_SECTOR),
            }
        }
        Ok(sectors)
    }

    /// The moment of which the past is asked; a date alone means its end.
    ///
    /// # Errors
    /// When it is neither: the present in place of the past would be a wrong answer.
    pub fn as_of(&self) -> Result<Option<Timestamp>, Misused> {
        let Some(text) = self.text(&["as_of"]) else { return Ok(None) };
        if let Ok(moment) = DateTime::parse_from_rfc3339(&text) {
            return Ok(Some(moment.with_timezone(&Utc)));
        }
        let day = text.parse::<NaiveDate>().ok().and_then(|day| day.succ_opt());
        let end = day.map(|next| next.and_time(NaiveTime::MIN).and_utc() - chrono::Duration::milliseconds(1));
        end.map(Some).ok_or(Misused {
            field: "as_of",
            code: "invalid_field",
            remedy: "as_of must be a time such as 2026-01-31T00:00:00Z or a date such as 2026-01-31",
        })
    }
}

const NOT_A_SECTOR: Misused = Misused {
    field: "sector",
    code: "invalid_sector",
    remedy: "sector must be one of semantic, episodic, procedural, emotional, reflective; leave it out for all",
};

fn add_sectors(text: &str, sectors: &mut Vec<Sector>) -> Result<(), Misused> {
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("all")) {
        let sector = Sector::parse(name).ok_or(NOT_A_SECTOR)?;
        if !sectors.contains(&sector) {
            sectors.push(sector);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(value: Value) -> ToolBody {
        ToolBody::read(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_envelope_is_merged_up_and_wins() {
        let body =
            body(json!({"conversation_id": "c", "query": "outer", "parameters": {"query": "inner", "limit": "3"}}));
        assert_eq!(body.text(&["query", "search_query"]).as_deref(), Some("inner"));
        assert_eq!(body.text(&["conversation_id"]).as_deref(), Some("c"));
        assert_eq!(body.limit(), 3);
        for bad in ["", "[]", "\"x\"", "{", "{\"a\":"] {
            assert_eq!(ToolBody::read(bad.as_bytes()).unwrap_err().code, "invalid_json", "{bad}");
        }
    }

    #[test]
    fn a_limit_is_always_within_bounds() {
        for (told, limit) in [
            (json!(0), 1),
            (json!(10_000), 50),
            (json!(-3), 1),
            (json!("7"), 7),
            (json!("7.9"), 7),
            (json!("many"), 5),
            (json!(null), 5),
            (json!([1]), 5),
            (json!("NaN"), 5),
            (json!("inf"), 50),
        ] {
            assert_eq!(body(json!({"limit": told})).limit(), limit, "{told}");
        }
    }

    #[test]
    fn sectors_come_in_many_forms_and_unknown_ones_are_named() {
        use Sector::{Episodic, Semantic};
        for (told, sectors) in [
            (json!({}), vec![]),
            (json!({"sector": null, "sector_type": ""}), vec![]),
            (json!({"sector": "all"}), vec![]),
            (json!({"sector_type": "Semantic"}), vec![Semantic]),
            (json!({"sectors": ["semantic", "episodic", "semantic"]}), vec![Semantic, Episodic]),
            (json!({"sectors": "semantic, episodic"}), vec![Semantic, Episodic]),
        ] {
            assert_eq!(body(told.clone()).sectors(), Ok(sectors), "{told}");
        }
        for told in [json!({"sector": "facts"}), json!({"sectors": [1]}), json!({"sector": {}})] {
            assert_eq!(body(told.clone()).sectors().unwrap_err().code, "invalid_sector", "{told}");
        }
    }

    #[test]
    fn the_past_is_a_time_or_the_end_of_a_day() {
        let as_of = |told: Value| body(json!({"as_of": told})).as_of();
        assert_eq!(as_of(json!(null)), Ok(None));
        let moment = as_of(json!("2026-01-31T01:00:00+01:00")).unwrap().unwrap();
        assert_eq!(moment.to_rfc3339(), "2026-01-31T00:00:00+00:00");
        let day = as_of(json!("2026-01-31")).unwrap().unwrap();
        assert_eq!(day.to_rfc3339(), "2026-01-31T23:59:59.999+00:00");
        assert_eq!(as_of(json!("last week")).unwrap_err().field, "as_of");
    }

    #[test]
    fn flags_and_texts_are_coerced() {
        let body = body(json!({"explain": "True", "include_archived": 1, "user_id": 42, "caller_id": null}));
        assert!(body.flag("explain") && body.flag("include_archived") && !body.flag("other"));
        assert_eq!(body.text(&["caller_id", "user_id"]).as_deref(), Some("42"));
        assert!(body.has(&["caller_id"]) && !body.has(&["query"]));
    }
}
