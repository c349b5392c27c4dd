//! Whether a client has an answer already (RFC 9110, section 13).

use actix_web::http::header::{CACHE_CONTROL, ContentType, ETag, EntityTag, HeaderValue, IfNoneMatch};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};

/// The value for `Cache-Control` of what may be kept, and is asked for by its tag each time.
pub(crate) const KEEP_AND_ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// The digest that a tag consists of.
pub(crate) fn digest(content: &[u8]) -> String {
    format!("{:032x}", xxh3_128(content))
}

/// Whether the client says that it has what the tag stands for.
pub(crate) fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match request.get_header() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        None => false,
    }
}

/// An answer with a tag, or 304 when the client has it. The tag is a weak one: it is that of the content without
/// the number, which differs each time. A page is written on a thread that nobody else waits for.
///
/// # Errors
/// Only if the content cannot be written as JSON.
pub(crate) async fn tagged(
    request: &HttpRequest,
    request_id: RequestId,
    content: impl Serialize + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let write = move || -> serde_json::Result<_> {
        let tag = digest(&serde_json::to_vec(&content)?);
        Ok((tag, serde_json::to_vec(&Answer { request_id, content })?))
    };
    let written = web::block(write).await.map_err(Problem::internal)?;
    let (tag, json) = written.map_err(Problem::internal)?;
    let tag = EntityTag::new_weak(tag);
    let is_known = is_known(request, &tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header(ETag(tag)).insert_header((CACHE_CONTROL, KEEP_AND_ASK));
    Ok(if is_known { answer.finish() } else { answer.content_type(ContentType::json()).body(json) })
}
