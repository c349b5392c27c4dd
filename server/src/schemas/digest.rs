//! Digests in the documentation.

use utoipa::ToSchema;

/// SHA-256 of what is stored: the same digest is the same content, byte for byte.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
pub(crate) struct Digest(String);
