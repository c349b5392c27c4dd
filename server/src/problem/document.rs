//! A problem as it is sent.

use serde::Serialize;
use utoipa::ToSchema;

use super::field_error::FieldError;
use crate::request_id::RequestId;

/// A refusal (RFC 9457). Programs go by `status` and `code`; people read `detail` and the page at `type`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// Address of the page that explains it.
    #[schema(format = "uri-reference")]
    pub(super) r#type: String,
    /// The kind of problem in a few words.
    pub(super) title: &'static str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    pub(super) status: u16,
    /// This problem in a sentence or two.
    pub(super) detail: String,
    /// The kind of problem. A code never changes its meaning; new ones may be added, so treat one that you do not know by
    /// its status. `examples` has all there are.
    pub(super) code: &'static str,
    /// The number of this exchange, the same as in the header `X-Request-Id`.
    #[schema(value_type = String, format = "uuid")]
    pub(super) request_id: RequestId,
    /// Every fault of the values; empty where the values are not at fault.
    pub(super) errors: Vec<FieldError>,
}
