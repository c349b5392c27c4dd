//! What came in: who asks, the query, and JSON that means one thing.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod diamond;
pub(crate) mod parameters;
mod unambiguous;
