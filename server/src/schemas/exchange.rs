//! What is recorded.

use serde_json::Value;
use utoipa::ToSchema;

use super::digest::Digest;

/// A request and its answer. Keys and passwords are never in it.
#[derive(ToSchema)]
pub(crate) struct Exchange {
    /// Number of the exchange, a UUIDv7.
    #[schema(format = "uuid")]
    _id: String,
    /// When the request came.
    #[schema(format = "date-time")]
    received_at: String,
    /// How long the answer took in milliseconds.
    #[schema(minimum = 0)]
    duration_ms: f64,
    /// Address of the client.
    client: String,
    /// The route, such as `/v1/models/{version}`; null for an unknown address.
    #[schema(required = true)]
    route: Option<String>,
    request: RecordedRequest,
    response: RecordedResponse,
    #[schema(nullable = false)]
    model: Option<RecordedModel>,
}

/// The request.
#[derive(ToSchema)]
pub(crate) struct RecordedRequest {
    /// Its method.
    method: String,
    /// Its path.
    path: String,
    /// Its query.
    query: String,
    /// Its body: a document where it is JSON, else text; null where there is none.
    body: Value,
    /// There, and true, when the text was cut at 64 KiB.
    #[schema(nullable = false)]
    truncated: Option<bool>,
    /// There when the text was cut and all of it had come: the digest of all of it.
    #[schema(nullable = false)]
    digest: Option<Digest>,
}

/// The answer.
#[derive(ToSchema)]
pub(crate) struct RecordedResponse {
    /// Its status.
    #[schema(minimum = 100, maximum = 599)]
    status: u16,
    /// Its body.
    body: Value,
    /// There, and true, when the text was cut.
    #[schema(nullable = false)]
    truncated: Option<bool>,
    /// There when the text was cut: the digest of all of it.
    #[schema(nullable = false)]
    digest: Option<Digest>,
}

/// The model that answered, where one did.
#[derive(ToSchema)]
pub(crate) struct RecordedModel {
    /// Its version.
    version: u64,
    /// Its digest.
    digest: Digest,
}
