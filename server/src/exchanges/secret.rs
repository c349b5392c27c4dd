//! The administrator's key is blanked wherever somebody put it: in an address, a query or a body, however it is written there.

mod decoded;

use std::ops::Range;

use actix_web::web::Bytes;
use memchr::memmem;
use serde_json::Value;

use self::decoded::{Decoded, Escapes};
use super::record::{Body, Exchange};

/// What stands in its place.
const BLANK: &str = "[key]";
/// Characters from its beginning by which a key is known: answers repeat only the first part of a long text.
const KNOWN_BY: usize = 16;
/// The least of a key that is taken for one where a text was cut.
const LEAST: usize = 4;
/// How words that are cut end.
const CUT: &str = "...";

/// The key, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Secret(Option<Key>);

#[derive(Clone)]
struct Key {
    text: String,
    /// Bytes of its beginning that are looked for.
    n_known_by: usize,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// No header has blanks at its ends, so neither has the key that opens anything.
    pub(crate) fn new(key: Option<&str>) -> Self {
        Self(key.map(str::trim).filter(|key| !key.is_empty()).map(Key::new))
    }

    /// Takes the key out of everything that is recorded of an exchange.
    pub(super) fn blank(&self, exchange: &mut Exchange) {
        let Some(key) = &self.0 else { return };
        for text in [&mut exchange.request.path, &mut exchange.request.query] {
            key.blank(text, false);
        }
        key.blank_body(&mut exchange.request.body);
        key.blank_body(&mut exchange.response.body);
    }
}

impl Key {
    fn new(text: &str) -> Self {
        let n_known_by = text.char_indices().nth(KNOWN_BY).map_or(text.len(), |(end, _)| end);
        Self { text: text.into(), n_known_by }
    }

    fn known_by(&self) -> &[u8] {
        &self.text.as_bytes()[..self.n_known_by]
    }

    fn blank_body(&self, body: &mut Body) {
        match body {
            Body::Json(bytes) => {
                if !self.may_be_in(bytes) {
                    return;
                }
                let Ok(mut value) = serde_json::from_slice(bytes) else { return };
                if self.blank_value(&mut value) {
                    *bytes = Bytes::from(value.to_string());
                }
            }
            Body::Text { text, truncated, .. } => drop(self.blank(text, *truncated)),
            Body::Empty | Body::Omitted => {}
        }
    }

    /// Whether there was something to blank.
    fn blank_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.blank(text, false),
            Value::Number(number) if number.to_string().contains(&self.text) => {
                *value = BLANK.into();
                true
            }
            Value::Array(items) => self.blank_all(items.iter_mut()),
            Value::Object(fields) => {
                let mut is_named = false;
                let named = std::mem::take(fields).into_iter().map(|(mut name, value)| {
                    is_named |= self.blank(&mut name, false);
                    (name, value)
                });
                *fields = named.collect();
                self.blank_all(fields.values_mut()) || is_named
            }
            _ => false,
        }
    }

    fn blank_all<'a>(&self, values: impl Iterator<Item = &'a mut Value>) -> bool {
        let mut is_found = false;
        for value in values {
            is_found |= self.blank_value(value);
        }
        is_found
    }

    /// A quick look, which may be wrong in one direction alone.
    fn may_be_in(&self, text: &[u8]) -> bool {
        let is_escape =
            |byte: &u8| matches!(byte, b'%' | b'\\') || (*byte == b'+' && self.text.contains(' '));
        memmem::find(text, self.known_by()).is_some()
            || memmem::find(text, CUT.as_bytes()).is_some()
            || text.iter().any(is_escape)
    }

    /// Blanks the key in a text, which may have been cut at its end; whether it was there.
    fn blank(&self, text: &mut String, is_cut: bool) -> bool {
        if !is_cut && !self.may_be_in(text.as_bytes()) {
            return false;
        }
        let mut places = Vec::new();
        let plain = Decoded::plain(text);
        self.find(&plain, is_cut, &mut places);
        // JSON within JSON, and an address within it, are written in two ways at once.
        for once in Escapes::ALL.into_iter().filter_map(|escapes| plain.without(escapes)) {
            self.find(&once, is_cut, &mut places);
            for twice in Escapes::ALL.into_iter().filter_map(|escapes| once.without(escapes)) {
                self.find(&twice, is_cut, &mut places);
            }
        }
        if places.is_empty() {
            return false;
        }
        places.sort_unstable_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
        let mut blanked = String::with_capacity(text.len());
        let mut end = 0;
        for place in places.into_iter().filter(|place| place.end > place.start) {
            if place.start >= end {
                blanked.push_str(&text[end..place.start]);
                blanked.push_str(BLANK);
            }
            end = end.max(place.end);
        }
        blanked.push_str(&text[end..]);
        *text = blanked;
        true
    }

    /// Where the key, or as much of it as is there, stands in a text.
    fn find(&self, decoded: &Decoded, is_cut: bool, places: &mut Vec<Range<usize>>) {
        let bytes = &decoded.bytes;
        for start in memmem::find_iter(bytes, self.known_by()) {
            let same = bytes[start..].iter().zip(self.text.as_bytes()).take_while(|(a, b)| a == b).count();
            let n = (0..=same).rev().find(|n| self.text.is_char_boundary(*n)).unwrap_or(0);
            places.push(decoded.place(start..start + n));
        }
        let ends = memmem::find_iter(bytes, CUT).chain(is_cut.then_some(bytes.len()));
        for end in ends {
            let is_cut_off = |n: &usize| {
                self.text.is_char_boundary(*n) && bytes[..end].ends_with(&self.text.as_bytes()[..*n])
            };
            if let Some(n) = (LEAST.min(self.n_known_by)..self.n_known_by).rev().find(is_cut_off) {
                places.push(decoded.place(end - n..end));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a key-of/the shop";

    fn blanked(body: Body) -> Body {
        let mut body = body;
        Key::new(KEY).blank_body(&mut body);
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
            Key::new(KEY).blank(&mut text, false);
            assert_eq!(text, "a=1&k=[key]&b");
        }
        let mut text = "a=%20+b".to_owned();
        Key::new(KEY).blank(&mut text, false);
        assert_eq!(text, "a=%20+b", "what is no key stays as it was sent");
    }

    #[test]
    fn the_key_is_found_in_a_body_however_it_is_written() {
        assert_eq!(blanked(json(r#"{"k": ["x a key-of/the shop"]}"#)), json(r#"{"k":["x [key]"]}"#));
        assert_eq!(blanked(json(r#"{"\u0061 key-of\/the shop": 1.5}"#)), json(r#"{"[key]":1.5}"#));
        let untouched = r#"{ "k" : "\u0061" }"#;
        assert_eq!(blanked(json(untouched)), json(untouched));
        let text = |text: &str, truncated| Body::Text { text: text.into(), truncated, digest: None };
        assert_eq!(blanked(text("k=a key-of/the shop!", false)), text("k=[key]!", false));
        assert_eq!(blanked(text("k=a key-of/th", true)), text("k=[key]", true), "cut in the middle of it");
        assert_eq!(blanked(text("k=a key-of/th", false)), text("k=a key-of/th", false));
    }

    #[test]
    fn a_key_of_digits_is_blanked_where_it_is_a_number() {
        let mut body = json("[1234567890123456]");
        Key::new("1234567890123456").blank_body(&mut body);
        assert_eq!(body, json(r#"["[key]"]"#));
    }

    #[test]
    fn blanks_around_the_key_are_no_part_of_it() {
        let key = Secret::new(Some(" a key-of/the shop\n")).0;
        assert_eq!(key.map(|key| key.text).as_deref(), Some(KEY));
        assert!(Secret::new(Some(" \n")).0.is_none());
    }

    #[test]
    fn as_much_of_a_long_key_as_is_there_is_blanked() {
        let key = Key::new(&"0123456789abcdef".repeat(8));
        for (shown, blanked) in [
            (format!("limit \"{}...\" is no number", &key.text[..80]), "limit \"[key]...\" is no number"),
            (
                format!("at /v1/{}/{}... there", "x".repeat(70), &key.text[..5]),
                &format!("at /v1/{}/[key]... there", "x".repeat(70)),
            ),
        ] {
            let mut text = shown;
            assert!(key.blank(&mut text, false));
            assert_eq!(text, blanked);
        }
    }

    #[test]
    fn the_key_is_found_behind_every_escape_and_behind_two() {
        let key = Key::new(r#"my "secret" \ key+"#);
        for (shown, blanked) in [
            (r#"limit "my \"secret\" \\ key+" is"#, r#"limit "[key]" is"#),
            (r#"{"a":1,"a":"my \u0022secret\u0022 \u005c \u{6b}ey+"}"#, r#"{"a":1,"a":"[key]"}"#),
            (r#""{\"k\":\"my \\\"secret\\\" \\\\ key+\"}""#, r#""{\"k\":\"[key]\"}""#),
            ("k=my+%22secret%22+%5C+key%2B&b=1+%2B", "k=[key]&b=1+%2B"),
            ("k=my%2520%2522secret%2522%2520%255C%2520key%252B", "k=[key]"),
        ] {
            let mut text = shown.to_owned();
            assert!(key.blank(&mut text, false), "{shown}");
            assert_eq!(text, blanked);
        }
        let mut odd = r"\ud800\udbff \u12 %4 %zz \u{1234567} \".to_owned();
        assert!(!key.blank(&mut odd, true), "what cannot be decoded stays as it is");
    }
}
