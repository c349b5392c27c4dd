//! From what the user names (files, folders, patterns) to the list of files to read.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// How the names of data files end.
const ENDINGS: [&str; 6] = ["csv", "tsv", "parquet", "xlsx", "xls", "gz"];

/// The data files that `paths` name, in the order given; the files of a folder or a pattern are
/// sorted by name. A folder contributes the files whose names end as
/// [`ENDINGS`] say.
///
/// # Errors
/// When a path does not exist or names no data file: a misspelt path is never an empty data set.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let found = if path.is_dir() {
            data_files_in(path)?
        } else if path.exists() {
            vec![path.clone()]
        } else {
            matching(path)?
        };
        files.extend(found);
    }
    Ok(files)
}

fn data_files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|source| Error::read(folder, source))? {
        let path = entry.map_err(|source| Error::read(folder, source))?.path();
        if path.is_file() && has_data_extension(&path) {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::NoData {
            path: folder.into(),
            reason: format!("the folder holds no file that ends in .{}", ENDINGS.join(", .")),
        });
    }
    files.sort();
    Ok(files)
}

fn matching(pattern: &Path) -> Result<Vec<PathBuf>> {
    let none = |reason: &str| Error::NoData { path: pattern.into(), reason: reason.into() };
    let text = pattern.to_str().ok_or_else(|| none("there is no such file or folder"))?;
    if !text.contains(['*', '?', '[']) {
        return Err(none("there is no such file or folder"));
    }
    let mut files = Vec::new();
    for entry in glob::glob(text).map_err(|error| none(&format!("not a valid pattern: {error}")))? {
        let path = entry.map_err(|error| Error::read(error.path().to_owned(), error.into()))?;
        if path.is_file() && !is_hidden(&path) {
            files.push(path);
        }
    }
    if files.is_empty() { Err(none("no file matches the pattern")) } else { Ok(files) }
}

/// Files of a folder that are not meant as data, by name: a README beside the deliveries.
pub fn passed_over(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.retain(|path| !has_data_extension(path) && !is_hidden(path));
    files.sort();
    files
}

/// Whether a folder's file is meant as data.
fn has_data_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ENDINGS.iter().any(|known| extension.eq_ignore_ascii_case(known)) && !is_hidden(path)
}

/// Whether a program keeps the file for itself, as Excel does beside a workbook that is open.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with('.') || name.starts_with("~$")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_folders_and_patterns_become_one_sorted_list() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.parquet", "README.md", "c.CSV", "d.xlsx", "~$d.xlsx", ".e.csv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |path: PathBuf| -> Vec<String> {
            let files = expand(&[path]).unwrap();
            files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(folder.path().into()), ["a.parquet", "b.csv", "c.CSV", "d.xlsx"]);
        assert_eq!(passed_over(folder.path()), [folder.path().join("README.md")]);
        assert_eq!(names(folder.path().join("*.csv")), ["b.csv"]);
        assert_eq!(names(folder.path().join("README.md")), ["README.md"]);
    }

    #[test]
    fn a_misspelt_path_is_an_error_and_never_an_empty_data_set() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("no.csv"), folder.path().join("*.csv")] {
            let error = expand(std::slice::from_ref(&path)).unwrap_err();
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        }
    }
}
