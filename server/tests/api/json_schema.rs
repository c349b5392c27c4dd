//! The part of JSON Schema that `openapi.json` is written in. A library would change the features of
//! crates below polars and have all of it built a second time for these tests alone.

use serde_json::Value;

/// What keeps `value` from being as `schema` says; empty when nothing does. `document` is what
/// references point into.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema.as_object().unwrap() {
        found.extend(keyword_faults(document, schema, keyword, wanted, value));
    }
    found
}

fn keyword_faults(
    document: &Value,
    schema: &Value,
    keyword: &str,
    wanted: &Value,
    value: &Value,
) -> Vec<String> {
    let all = || wanted.as_array().unwrap();
    let is_as = |schema: &Value| faults(document, schema, value).is_empty();
    // Most keywords speak of one type and let the others pass.
    let number = value.as_f64();
    let n_items = value.as_array().map(|items| items.len() as f64);
    let n_chars = value.as_str().map(|text| text.chars().count() as f64);
    let bound = || wanted.as_f64().unwrap();
    let is_good = match keyword {
        "$ref" => return faults(document, resolve(document, wanted), value),
        "allOf" => return all().iter().flat_map(|part| faults(document, part, value)).collect(),
        "properties" => {
            let given = wanted
                .as_object()
                .unwrap()
                .iter()
                .filter_map(|(name, part)| Some((name, part, value.get(name)?)));
            let inside = given.map(|(name, part, value)| (name, faults(document, part, value)));
            return inside
                .flat_map(|(name, found)| found.into_iter().map(move |fault| format!("{name}: {fault}")))
                .collect();
        }
        "items" => {
            let items = value.as_array().into_iter().flatten();
            return items.flat_map(|item| faults(document, wanted, item)).collect();
        }
        "oneOf" => all().iter().filter(|part| is_as(part)).count() == 1,
        "type" => match wanted {
            Value::Array(kinds) => kinds.iter().any(|kind| is_of(value, kind)),
            kind => is_of(value, kind),
        },
        "required" => value
            .as_object()
            .is_none_or(|fields| all().iter().all(|name| fields.contains_key(name.as_str().unwrap()))),
        "additionalProperties" => value.as_object().is_none_or(|fields| {
            let others = || fields.iter().filter(|(name, _)| schema["properties"].get(name).is_none());
            match wanted {
                Value::Bool(is_allowed) => *is_allowed || others().next().is_none(),
                part => others().all(|(_, value)| faults(document, part, value).is_empty()),
            }
        }),
        "enum" => all().contains(value),
        "const" => wanted == value,
        "minimum" => number.is_none_or(|number| number >= bound()),
        "maximum" => number.is_none_or(|number| number <= bound()),
        "exclusiveMinimum" => number.is_none_or(|number| number > bound()),
        "minItems" => n_items.is_none_or(|n| n >= bound()),
        "maxItems" => n_items.is_none_or(|n| n <= bound()),
        "minLength" => n_chars.is_none_or(|n| n >= bound()),
        "maxLength" => n_chars.is_none_or(|n| n <= bound()),
        "pattern" if wanted == "^sha256:[0-9a-f]{64}$" => value.as_str().is_none_or(|text| {
            let digits = text.strip_prefix("sha256:").unwrap_or_default();
            digits.len() == 64 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        }),
        "description" | "examples" | "format" | "default" | "deprecated" => true,
        unknown => panic!("{unknown} is a part of JSON Schema that is not checked yet"),
    };
    if is_good { Vec::new() } else { vec![format!("{value} is not of {keyword} {wanted}")] }
}

/// What a reference of the document points to, or the value itself where it is none.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value.get("$ref").map_or(value, |reference| resolve(document, reference))
}

fn resolve<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).unwrap();
    document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("{unknown} is no type"),
    }
}
