//! Typing errors: numbers that do not fit together, and what was most likely meant.
//!
//! Each possible correction is judged by how usual the corrected stone would be (`likelihood`) and
//! by how often such a typo happens; the best is named when it beats the stone as typed by far.

mod candidates;
mod kind;
mod likelihood;
mod numbers;
mod search;

use self::candidates::{is_possible, possible};
pub use self::kind::{Kind, Typo};
use self::likelihood::estimate;
use self::numbers::{CARAT, DEPTH, NUMBERS, Numbers, X, Y, Z};
use self::search::{impossible, meant, mended, search};
use super::cell::Cell;
use super::correction::Correction;
use super::fault::{Fault, Severity};
use super::field::Field;
use super::number;
use super::parse::RawDiamond;
use super::stone::Diamond;

impl RawDiamond<'_> {
    /// The most likely typing errors in the numbers: hardly ever more than one. What is missing takes no part.
    pub fn typos(&self) -> Vec<Typo> {
        let cells = NUMBERS.map(|field| self.number(field));
        // Beside a number that cannot be read, doubts about the others are no news.
        let is_unreadable =
            |cell: &Result<_, Fault>| cell.as_ref().is_err_and(|fault| !fault.value.is_empty());
        if cells.iter().any(is_unreadable) { Vec::new() } else { search(&cells.map(Result::ok)) }
    }

    /// The faults of this stone, those of its numbers with what was likely meant.
    pub fn explained(&self, faults: Vec<Fault>) -> Vec<Fault> {
        let explain = |mut fault: Fault| {
            if let Some(number) = NUMBERS.iter().position(|field| *field == fault.field)
                && !fault.value.is_empty()
            {
                let read = |field| self.number(field).or_else(|fault| mended(&fault.value).ok_or(()));
                let others = NUMBERS.map(|field| read(field).ok());
                let likely = meant(number, &fault.value, &others);
                fault.likely = likely.map(|value| Correction([(fault.field, value)].into()));
            }
            fault
        };
        faults.into_iter().map(explain).collect()
    }

    /// A number as the search sees it.
    fn number(&self, field: Field) -> Result<f64, Fault> {
        let cell = match field {
            Field::Carat => self.carat,
            Field::Depth => self.depth,
            Field::Table => self.table,
            Field::X => self.x,
            Field::Y => self.y,
            Field::Z => self.z,
            _ => Cell::Missing,
        };
        /// Two places more than certificates have, for a point that moved two places.
        const FINER: f64 = 100_000.0;
        match NUMBERS.iter().position(|number| *number == field) {
            Some(number) => number::number(field, cell).and_then(|value| {
                // The digits that were typed mean something, where the number itself can mean nothing.
                if is_possible(number, value) { Ok(value) } else { number::number_of(field, cell, FINER) }
            }),
            None => number::number(field, cell),
        }
    }
}

impl Diamond {
    /// What is doubtful about this stone, typed as `raw` and then perhaps completed: a likely typing error is
    /// named at the numbers to correct, in place of the contradictions that follow from it
    /// ([`Diamond::suspicions`]), and so is a number that no stone has. They are [`Severity::Suspect`] where there
    /// are such contradictions, else [`Severity::Doubtful`]. What was not typed contradicts nothing.
    pub fn warnings(&self, raw: &RawDiamond<'_>) -> Vec<Fault> {
        let typed = self.typed(raw);
        let suspicions = self.suspicions();
        let severity = if suspicions.is_empty() { Severity::Doubtful } else { Severity::Suspect };
        let mut warnings = Vec::new();
        for typo in search(&typed) {
            let fault = |field| {
                let value = NUMBERS.iter().zip(typed).find(|(number, _)| **number == field)?.1?;
                let reason = typo.reason(field, &typed);
                Some(Fault {
                    likely: Some(typo.likely.clone()),
                    alternative: typo.alternative.clone(),
                    ..Fault::warning(field, value, reason, "what the certificate says".into(), severity)
                })
            };
            warnings.extend(typo.likely.0.iter().filter_map(|(field, _)| fault(*field)));
        }
        let wrong = impossible(&typed);
        for number in &wrong {
            let field = NUMBERS[*number];
            if let (Some(value), true) =
                (typed[*number], warnings.iter().all(|warning| warning.field != field))
            {
                let reason = "is not what a polished stone has".into();
                warnings.push(Fault::warning(field, value, reason, possible(*number), severity));
            }
        }
        if warnings.is_empty() {
            let is_typed = |fields: &[usize]| fields.iter().all(|number| typed[*number].is_some());
            let follows = |fault: &Fault| match fault.field {
                Field::X => is_typed(&[X, Y]),
                Field::Depth => is_typed(&[DEPTH, X, Y, Z]),
                _ => is_typed(&[CARAT, X, Y, Z]),
            };
            warnings.extend(suspicions.into_iter().filter(follows));
        }
        warnings
    }

    /// The numbers that were typed, as the search sees them: this stone's own, which are read already.
    fn typed(&self, raw: &RawDiamond<'_>) -> Numbers {
        let own = [
            (raw.carat, self.carat),
            (raw.depth, self.depth),
            (raw.table, self.table),
            (raw.x, self.x),
            (raw.y, self.y),
            (raw.z, self.z),
        ];
        std::array::from_fn(|number| {
            let (cell, value) = own[number];
            if cell.is_unmeasured() {
                None
            } else if is_possible(number, value) {
                Some(value)
            } else {
                raw.number(NUMBERS[number]).ok()
            }
        })
    }
}

impl Typo {
    /// `typed` are all numbers of the stone.
    fn reason(&self, field: Field, typed: &Numbers) -> String {
        let number = NUMBERS.iter().position(|number| *number == field).unwrap_or_default();
        let how = match self.kind {
            Kind::Shifted => ", as if its decimal point had moved".into(),
            Kind::Swapped => {
                let fields: Vec<_> = self.likely.0.iter().map(|(field, _)| field.name()).collect();
                format!(", as if {} had changed places", fields.join(" and "))
            }
            Kind::Repeated => {
                let of = (0..typed.len()).find(|of| typed[*of] == typed[number]).unwrap_or(number);
                format!(", but is the {} once more", NUMBERS[of])
            }
            Kind::OtherUnit => match number {
                CARAT => ", as if it were in grams and not in carat".into(),
                DEPTH => ", as if it were the height in mm and not a share of the width in percent".into(),
                _ => ", as if it were in inches and not in mm".into(),
            },
            Kind::MissingDigit => ", as if a digit were missing".into(),
            Kind::DoubledDigit => ", as if a digit had been typed twice".into(),
            Kind::WrongDigit => ", as if one digit were wrong".into(),
            Kind::TurnedDigits => ", as if two digits had changed places".into(),
            Kind::Unknown => String::new(),
        };
        // Whether there are others that say what it should be.
        let others = estimate(number, typed).is_some();
        let what = if others { "does not fit the other numbers" } else { "is not usual" };
        format!("{what}{how}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A real stone: 1.2 ct, 62.3 %, 58 %, 6.79 x 6.74 x 4.21 mm.
    fn stone<'a>(change: impl Fn(Field) -> Option<Cell<'a>>) -> RawDiamond<'a> {
        RawDiamond::from_cells(|field| {
            change(field).unwrap_or(match field {
                Field::Carat => Cell::Number(1.2),
                Field::Cut => Cell::Text("Premium"),
                Field::Color => Cell::Text("E"),
                Field::Clarity => Cell::Text("VS1"),
                Field::Depth => Cell::Number(62.2),
                Field::Table => Cell::Number(58.0),
                Field::X => Cell::Number(6.79),
                Field::Y => Cell::Number(6.74),
                Field::Z => Cell::Number(4.21),
                _ => Cell::Missing,
            })
        })
    }

    fn with<'a>(typed: &[(Field, f64)]) -> RawDiamond<'a> {
        let typed = typed.to_vec();
        stone(move |field| typed.iter().find(|(f, _)| *f == field).map(|(_, value)| Cell::Number(*value)))
    }

    fn only<'a>(typed: &[(Field, f64)]) -> RawDiamond<'a> {
        let typed = typed.to_vec();
        stone(move |field| {
            let given = typed.iter().find(|(f, _)| *f == field).map(|(_, value)| Cell::Number(*value));
            NUMBERS.contains(&field).then_some(given.unwrap_or(Cell::Missing))
        })
    }

    #[track_caller]
    fn assert_typo(typed: &[(Field, f64)], kind: Kind, likely: &[(Field, f64)]) {
        let typo = with(typed).typos().remove(0);
        assert_eq!((typo.kind, &*typo.likely.0), (kind, likely));
    }

    #[test]
    fn a_real_stone_has_no_typo_however_much_of_it_is_missing() {
        assert_eq!(with(&[]).typos(), []);
        for choice in 0..64_usize {
            let raw = stone(|field| {
                let number = NUMBERS.iter().position(|number| *number == field)?;
                (choice >> number & 1 == 1).then_some(Cell::Missing)
            });
            assert_eq!(raw.typos(), [], "{raw:?}");
        }
    }

    #[test]
    fn each_kind_of_typo_is_told_and_put_right() {
        assert_typo(&[(Field::X, 67.9)], Kind::Shifted, &[(Field::X, 6.79)]);
        assert_typo(&[(Field::Carat, 120.0)], Kind::Shifted, &[(Field::Carat, 1.2)]);
        assert_typo(&[(Field::Table, 0.58)], Kind::Shifted, &[(Field::Table, 58.0)]);
        let (x, z) = ((Field::X, 6.79), (Field::Z, 4.21));
        assert_typo(&[(Field::X, 4.21), (Field::Z, 6.79)], Kind::Swapped, &[x, z]);
        assert_typo(&[(Field::Z, 1.2)], Kind::Repeated, &[z]);
        assert_typo(&[(Field::Y, 6.4)], Kind::MissingDigit, &[(Field::Y, 6.74)]);
        assert_typo(&[(Field::Y, 66.74)], Kind::DoubledDigit, &[(Field::Y, 6.74)]);
        assert_typo(&[(Field::Depth, 26.2)], Kind::TurnedDigits, &[(Field::Depth, 62.2)]);
    }

    #[test]
    fn a_typo_is_found_among_few_numbers() {
        for (typed, likely) in [
            (vec![(Field::Carat, 1.2), (Field::X, 67.9)], (Field::X, 6.79)),
            (vec![(Field::Carat, 1.2), (Field::Z, 42.1)], (Field::Z, 4.21)),
            (vec![(Field::Carat, 12.0), (Field::X, 6.79), (Field::Y, 6.74)], (Field::Carat, 1.2)),
            (vec![(Field::Carat, 1.2), (Field::Depth, 6.22)], (Field::Depth, 62.2)),
        ] {
            assert_eq!(*only(&typed).typos()[0].likely.0, [likely], "{typed:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_put_right_too() {
        for (field, text, likely) in [
            (Field::X, "6,79", Some(6.79)),
            (Field::X, "6.79 xx", Some(6.79)),
            (Field::X, "-6.79", Some(6.79)),
            (Field::X, "0", Some(6.79)),
            (Field::Carat, "1,2", Some(1.2)),
            (Field::Carat, "0.0", Some(1.2)),
            (Field::Z, "421e9", Some(4.2)),
            (Field::Table, "many", None),
            (Field::Depth, "inf", Some(62.2)),
        ] {
            let raw = stone(|asked| (asked == field).then_some(Cell::Text(text)));
            let faults = raw.explained(raw.parse().unwrap_err());
            let found = faults[0].likely.as_ref().map(|correction| correction.of(field).unwrap());
            let is_near = |(found, likely): (f64, f64)| (found / likely - 1.0).abs() < 0.01;
            assert!(
                found.is_some() == likely.is_some() && found.zip(likely).is_none_or(is_near),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn a_typo_takes_the_place_of_the_contradictions_that_follow_from_it() {
        let raw = with(&[(Field::X, 67.9)]);
        let stone = raw.parse().unwrap();
        assert!(stone.suspicions().len() > 1);
        let [warning] = &*stone.warnings(&raw) else { unreachable!() };
        assert_eq!((warning.field, warning.severity), (Field::X, Severity::Suspect));
        assert_eq!(
            warning.to_string(),
            "x = \"67.9\" does not fit the other numbers, as if its decimal point had moved; allowed is what \
             the certificate says; most likely 6.79 is meant"
        );
        let raw = with(&[(Field::Y, 6.4)]);
        let stone = raw.parse().unwrap();
        assert_eq!(stone.suspicions(), [], "within the limits of refusal");
        assert_eq!(stone.warnings(&raw)[0].severity, Severity::Doubtful);
    }

    #[test]
    fn whatever_is_typed_is_judged_without_a_panic() {
        for value in [1e-6, 1e-3, 0.1, 1.0, 9.0, 99.99, 1e4, 1e6, 0.1 + 0.2, 1.0 / 3.0] {
            for one in NUMBERS {
                for other in NUMBERS {
                    with(&[(one, value), (other, 1e6)]).typos();
                    only(&[(one, value), (other, value)]).typos();
                }
            }
        }
    }
}
