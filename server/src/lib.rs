//! The REST API: JSON to a diamond, core, answer to JSON. No encoding, learning or metrics here.
//!
//! `connections` has the bytes of every client and `admission` says whether a request is taken on.
//! A request comes in through [`startup`]'s route table, gets its number in `request_id`, is read
//! in `routes`, answered from the one bundle in `state`, and every refusal is worded in `problem`.
//! `exchange_log` has it on disk before the answer leaves.
//! `page` has the pages of the shop, `docs` the documentation.
//! `watcher` and `registry_reader` are the only parts that wait for the registry, each on a thread of its own.

mod admin;
mod admission;
mod body;
mod client;
mod compression;
mod connections;
mod diamond_json;
mod docs;
mod error;
mod etag;
pub mod exchange_log;
mod field_error;
mod history;
mod page;
mod parameters;
mod past_models;
mod problem;
mod registry_reader;
mod request_id;
mod routes;
pub mod startup;
mod state;
mod telemetry;
mod unambiguous;
mod watcher;

pub use admission::Rate;
pub use error::Error;
pub use startup::{Limits, Options, Server};
