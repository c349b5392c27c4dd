//! Finding exchanges, newest first, a bounded part at a time.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::Stored;
use super::readers::Readers;
use crate::exchanges::filter::Filter;
use crate::exchanges::page::{Limits, Part};

/// A reader stays for so long at a time: whoever waits for a turn gets one soon.
const TURN: Duration = Duration::from_millis(50);
/// Time after which a search ends with what it has, and says where to go on.
const PATIENCE: Duration = Duration::from_secs(2);
/// Rows between two looks at the time.
const ROWS_BETWEEN: usize = 256;

/// The records that the filter lets through, from one of the tables, newest first.
pub(super) fn search(
    readers: &Readers,
    table: &str,
    filter: &Filter,
    limits: Limits,
) -> Result<Part<Stored>, String> {
    let begun = Instant::now();
    let mut found = Found { records: Vec::new(), n_bytes: 0, limits };
    let mut range = filter.ids();
    loop {
        let turn = readers.read(|connection| found.turn(connection, table, filter, &range));
        match turn? {
            Turn::End => return Ok(Part { records: found.records, reached: None }),
            Turn::Enough => {
                let reached = found.records.last().map(|stored| stored.id.clone());
                return Ok(Part { records: found.records, reached });
            }
            Turn::Over(last) if begun.elapsed() > PATIENCE => {
                return Ok(Part { records: found.records, reached: Some(last) });
            }
            Turn::Over(last) => range.end = last,
        }
    }
}

enum Turn {
    /// There are no more.
    End,
    /// There are more than are wanted.
    Enough,
    /// It took its time, and came as far as this id.
    Over(String),
}

struct Found {
    records: Vec<Stored>,
    n_bytes: usize,
    limits: Limits,
}

impl Found {
    fn turn(
        &mut self,
        connection: &Connection,
        table: &str,
        filter: &Filter,
        range: &std::ops::Range<String>,
    ) -> rusqlite::Result<Turn> {
        let begun = Instant::now();
        let rows = format!(
            "SELECT id, received_at, route, status, seq FROM {table} WHERE id >= ?1 AND id < ?2 ORDER BY id DESC"
        );
        let document = format!("SELECT digest, document FROM {table} WHERE seq = ?1");
        let mut rows = connection.prepare_cached(&rows)?;
        let mut document = connection.prepare_cached(&document)?;
        let mut rows = rows.query(params![range.start, range.end])?;
        let mut n_seen = 0;
        while let Some(row) = rows.next()? {
            n_seen += 1;
            let route = row.get_ref(2)?.as_str_or_null()?;
            if filter.admits(row.get(1)?, route, row.get(3)?) {
                let id: String = row.get(0)?;
                let stored = document.query_row([row.get::<_, i64>(4)?], |row| {
                    Ok(Stored { id, digest: row.get(0)?, document: row.get(1)? })
                })?;
                self.n_bytes += stored.document.len();
                let is_enough =
                    self.n_bytes > self.limits.n_bytes || self.records.len() == self.limits.n_records;
                if is_enough && !self.records.is_empty() {
                    return Ok(Turn::Enough);
                }
                self.records.push(stored);
            }
            if n_seen % ROWS_BETWEEN == 0 && begun.elapsed() > TURN {
                return Ok(Turn::Over(row.get(0)?));
            }
        }
        Ok(Turn::End)
    }
}
