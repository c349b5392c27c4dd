//! How much there is in a workbook, before it is read: a file of some kilobytes may say that it holds terabytes.

use std::io::{Cursor, Read, Write};

/// Bytes that a packed workbook may have when it is unpacked.
const MOST_BYTES: u64 = 512 << 20;
/// Cells of a sheet of before 2007, empty ones among them: all of them get a place in memory.
const MOST_CELLS: u64 = 8_000_000;
const WORKBOOK: &str = "/Workbook";
/// The records of such a workbook that place a cell: their first number is its row, the second its column.
const CELLS: [u16; 10] = [0x0006, 0x00BD, 0x00BE, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E];
/// The one that says where a sheet begins, and the one that says how many rows and columns it has.
const SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
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

/// The workbook alone, in a file that holds nothing else: two programs may understand a damaged file in two ways, and what
/// is read must be what was looked at. `None` of one with a password.
///
/// # Errors
/// When it is no workbook, or cells lie so far apart that those between them would fill the memory.
pub(super) fn checked_compound(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    if file.exists("/EncryptedPackage") {
        return Ok(None);
    }
    let name = [WORKBOOK, "/Book"].into_iter().find(|name| file.is_stream(name));
    let name = name.ok_or("it is no workbook of Excel")?;
    let mut records = Vec::new();
    let stream = file.open_stream(name).map_err(|error| error.to_string())?;
    stream.take(bytes.len() as u64).read_to_end(&mut records).map_err(|error| error.to_string())?;
    let mut reach = Reach::default();
    // A sheet may begin anywhere. Records that were looked at once are not looked at again.
    let mut seen = vec![false; records.len()];
    let mut beginnings = vec![0];
    while let Some(mut at) = beginnings.pop() {
        while let Some([kind_low, kind_high, length_low, length_high, behind @ ..]) = records.get(at..)
            && !std::mem::replace(&mut seen[at], true)
        {
            let kind = u16::from_le_bytes([*kind_low, *kind_high]);
            let length = usize::from(u16::from_le_bytes([*length_low, *length_high])).min(behind.len());
            let record = &behind[..length];
            if kind == SHEET
                && let Some(place) = record.first_chunk()
            {
                beginnings.push(u32::from_le_bytes(*place) as usize);
            }
            reach.extend(kind, record);
            at += 4 + length;
        }
    }
    match reach {
        Reach { n_rows, n_columns, .. } if n_rows * n_columns > MOST_CELLS => {
            Err(format!("its sheets reach over {n_rows} rows and {n_columns} columns"))
        }
        Reach { most_announced, .. } if most_announced > MOST_CELLS => {
            Err(format!("a sheet of it is said to have {most_announced} cells"))
        }
        _ => in_a_file_of_its_own(&records).map(Some).map_err(|error| error.to_string()),
    }
}

fn in_a_file_of_its_own(records: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut file = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new()))?;
    file.create_stream(WORKBOOK)?.write_all(records)?;
    file.flush()?;
    Ok(file.into_inner().into_inner())
}

/// How far the cells of all sheets go.
#[derive(Default)]
struct Reach {
    n_rows: u64,
    n_columns: u64,
    /// The most cells that a sheet is said to have: so many get a place beforehand.
    most_announced: u64,
}

impl Reach {
    fn extend(&mut self, kind: u16, record: &[u8]) {
        let short = |at: usize| record.get(at..at + 2).map(|two| u64::from(two[0]) | u64::from(two[1]) << 8);
        if CELLS.contains(&kind)
            && let (Some(row), Some(column)) = (short(0), short(2))
        {
            self.n_rows = self.n_rows.max(row + 1);
            self.n_columns = self.n_columns.max(column + 1);
        }
        if kind == SEVERAL && record.len() >= 2 {
            self.n_columns = self.n_columns.max(short(record.len() - 2).unwrap_or_default() + 1);
        }
        if kind == DIMENSIONS {
            let long = |at: usize| Some(short(at)? | short(at + 2)? << 16);
            // First row, the one behind the last, and columns alike; before Excel 97 all of two bytes.
            let (rows, columns) = if record.len() == 10 {
                ((short(0), short(2)), (short(4), short(6)))
            } else {
                ((long(0), long(4)), (short(8), short(10)))
            };
            // One that ends before it begins is counted in a number that knows nothing below zero.
            let between = |(first, end): (Option<u64>, Option<u64>)| match (first, end) {
                (Some(first), Some(end)) if end > 0 => end.checked_sub(first).unwrap_or(u64::MAX),
                _ => 1,
            };
            // Columns that begin beyond what there are begin at the first one.
            let n_columns = columns.1.unwrap_or_default().max(1);
            self.most_announced = self.most_announced.max(between(rows).saturating_mul(n_columns));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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

    fn has_password(bytes: &[u8]) -> Result<bool, String> {
        checked_compound(bytes).map(|file| file.is_none())
    }

    #[test]
    fn two_cells_far_apart_are_refused_before_all_between_them_get_a_place() {
        let near = compound("/Workbook", &[(0x0203, &[9, 0, 5, 0, 0, 0]), (0x0203, &[0, 0, 0, 0])]);
        assert_eq!(has_password(&near), Ok(false));
        let far = compound("/Workbook", &[(0x0203, &[0xFF, 0xFF, 0, 0]), (0x0203, &[0, 0, 0xFF, 0])]);
        assert!(has_password(&far).unwrap_err().contains("65536 rows and 256 columns"));
        let several = compound("/Workbook", &[(0x00BD, &[0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0])]);
        assert!(has_password(&several).is_err());
    }

    #[test]
    fn a_sheet_that_is_said_to_be_endless_is_refused_before_it_gets_a_place() {
        let said = |rows: [u32; 2], columns: [u16; 2]| {
            let rows = rows.map(u32::to_le_bytes).concat();
            let record = [rows, columns.map(u16::to_le_bytes).concat(), vec![0; 2]].concat();
            has_password(&compound("/Workbook", &[(DIMENSIONS, &record)]))
        };
        assert_eq!(said([0, 65_536], [0, 100]), Ok(false));
        assert_eq!(said([0, 0], [0, 0]), Ok(false));
        assert!(said([0, 65_536], [0, 256]).unwrap_err().contains("16777216 cells"));
        assert!(said([7, 5], [0, 3]).is_err(), "fewer than none");
        assert!(said([0, u32::MAX], [0, u16::MAX]).is_err());
        let old = [5_u16, 4, 0, 3, 0].map(u16::to_le_bytes).concat();
        assert!(has_password(&compound("/Book", &[(DIMENSIONS, &old)])).is_err());
    }

    #[test]
    fn a_sheet_that_begins_inside_a_record_is_looked_at_from_there() {
        // The record of the sheet is the first eight bytes; behind the head of the next one a cell is hidden.
        let hidden = [0x03, 0x02, 4, 0, 0xFF, 0xFF, 0xFF, 0];
        let file = compound("/Workbook", &[(SHEET, &[12, 0, 0, 0]), (0x0042, &hidden)]);
        assert!(has_password(&file).unwrap_err().contains("65536 rows and 256 columns"));
        let turns = compound("/Workbook", &[(SHEET, &[0; 4]), (SHEET, &[0xFF; 4])]);
        assert_eq!(has_password(&turns), Ok(false));
    }

    #[test]
    fn a_workbook_with_a_password_is_told_from_others() {
        assert_eq!(has_password(&compound("/EncryptedPackage", &[])), Ok(true));
        assert!(has_password(&compound("/WordDocument", &[])).unwrap_err().contains("no workbook"));
    }
}
