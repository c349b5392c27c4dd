//! Where the priced rows go: text in the form of the file that they came from, Parquet, or a workbook of Excel.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use polars::prelude::*;
use xtream_core::dataset::Echo;

use super::priced_rows::{Kind, Rows, cannot_write, failed};
use super::workbook::Workbook;
use crate::wrong_usage::WrongUsage;

/// Where the rows go, a batch at a time. A file is there under its name only when it is whole.
pub(super) struct Output {
    /// Until it is finished.
    place: Option<Place>,
    writer: Writer,
}

/// Endings that promise another form than those that are written.
const NOT_WRITTEN: [&str; 7] = ["gz", "json", "ods", "xls", "xlsb", "xlsm", "zip"];

/// A file to be.
struct Place {
    path: PathBuf,
    /// Written first, and given its name when it is whole. `None` where something stands that is no file, such as a pipe,
    /// which is written into.
    partial: Option<PathBuf>,
}

enum Writer {
    Csv {
        sink: Box<dyn Write>,
    },
    /// The file's own rows once more, and what stands beside them.
    Echo {
        sink: Box<dyn Write>,
        echo: Box<Echo>,
    },
    Parquet(Box<polars::io::parquet::write::BatchedWriter<File>>),
    Workbook {
        file: File,
        workbook: Box<Workbook>,
    },
}

impl Output {
    /// At `path`, whose ending tells what is written, or on standard output; text as in the file that it comes from
    /// (`echo`). `empty` has all columns, for the header, and `added` the names of those that are ours.
    pub(super) fn create(
        path: Option<&Path>,
        echo: Option<Echo>,
        empty: &DataFrame,
        added: &[String],
    ) -> Result<Self> {
        let Some(path) = path else {
            let sink = Box::new(BufWriter::new(std::io::stdout()));
            return Ok(Self {
                place: None,
                writer: Writer::text(sink, echo.map(Echo::for_pipes), empty, added)?,
            });
        };
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if NOT_WRITTEN.iter().any(|not| ending == *not) {
            let message = format!(
                "{}: files ending in .{} are not written; allowed are .csv, .xlsx and .parquet, and any other \
                 ending is text like the file with the stones",
                path.display(),
                ending.display()
            );
            return Err(WrongUsage(message).into());
        }
        let place = Place::at(path)?;
        let file = place.create()?;
        // From here on the partial file goes with the output.
        let nothing = Writer::Csv { sink: Box::new(std::io::sink()) };
        let mut output = Self { place: Some(place), writer: nothing };
        output.writer = match ending.to_str() {
            Some("parquet") => {
                Writer::Parquet(Box::new(ParquetWriter::new(file).batched(empty.schema()).map_err(failed)?))
            }
            Some("xlsx") => Writer::Workbook { file, workbook: Box::new(Workbook::new(empty)?) },
            _ => Writer::text(Box::new(BufWriter::new(file)), echo, empty, added)?,
        };
        Ok(output)
    }

    pub(super) fn kind(&self) -> Kind {
        match self.writer {
            Writer::Csv { .. } => Kind::Text,
            Writer::Echo { .. } => Kind::Beside,
            Writer::Parquet(_) | Writer::Workbook { .. } => Kind::Frame,
        }
    }

    pub(super) fn write(&mut self, rows: Rows) -> xtream_core::Result<()> {
        match (&mut self.writer, rows) {
            (Writer::Csv { sink }, Rows::Text(text)) => sink.write_all(&text).map_err(cannot_write),
            (Writer::Echo { sink, echo }, Rows::Beside(rows)) => {
                for (line, added) in rows {
                    sink.write_all(&echo.row(line, &added)?).map_err(cannot_write)?;
                }
                Ok(())
            }
            (Writer::Parquet(writer), Rows::Frame(frame)) => writer.write_batch(&frame).map_err(failed),
            (Writer::Workbook { workbook, .. }, Rows::Frame(frame)) => workbook.write(&frame),
            // Rows are made as `kind` says, so there are no others.
            _ => Err(cannot_write(std::io::Error::other("they are of another format than the file"))),
        }
    }

    pub(super) fn finish(mut self) -> Result<()> {
        match &mut self.writer {
            Writer::Csv { sink } | Writer::Echo { sink, .. } => sink.flush()?,
            Writer::Parquet(writer) => {
                writer.finish()?;
            }
            Writer::Workbook { file, workbook } => workbook.save(file)?,
        }
        if let Some(Place { path, partial: Some(partial) }) = self.place.take() {
            std::fs::rename(&partial, &path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl Place {
    /// Where a link leads, if there is one.
    fn at(path: &Path) -> Result<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let partial = match std::fs::metadata(&path) {
            Ok(there) if there.is_dir() => {
                let message = format!("cannot write {}: it is a folder; name a file in it", path.display());
                return Err(WrongUsage(message).into());
            }
            Ok(there) if !there.is_file() => None,
            _ => {
                let mut partial = path.as_os_str().to_owned();
                partial.push(".partial");
                Some(partial.into())
            }
        };
        Ok(Self { path, partial })
    }

    /// Whoever may read the file that is replaced may read the new one, and nobody else.
    fn create(&self) -> Result<File> {
        let path = self.partial.as_ref().unwrap_or(&self.path);
        let cannot = || format!("cannot write {}", path.display());
        let Some(partial) = &self.partial else {
            return File::options().write(true).open(path).with_context(cannot);
        };
        let file = File::create(partial).with_context(cannot)?;
        if let Ok(there) = std::fs::metadata(&self.path) {
            file.set_permissions(there.permissions()).with_context(cannot)?;
        }
        Ok(file)
    }
}

impl Writer {
    fn text(
        mut sink: Box<dyn Write>,
        echo: Option<Echo>,
        empty: &DataFrame,
        added: &[String],
    ) -> xtream_core::Result<Self> {
        if let Some(mut echo) = echo {
            sink.write_all(&echo.header(added)?).map_err(cannot_write)?;
            return Ok(Self::Echo { sink, echo: Box::new(echo) });
        }
        CsvWriter::new(&mut sink).include_header(true).finish(&mut empty.clone()).map_err(failed)?;
        Ok(Self::Csv { sink })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(Place { partial: Some(partial), .. }) = &self.place {
            // Not finished: nothing half-written stays. If even this fails there is no more to do.
            let _ = std::fs::remove_file(partial);
        }
    }
}
