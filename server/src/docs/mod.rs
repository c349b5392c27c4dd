//! The pages for people, compiled in: nothing is fetched from another host, so that they work in a
//! shop without internet, and each says so to the browser in its content security policy.

pub(crate) mod guide;
pub(crate) mod openapi;
pub(crate) mod problems;
pub(crate) mod refusals;

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};

use crate::static_file::StaticFile;

/// The pages run no scripts and load the style sheet alone; the icon is in the page itself. They may
/// ask this server, so that the guide's JavaScript works in the browser's console.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /docs/style.css`
pub(crate) async fn style(request: HttpRequest) -> HttpResponse {
    STYLE.answer(&request).await
}

static STYLE: LazyLock<StaticFile> = LazyLock::new(|| {
    StaticFile::new("text/css; charset=utf-8", PAGE_POLICY, include_str!("../../assets/style.css"))
});
