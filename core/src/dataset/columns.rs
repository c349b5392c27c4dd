//! What the trade calls our columns.

use crate::diamond::Field;

/// Other names, as they are when letters and digits alone count, and `%`. Each means one thing wherever it was met;
/// names that mean different things to different shops ("weight" in grams, "depth" in mm) are told by their
/// numbers, not here.
const OTHER_NAMES: [(Field, &[&str]); 10] = [
    (Field::Carat, &["carats", "caratweight", "caratsize", "weightct", "weightcarat", "ct", "cts", "size"]),
    (Field::Cut, &["cutgrade", "cutquality"]),
    (Field::Color, &["colour", "colorgrade", "colourgrade"]),
    (Field::Clarity, &["claritygrade"]),
    (Field::Depth, &["depth%", "depthper", "depthpercent", "depthpercentage", "totaldepth", "totaldepth%"]),
    (Field::Table, &["table%", "tableper", "tablepercent", "tablepercentage", "tablewidth%"]),
    // Not `price_usd`: so we name our own estimates, which must not teach.
    (Field::Price, &["priceinusd", "totalprice", "priceinusdollars"]),
    (Field::X, &["length", "lengthmm", "measlength"]),
    (Field::Y, &["width", "widthmm", "measwidth"]),
    (Field::Z, &["height", "heightmm", "measdepth"]),
];

/// What a column of that name is, regardless of case, blanks and points.
pub(super) fn field_of(name: &str) -> Option<Field> {
    Field::from_name(name).or_else(|| {
        let is_kept = |character: &char| character.is_alphanumeric() || *character == '%';
        let plain: String = name.chars().filter(is_kept).flat_map(char::to_lowercase).collect();
        OTHER_NAMES.iter().find(|(_, names)| names.contains(&&*plain)).map(|(field, _)| *field)
    })
}

/// What each column is. Where several are the same, it is the one with our own name, else the first.
pub fn fields_of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<Option<Field>> {
    let mut found: Vec<_> = names.clone().map(Field::from_name).collect();
    for (place, name) in names.enumerate() {
        if let Some(field) = field_of(name)
            && !found.contains(&Some(field))
        {
            found[place] = Some(field);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_trade_are_known_and_our_own_come_first() {
        let found =
            fields_of(["Carat Weight", "Colour", "Cut Grade", "length", "Depth %", "Lab"].into_iter());
        let [carat, color, cut] = [Field::Carat, Field::Color, Field::Cut].map(Some);
        assert_eq!(found, [carat, color, cut, Some(Field::X), Some(Field::Depth), None]);
        assert_eq!(fields_of(["size", "carat"].into_iter()), [None, carat]);
        assert_eq!(fields_of(["size", "carats"].into_iter()), [carat, None]);
    }
}
