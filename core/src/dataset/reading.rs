//! What a user says of how files are to be read, in place of what is found out about them.

use std::collections::BTreeMap;

use encoding_rs::Encoding;

use crate::diamond::{Clarity, Color, Cut, Field, Grade};
use crate::error::{Error, Result};

/// How to read files; nothing is said of most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub(super) delimiter: Option<char>,
    /// The sign of decimals: a point or a comma.
    pub(super) decimal: Option<char>,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) sheet: Option<String>,
    /// What columns of these names are; `None` of those to be left aside.
    pub(super) columns: Vec<(String, Option<Field>)>,
    /// Those of them that were said of the files at hand, and not of all deliveries to the shop.
    pub(super) typed: Vec<String>,
    /// Grades of the shop's own, in small letters, and ours in their place.
    pub(super) grades: Vec<(Field, String, &'static str)>,
    /// Whether numbers that look as if they had another unit are taken as they are.
    pub(super) accepts_units: bool,
}

/// What a user says of one file's form.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormSaid<'a> {
    /// What parts its columns: a character, or a word such as `tab`.
    pub delimiter: Option<&'a str>,
    /// The sign of its decimals: `.` or `,`, or a word for it.
    pub decimal: Option<&'a str>,
    /// The name of its encoding, such as `windows-1252`.
    pub encoding: Option<&'a str>,
    /// The name of a workbook's sheet.
    pub sheet: Option<&'a str>,
}

impl Reading {
    /// As a shop's settings say: what its columns are, by their names, and which of our grades its own stand for, by
    /// column.
    ///
    /// # Errors
    /// [`Error::Usage`] where they name a column or grade that there is not, as in all that follow.
    pub fn of_shop(
        columns: &BTreeMap<String, String>,
        grades: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<Self> {
        let mut reading = Self::default();
        for (theirs, ours) in columns {
            reading = reading.with_column(theirs, ours)?;
        }
        for (column, grades) in grades {
            for (theirs, ours) in grades {
                reading = reading.with_grade(column, theirs, ours)?;
            }
        }
        Ok(reading)
    }

    /// And as somebody says of one file; that counts before what was said earlier.
    pub fn with_form(mut self, said: FormSaid<'_>) -> Result<Self> {
        if let Some(delimiter) = said.delimiter {
            self = self.delimited_by(delimiter)?;
        }
        if let Some(decimal) = said.decimal {
            self = self.with_decimal(decimal)?;
        }
        if let Some(encoding) = said.encoding {
            self = self.encoded_in(encoding)?;
        }
        self.sheet = said.sheet.map(str::to_owned).or(self.sheet);
        Ok(self)
    }

    fn delimited_by(mut self, text: &str) -> Result<Self> {
        let named = match text {
            "tab" | "\\t" => "\t",
            "comma" => ",",
            "semicolon" => ";",
            "pipe" | "bar" => "|",
            other => other,
        };
        let mut characters = named.chars();
        match (characters.next(), characters.next()) {
            (Some(one @ (',' | ';' | '\t' | '|')), None) => self.delimiter = Some(one),
            _ => return Err(refused("a separator", text, "a comma, a semicolon, a bar (|) or the word tab")),
        }
        Ok(self)
    }

    fn with_decimal(mut self, text: &str) -> Result<Self> {
        self.decimal = match text {
            "." | "point" => Some('.'),
            "," | "comma" => Some(','),
            _ => return Err(refused("the sign of decimals", text, "point (.) or comma (,)")),
        };
        Ok(self)
    }

    fn encoded_in(mut self, text: &str) -> Result<Self> {
        let found = Encoding::for_label(text.trim().as_bytes());
        let allowed = "the name of one, such as utf-8, windows-1252, macintosh or utf-16le";
        self.encoding = Some(found.ok_or_else(|| refused("an encoding", text, allowed))?);
        Ok(self)
    }

    /// Takes what a column is: `theirs` by its name in the file, `ours` one of ours, or `-` for a column that is to be
    /// left aside.
    pub fn with_column(mut self, theirs: &str, ours: &str) -> Result<Self> {
        let names = || {
            let named = Field::ALL.into_iter().chain(Field::BESIDE).map(Field::name);
            format!("one of {}, or - to leave it aside", named.collect::<Vec<_>>().join(", "))
        };
        let field = match ours.trim() {
            "-" => None,
            name => {
                Some(Field::of_any_name(name).ok_or_else(|| refused("a column of ours", ours, &names()))?)
            }
        };
        self.columns.push((theirs.trim().to_lowercase(), field));
        Ok(self)
    }

    /// Whether a column of that name is said to mean nothing to us.
    pub(super) fn leaves_aside(&self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        let said = self.columns.iter().rev().find(|(theirs, _)| *theirs == name);
        said.is_some_and(|(_, field)| field.is_none())
    }

    /// Takes `THEIRS=OURS`, a column as typed.
    pub fn with_column_typed(mut self, text: &str) -> Result<Self> {
        let (theirs, ours) = text
            .rsplit_once('=')
            .filter(|(theirs, _)| !theirs.trim().is_empty())
            .ok_or_else(|| refused("a column", text, "THEIRS=OURS, such as \"Gewicht=carat\""))?;
        self.typed.push(theirs.trim().to_owned());
        self.with_column(theirs, ours)
    }

    /// The names that were said of the files at hand, which are none of these columns'.
    pub(super) fn unmatched(&self, columns: &[String]) -> Vec<String> {
        let is_there =
            |theirs: &String| columns.iter().any(|name| name.trim().to_lowercase() == theirs.to_lowercase());
        self.typed.iter().filter(|theirs| !is_there(theirs)).cloned().collect()
    }

    /// Takes that a grade of the shop's own stands for one of ours.
    fn with_grade(mut self, column: &str, theirs: &str, ours: &str) -> Result<Self> {
        fn label<G: Grade>(text: &str) -> Result<&'static str> {
            G::parse(text).map(Grade::label).map_err(|_| refused("a grade of ours", text, &G::allowed()))
        }
        let (field, label) = match Field::from_name(column) {
            Some(field @ Field::Cut) => (field, label::<Cut>(ours)?),
            Some(field @ Field::Color) => (field, label::<Color>(ours)?),
            Some(field @ Field::Clarity) => (field, label::<Clarity>(ours)?),
            _ => return Err(refused("a column of grades", column, "cut, color or clarity")),
        };
        self.grades.push((field, theirs.trim().to_lowercase(), label));
        Ok(self)
    }

    /// Takes numbers as they are, also where they look as if they had another unit.
    pub fn accepting_units(mut self, accepts: bool) -> Self {
        self.accepts_units = accepts;
        self
    }

    /// The grade of ours that a shop's own stands for.
    pub(super) fn grade(&self, field: Field, text: &str) -> Option<&'static str> {
        if self.grades.is_empty() {
            return None;
        }
        let text = text.trim().to_lowercase();
        self.grades.iter().find(|(of, word, _)| *of == field && *word == text).map(|(.., label)| *label)
    }
}

fn refused(what: &str, text: &str, allowed: &str) -> Error {
    Error::Usage { reason: format!("{text:?} as {what}"), allowed: allowed.to_owned() }
}
