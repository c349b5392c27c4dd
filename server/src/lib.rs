//! The REST API: JSON to a diamond, core, answer to JSON. No encoding, learning or metrics here.
//!
//! A request comes over one of the `connections`, goes through the `middleware` (its number, its record, the wording of
//! refusals) and past the `limits` to its handler in `routes`, which reads it with `request`, asks the model in `serving` and
//! answers; `problem` words every refusal. `exchanges` has it on disk before the answer leaves.
//! `pages` has the pages of the shop, `docs` the documentation; [`app`] puts all of it together.

mod admin;
pub mod app;
mod compression;
mod connections;
mod cross_origin;
mod docs;
mod error;
mod etag;
pub mod exchanges;
mod limits;
mod middleware;
mod pages;
mod problem;
mod request;
mod request_id;
mod routes;
mod schemas;
mod serving;
mod static_file;
mod telemetry;

pub use app::{Limits, Options, Server};
pub use error::Error;
pub use limits::Rate;
