//! Pages of other web sites (CORS): those that are listed may ask and read the answers.

use actix_cors::Cors;
use actix_web::http::Method;

/// Headers that pages of other web sites may send: what this server reads, and what browsers, libraries and tracing
/// add by themselves.
pub(crate) const LET_THROUGH: [&str; 13] = [
    "accept",
    "accept-language",
    "authorization",
    "baggage",
    "cache-control",
    "content-language",
    "content-type",
    "if-none-match",
    "pragma",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-requested-with",
];

/// The rules for pages of other web sites (CORS): those that are listed may ask and read the answers.
pub(crate) fn other_sites(allowed: &[String]) -> Cors {
    let rules = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST])
        .allowed_headers(LET_THROUGH)
        .expose_headers(["ETag", "X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"])
        // A page that is not listed gets its answer without the words that let it be read.
        .block_on_origin_mismatch(false)
        .max_age(3600);
    allowed.iter().fold(rules, |rules, origin| rules.allowed_origin(origin))
}
