//! What a registry in a folder needs beyond single objects: folders that a power cut does not take back,
//! and a look at what stands in the place of a file before anybody opens it.

use std::fs::{File, FileType};
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};

/// Makes a folder, and those above it that are missing, so that they outlive a power cut: a name is certain
/// once the folder that it stands in was synced.
///
/// A folder that is there already is synced in its parent all the same: whoever made it may have been
/// killed before doing so.
pub(crate) fn make(path: &Path) -> Result<()> {
    let failed = |source| Error::write(path, source);
    // An empty parent is the folder in which the program was started.
    let parent = path.parent().map(|parent| if parent == Path::new("") { Path::new(".") } else { parent });
    if let Some(parent) = parent
        && !parent.is_dir()
    {
        make(parent)?;
    }
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made.map_err(failed)?,
    }
    parent.map_or(Ok(()), |parent| sync(parent).map_err(failed))
}

/// Makes the names in a folder certain.
pub(crate) fn sync(path: &Path) -> std::io::Result<()> {
    // Elsewhere folders can neither be opened nor synced.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Whether there is a file at `path` in `folder`; `false` when nothing is there.
///
/// # Errors
/// [`Error::Damaged`] when something is there that is no file: reading it could wait for ever.
pub(crate) fn is_file(folder: &Path, path: &str) -> Result<bool> {
    let place = folder.join(path);
    let failed = |source| Error::read(&place, source);
    // A link counts as what it leads to.
    let kind = match std::fs::metadata(&place) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => match std::fs::symlink_metadata(&place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            link => link.map_err(failed)?.file_type(),
        },
        Err(error) => return Err(failed(error)),
    };
    if kind.is_file() {
        return Ok(true);
    }
    let reason = format!("{} stands in its place", name_of(kind));
    Err(Error::Damaged { what: path.into(), reason })
}

fn name_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link that leads nowhere"
    } else {
        "a pipe, a socket or a device"
    }
}

/// The names of everything in a folder; none where there is no such folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |source| Error::read(folder, source);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(failed)
    };
    entries.map(name).collect()
}
