//! A text as it reads once its escapes are taken away, with the place in the text that each byte comes from.

use std::ops::Range;

/// Ways to write a character by another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// `%2D`, as in an address.
    Percent,
    /// The same, and `+` for a blank, as a form is sent.
    Form,
    /// `\u002d`, `\"`, `\n`, as in JSON and in quoted words.
    Backslash,
}

impl Escapes {
    pub(super) const ALL: [Self; 3] = [Self::Percent, Self::Form, Self::Backslash];
}

/// Decoded bytes, and for each of them (and their end) where it begins in the text.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    from: Vec<usize>,
}

impl Decoded {
    /// The text as it is.
    pub(super) fn plain(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), from: (0..=text.len()).collect() }
    }

    /// With one kind of escape taken away; `None` where there is none of it.
    pub(super) fn without(&self, escapes: Escapes) -> Option<Self> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut from = Vec::with_capacity(self.from.len());
        let mut at = 0;
        let mut is_changed = false;
        let mut room = [0; 4];
        while let Some(rest) = self.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (decoded, n_read) = match unit(rest, escapes) {
                Some((character, n_read)) => {
                    is_changed = true;
                    match character {
                        Unit::Byte(byte) => {
                            room[0] = byte;
                            (&room[..1], n_read)
                        }
                        Unit::Character(character) => (character.encode_utf8(&mut room).as_bytes(), n_read),
                    }
                }
                None => (&rest[..1], 1),
            };
            bytes.extend_from_slice(decoded);
            from.extend(decoded.iter().map(|_| self.from[at]));
            at += n_read;
        }
        from.push(self.from[self.bytes.len()]);
        is_changed.then_some(Self { bytes, from })
    }

    /// Where these bytes stand in the text.
    pub(super) fn place(&self, bytes: Range<usize>) -> Range<usize> {
        self.from[bytes.start]..self.from[bytes.end]
    }
}

enum Unit {
    Byte(u8),
    Character(char),
}

/// The escape that the bytes begin with, and how many bytes it takes.
fn unit(rest: &[u8], escapes: Escapes) -> Option<(Unit, usize)> {
    match (escapes, rest) {
        (Escapes::Form, [b'+', ..]) => Some((Unit::Byte(b' '), 1)),
        (Escapes::Percent | Escapes::Form, [b'%', digits @ ..]) => {
            Some((Unit::Byte(u8::try_from(hexadecimal(digits.get(..2)?)?).ok()?), 3))
        }
        (Escapes::Backslash, [b'\\', b'u', b'{', digits @ ..]) => {
            let n = digits.iter().take(7).position(|byte| *byte == b'}')?;
            Some((Unit::Character(char::from_u32(hexadecimal(&digits[..n])?)?), n + 4))
        }
        (Escapes::Backslash, [b'\\', b'u', digits @ ..]) => {
            let first = hexadecimal(digits.get(..4)?)?;
            // A character beyond 16 bits is written as two halves.
            if let (0xd800..0xdc00, Some([b'\\', b'u', second @ ..])) = (first, digits.get(4..10)) {
                let second = hexadecimal(second)?;
                let code = 0x10000 + ((first - 0xd800) << 10) + second.checked_sub(0xdc00)?;
                return Some((Unit::Character(char::from_u32(code)?), 12));
            }
            Some((Unit::Character(char::from_u32(first)?), 6))
        }
        (Escapes::Backslash, [b'\\', letter, ..]) => {
            let byte = match letter {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'f' => 12,
                b'"' | b'\'' | b'\\' | b'/' => *letter,
                _ => return None,
            };
            Some((Unit::Byte(byte), 2))
        }
        _ => None,
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, 16).ok()
}
