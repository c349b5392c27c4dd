//! The 53,940 public stones, read as a delivery.

use std::path::PathBuf;

use xtream_core::Interrupt;
use xtream_core::dataset::{Duplicates, Policy, Rows, Source, Suspect, store};
use xtream_core::progress::Silent;

use crate::helpers::public;

fn read(policy: Policy) -> (Rows, String) {
    let mut rejects = Vec::new();
    let data = vec![public()];
    let source = Source { data, policy, ..Source::default() };
    let rows = source.read(&mut rejects, &Silent, &Interrupt::default()).unwrap();
    (rows, String::from_utf8(rejects).unwrap())
}

#[test]
fn twenty_impossible_and_sixty_six_implausible_stones_are_refused_by_line() {
    let (rows, rejects) = read(Policy { duplicates: Duplicates::Keep, ..Policy::default() });
    let counts = rows.counts;
    assert_eq!(
        (counts.n_rows, counts.n_rejected, counts.n_suspect, counts.n_duplicates),
        (53_940, 86, 66, 0)
    );
    assert_eq!(counts.n_kept as usize, rows.dataset.len());
    let line = rejects.lines().find(|line| line.contains("diamonds.csv,24069,y,58.9,")).unwrap();
    assert!(line.contains("suspect") && line.contains("from 2 to 30 mm"), "{line}");
}

#[test]
fn exact_duplicates_are_counted_and_dropped() {
    let (rows, _) = read(Policy { suspect: Suspect::Keep, ..Policy::default() });
    let counts = rows.counts;
    assert_eq!(counts.n_duplicates, 146 - 1, "one of the 146 repeats is of a stone with a zero dimension");
    assert_eq!(counts.n_rows, counts.n_kept + counts.n_rejected + counts.n_duplicates);
}

#[test]
fn a_stored_data_set_comes_back_row_by_row_and_has_one_digest() {
    let (rows, _) = read(Policy::default());
    let bytes = store::to_parquet(&rows.dataset).unwrap();
    assert_eq!(store::from_parquet(&bytes).unwrap(), rows.dataset);
    assert_eq!(store::to_parquet(&rows.dataset).unwrap(), bytes);
}

#[test]
fn a_fifth_tests_and_files_in_any_order_agree_on_which() {
    let (rows, _) = read(Policy::default());
    let share = rows.dataset.n_test() as f64 / rows.dataset.len() as f64;
    assert!((0.19..0.21).contains(&share), "{share}");

    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(public()).unwrap();
    let (header, body) = text.split_once('\n').unwrap();
    let reversed: Vec<_> = body.lines().rev().collect();
    let mut data: Vec<PathBuf> = Vec::new();
    for (part, lines) in reversed.chunks(20_000).enumerate() {
        let path = folder.path().join(format!("{part}.csv"));
        std::fs::write(&path, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
        data.push(path);
    }
    let source = Source { data, ..Source::default() };
    let shuffled = source.read(&mut std::io::sink(), &Silent, &Interrupt::default()).unwrap();
    let key = |stone: &xtream_core::PricedDiamond| format!("{stone:?}");
    let mut here: Vec<_> = rows.dataset.test().iter().map(key).collect();
    let mut there: Vec<_> = shuffled.dataset.test().iter().map(key).collect();
    here.sort();
    there.sort();
    assert_eq!(here, there);
}
