//! What is sent.

use serde_json::{Value, json};

/// The bodies of requests by their names.
pub(crate) fn requests() -> [(&'static str, Value); 4] {
    let number = |kinds: &[&str], description: &str, example: f64| {
        json!({
            "type": kinds, "description": description, "examples": [example],
            "exclusiveMinimum": 0, "maximum": 1_000_000
        })
    };
    // A zero is one that nobody made: it is estimated as what is missing is.
    let optional = |description: &str, example: f64| {
        json!({
            "type": ["number", "string", "null"], "description": description, "examples": [example],
            "minimum": 0, "maximum": 1_000_000
        })
    };
    let grade = |description: &str, examples: &[&str]| {
        let description = format!("{description} Case, blanks, hyphens and underscores do not matter.");
        json!({"type": "string", "description": description, "examples": examples})
    };
    let properties = json!({
        "carat": number(&["number", "string"], "Weight in carats; 1 carat is 0.2 g.", 1.2),
        "cut": grade("Quality of the cut, worst to best: Fair, Good, Very Good, Premium, Ideal.", &["Premium", "very good"]),
        "color": grade("Color, from J (a tint of yellow) to D (colorless).", &["E"]),
        "clarity": grade("Clarity, worst to best: I1, SI2, SI1, VS2, VS1, VVS2, VVS1, IF.", &["VS1"]),
        "depth": optional("Height as a percentage of the mean diameter, 100 z / ((x + y) / 2).", 62.0),
        "table": optional("Width of the flat top as a percentage of the diameter.", 58.0),
        "x": optional("Length in millimetres.", 6.8),
        "y": optional("Width in millimetres.", 6.75),
        "z": optional("Height in millimetres.", 4.2),
    });
    let request = |description: &str, required: &[&str], properties: Value| {
        json!({
            "type": "object", "description": description, "required": required,
            "properties": properties, "additionalProperties": false
        })
    };
    let diamond = "A diamond. What is optional and missing is estimated from the geometry of a brilliant and from the \
                   stones that the model learned from, and named in `assumed` of the answer. A number may be sent as \
                   a text, with a decimal point; null counts as missing. A name that is not listed here is refused.";
    let diamonds = json!({
        "type": "array", "description": "1 to 1,000 diamonds.", "items": {"$ref": "#/components/schemas/Diamond"},
        "minItems": 1, "maxItems": 1000
    });
    let reason = json!({
        "type": "string", "description": "Why, in 1 to 1,000 characters; it is kept for ever.",
        "minLength": 1, "maxLength": 1000
    });
    [
        ("Diamond", request(diamond, &["carat", "cut", "color", "clarity"], properties)),
        (
            "DiamondBatch",
            request("Many diamonds, each looked at by itself.", &["diamonds"], json!({"diamonds": diamonds})),
        ),
        (
            "FileOfStones",
            json!({"type": "string", "format": "binary", "description": "A file as it is: CSV, gzip of it, Excel or Parquet."}),
        ),
        ("Promotion", request("A promotion by hand.", &["reason"], json!({ "reason": reason }))),
    ]
}
