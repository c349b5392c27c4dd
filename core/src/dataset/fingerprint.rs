//! What makes two rows the same, computed from the parsed values so that spelling, file and order
//! do not matter. xxh3 is used because its output is fixed by its specification: a stone keeps its
//! fingerprint across releases and machines.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::diamond::{Diamond, Grade, PricedDiamond};

const STONE_BYTES: usize = 6 * 8 + 3;

fn stone_bytes(stone: &Diamond) -> [u8; STONE_BYTES] {
    let mut bytes = [0; STONE_BYTES];
    let numbers = [stone.carat(), stone.depth(), stone.table(), stone.x(), stone.y(), stone.z()];
    for (slot, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    let grades = [stone.cut().rank(), stone.color().rank(), stone.clarity().rank()];
    for (slot, rank) in bytes[STONE_BYTES - 3..].iter_mut().zip(grades) {
        *slot = rank as u8;
    }
    bytes
}

/// Fingerprint of the stone alone, whatever its price: two appraisals of one stone share it.
pub fn stone_fingerprint(stone: &Diamond, seed: u64) -> u64 {
    xxh3_64_with_seed(&stone_bytes(stone), seed)
}

/// Fingerprint of the whole row. Rows that say the same share one; those that share one should be compared.
pub(super) fn row_fingerprint(row: &PricedDiamond) -> u64 {
    let mut bytes = [0; STONE_BYTES + 8];
    bytes[..STONE_BYTES].copy_from_slice(&stone_bytes(row.diamond()));
    bytes[STONE_BYTES..].copy_from_slice(&row.price_usd().to_le_bytes());
    xxh3_64(&bytes)
}
