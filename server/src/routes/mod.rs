//! One file a resource.

pub(crate) mod certificate;
pub(crate) mod exchanges;
pub(crate) mod models;
pub(crate) mod probes;
mod question;
pub(crate) mod similar;
pub(crate) mod valuations;
