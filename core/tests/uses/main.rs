//! The crate as its users have it, on the public data. Needs the XGBoost library; `make test` names it in
//! `XTREAM_XGBOOST_LIB`. One program, so that the libraries below are linked once.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub
)]

mod decimals;
mod executor;
mod families;
mod foreign_families;
mod helpers;
mod hostile_models;
mod public_data;
mod typing_errors;
mod valuation;
