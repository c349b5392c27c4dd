//! The shape of what has no type of its own here: requests, whose faults are all collected before there is a type, and
//! what core writes, which knows no documentation. `tests/server/test_schema.py` holds answers to it.
#![allow(dead_code, reason = "their shape alone is used")]

mod exchange;
mod model;
mod request;
mod valuation;

use utoipa::ToSchema;

pub(crate) use self::exchange::*;
pub(crate) use self::model::*;
pub(crate) use self::request::requests;
pub(crate) use self::valuation::*;

/// SHA-256 of what is stored: the same digest is the same content, byte for byte.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
pub(crate) struct Digest(String);
