//! Whether a client has an answer already (RFC 9110, section 13).

use actix_web::http::header::{CACHE_CONTROL, ETag, EntityTag, HeaderValue, IfNoneMatch};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
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
/// the number, which differs each time.
pub(crate) fn tagged(
    request: &HttpRequest,
    request_id: RequestId,
    content: impl Serialize,
) -> Result<HttpResponse, Problem> {
    let tag = EntityTag::new_weak(digest(&serde_json::to_vec(&content).map_err(Problem::internal)?));
    let is_known = is_known(request, &tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header(ETag(tag)).insert_header((CACHE_CONTROL, KEEP_AND_ASK));
    Ok(if is_known { answer.finish() } else { answer.json(Answer { request_id, content }) })
}
