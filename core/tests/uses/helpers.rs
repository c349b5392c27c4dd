//! What several files ask for: the data of the project, read, and the families.

use std::path::{Path, PathBuf};

use xtream_core::Interrupt;
use xtream_core::dataset::{Rows, Source};
use xtream_core::model::xgboost::Locations;
use xtream_core::progress::Silent;
use xtream_core::training::{Family, built_in, choose};

/// A file of the folder `data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(name)
}

/// The 53,940 public stones.
pub fn public() -> PathBuf {
    data("diamonds.csv")
}

/// The good ones of them, to train and to test on, as `source` has them read.
pub fn read_public(source: Source) -> Rows {
    let source = Source { data: vec![public()], ..source };
    source.read(&mut std::io::sink(), &Silent, &Interrupt::default()).unwrap()
}

/// All families, with the XGBoost library that the tests name.
pub fn families() -> Vec<Family> {
    let library = std::env::var_os("XTREAM_XGBOOST_LIB")
        .expect("XTREAM_XGBOOST_LIB names the library; see `make test`");
    built_in(&Locations::new(vec![library.into()]))
}

/// One of them.
pub fn family(name: &str) -> Family {
    choose(families(), &[name.into()]).unwrap().remove(0)
}
