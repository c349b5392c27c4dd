//! Grades as the trade spells them: what means one of ours for sure, and which of ours is nearest to what does not.

use super::field::Field;

/// Short forms of our own labels, in the letters that count ([`super::Grade::parse`]). Each means the same wherever it
/// was met.
const SHORT: [(Field, &str, &str); 16] = [
    (Field::Cut, "id", "Ideal"),
    (Field::Cut, "idl", "Ideal"),
    (Field::Cut, "prem", "Premium"),
    (Field::Cut, "pre", "Premium"),
    (Field::Cut, "vg", "Very Good"),
    (Field::Cut, "vgd", "Very Good"),
    (Field::Cut, "vgood", "Very Good"),
    (Field::Cut, "verygd", "Very Good"),
    (Field::Cut, "g", "Good"),
    (Field::Cut, "gd", "Good"),
    (Field::Cut, "f", "Fair"),
    (Field::Cut, "fr", "Fair"),
    (Field::Clarity, "internallyflawless", "IF"),
    // Of the European scale, from French "piqu\u{e9}".
    (Field::Clarity, "p1", "I1"),
    (Field::Clarity, "pique1", "I1"),
    (Field::Clarity, "lif", "IF"),
];

/// Grades of other scales, and ours that is nearest: it may be worth more or less, so nobody takes one for the other
/// unless the shop says so. A part of the text is enough.
const NEAREST: [(Field, &str, &str); 24] = [
    (Field::Cut, "superideal", "Ideal"),
    (Field::Cut, "excellent", "Ideal"),
    (Field::Cut, "astor", "Ideal"),
    (Field::Cut, "truehearts", "Ideal"),
    (Field::Cut, "hearts", "Ideal"),
    (Field::Cut, "ideal", "Ideal"),
    (Field::Cut, "3ex", "Ideal"),
    (Field::Cut, "3x", "Ideal"),
    (Field::Cut, "ex", "Ideal"),
    (Field::Cut, "poor", "Fair"),
    (Field::Clarity, "fl", "IF"),
    (Field::Clarity, "flawless", "IF"),
    (Field::Clarity, "si3", "I1"),
    (Field::Clarity, "i2", "I1"),
    (Field::Clarity, "i3", "I1"),
    (Field::Clarity, "p2", "I1"),
    (Field::Clarity, "p3", "I1"),
    (Field::Color, "k", "J"),
    (Field::Color, "l", "J"),
    (Field::Color, "m", "J"),
    (Field::Color, "n", "J"),
    (Field::Color, "o", "J"),
    (Field::Color, "p", "J"),
    (Field::Color, "z", "J"),
];

/// The label that a short form stands for.
pub(super) fn meant(field: Field, significant: &str) -> Option<&'static str> {
    SHORT.iter().find(|(of, word, _)| *of == field && *word == significant).map(|(.., label)| *label)
}

/// The label that is nearest to a grade that is none of ours, where it is a grade at all.
pub(super) fn nearest(field: Field, significant: &str) -> Option<&'static str> {
    let is_meant = |(of, word, _): &&(Field, &str, &str)| {
        *of == field && (*word == significant || (word.len() > 4 && significant.contains(word)))
    };
    NEAREST.iter().find(is_meant).map(|(.., label)| *label)
}
