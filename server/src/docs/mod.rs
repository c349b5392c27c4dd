//! The pages for people, compiled in: nothing is fetched from another host, so that they work in a
//! shop without internet, and each says so to the browser in its content security policy.

pub(crate) mod guide;
pub(crate) mod openapi;
pub(crate) mod problems;

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETag, EntityTag, IfNoneMatch};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use xxhash_rust::xxh3::xxh3_128;

/// The pages run no scripts and load the style sheet alone; the icon is in the page itself. They may
/// ask this server, so that the guide's JavaScript works in the browser's console.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// `GET /docs/style.css`
pub(crate) async fn style(request: HttpRequest) -> HttpResponse {
    STYLE.answer(&request)
}

static STYLE: LazyLock<Page> = LazyLock::new(|| {
    Page::new("text/css; charset=utf-8", PAGE_POLICY, include_str!("../../assets/style.css"))
});

/// A page, or a file that pages consist of.
pub(crate) struct Page {
    content_type: String,
    policy: &'static str,
    content: Bytes,
    /// Changes with the content: the next version of the program brings other pages to the same addresses.
    tag: EntityTag,
}

impl Page {
    pub(crate) fn new(content_type: &str, policy: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let tag = EntityTag::new_strong(format!("{:032x}", xxh3_128(&content)));
        Self { content_type: content_type.into(), policy, content, tag }
    }

    /// The page, unless the browser has it as it is.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_known = match request.get_header() {
            Some(IfNoneMatch::Any) => true,
            Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&self.tag)),
            None => false,
        };
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let mut answer = HttpResponse::build(status);
        answer
            .insert_header((CONTENT_SECURITY_POLICY, self.policy))
            // It may be kept, and is asked for by its tag each time.
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header(ETag(self.tag.clone()));
        if is_known {
            return answer.finish();
        }
        answer.content_type(&*self.content_type).body(self.content.clone())
    }
}
