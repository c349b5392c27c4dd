//! What a Parquet file takes in memory once it is decoded, told from the headers of its pages. A page of a few
//! bytes may announce a string of a gigabyte, or a million rows that are all the same; so the headers are
//! read, and added up, before anything is decompressed.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use polars::prelude::polars_err;
use polars::prelude::{PolarsError, PolarsResult};
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::read::{ColumnChunkMetadata, FileMetadata, RowGroupMetadata};
use polars_parquet_format::thrift::protocol::TCompactInputProtocol;
use polars_parquet_format::{Encoding, PageHeader, PageType};

use super::csv_format::LONGEST_RECORD;

/// Rows decoded at once, at most.
const MOST_ROWS: usize = 1 << 18;
/// Rows decoded at once are never fewer for the sake of memory, because pages are decoded whole.
const FEWEST_ROWS: usize = 1 << 10;
/// Cells decoded at once.
const MOST_CELLS: usize = 1 << 22;
/// Bytes that the rows decoded at once may take.
const MOST_BYTES: u64 = 256 << 20;
/// Bytes of a page's header, with the statistics in it.
const LARGEST_HEADER: usize = 1 << 20;
/// Bytes of a text.
const LONGEST_TEXT: u64 = LONGEST_RECORD as u64;

/// Rows that can be decoded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) first: usize,
    pub(super) n_rows: usize,
}

/// Cuts all rows into slices that each fit into memory.
///
/// # Errors
/// When there are rows that do not, however few are taken, or when pages contradict what stands over them.
pub(super) fn slices(file: &mut (impl Read + Seek), metadata: &FileMetadata) -> PolarsResult<Vec<Slice>> {
    let mut slices = Vec::new();
    let mut first = 0;
    for group in &metadata.row_groups {
        let columns = group.parquet_columns();
        let columns: Vec<_> =
            columns.iter().map(|column| Column::read(file, column, group)).collect::<PolarsResult<_>>()?;
        let fewest = FEWEST_ROWS.min(MOST_CELLS / columns.len().max(1)).max(1);
        let mut n_rows = MOST_ROWS.min(MOST_CELLS / columns.len().max(1)).max(1);
        let mut at = 0;
        while at < group.num_rows() {
            let rows = at..(at + n_rows).min(group.num_rows());
            let n_bytes = columns.iter().fold(0_u64, |sum, column| sum.saturating_add(column.n_bytes(&rows)));
            if n_bytes <= MOST_BYTES {
                slices.push(Slice { first: first + rows.start, n_rows: rows.len() });
                at = rows.end;
            } else if n_rows > fewest {
                n_rows = (n_rows / 2).max(fewest);
            } else {
                return Err(too_large(&columns, &rows, n_bytes, first));
            }
        }
        first = first.checked_add(group.num_rows()).ok_or_else(|| wrong("more rows than can be counted"))?;
    }
    Ok(slices)
}

fn too_large(columns: &[Column], rows: &Range<usize>, n_bytes: u64, first: usize) -> PolarsError {
    let largest = columns.iter().max_by_key(|column| column.n_bytes(rows));
    let name = largest.map_or("", |column| &column.name);
    wrong(format!(
        "rows {} to {} take {} MB of memory once they are unpacked, most of it in column {name:?}, and at most {} MB are allowed",
        first + rows.start + 1,
        first + rows.end,
        n_bytes >> 20,
        MOST_BYTES >> 20
    ))
}

fn wrong(reason: impl Into<String>) -> PolarsError {
    let reason: String = reason.into();
    polars_err!(ComputeError: "{reason}")
}

/// One column of a row group.
struct Column {
    name: String,
    /// Bytes that each row takes in any case.
    width: u64,
    /// Bytes of its dictionary.
    dictionary: u64,
    pages: Vec<Page>,
}

struct Page {
    /// The rows of the group that it holds; all of them where rows hold lists, which share pages in ways that
    /// its header does not tell.
    rows: Range<usize>,
    n_bytes: u64,
}

impl Column {
    /// Bytes that these rows of the group take.
    fn n_bytes(&self, rows: &Range<usize>) -> u64 {
        let needed =
            self.pages.iter().filter(|page| page.rows.start < rows.end && rows.start < page.rows.end);
        let pages = needed.fold(0_u64, |sum, page| sum.saturating_add(page.n_bytes));
        let cells = self.width.saturating_mul(rows.len() as u64);
        self.dictionary.saturating_add(pages).saturating_add(cells)
    }

    /// Reads the headers of all pages.
    fn read(
        file: &mut (impl Read + Seek),
        column: &ColumnChunkMetadata,
        group: &RowGroupMetadata,
    ) -> PolarsResult<Self> {
        let descriptor = &column.descriptor().descriptor;
        let is_nested = descriptor.max_rep_level > 0;
        let (width, encoded) = match column.physical_type() {
            PhysicalType::ByteArray => (16, 4),
            PhysicalType::FixedLenByteArray(width) => (width as u64, width as u64),
            PhysicalType::Boolean => (1, 1),
            PhysicalType::Int32 | PhysicalType::Float => (8, 4),
            PhysicalType::Int64 | PhysicalType::Double | PhysicalType::Int96 => (8, 8),
        };
        let name = column.descriptor().path_in_schema.join(".");
        let contradiction = |what: &str| wrong(format!("column {name:?}: {what}"));
        // Of so many texts the longest is at least as long as all are on average.
        let holds_too_long = |n_bytes: u64, n_texts: u64| {
            column.physical_type() == PhysicalType::ByteArray && n_bytes / (n_texts + 1) > LONGEST_TEXT
        };
        let too_long = || contradiction(&format!("a text in it is longer than {LONGEST_TEXT} bytes"));
        let mut read = Self { name: name.clone(), width, dictionary: 0, pages: Vec::new() };
        let bytes = column.byte_range();
        let n_values =
            u64::try_from(column.num_values()).map_err(|_| contradiction("fewer than no values"))?;
        let (mut at, mut n_seen) = (bytes.start, 0);
        while n_seen < n_values {
            let (header, length) = read_header(file, at)?;
            let size = |size: i32| u64::try_from(size).map_err(|_| contradiction("a page of negative size"));
            let unpacked = size(header.uncompressed_page_size)?;
            at = at.saturating_add(length).saturating_add(size(header.compressed_page_size)?);
            if at > bytes.end {
                return Err(contradiction("a page reaches beyond its column"));
            }
            if header.type_ == PageType::DICTIONARY_PAGE {
                let n_words = header.dictionary_page_header.map_or(0, |header| header.num_values);
                if size(n_words)?.saturating_mul(encoded) > unpacked {
                    return Err(contradiction("a dictionary announces more words than it holds"));
                }
                if holds_too_long(unpacked, size(n_words)?) {
                    return Err(too_long());
                }
                read.dictionary += unpacked.saturating_add(width.saturating_mul(size(n_words)?));
                continue;
            }
            let Some((n_in_page, encoding)) = values(&header) else { continue };
            let n_in_page = size(n_in_page)?;
            if holds_too_long(unpacked, n_in_page) {
                return Err(too_long());
            }
            let rows = match is_nested {
                true => 0..group.num_rows(),
                false => n_seen as usize..(n_seen + n_in_page) as usize,
            };
            let levels = if is_nested { n_in_page.saturating_mul(width.max(8)) } else { 0 };
            let content = match encoding {
                // Each text repeats as much of the one before as it says.
                Encoding::DELTA_BYTE_ARRAY => unpacked.saturating_mul(n_in_page.max(1)),
                _ => unpacked,
            };
            read.pages.push(Page { rows, n_bytes: content.saturating_add(levels) });
            n_seen += n_in_page;
        }
        if !is_nested && n_seen != group.num_rows() as u64 {
            return Err(contradiction(&format!("{n_seen} values for {} rows", group.num_rows())));
        }
        Ok(read)
    }
}

/// The number of values in a page of data, and how they are written.
fn values(header: &PageHeader) -> Option<(i32, Encoding)> {
    let first = header.data_page_header.as_ref().map(|header| (header.num_values, header.encoding));
    first.or_else(|| header.data_page_header_v2.as_ref().map(|header| (header.num_values, header.encoding)))
}

/// The header of the page that begins there, and its length.
fn read_header(file: &mut (impl Read + Seek), at: u64) -> PolarsResult<(PageHeader, u64)> {
    file.seek(SeekFrom::Start(at))?;
    let mut counted = Counted { file, n_read: 0 };
    let mut protocol = TCompactInputProtocol::new(&mut counted, LARGEST_HEADER);
    let header = PageHeader::read_from_in_protocol(&mut protocol)
        .map_err(|error| wrong(format!("the header of a page cannot be read: {error}")))?;
    Ok((header, counted.n_read))
}

struct Counted<'a, R> {
    file: &'a mut R,
    n_read: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n_read = self.file.read(buffer)?;
        self.n_read += n_read as u64;
        Ok(n_read)
    }
}
