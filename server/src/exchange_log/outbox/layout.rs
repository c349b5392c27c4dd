//! The tables of the local log, and the way to them from earlier versions of this program.

use rusqlite::Connection;

/// Version of the tables below, kept in the file.
pub(super) const LAYOUT: i64 = 2;

/// `exchange` grows at one end only, and one index serves reading: with all that is filtered by in
/// it, what is filtered out is never looked at. Each index more would cost every exchange.
const SCHEMA: &str = "
    CREATE TABLE exchange (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        received_at TEXT NOT NULL,
        route TEXT,
        status INTEGER NOT NULL,
        document TEXT NOT NULL
    );
    CREATE INDEX exchange_by_id ON exchange (id, received_at, route, status);
    CREATE TABLE refused (
        seq INTEGER PRIMARY KEY,
        tries INTEGER NOT NULL,
        retry_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS dead_letter (
        id TEXT PRIMARY KEY,
        document TEXT NOT NULL,
        reason TEXT NOT NULL
    );";

/// Up to where the journal has been filled in, as a single row.
const JOURNAL: &str = "
    CREATE TABLE journal (generation INTEGER NOT NULL, \"end\" INTEGER NOT NULL);
    INSERT INTO journal VALUES (0, 0);";

/// From the first layout, whose table had an index for each filter.
const FROM_FIRST_LAYOUT: &str = "
    INSERT INTO exchange SELECT seq, id, received_at, route, status, document FROM first_layout;
    DROP TABLE first_layout;";

/// Brings the file to the present layout, whole or not at all.
pub(super) fn lay_out(connection: &mut Connection) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if found > LAYOUT {
        return Err(format!("its layout {found} is of a later version of this program"));
    }
    if found == LAYOUT {
        // A number is used again once the exchange that had it is gone.
        let orphans = "DELETE FROM refused WHERE seq NOT IN (SELECT seq FROM exchange)";
        return connection.execute_batch(orphans).map_err(failed);
    }
    let transaction = connection.transaction().map_err(failed)?;
    if found < 2 {
        let is_first = transaction.table_exists(None, "exchange").map_err(failed)?;
        if is_first {
            transaction.execute_batch("ALTER TABLE exchange RENAME TO first_layout").map_err(failed)?;
        }
        transaction.execute_batch(SCHEMA).map_err(failed)?;
        if is_first {
            transaction.execute_batch(FROM_FIRST_LAYOUT).map_err(failed)?;
        }
    }
    transaction.execute_batch(JOURNAL).map_err(failed)?;
    transaction.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
    transaction.commit().map_err(failed)
}
