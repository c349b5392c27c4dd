//! The three grades, each from worst to best as the trade orders them.

use serde::{Deserialize, Serialize};

use super::cell_text::{is_missing, usual_characters};
use super::grade_words::{meant, nearest};
use super::{Fault, Field};

/// An ordered grade: a closed list of labels from worst to best.
pub trait Grade: Copy + 'static {
    /// The column that holds it.
    const FIELD: Field;
    /// Every grade from worst to best.
    const ALL: &'static [Self];

    /// Their labels, each as one word.
    const WORDS: &'static [u128];

    /// The trade's spelling.
    fn label(self) -> &'static str;

    /// The grade of exactly this label.
    fn labelled(text: &str) -> Option<Self>;

    /// Position in [`Self::ALL`]: 0 is the worst.
    fn rank(self) -> usize;

    /// Reads a grade regardless of case, blanks, hyphens and underscores: `very good`,
    /// `VERY_GOOD` and `VeryGood` are all [`Cut::VeryGood`], and so is the trade's short form `VG`.
    fn parse(text: &str) -> Result<Self, Fault> {
        // The trade's own spelling is found in no time, and nearly always given.
        let alike =
            || Self::ALL.iter().copied().find(|grade| same_spelling(grade.label(), &usual_characters(text)));
        Self::labelled(text)
            .or_else(alike)
            .or_else(|| Self::labelled(meant(Self::FIELD, &plain(text))?))
            .ok_or_else(|| {
                let reason = if is_missing(text) { "is missing" } else { "is not a known grade" };
                let nearest = nearest(Self::FIELD, &plain(text));
                let nearest = nearest.map_or(String::new(), |label| format!("; the nearest is {label}"));
                Fault::wrong(Self::FIELD, text, reason, Self::allowed() + &nearest)
            })
    }

    /// Every label, worst to best, as a readable list.
    fn allowed() -> String {
        let labels: Vec<_> = Self::ALL.iter().map(|grade| grade.label()).collect();
        format!("one of {}", labels.join(", "))
    }
}

/// The labels of a grade's column, worst to best; empty for a number's.
pub fn labels(field: Field) -> Vec<&'static str> {
    fn of<G: Grade>() -> Vec<&'static str> {
        G::ALL.iter().map(|grade| grade.label()).collect()
    }
    match field {
        Field::Cut => of::<Cut>(),
        Field::Color => of::<Color>(),
        Field::Clarity => of::<Clarity>(),
        _ => Vec::new(),
    }
}

/// Whether a text is a grade of this column.
pub(crate) fn is_grade(field: Field, text: &str) -> bool {
    match field {
        Field::Cut => Cut::parse(text).is_ok(),
        Field::Color => Color::parse(text).is_ok(),
        Field::Clarity => Clarity::parse(text).is_ok(),
        _ => false,
    }
}

/// The label that a short form of the trade's stands for, and the form in the letters that count; `None` of our own
/// spelling.
pub(crate) fn short_form(field: Field, text: &str) -> Option<(String, &'static str)> {
    let is_label = match field {
        Field::Cut => Cut::labelled(text).is_some(),
        Field::Color => Color::labelled(text).is_some(),
        Field::Clarity => Clarity::labelled(text).is_some(),
        _ => true,
    };
    if is_label {
        return None;
    }
    let plain = plain(text);
    let label = meant(field, &plain)?;
    Some((plain, label))
}

fn same_spelling(label: &str, text: &str) -> bool {
    significant(label).eq(significant(text))
}

fn plain(text: &str) -> String {
    significant(&usual_characters(text)).map(char::from).collect()
}

fn significant(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.trim()
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'_' | b'-' | b'.'))
        .map(|byte| byte.to_ascii_lowercase())
}

/// A label as one word, its first character in the lowest byte.
const fn word_of(label: &str) -> u128 {
    let bytes = label.as_bytes();
    let (mut word, mut place) = (0, bytes.len());
    while place > 0 {
        place -= 1;
        word = word << 8 | bytes[place] as u128;
    }
    word
}

macro_rules! grade {
    ($(#[$doc:meta])* $name:ident in $field:ident: $($variant:ident = $label:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = $label] #[serde(rename = $label)] $variant),+
        }

        impl Grade for $name {
            const FIELD: Field = Field::$field;
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            const WORDS: &'static [u128] = &[$(word_of($label)),+];

            fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }

            fn labelled(text: &str) -> Option<Self> {
                match text { $($label => Some(Self::$variant),)+ _ => None }
            }

            fn rank(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.label())
            }
        }
    };
}

grade! {
    /// Quality of the cut, worst to best.
    Cut in Cut: Fair = "Fair", Good = "Good", VeryGood = "Very Good", Premium = "Premium", Ideal = "Ideal"
}

grade! {
    /// Color, from J (slightly tinted) to D (colorless).
    Color in Color: J = "J", I = "I", H = "H", G = "G", F = "F", E = "E", D = "D"
}

grade! {
    /// Clarity, from I1 (inclusions visible) to IF (internally flawless).
    Clarity in Clarity: I1 = "I1", SI2 = "SI2", SI1 = "SI1", VS2 = "VS2", VS1 = "VS1",
        VVS2 = "VVS2", VVS1 = "VVS1", IF = "IF"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn usual_spellings_are_understood() {
        for text in ["Very Good", "very good", "VERY_GOOD", " VeryGood ", "very-good"] {
            assert_eq!(Cut::parse(text).unwrap(), Cut::VeryGood, "{text:?}");
        }
        assert_eq!(Clarity::parse("vvs1").unwrap(), Clarity::VVS1);
        assert_eq!(Color::parse("d").unwrap(), Color::D);
    }

    #[test]
    fn short_forms_of_the_trade_are_understood_where_they_mean_one_thing() {
        for (text, cut) in
            [("VG", Cut::VeryGood), ("v.good", Cut::VeryGood), ("id", Cut::Ideal), ("GD", Cut::Good)]
        {
            assert_eq!(Cut::parse(text).unwrap(), cut, "{text}");
        }
        assert_eq!(short_form(Field::Cut, "VG"), Some(("vg".into(), "Very Good")));
        assert_eq!(short_form(Field::Cut, "VERY GOOD"), None, "it is the same word");
        for text in ["EX", "Excellent", "3EX", "PR", "Very GoodVery Good", "E"] {
            assert!(Cut::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_grade_is_refused_with_the_list_of_allowed_ones() {
        let fault = Cut::parse("Excellent").unwrap_err();
        assert_eq!(fault.field, Field::Cut);
        assert_eq!(fault.value, "Excellent");
        assert_eq!(fault.allowed, "one of Fair, Good, Very Good, Premium, Ideal; the nearest is Ideal");
        assert_eq!(Cut::parse("Shiny").unwrap_err().allowed, "one of Fair, Good, Very Good, Premium, Ideal");
        let nearest = |fault: Fault| fault.allowed.rsplit_once(" is ").map(|(_, label)| label.to_owned());
        assert_eq!(nearest(Clarity::parse("FL").unwrap_err()).as_deref(), Some("IF"));
        assert_eq!(nearest(Clarity::parse("SI3").unwrap_err()).as_deref(), Some("I1"));
        assert_eq!(nearest(Cut::parse("Signature-Ideal").unwrap_err()).as_deref(), Some("Ideal"));
        assert_eq!(Color::parse("K").unwrap_err().reason, "is not a known grade");
        assert_eq!(Color::parse(" ").unwrap_err().reason, "is missing");
    }

    #[test]
    fn ranks_run_from_worst_to_best() {
        assert!(Cut::Premium < Cut::Ideal && Color::J < Color::D && Clarity::I1 < Clarity::IF);
        for (rank, clarity) in Clarity::ALL.iter().enumerate() {
            assert_eq!(clarity.rank(), rank);
        }
    }
}
