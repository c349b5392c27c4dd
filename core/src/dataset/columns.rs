//! What the trade calls our columns.

use super::Reading;
use crate::diamond::Field;

/// Other names, as they are when letters and digits alone count, and `%`. Each means one thing wherever it was met;
/// names that mean different things to different shops ("weight" in grams, "depth" in mm) are told by their
/// numbers, not here.
const OTHER_NAMES: [(Field, &[&str]); 16] = [
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
    (Field::Shape, &["shape", "diamondshape", "stoneshape"]),
    (
        Field::Origin,
        &[
            "origin",
            "type",
            "stonetype",
            "diamondtype",
            "growthtype",
            "labgrown",
            "islabgrown",
            "labcreated",
            "synthetic",
        ],
    ),
    (Field::Fancy, &["fancycolor", "fancycolour", "fancyintensity", "fancycolorintensity"]),
    (Field::Currency, &["currency", "currencycode", "pricecurrency"]),
    (
        Field::Measurements,
        &["measurements", "measurement", "measurementsmm", "dimensions", "dimensionsmm", "lxwxd", "lxwxh"],
    ),
    (
        Field::PricePerCarat,
        &["pricepercarat", "pricepercaratusd", "pricect", "percarat", "ppc", "pricecarat"],
    ),
];

/// What a column of that name is, regardless of case, blanks and points.
pub(super) fn field_of(name: &str) -> Option<Field> {
    Field::from_name(name).or_else(|| {
        let plain = plain(name);
        OTHER_NAMES.iter().find(|(_, names)| names.contains(&&*plain)).map(|(field, _)| *field)
    })
}

fn plain(name: &str) -> String {
    let is_kept = |character: &char| character.is_alphanumeric() || *character == '%';
    name.chars().filter(is_kept).flat_map(char::to_lowercase).collect()
}

/// What each column is: what the user says, else what its name says. Where several are the same, it is the one with
/// our own name, else the first.
pub fn fields_of<'a>(names: impl Iterator<Item = &'a str> + Clone, reading: &Reading) -> Vec<Option<Field>> {
    let said = |name: &str| {
        let name = name.trim().to_lowercase();
        reading.columns.iter().rev().find(|(theirs, _)| *theirs == name).map(|(_, field)| *field)
    };
    let mut found: Vec<_> = names.clone().map(|name| said(name).flatten()).collect();
    let by_user = found.clone();
    for (place, name) in names.clone().enumerate() {
        // Where two of our own names stand there, whoever reads the file says so.
        let ours = Field::from_name(name).filter(|field| !by_user.contains(&Some(*field)));
        if said(name).is_none() {
            found[place] = ours;
        }
    }
    for (place, name) in names.enumerate() {
        if let Some(field) = field_of(name)
            && said(name).is_none()
            && !found.contains(&Some(field))
        {
            found[place] = Some(field);
        }
    }
    found
}

/// Whether a field is among these columns, or can be made of one that is.
pub fn has(columns: &[Option<Field>], field: Field) -> bool {
    let instead = match field {
        Field::X | Field::Y | Field::Z => Some(Field::Measurements),
        Field::Price => Some(Field::PricePerCarat),
        _ => None,
    };
    columns.iter().flatten().any(|found| *found == field || Some(*found) == instead)
}

/// A name of so few letters is one slip away from all others.
const SHORTEST: usize = 3;

/// The columns that `xtream value` adds to a file. An estimate must not teach.
const RESULTS: [&str; 3] = ["priceusd", "lowusd", "highusd"];

fn is_result(plain: &str) -> bool {
    RESULTS.contains(&plain.trim_start_matches("xtream"))
}

/// Among columns that mean nothing to us, the one that looks most like `field`.
pub(super) fn lookalike<'a>(field: Field, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known =
        OTHER_NAMES.iter().filter(|(of, _)| *of == field).flat_map(|(_, names)| names.iter().copied());
    let known: Vec<_> = known.chain([field.name()]).collect();
    names.into_iter().find(|name| {
        let plain = plain(name);
        if is_result(&plain) {
            return false;
        }
        let is_like = |known: &&str| {
            let is_inside = known.len() > SHORTEST && plain.contains(known);
            is_inside || (plain.len() > SHORTEST && known.len() > SHORTEST && is_one_slip_away(known, &plain))
        };
        known.iter().any(is_like)
    })
}

/// The measurements that none of these columns is (`fields`), but that one which nobody said anything of (`unknown`) is
/// called like but for one letter, and its name.
pub fn nearly_named<'a>(
    fields: &[Option<Field>],
    unknown: impl Iterator<Item = &'a str> + Clone,
) -> impl Iterator<Item = (Field, &'a str)> {
    let missing = Field::MEASUREMENTS.into_iter().filter(|field| !has(fields, *field));
    missing.filter_map(move |field| Some((field, misspelt(field, unknown.clone())?)))
}

/// Among columns that mean nothing to us, the one that is a name of `field` but for one letter.
fn misspelt<'a>(field: Field, mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known =
        OTHER_NAMES.iter().filter(|(of, _)| *of == field).flat_map(|(_, names)| names.iter().copied());
    let known: Vec<_> = known.chain([field.name()]).filter(|name| name.len() > SHORTEST).collect();
    names.find(|name| known.iter().any(|known| is_one_slip_away(known, &plain(name))))
}

/// Whether one letter that is wrong, missing, too many or changed with its neighbor makes one of the other.
fn is_one_slip_away(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|text| text.chars().collect::<Vec<_>>());
    let n_alike = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let [one, other] = [&one[n_alike..], &other[n_alike..]];
    let rest = |of: &[char], from: usize| of.get(from..).unwrap_or_default().to_vec();
    rest(one, 1) == rest(other, 1)
        || rest(one, 1) == other
        || one == rest(other, 1)
        || (one.len() > 1
            && other.len() > 1
            && one[0] == other[1]
            && one[1] == other[0]
            && rest(one, 2) == rest(other, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<Option<Field>> {
        fields_of(names.iter().copied(), &Reading::default())
    }

    #[test]
    fn names_of_the_trade_are_known_and_our_own_come_first() {
        let [carat, color, cut] = [Field::Carat, Field::Color, Field::Cut].map(Some);
        assert_eq!(
            found(&["Carat Weight", "Colour", "Cut Grade", "length", "Depth %", "Lab"]),
            [carat, color, cut, Some(Field::X), Some(Field::Depth), None]
        );
        assert_eq!(found(&["size", "carat"]), [None, carat]);
        assert_eq!(found(&["size", "carats"]), [carat, None]);
    }

    #[test]
    fn what_the_user_says_of_a_column_counts_before_its_name() {
        let reading = Reading::default();
        let reading = reading.with_column_typed("Gewicht=carat").and_then(|r| r.with_column("Type", "-"));
        let Ok(reading) = reading else { unreachable!("both are allowed") };
        let found = fields_of(["gewicht", "carat", "type", "cut"].into_iter(), &reading);
        assert_eq!(found, [Some(Field::Carat), None, None, Some(Field::Cut)]);
    }

    #[test]
    fn a_name_that_looks_like_ours_is_found() {
        let like = |field, names: &[&'static str]| lookalike(field, names.iter().copied());
        assert_eq!(like(Field::Carat, &["lab", "Caratt"]), Some("Caratt"));
        assert_eq!(like(Field::Clarity, &["Clarty"]), Some("Clarty"));
        assert_eq!(like(Field::Color, &["coolr", "culet"]), Some("coolr"));
        assert_eq!(like(Field::Price, &["Price (EUR)"]), Some("Price (EUR)"));
        assert_eq!(like(Field::Cut, &["lab", "stock"]), None);
        assert_eq!(like(Field::Price, &["price_usd", "xtream_price_usd", "low_usd"]), None, "our estimates");
    }
}
