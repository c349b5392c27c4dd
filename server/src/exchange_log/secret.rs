//! The administrator's key is blanked wherever somebody put it: in an address, a query or a body.

use actix_web::web::Bytes;
use memchr::memmem;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::record::{Body, Exchange};

/// What stands in its place.
const BLANK: &str = "[key]";
/// The least of a key that is taken for one where a text was cut.
const LEAST: usize = 4;

/// The key, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Secret(Option<String>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) fn new(key: Option<String>) -> Self {
        Self(key.filter(|key| !key.is_empty()))
    }

    /// Takes the key out of everything that is recorded of an exchange.
    pub(super) fn blank(&self, exchange: &mut Exchange) {
        let Some(key) = &self.0 else { return };
        blank_address(key, &mut exchange.request.path);
        blank_address(key, &mut exchange.request.query);
        blank_body(key, &mut exchange.request.body);
        blank_body(key, &mut exchange.response.body);
    }
}

/// Also where some of its characters are written as `%2D`, or blanks as `+`: then all of it is shown decoded.
fn blank_address(key: &str, text: &mut String) {
    for form in [text.clone(), text.replace('+', " ")] {
        let decoded = percent_decode_str(&form).decode_utf8_lossy();
        let found = [form.as_str(), &decoded].into_iter().find(|form| form.contains(key));
        if let Some(found) = found {
            *text = found.replace(key, BLANK);
            return;
        }
    }
}

fn blank_body(key: &str, body: &mut Body) {
    match body {
        Body::Json(bytes) => {
            // A character that is written as `\u002d` is only seen when the document is read.
            if memmem::find(bytes, key.as_bytes()).is_none() && memchr::memchr(b'\\', bytes).is_none() {
                return;
            }
            let Ok(mut value) = serde_json::from_slice(bytes) else { return };
            if blank_value(key, &mut value) {
                *bytes = Bytes::from(value.to_string());
            }
        }
        Body::Text { text, truncated } => {
            if text.contains(key) {
                *text = text.replace(key, BLANK);
            }
            let ends = |n: &usize| key.is_char_boundary(*n) && text.ends_with(&key[..*n]);
            if *truncated && let Some(n) = (LEAST.min(key.len())..key.len()).rev().find(ends) {
                text.truncate(text.len() - n);
                text.push_str(BLANK);
            }
        }
        Body::Empty | Body::Omitted => {}
    }
}

/// Whether there was something to blank.
fn blank_value(key: &str, value: &mut Value) -> bool {
    match value {
        Value::String(text) if text.contains(key) => {
            *text = text.replace(key, BLANK);
            true
        }
        Value::Number(number) if number.to_string().contains(key) => {
            *value = BLANK.into();
            true
        }
        Value::Array(items) => blank_all(key, items.iter_mut()),
        Value::Object(fields) => {
            let is_named = fields.keys().any(|name| name.contains(key));
            if is_named {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, value)| (name.replace(key, BLANK), value))
                    .collect();
            }
            blank_all(key, fields.values_mut()) || is_named
        }
        _ => false,
    }
}

fn blank_all<'a>(key: &str, values: impl Iterator<Item = &'a mut Value>) -> bool {
    let mut is_found = false;
    for value in values {
        is_found |= blank_value(key, value);
    }
    is_found
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a key-of/the shop";

    fn blanked(body: Body) -> Body {
        let mut body = body;
        blank_body(KEY, &mut body);
        body
    }

    fn json(text: &str) -> Body {
        Body::Json(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_key_is_found_in_an_address_however_it_is_written() {
        for text in
            ["a=1&k=a key-of/the shop&b", "a=1&k=a%20key%2Dof/the+shop&b", "a=1&k=%61+key-of%2fthe+shop&b"]
        {
            let mut text = text.to_owned();
            blank_address(KEY, &mut text);
            assert_eq!(text, "a=1&k=[key]&b");
        }
        let mut text = "a=%20+b".to_owned();
        blank_address(KEY, &mut text);
        assert_eq!(text, "a=%20+b", "what is no key stays as it was sent");
    }

    #[test]
    fn the_key_is_found_in_a_body_however_it_is_written() {
        assert_eq!(blanked(json(r#"{"k": ["x a key-of/the shop"]}"#)), json(r#"{"k":["x [key]"]}"#));
        assert_eq!(blanked(json(r#"{"\u0061 key-of\/the shop": 1.5}"#)), json(r#"{"[key]":1.5}"#));
        let untouched = r#"{ "k" : "\u0061" }"#;
        assert_eq!(blanked(json(untouched)), json(untouched));
        let text = |text: &str, truncated| Body::Text { text: text.into(), truncated };
        assert_eq!(blanked(text("k=a key-of/the shop!", false)), text("k=[key]!", false));
        assert_eq!(blanked(text("k=a key-of/th", true)), text("k=[key]", true), "cut in the middle of it");
        assert_eq!(blanked(text("k=a key-of/th", false)), text("k=a key-of/th", false));
    }

    #[test]
    fn a_key_of_digits_is_blanked_where_it_is_a_number() {
        let mut body = json("[1234567890123456]");
        blank_body("1234567890123456", &mut body);
        assert_eq!(body, json(r#"["[key]"]"#));
    }
}
