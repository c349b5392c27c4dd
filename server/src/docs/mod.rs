//! The pages for people, compiled in: nothing is fetched from another host, so that they work in a
//! shop without internet, and each says so to the browser in its content security policy.

pub(crate) mod guide;
pub(crate) mod openapi;
pub(crate) mod problems;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::web::Bytes;

/// The pages run no scripts and load the style sheet alone; the icon is in the page itself. They may
/// ask this server, so that the guide's JavaScript works in the browser's console.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// `GET /docs/style.css`
pub(crate) async fn style() -> HttpResponse {
    page("text/css; charset=utf-8", PAGE_POLICY, include_str!("../../assets/style.css"))
}

pub(crate) fn page(content_type: &str, policy: &'static str, body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        // The next version of the program brings other pages to the same addresses.
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(body.into())
}
