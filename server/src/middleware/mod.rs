//! What every request goes through on its way to its route and back.

mod common_headers;
mod recording;
mod render_problem;
mod request_id;

pub(crate) use self::recording::record;
pub(crate) use self::render_problem::render_problem;
pub(crate) use self::request_id::assign_request_id;
