//! The shape of what has no type of its own here: requests, whose faults are all collected before there is a type, and
//! what core writes, which knows no documentation. `tests/server/test_schema.py` holds answers to it.
#![allow(dead_code, reason = "their shape alone is used")]

mod digest;
mod exchange;
mod file;
mod model;
mod request;
mod valuation;

pub(crate) use self::digest::Digest;
pub(crate) use self::exchange::*;
pub(crate) use self::file::*;
pub(crate) use self::model::*;
pub(crate) use self::request::requests;
pub(crate) use self::valuation::*;
