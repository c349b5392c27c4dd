//! A request's body as JSON, within bounds.

use std::io::ErrorKind;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, web};
use serde_json::Value;

use super::unambiguous::Unambiguous;
use crate::problem::Problem;

/// Time in which a body must have arrived.
pub(crate) struct Deadline(pub(crate) Duration);

/// Bytes of a file.
pub(crate) const LARGEST_FILE: usize = 20 << 20;
/// A file may take long, but so many bytes of it come in the time that other bodies have for all of theirs.
pub(crate) const LEAST_PROGRESS: usize = 64 << 10;

/// Whether the body sent to this address is a file.
pub(crate) fn is_file(path: &str) -> bool {
    path == "/v1/files"
}

/// Reads a JSON body of at most `limit` bytes.
///
/// # Errors
/// 415, 413 or 400.
pub(crate) async fn read_json(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<Value, Problem> {
    let content_type = request.content_type().to_ascii_lowercase();
    if content_type != "application/json" && !content_type.ends_with("+json") {
        return Err(Problem::unsupported_media_type(
            "Send the body as JSON, with the header `Content-Type: application/json`.",
        ));
    }
    let is_plain = |encoding: &[u8]| encoding.eq_ignore_ascii_case(b"identity");
    if request.headers().get(CONTENT_ENCODING).is_some_and(|encoding| !is_plain(encoding.as_bytes())) {
        return Err(Problem::unsupported_media_type("Send the body as it is, without compression."));
    }
    let body = read_bytes(request, payload, limit).await?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::malformed_json("it is empty"));
    }
    if body.starts_with(BYTE_ORDER_MARK) {
        return Err(Problem::malformed_json(
            "it begins with a byte order mark (U+FEFF), an invisible character that some editors and \
             \"UTF-8 with BOM\" put there; send it without",
        ));
    }
    serde_json::from_slice(&body).map(|Unambiguous(document)| document).map_err(Problem::malformed_json)
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413, 408, 503 or 400.
pub(crate) async fn read_bytes(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<Bytes, Problem> {
    let body = payload.to_bytes_limited(limit).await.map_err(|_| Problem::body_too_large(limit))?;
    body.map_err(|error| match error.as_error::<PayloadError>() {
        Some(PayloadError::Io(error)) if error.kind() == ErrorKind::TimedOut => {
            let patience = request.app_data::<web::Data<Deadline>>();
            let patience = patience.map_or(Duration::ZERO, |patience| patience.0);
            if is_file(request.path()) {
                Problem::stalled(patience, LEAST_PROGRESS)
            } else {
                Problem::request_timeout(patience)
            }
        }
        Some(PayloadError::Overflow) => Problem::overloaded(),
        _ => Problem::malformed_request("The body ended before it was complete."),
    })
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
