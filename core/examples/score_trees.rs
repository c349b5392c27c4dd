//! Predicts a matrix with an XGBoost model file by our own reader, for tests that hold it against
//! the library: `score_trees MODEL MATRIX N_COLUMNS OUT`. MATRIX and OUT are 32-bit floats in little
//! endian, MATRIX row by row; missing values are NaN.

use std::error::Error;

use xtream_core::model::{Regressor, TreeEnsemble};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [model, matrix, n_columns, out] = arguments.as_slice() else {
        return Err("usage: score_trees MODEL MATRIX N_COLUMNS OUT".into());
    };
    let n_columns: usize = n_columns.parse()?;
    let ensemble = TreeEnsemble::from_xgboost(std::fs::read(model)?)?;
    if n_columns != ensemble.n_features() {
        return Err(format!("the model takes {} columns, not {n_columns}", ensemble.n_features()).into());
    }
    let bytes = std::fs::read(matrix)?;
    let (words, rest) = bytes.as_chunks();
    if !rest.is_empty() || words.len() % n_columns != 0 {
        return Err(format!("{} bytes are not rows of {n_columns} numbers", bytes.len()).into());
    }
    let values: Vec<_> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let sums = ensemble.predict_rows(&values);
    for (row, sum) in values.chunks_exact(n_columns).zip(&sums) {
        if ensemble.predict_row(row).to_bits() != sum.to_bits() {
            return Err(format!("{row:?} has another value alone than among others").into());
        }
    }
    Ok(std::fs::write(out, sums.iter().flat_map(|sum| sum.to_le_bytes()).collect::<Vec<_>>())?)
}
