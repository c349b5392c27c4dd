//! Which JSON a database keeps as it is.

use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Deeper JSON is kept as text: databases refuse documents nested much deeper.
const DEEPEST: usize = 64;

/// Whether this is JSON that any database takes as it is and of which nothing is lost by reading it: no
/// name stands twice in an object or holds a NUL, no number is beyond 64 signed bits or has more digits
/// than they hold, and it is not too deep.
pub(super) fn is_lossless(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Lossless>(bytes).is_ok() && !has_endless_number(bytes)
}

struct Lossless;

impl<'de> Deserialize<'de> for Lossless {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Depth(0).deserialize(deserializer)
    }
}

/// The name of a field, which is seldom written so that it would have to be copied.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Checks a value at this depth.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.0 < DEEPEST { Ok(Self(self.0 + 1)) } else { Err(E::custom("too deep")) }
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Lossless;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Lossless, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Lossless;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Lossless, E> {
        Ok(Lossless)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Lossless, E> {
        Ok(Lossless)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Lossless, E> {
        Ok(Lossless)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Lossless, E> {
        i64::try_from(value).map(|_| Lossless).map_err(E::custom)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Lossless, E> {
        Ok(Lossless)
    }

    fn visit_str<E>(self, _: &str) -> Result<Lossless, E> {
        Ok(Lossless)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lossless, A::Error> {
        let inside = self.deeper()?;
        while items.next_element_seed(inside)?.is_some() {}
        Ok(Lossless)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Lossless, A::Error> {
        let inside = self.deeper()?;
        let mut names = Vec::with_capacity(entries.size_hint().unwrap_or_default().max(16));
        while let Some(Name(name)) = entries.next_key()? {
            names.push(name);
            entries.next_value_seed(inside)?;
        }
        names.sort_unstable();
        let stands_twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        if stands_twice || names.iter().any(|name| name.contains('\0')) {
            return Err(A::Error::custom("a name stands twice or holds a NUL"));
        }
        Ok(Lossless)
    }
}

/// A number with more digits than 64 bits hold would be rounded.
fn has_endless_number(bytes: &[u8]) -> bool {
    const MOST_DIGITS: usize = 19;
    bytes.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > MOST_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_would_refuse_or_round_is_told_from_what_it_keeps() {
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        for text in [r#"{"carat": 1.2, "b": [null, true, -3, "x"]}"#, "9223372036854775807", &deep(64)] {
            assert!(is_lossless(text.as_bytes()), "{text}");
        }
        for text in [
            r#"{"a\u0000b": 1}"#,
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 1}"#,
            "18446744073709551615",
            "0.12345678901234567890123",
            "1e999",
            "[1",
            &deep(65),
            &deep(5000),
        ] {
            assert!(!is_lossless(text.as_bytes()), "{text}");
        }
    }
}
