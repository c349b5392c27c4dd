//! One exchange as it is kept: who asked what, what was answered, by which model.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::filter::timestamp;

/// Text beyond this is cut; a body of ours never is.
const LONGEST_TEXT: usize = 64 << 10;
/// Deeper JSON is kept as text: databases refuse documents nested much deeper.
const DEEPEST: usize = 64;

/// A request and its answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Exchange {
    /// The request id, a UUIDv7: ids sort by time.
    #[serde(rename = "_id")]
    pub(crate) id: Uuid,
    #[serde(serialize_with = "as_timestamp")]
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) duration_ms: f64,
    /// The client's address.
    pub(crate) client: String,
    /// The route's pattern, such as `/v1/models/{version}`; none for an unknown address.
    pub(crate) route: Option<String>,
    pub(crate) request: Request,
    pub(crate) response: Response,
    /// The model that answered, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Value>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    #[serde(flatten)]
    pub(crate) body: Body,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    #[serde(flatten)]
    pub(crate) body: Body,
}

/// A body: a document where it is JSON, else text, cut if it is long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Body {
    body: Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    omitted: bool,
}

impl Body {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self { body: Value::Null, truncated: false, omitted: false };
        }
        match serde_json::from_slice(bytes) {
            Ok(Faithful(body)) if can_be_document(&body, 0) && !has_endless_number(bytes) => {
                Self { body, truncated: false, omitted: false }
            }
            _ => Self::text(bytes),
        }
    }

    fn text(bytes: &[u8]) -> Self {
        let truncated = bytes.len() > LONGEST_TEXT;
        let kept = &bytes[..bytes.len().min(LONGEST_TEXT)];
        // What is not text cannot be kept as text; the replacement character shows where it was.
        let body = Value::String(String::from_utf8_lossy(kept).into_owned());
        Self { body, truncated, omitted: false }
    }

    /// A body of records: recording it again would double the log each time somebody looks at it.
    pub(crate) fn omitted() -> Self {
        Self { body: Value::Null, truncated: false, omitted: true }
    }
}

/// JSON of which nothing is lost by reading it: a name that stands twice in an object is an error.
struct Faithful(Value);

impl<'de> Deserialize<'de> for Faithful {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Faithful;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Faithful, E> {
                Ok(Faithful(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Faithful, E> {
                Ok(Faithful(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Faithful, E> {
                Ok(Faithful(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Faithful, E> {
                Ok(Faithful(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Faithful, E> {
                Ok(Faithful(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Faithful, E> {
                Ok(Faithful(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Faithful, A::Error> {
                let mut array = Vec::new();
                while let Some(Faithful(item)) = items.next_element()? {
                    array.push(item);
                }
                Ok(Faithful(array.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Faithful, A::Error> {
                let mut object = Map::new();
                while let Some((name, Faithful(value))) = entries.next_entry::<String, _>()? {
                    if object.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a name stands twice"));
                    }
                }
                Ok(Faithful(object.into()))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// A number with more digits than 64 bits hold would be rounded.
fn has_endless_number(bytes: &[u8]) -> bool {
    const MOST_DIGITS: usize = 19;
    bytes.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > MOST_DIGITS)
}

/// Whether every database takes it as it is: no NUL in a name, no number beyond 64 signed bits, not
/// too deep.
fn can_be_document(value: &Value, depth: usize) -> bool {
    match value {
        Value::Object(map) => {
            let is_name = |name: &String| !name.contains('\0');
            depth < DEEPEST
                && map.iter().all(|(name, value)| is_name(name) && can_be_document(value, depth + 1))
        }
        Value::Array(items) => depth < DEEPEST && items.iter().all(|item| can_be_document(item, depth + 1)),
        Value::Number(number) => number.is_i64() || number.is_f64(),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn as_timestamp<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp(*at))
}

/// The model's version and digest, if an answer names one.
pub(crate) fn model_of(answer: &[u8]) -> Option<Value> {
    let answer: Map<String, Value> = serde_json::from_slice(answer).ok()?;
    let model = answer.get("model")?;
    let (version, digest) = (model.get("version")?, model.get("digest")?);
    Some(serde_json::json!({"version": version, "digest": digest}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_kept_as_a_document_and_anything_else_as_text() {
        assert_eq!(Body::of(br#"{"carat": 1.2}"#).body, json!({"carat": 1.2}));
        assert_eq!(Body::of(b"carat=1.2").body, json!("carat=1.2"));
        assert_eq!(Body::of(b"").body, Value::Null);
        assert_eq!(Body::of(b"\xff\xfe").body, json!("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let body = Body::of(&vec![b'x'; LONGEST_TEXT + 1]);
        assert!(body.truncated);
        assert_eq!(body.body.as_str().map(str::len), Some(LONGEST_TEXT));
        assert!(!Body::of(&vec![b'x'; LONGEST_TEXT]).truncated);
    }

    #[test]
    fn what_a_database_would_refuse_as_a_document_is_kept_as_text() {
        for text in
            [r#"{"a\u0000b": 1}"#.to_owned(), "18446744073709551615".into(), "[".repeat(80) + &"]".repeat(80)]
        {
            assert_eq!(Body::of(text.as_bytes()).body, json!(text));
        }
    }
}
