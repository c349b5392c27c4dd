//! What a file says of a stone beside its features, and what makes it none that we can price: another shape than round,
//! a laboratory, a fancy color, another currency.

use super::cell::Cell;
use super::fault::Fault;
use super::field::Field;

/// What the trade calls a round brilliant, as [`plain`] writes it.
const ROUND: [&str; 12] = [
    "round",
    "r",
    "rd",
    "rb",
    "rbc",
    "br",
    "rnd",
    "roundbrilliant",
    "roundbrilliantcut",
    "brilliantround",
    "brilliant",
    "roundcut",
];
/// Parts of what is said of stones that did not grow in the earth.
const OF_A_LABORATORY: [&str; 9] =
    ["lab", "cvd", "hpht", "synthetic", "grown", "created", "manmade", "simulant", "moissanite"];
/// What looks like one of those and is none.
const OF_THE_EARTH: [&str; 4] = ["earthgrown", "naturallygrown", "earthcreated", "naturallycreated"];
const YES: [&str; 4] = ["yes", "y", "true", "1"];
const NO: [&str; 6] = ["no", "n", "false", "0", "natural", "nofancycolor"];
const DOLLARS: [&str; 7] = ["usd", "us$", "$", "dollar", "dollars", "usdollar", "usdollars"];

/// Why a stone of which a column of [`Field::TELLING`] says this is none of ours; `None` where it is, or nothing is
/// said.
pub(crate) fn objection(field: Field, cell: Cell<'_>) -> Option<Fault> {
    if cell.is_blank() {
        return None;
    }
    let written = cell.as_written()?;
    let text = plain(&written);
    let is_one_of = |words: &[&str]| words.contains(&&*text);
    let (is_ours, reason, allowed) = match field {
        Field::Shape => (
            is_one_of(&ROUND),
            "is a shape that no model here has learned",
            "Round, or nothing in this column",
        ),
        Field::Origin => {
            let is_grown = OF_A_LABORATORY.iter().any(|word| text.contains(word)) || is_one_of(&YES);
            let is_of_the_earth = OF_THE_EARTH.iter().any(|word| text.contains(word));
            let reason = "is not a stone that grew in the earth, and no model here has learned from others";
            (!is_grown || is_of_the_earth, reason, "Natural, or nothing in this column")
        }
        Field::Fancy => {
            let reason = "is a fancy color, and no model here has learned from such stones";
            (is_one_of(&NO), reason, "nothing in this column")
        }
        Field::Currency => {
            (is_one_of(&DOLLARS), "is a currency in which nothing here is priced", "USD, US dollars")
        }
        _ => return None,
    };
    (!is_ours).then(|| Fault::wrong(field, &written, reason, allowed.into()))
}

/// Letters, digits and `$` alone count, in small letters.
fn plain(text: &str) -> String {
    let is_kept = |character: &char| character.is_alphanumeric() || *character == '$';
    text.chars().filter(is_kept).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_a_stone_none_of_ours_is_objected_to_and_nothing_else() {
        for (field, text, is_ours) in [
            (Field::Shape, "Round", true),
            (Field::Shape, "RB", true),
            (Field::Shape, " Round Brilliant ", true),
            (Field::Shape, "", true),
            (Field::Shape, "n/a", true),
            (Field::Shape, "Heart", false),
            (Field::Shape, "Old European", false),
            (Field::Origin, "Natural", true),
            (Field::Origin, "Botswana", true),
            (Field::Origin, "No", true),
            (Field::Origin, "Earth-grown", true),
            (Field::Origin, "Lab-Grown", false),
            (Field::Origin, "CVD", false),
            (Field::Origin, "true", false),
            (Field::Fancy, "-", true),
            (Field::Fancy, "Vivid Yellow", false),
            (Field::Currency, "US$", true),
            (Field::Currency, "EUR", false),
            (Field::Cut, "Heart", true),
        ] {
            assert_eq!(objection(field, Cell::Text(text)).is_none(), is_ours, "{field} {text:?}");
        }
        assert!(objection(Field::Origin, Cell::Number(1.0)).is_some());
        assert!(objection(Field::Origin, Cell::Number(0.0)).is_none());
    }
}
