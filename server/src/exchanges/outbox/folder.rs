//! The folder of the log: whose it is, who may read it, and what is done to its files as files.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The database, and what SQLite appends to before it is in there.
pub(super) const DATABASE: &str = "exchanges.sqlite";
const WRITE_AHEAD: &str = "exchanges.sqlite-wal";
const SHARED_MEMORY: &str = "exchanges.sqlite-shm";
const LOCK: &str = "lock";
/// There while somebody wants the dead letters offered again.
const RETRY: &str = "retry";

/// Why the log is not ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unlocked {
    #[error("another server is using it; give each server a folder of its own (--exchange-log)")]
    Taken,
    #[error("its folder is gone")]
    Gone,
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// The folder, ours alone for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held open: the lock goes with the process, however that ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder, if need be, and locks it.
    pub(super) fn make(path: &Path) -> Result<Self, Unlocked> {
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let n_missing = path.ancestors().take_while(is_missing).count();
        fs::create_dir_all(path)?;
        // Each new folder is a name in the one above it.
        for above in path.ancestors().skip(1).take(n_missing) {
            sync(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
        }
        Self::lock(path)
    }

    /// Locks a folder that is there.
    pub(super) fn lock(path: &Path) -> Result<Self, Unlocked> {
        if !path.is_dir() {
            return Err(Unlocked::Gone);
        }
        if let Err(error) = only_for_its_owner(path) {
            tracing::warn!(%error, folder = %path.display(), "others may be able to read the exchange log");
        }
        let lock = private(&path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Unlocked::Taken),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Path of the database.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Makes the names of the files last.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(&self.path)
    }

    /// Writes again what is in the write-ahead log, and syncs it.
    ///
    /// After a sync that failed, the system still shows what was written and takes it for clean: another sync would
    /// succeed without writing it. What was not written for certain is made certain here, before anything builds on it.
    pub(super) fn write_again(&self) -> io::Result<()> {
        let opened = OpenOptions::new().read(true).write(true).open(self.path.join(WRITE_AHEAD));
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let mut block = vec![0; 1 << 20];
        let mut at = 0;
        loop {
            let n_bytes = file.read(&mut block)?;
            if n_bytes == 0 {
                return file.sync_all();
            }
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&block[..n_bytes])?;
            at += n_bytes as u64;
        }
    }

    /// Gives the database another name, under which nobody touches it, and returns that.
    pub(super) fn set_aside(&self, now: chrono::DateTime<chrono::Utc>) -> io::Result<String> {
        let name = format!("{DATABASE}.damaged-{}", now.format("%Y%m%dT%H%M%S%3fZ"));
        fs::rename(self.database(), self.path.join(&name))?;
        for (file, ending) in [(WRITE_AHEAD, "-wal"), (SHARED_MEMORY, "-shm")] {
            match fs::rename(self.path.join(file), self.path.join(format!("{name}{ending}"))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.sync()?;
        Ok(name)
    }

    /// Whether somebody asked for the dead letters to be offered again.
    pub(super) fn wants_retry(&self) -> bool {
        self.path.join(RETRY).exists()
    }

    /// Tells whoever asked that it is done.
    pub(super) fn retried(&self) -> io::Result<()> {
        fs::remove_file(self.path.join(RETRY))
    }
}

/// Asks the server that holds the folder to offer the dead letters again; returns what is there until it has done so.
pub(super) fn ask_for_retry(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(RETRY);
    private(&path)?;
    Ok(path)
}

/// A file that only its owner can read, made if need be.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Which file this is, however it is called; `None` when there is none.
#[cfg(unix)]
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    path.exists().then_some((0, 0))
}

#[cfg(unix)]
fn only_for_its_owner(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for file in fs::read_dir(folder)? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn only_for_its_owner(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A new name lasts once its folder is synced.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
