//! The headers that all answers have.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::request_id::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of every answer. What is set already, such as the policy of a page, stays.
pub(crate) fn common_headers(headers: &mut HeaderMap, id: RequestId) {
    for (name, value) in SAFETY {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    // Hexadecimal digits and hyphens: always a valid header.
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
}

/// What every answer tells a browser unless it says otherwise: take it for what it says it is, do not
/// keep it (a stored answer could name a model that no longer answers), load nothing on its account,
/// show it in no frame, and tell nobody where it came from.
const SAFETY: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
];
