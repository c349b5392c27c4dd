//! The list of refused rows: nothing that was delivered disappears without a line here.

use std::io::Write;
use std::path::Path;

use super::ingest::{Place, RowOutcome, RowSink};
use crate::diamond::Fault;
use crate::error::{Error, Result};

/// One fault of one refused row.
#[derive(Debug)]
pub struct Reject<'a> {
    /// The file the row came from.
    pub file: &'a Path,
    /// Its line, from 1 (the row number in a Parquet file); in a frame its row, from 0.
    pub line: u64,
    /// What is wrong.
    pub fault: &'a Fault,
}

/// Writes refused rows as CSV, a line for each fault; `likely` is what its value should most likely be, where
/// that can be told.
pub struct RejectFile<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> RejectFile<W> {
    /// Starts a list with its header.
    pub fn new(writer: W) -> Result<Self> {
        let mut file = Self { writer: csv::Writer::from_writer(writer) };
        file.record(["file", "line", "column", "value", "severity", "reason", "allowed", "likely"])?;
        Ok(file)
    }

    /// Adds one fault.
    pub fn add(&mut self, reject: &Reject<'_>) -> Result<()> {
        let Reject { file, line, fault } = reject;
        let likely = fault.likely.as_ref().and_then(|likely| likely.of(fault.field));
        self.record([
            &*file.to_string_lossy(),
            &line.to_string(),
            fault.field.name(),
            &fault.value,
            fault.severity.name(),
            &fault.reason,
            &fault.allowed,
            &likely.map_or(String::new(), |value| value.to_string()),
        ])
    }

    /// Ends the list and gives the writer back.
    pub fn finish(self) -> Result<W> {
        self.writer.into_inner().map_err(|error| cannot_write(error.into_error()))
    }

    fn record<const N: usize>(&mut self, fields: [&str; N]) -> Result<()> {
        self.writer.write_record(fields).map_err(|error| cannot_write(error.into()))
    }
}

impl<W: Write> RowSink for RejectFile<W> {
    fn row(&mut self, place: &Place<'_>, outcome: RowOutcome<'_>) -> Result<()> {
        let RowOutcome::Refused(faults) = outcome else { return Ok(()) };
        let line = place.batch.line(place.row);
        faults.iter().try_for_each(|fault| self.add(&Reject { file: place.file, line, fault }))
    }
}

fn cannot_write(source: std::io::Error) -> Error {
    Error::write("the list of refused rows", source)
}
