//! What is wrong with rows, in words and one by one.

use serde_json::{Value, json};
use xtream_core::diamond::Fault;

/// Faults that are named one by one; a whole frame of nonsense need not scroll by.
const MOST_NAMED: usize = 10;

/// Rows that are no stones: in words, and one by one.
pub(crate) struct Refused {
    pub(crate) text: String,
    pub(crate) faults: Value,
}

/// What was wrong so far.
#[derive(Default)]
pub(crate) struct Faults {
    named: Vec<String>,
    carried: Vec<Value>,
    n_faults: usize,
    n_refused: usize,
    n_rows: usize,
}

impl Faults {
    /// Counts a row without fault.
    pub(crate) fn count(&mut self) {
        self.n_rows += 1;
    }

    /// Adds the faults of a row, `number` in its frame ("row") or file ("line").
    pub(crate) fn add(&mut self, place: &'static str, number: u64, faults: Vec<Fault>) {
        self.n_rows += 1;
        self.n_refused += 1;
        self.n_faults += faults.len();
        let room = MOST_NAMED - self.named.len();
        self.named.extend(faults.iter().take(room).map(|fault| format!("{place} {number}: {fault}")));
        self.carried.extend(faults.iter().map(|fault| as_json(Some(number), fault)));
    }

    /// What is to be said; `None` when nothing was wrong.
    pub(crate) fn finish(self) -> Option<Refused> {
        if self.n_refused == 0 {
            return None;
        }
        let mut text = format!("{} of {} rows are not valid diamonds", self.n_refused, self.n_rows);
        for fault in &self.named {
            text.push_str("\n  ");
            text.push_str(fault);
        }
        match self.n_faults - self.named.len() {
            0 => {}
            n => text.push_str(&format!("\n  and {n} more faults")),
        }
        Some(Refused { text, faults: Value::Array(self.carried) })
    }
}

/// A fault as the exception carries it; `row` is none where a single stone was given.
pub(crate) fn as_json(row: Option<u64>, fault: &Fault) -> Value {
    json!({
        "row": row,
        "field": fault.field,
        "value": fault.value,
        "reason": fault.reason,
        "allowed": fault.allowed,
        "likely": fault.likely,
    })
}
