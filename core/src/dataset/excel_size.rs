//! How much there is in a workbook, before it is read: a file of some kilobytes may say that it holds terabytes.

use std::io::{Cursor, Read};

/// Bytes that a packed workbook may have when it is unpacked.
const MOST_BYTES: u64 = 512 << 20;
/// Cells of a sheet of before 2007, empty ones among them: all of them get a place in memory.
const MOST_CELLS: u64 = 8_000_000;
/// The records of such a workbook that place a cell: their first number is its row, the second its column.
const CELLS: [u16; 10] = [0x0006, 0x00BD, 0x00BE, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E];
/// The one that places several, of which the last column stands at its end.
const SEVERAL: u16 = 0x00BD;

/// Unpacks all of it, and keeps nothing.
pub(super) fn check_packed(bytes: &[u8]) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut n_bytes = 0;
    for place in 0..archive.len() {
        let entry = archive.by_index(place).map_err(|error| error.to_string())?;
        let mut entry = entry.take(MOST_BYTES + 1 - n_bytes);
        n_bytes += std::io::copy(&mut entry, &mut std::io::sink()).map_err(|error| error.to_string())?;
        if n_bytes > MOST_BYTES {
            return Err(format!("it has more than {} MB when it is unpacked", MOST_BYTES >> 20));
        }
    }
    Ok(())
}

/// Looks where the cells are; whether the workbook has a password.
pub(super) fn check_compound(bytes: &[u8]) -> Result<bool, String> {
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    if file.exists("/EncryptedPackage") {
        return Ok(true);
    }
    let name = ["/Workbook", "/Book"].into_iter().find(|name| file.is_stream(name));
    let name = name.ok_or("it is no workbook of Excel")?;
    let mut records = Vec::new();
    let stream = file.open_stream(name).map_err(|error| error.to_string())?;
    stream.take(bytes.len() as u64).read_to_end(&mut records).map_err(|error| error.to_string())?;
    let (mut n_rows, mut n_columns) = (0_u64, 0_u64);
    let mut rest = &records[..];
    while let [kind_low, kind_high, length_low, length_high, behind @ ..] = rest {
        let kind = u16::from_le_bytes([*kind_low, *kind_high]);
        let length = usize::from(u16::from_le_bytes([*length_low, *length_high])).min(behind.len());
        let (record, next) = behind.split_at(length);
        if CELLS.contains(&kind)
            && let [row_low, row_high, column_low, column_high, ..] = record
        {
            n_rows = n_rows.max(u64::from(u16::from_le_bytes([*row_low, *row_high])) + 1);
            n_columns = n_columns.max(u64::from(u16::from_le_bytes([*column_low, *column_high])) + 1);
        }
        if kind == SEVERAL
            && let [.., low, high] = record
        {
            n_columns = n_columns.max(u64::from(u16::from_le_bytes([*low, *high])) + 1);
        }
        rest = next;
    }
    if n_rows * n_columns > MOST_CELLS {
        return Err(format!("its sheets reach over {n_rows} rows and {n_columns} columns"));
    }
    Ok(false)
}
