//! The rows of a file as they stand in it, for whoever writes them again beside something else.

use polars::prelude::{AnyValue, DataType};

use super::plain::DOUBTS;
use super::{Batch, Table};
use crate::diamond::Field;
use crate::error::Result;

impl Table {
    /// All cells of each row of a batch of this table, in the order of its columns; `None` where nothing stands. A number
    /// has its own decimal sign again, but no marks between thousands.
    ///
    /// # Errors
    /// When polars cannot parse what is sound for us.
    pub fn texts(&self, batch: Batch) -> Result<Vec<Vec<Option<String>>>> {
        let mut rows = vec![Vec::with_capacity(self.columns().len()); batch.len()];
        let frame = batch.into_frame()?;
        for (name, field) in self.columns().iter().zip(self.fields()) {
            let number = field.filter(|field| field.is_number());
            let column = frame.column(name).ok().map(|column| column.as_materialized_series().clone());
            // What is neither text nor a number, such as a list, is shown as polars shows it.
            let column = column.map(|column| column.cast(&DataType::String).unwrap_or(column));
            let mut cells = column.iter().flat_map(|column| column.iter());
            for row in &mut rows {
                let cell = match cells.next() {
                    None | Some(AnyValue::Null) => None,
                    Some(cell) => Some(cell.get_str().map_or_else(|| cell.to_string(), str::to_owned)),
                };
                row.push(cell.map(|cell| match number {
                    Some(field) => as_it_stood(cell, field, self.signs().decimal),
                    None => cell,
                }));
            }
        }
        Ok(rows)
    }
}

/// A number as it was before it got a decimal point.
fn as_it_stood(cell: String, field: Field, decimal: char) -> String {
    if let Some(number) = DOUBTS.iter().find_map(|doubt| cell.strip_suffix(doubt)) {
        return number.to_owned();
    }
    let is_number = cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if decimal == ',' && (is_number || field == Field::Measurements) { cell.replace('.', ",") } else { cell }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::dataset::Signs;

    fn texts(text: &str) -> (Signs, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, text).unwrap();
        let mut table = Table::open(&path, &Arc::default()).unwrap();
        let batch = table.next_batch().unwrap().unwrap();
        let rows = table.texts(batch).unwrap();
        let shown = |row: &Vec<Option<String>>| {
            row.iter().map(|cell| cell.clone().unwrap_or_else(|| "-".into())).collect::<Vec<_>>().join("|")
        };
        (table.signs(), rows.iter().map(shown).collect())
    }

    #[test]
    fn cells_stand_there_as_they_did_in_the_file() {
        let plain = "carat,cut,color,clarity,note\n0.71,Ideal,G,VS2,\"a,b\"\n0.710,Fair,D,IF,\n";
        assert_eq!(
            texts(plain),
            (Signs::PLAIN, vec!["0.71|Ideal|G|VS2|a,b".to_owned(), "0.710|Fair|D|IF|-".to_owned()])
        );
        let other =
            "note;carat;cut;color;clarity;price\n1.5;0,710;Ideal;G;VS2;2.757\n1,5;2.757;Fair;D;IF;9,50\n";
        let expected = vec!["1.5|0,710|Ideal|G|VS2|2757".to_owned(), "1,5|2.757|Fair|D|IF|9,50".to_owned()];
        assert_eq!(texts(other), (Signs { separator: ';', decimal: ',' }, expected));
    }
}
