//! The database: opened so that nothing which was answered can be lost, written to, and emptied into its file.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::folder::{Folder, Unlocked, identity, private};
use super::{Durability, Settled};
use crate::exchanges::record::Record;

/// Version of the tables below, kept in the file.
pub(super) const LAYOUT: i64 = 3;

/// `exchange` grows at one end only, and one index serves reading: with all that is filtered by in
/// it, what is filtered out is never looked at. Each index more would cost every exchange.
const SCHEMA: &str = "
    CREATE TABLE exchange (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        received_at INTEGER NOT NULL,
        route TEXT,
        status INTEGER NOT NULL,
        digest BLOB NOT NULL,
        document TEXT NOT NULL
    );
    CREATE INDEX exchange_by_id ON exchange (id, received_at, route, status);
    CREATE TABLE dead_letter (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        received_at INTEGER NOT NULL,
        route TEXT,
        status INTEGER NOT NULL,
        digest BLOB NOT NULL,
        document TEXT NOT NULL,
        reason TEXT NOT NULL
    );";

const COLUMNS: &str = "id, received_at, route, status, digest, document";

/// Bytes of a page: of the sizes tried, the one for which SQLite writes least a record (half a dozen fit in).
const PAGE: i64 = 8192;
/// Bytes that the write-ahead log is cut back to after it grew beyond them.
const WRITE_AHEAD_KEPT: i64 = 8 << 20;

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    #[error(transparent)]
    Folder(#[from] Unlocked),
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    OtherFormat(String),
    #[error("a sync of it failed: {0}")]
    Sync(#[source] std::io::Error),
    #[error("there is no space left on the disk of the exchange log")]
    NoSpace,
}

impl From<rusqlite::Error> for Failed {
    /// SQLite has the same words for all that goes wrong with a disk.
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error().map(|error| error.extended_code) {
            Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC) => Self::Sync(std::io::Error::other(error)),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Folder(error.into())
    }
}

impl Failed {
    /// Whether there is no space on the disk.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::NoSpace => true,
            Self::Sqlite(error) => {
                error.sqlite_error_code() == Some(ErrorCode::DiskFull) || is_no_space(error)
            }
            Self::Folder(Unlocked::Failed(error)) | Self::Sync(error) => {
                error.kind() == std::io::ErrorKind::StorageFull
            }
            _ => false,
        }
    }

    /// Whether the file is not what SQLite wrote.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Sqlite(error) => is_damage(error),
            Self::Damaged(_) => true,
            _ => false,
        }
    }
}

/// Whether the file is not what SQLite wrote.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// SQLite's shared memory is made larger by writing: where that finds no space, it says so in words of its own.
fn is_no_space(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(SQLITE_IOERR_SHMSIZE | SQLITE_IOERR_SHMMAP))
}

/// How many rows a transaction added and took away.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Change {
    pub(super) n_records: i64,
    pub(super) n_dead: i64,
}

/// The open database, and the folder that it lies in.
pub(super) struct Store {
    pub(super) connection: Connection,
    pub(super) folder: Folder,
    /// The file that was opened.
    opened: Option<(u64, u64)>,
    /// For syncs that SQLite leaves out.
    file: std::fs::File,
}

impl Store {
    /// Opens the database in a folder that is ours. A damaged one is set aside and a new one begun; it is looked for
    /// damage all over where `is_suspect`.
    pub(super) fn open(folder: Folder, durability: Durability, is_suspect: bool) -> Result<Self, Failed> {
        match Self::connect(&folder, durability, is_suspect) {
            Ok((connection, file)) => {
                Ok(Self { opened: identity(&folder.database()), connection, folder, file })
            }
            Err(error) if error.is_damage() => {
                let name = folder.set_aside(chrono::Utc::now())?;
                tracing::error!(
                    %error, set_aside_as = name,
                    "the database of the exchange log is damaged; it is kept under this name, and a new one is begun"
                );
                let (connection, file) = Self::connect(&folder, durability, false)?;
                Ok(Self { opened: identity(&folder.database()), connection, folder, file })
            }
            Err(error) => Err(error),
        }
    }

    fn connect(
        folder: &Folder,
        durability: Durability,
        is_suspect: bool,
    ) -> Result<(Connection, std::fs::File), Failed> {
        folder.write_again().map_err(Failed::Sync)?;
        // SQLite gives the files beside it the rights of this one.
        let file = private(&folder.database())?;
        let is_new = file.metadata()?.len() == 0;
        let mut connection = Connection::open(folder.database())?;
        // Closing must not empty the write-ahead log behind our back: nobody would look at the result.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let synchronous = match durability {
            Durability::Fsync => "FULL",
            Durability::Os => "NORMAL",
        };
        if is_new {
            connection
                .execute_batch(&format!("PRAGMA page_size = {PAGE}; PRAGMA auto_vacuum = INCREMENTAL;"))?;
        }
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0; \
             PRAGMA journal_size_limit = {WRITE_AHEAD_KEPT}; PRAGMA cell_size_check = ON; \
             PRAGMA busy_timeout = 5000;"
        ))?;
        if is_suspect {
            let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found != "ok" {
                return Err(Failed::Damaged(found));
            }
        }
        lay_out(&mut connection)?;
        folder.sync().map_err(Failed::Sync)?;
        Ok((connection, file))
    }

    /// Whether the file that was opened is still the one in the folder.
    pub(super) fn is_in_place(&self) -> bool {
        identity(&self.folder.database()) == self.opened
    }

    /// Writes all of it in one transaction; when this returns, it is as safe as `durability` asks for.
    pub(super) fn commit<'a>(
        &mut self,
        added: impl Iterator<Item = &'a Record>,
        settled: impl Iterator<Item = &'a Settled>,
    ) -> Result<Change, Failed> {
        let transaction = self.connection.transaction()?;
        let mut change = Change::default();
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO exchange (id, received_at, route, status, digest, document) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for record in added {
                let Record { id, received_at, route, status, digest, document } = record;
                let mut name = uuid::Uuid::encode_buffer();
                let id = &*id.hyphenated().encode_lower(&mut name);
                let at = received_at.timestamp_millis();
                insert.execute(params![id, at, route, status, digest, document])?;
                change.n_records += 1;
            }
        }
        for settled in settled {
            settle(&transaction, settled, &mut change)?;
        }
        transaction.commit()?;
        Ok(change)
    }

    /// Offers the dead letters again.
    pub(super) fn retry(&mut self) -> Result<Change, Failed> {
        let transaction = self.connection.transaction()?;
        let again =
            format!("INSERT INTO exchange ({COLUMNS}) SELECT {COLUMNS} FROM dead_letter ORDER BY seq");
        let n = transaction.execute(&again, [])? as i64;
        transaction.execute("DELETE FROM dead_letter", [])?;
        transaction.commit()?;
        Ok(Change { n_records: n, n_dead: -n })
    }

    /// Removes up to so many of the oldest exchanges: those received before this time, where one is given.
    pub(super) fn forget(&mut self, most: u64, before: Option<i64>) -> Result<Change, Failed> {
        let n = self
            .connection
            .prepare_cached(
                "DELETE FROM exchange WHERE seq IN (SELECT seq FROM exchange ORDER BY seq LIMIT ?1) \
                 AND received_at < ?2",
            )?
            .execute(params![most.cast_signed(), before.unwrap_or(i64::MAX)])?;
        Ok(Change { n_records: -(n as i64), n_dead: 0 })
    }

    /// Exchanges and dead letters. It reads an index from end to end.
    pub(super) fn counted(&self) -> Result<Change, Failed> {
        let count =
            |table| self.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        Ok(Change { n_records: count("exchange")?, n_dead: count("dead_letter")? })
    }

    /// Whether anything can be written: the number that is there is written again.
    pub(super) fn probe(&self) -> Result<(), Failed> {
        Ok(self.connection.pragma_update(None, "user_version", LAYOUT)?)
    }

    /// Empties the write-ahead log into the file; whether all of it went in, which a reader may prevent.
    ///
    /// SQLite uses the write-ahead log anew only after the file was synced, and after a failure starts from where it
    /// was; but what it wrote while somebody was reading it does not sync. That is done here.
    pub(super) fn checkpoint(&self, truncates: bool) -> Result<bool, Failed> {
        let mode = if truncates { "TRUNCATE" } else { "PASSIVE" };
        let (is_busy, n_frames, n_done) =
            self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })?;
        let is_whole = !is_busy && n_frames == n_done;
        if !is_whole {
            self.file.sync_all().map_err(Failed::Sync)?;
        }
        Ok(is_whole)
    }

    /// Bytes that are used and that are free inside the file.
    pub(super) fn bytes(&self) -> Result<(u64, u64), Failed> {
        let pages = |name: &str| -> rusqlite::Result<i64> {
            self.connection.prepare_cached(&format!("PRAGMA {name}"))?.query_row([], |row| row.get(0))
        };
        let (all, free) = (pages("page_count")?, pages("freelist_count")?);
        let bytes = |pages: i64| (pages * PAGE).cast_unsigned();
        Ok((bytes(all - free), bytes(free)))
    }

    /// Gives up to so many free pages back to the disk, once the write-ahead log is emptied.
    pub(super) fn shrink(&self, n_pages: u32) -> Result<(), Failed> {
        let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({n_pages})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }
}

fn settle(transaction: &Connection, settled: &Settled, change: &mut Change) -> rusqlite::Result<()> {
    let id = match settled {
        Settled::Shipped(id) => id,
        Settled::Refused(id, reason) => {
            let dead = transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO dead_letter (id, received_at, route, status, digest, document, reason) \
                     SELECT id, received_at, route, status, digest, document, ?2 FROM exchange WHERE id = ?1 LIMIT 1",
                )?
                .execute(params![id, reason])?;
            change.n_dead += dead as i64;
            id
        }
    };
    // By its id and not by its place: whatever else is in the database stays.
    let n = transaction.prepare_cached("DELETE FROM exchange WHERE id = ?1")?.execute(params![id])?;
    change.n_records -= n as i64;
    Ok(())
}

/// Makes the tables in a new file, and refuses one of another format.
fn lay_out(connection: &mut Connection) -> Result<(), Failed> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == LAYOUT {
        return Ok(());
    }
    let any = "SELECT name FROM sqlite_schema LIMIT 1";
    let is_new = connection.query_row(any, [], |row| row.get::<_, String>(0)).optional()?.is_none();
    if found != 0 || !is_new {
        return Err(Failed::OtherFormat(format!(
            "its format {found} is of another version of this program, which reads {LAYOUT}; move the folder \
             away, or name another one with --exchange-log"
        )));
    }
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    Ok(transaction.commit()?)
}

/// Opens the database to read beside the writer.
pub(super) fn reader(database: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(database, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("PRAGMA busy_timeout = 2000; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}
