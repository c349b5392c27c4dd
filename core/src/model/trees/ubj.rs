//! Universal Binary JSON as XGBoost writes it (big-endian, with typed arrays), as a serde
//! deserializer. Every length is checked against the bytes that are left before anything is
//! reserved, and nesting is bounded, so that a damaged file costs an error and nothing else.
//!
//! Source: <https://ubjson.org/>

use serde::de::value::SeqDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};

/// Deeper than any model nests.
const DEEPEST: u8 = 32;

/// Reads one value that fills `bytes` to the end.
pub(super) fn from_slice<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
    let mut reader = Reader { bytes, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader)
        .map_err(|error| Error::model_file(format!("byte {}: {error}", reader.at)))?;
    if reader.at != bytes.len() {
        return Err(Error::model_file(format!("{} bytes follow the model", bytes.len() - reader.at)));
    }
    Ok(value)
}

#[derive(Debug)]
struct Fault(String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: u8,
}

impl<'de> Reader<'de> {
    fn take(&mut self, n: usize) -> Result<&'de [u8], Fault> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| Fault("the file ends in the middle of a value".into()))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn integer(&mut self, marker: u8) -> Result<i64, Fault> {
        Ok(match marker {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => u8::from_be_bytes(self.array()?).into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => {
                return Err(Fault(format!("{:?} is not the marker of a whole number", char::from(marker))));
            }
        })
    }

    /// A count of things that take at least `size` bytes each.
    fn count(&mut self, size: usize) -> Result<usize, Fault> {
        let marker = self.byte()?;
        let count = self.integer(marker)?;
        let left = (self.bytes.len() - self.at) / size;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= left)
            .ok_or_else(|| Fault(format!("a length of {count} where {left} is the most that can follow")))
    }

    fn text(&mut self) -> Result<&'de str, Fault> {
        let length = self.count(1)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Fault("text is not UTF-8".into()))
    }

    /// Reads the value that follows its marker.
    fn value<V: Visitor<'de>>(&mut self, marker: u8, visitor: V) -> Result<V::Value, Fault> {
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.array()?)),
            b'S' => visitor.visit_borrowed_str(self.text()?),
            b'[' if self.peek() == Some(b'$') => self.typed(visitor),
            b'[' => self.nested(|reader| {
                let items = Items::begin(reader)?;
                visitor.visit_seq(items)
            }),
            b'{' => self.nested(|reader| visitor.visit_map(Entries(reader))),
            _ => visitor.visit_i64(self.integer(marker)?),
        }
    }

    /// Reads an array whose items are numbers of one type: most of a model, so in one go.
    fn typed<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Fault> {
        let [_, marker, counted] = self.array()?;
        if counted != b'#' {
            return Err(Fault("an array of one type has no length".into()));
        }
        match marker {
            b'd' => self.numbers(visitor, f32::from_be_bytes),
            b'D' => self.numbers(visitor, f64::from_be_bytes),
            b'i' => self.numbers(visitor, i8::from_be_bytes),
            b'U' => self.numbers(visitor, u8::from_be_bytes),
            b'I' => self.numbers(visitor, i16::from_be_bytes),
            b'l' => self.numbers(visitor, i32::from_be_bytes),
            b'L' => self.numbers(visitor, i64::from_be_bytes),
            other => Err(Fault(format!("an array of type {:?}", char::from(other)))),
        }
    }

    fn numbers<const N: usize, T: IntoDeserializer<'de, Fault>, V: Visitor<'de>>(
        &mut self,
        visitor: V,
        number: impl Fn([u8; N]) -> T,
    ) -> Result<V::Value, Fault> {
        let count = self.count(N)?;
        let (items, _) = self.take(N * count)?.as_chunks();
        visitor.visit_seq(SeqDeserializer::new(items.iter().map(|item| number(*item))))
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEEPEST {
            return Err(Fault(format!("values are nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let marker = self.byte()?;
        self.value(marker, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.peek() == Some(b'Z') {
            self.at += 1;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The items of an array of various types: counted, or up to the closing bracket.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: Option<usize>,
}

impl<'a, 'de> Items<'a, 'de> {
    fn begin(reader: &'a mut Reader<'de>) -> Result<Self, Fault> {
        let mut left = None;
        if reader.peek() == Some(b'#') {
            reader.at += 1;
            left = Some(reader.count(1)?);
        }
        Ok(Self { reader, left })
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        match &mut self.left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None if self.reader.peek() == Some(b']') => {
                self.reader.at += 1;
                return Ok(None);
            }
            None => {}
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left
    }
}

/// The entries of an object, up to the closing brace. A key has a length but no marker.
struct Entries<'a, 'de>(&'a mut Reader<'de>);

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        if self.0.peek() == Some(b'}') {
            self.0.at += 1;
            return Ok(None);
        }
        let key = self.0.text()?;
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(&mut *self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let bytes = b"{L\0\0\0\0\0\0\0\x01a[$d#L\0\0\0\0\0\0\0\x02\x3f\x80\0\0\xbf\x80\0\0i\x01b[#i\x02U\xffTi\x01cSi\x02hii\x01d[l\0\0\x01\0Z]}";
        let value: serde_json::Value = from_slice(bytes).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"a": [1.0, -1.0], "b": [255, true], "c": "hi", "d": [256, null]})
        );
    }

    #[test]
    fn lengths_beyond_the_file_and_endless_nesting_are_refused() {
        let huge = b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff";
        assert!(from_slice::<Vec<f32>>(huge).unwrap_err().to_string().contains("length"));
        let negative = b"Sl\xff\xff\xff\xff";
        assert!(from_slice::<String>(negative).unwrap_err().to_string().contains("length"));
        let nested = [b'['; 100_000];
        assert!(from_slice::<de::IgnoredAny>(&nested).unwrap_err().to_string().contains("nested"));
        assert!(from_slice::<bool>(b"TT").unwrap_err().to_string().contains("follow"));
    }
}
