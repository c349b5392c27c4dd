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
    check_unpacked(bytes, MOST_BYTES)
}

fn check_unpacked(bytes: &[u8], most: u64) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut n_bytes = 0;
    for place in 0..archive.len() {
        let entry = archive.by_index(place).map_err(|error| error.to_string())?;
        let mut entry = entry.take(most + 1 - n_bytes);
        n_bytes += std::io::copy(&mut entry, &mut std::io::sink()).map_err(|error| error.to_string())?;
        if n_bytes > most {
            return Err(format!("it has more than {} MB when it is unpacked", most >> 20));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    #[test]
    fn a_small_file_that_unpacks_to_a_large_one_is_refused_before_it_is_read() {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"] {
            archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(&vec![b' '; 3 << 20]).unwrap();
        }
        let bytes = archive.finish().unwrap().into_inner();
        assert!(bytes.len() < 100_000);
        assert_eq!(check_unpacked(&bytes, 6 << 20), Ok(()));
        let refused = check_unpacked(&bytes, 5 << 20).unwrap_err();
        assert!(refused.contains("more than 5 MB when it is unpacked"), "{refused}");
    }

    /// A workbook of before 2007 that has these records.
    fn compound(name: &str, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        let mut stream = file.create_stream(name).unwrap();
        for (kind, record) in records {
            stream.write_all(&kind.to_le_bytes()).unwrap();
            stream.write_all(&(record.len() as u16).to_le_bytes()).unwrap();
            stream.write_all(record).unwrap();
        }
        drop(stream);
        file.into_inner().into_inner()
    }

    #[test]
    fn two_cells_far_apart_are_refused_before_all_between_them_get_a_place() {
        let near = compound("/Workbook", &[(0x0203, &[9, 0, 5, 0, 0, 0]), (0x0203, &[0, 0, 0, 0])]);
        assert_eq!(check_compound(&near), Ok(false));
        let far = compound("/Workbook", &[(0x0203, &[0xFF, 0xFF, 0, 0]), (0x0203, &[0, 0, 0xFF, 0])]);
        assert!(check_compound(&far).unwrap_err().contains("65536 rows and 256 columns"));
        let several = compound("/Workbook", &[(0x00BD, &[0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0])]);
        assert!(check_compound(&several).is_err());
    }

    #[test]
    fn a_workbook_with_a_password_is_told_from_others() {
        assert_eq!(check_compound(&compound("/EncryptedPackage", &[])), Ok(true));
        assert!(check_compound(&compound("/WordDocument", &[])).unwrap_err().contains("no workbook"));
    }
}
