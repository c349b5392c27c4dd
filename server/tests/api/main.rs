//! The server as its clients see it: a real port, a real registry, answers looked into.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod certificate;
mod docs;
mod exchanges;
mod failures;
mod files;
mod helpers;
mod hot_swap;
mod lifecycle;
mod limits;
mod models;
mod similar;
mod valuations;
