//! The guide for web developers: from nothing to the first price in a minute.

use std::net::SocketAddr;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETag, EntityTag, FORWARDED, HOST, X_FORWARDED_HOST,
};
use actix_web::{HttpRequest, HttpResponse, web};

use super::PAGE_POLICY;
use crate::etag::{digest, is_known};
use crate::request::client::BehindProxy;
use crate::static_file::HTML;

const PAGE: &str = include_str!("../../assets/guide.html");
/// Where the page has this server's address.
const PLACE: &str = "{{server}}";

/// `GET /docs/guide`: its snippets name the address that it was asked under, so that they work as they are.
pub(crate) async fn page(request: HttpRequest) -> HttpResponse {
    let page = PAGE.replace(PLACE, &address(&request));
    let tag = EntityTag::new_weak(digest(page.as_bytes()));
    let is_known = is_known(&request, &tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // It depends on who asked: a copy that others see could show one visitor the address of another.
    answer.insert_header((CACHE_CONTROL, "private, no-cache")).insert_header(ETag(tag));
    if is_known {
        return answer.finish();
    }
    answer.content_type(HTML).insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY)).body(page)
}

/// Where this server listens.
#[derive(Clone, Copy)]
pub(crate) struct Listening(pub(crate) SocketAddr);

/// Address of this server as the client knows it; what a proxy says of that counts only where the shop has one.
fn address(request: &HttpRequest) -> String {
    let is_behind_proxy = request.app_data::<web::Data<BehindProxy>>().is_some_and(|proxy| proxy.0);
    let connection = request.connection_info();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let is_told = [FORWARDED, X_FORWARDED_HOST].iter().any(|name| request.headers().contains_key(name));
    let asked = if is_behind_proxy && is_told { Some(connection.host()) } else { host };
    let scheme = if is_behind_proxy && connection.scheme() == "https" { "https" } else { "http" };
    // It is about to be pasted into a shell: escaping it for HTML would not be enough, so only what
    // the name of a host is made of is repeated.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if let Some(asked) = asked.filter(|asked| (1..=255).contains(&asked.len()) && asked.bytes().all(is_plain))
    {
        return format!("{scheme}://{asked}");
    }
    match request.app_data::<web::Data<Listening>>() {
        Some(listening) => format!("{scheme}://{}", listening.0),
        None => format!("{scheme}://{}", request.app_config().local_addr()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn of(host: &'static str) -> String {
        address(&TestRequest::default().insert_header(("host", host)).to_http_request())
    }

    #[test]
    fn the_address_is_the_one_that_was_asked() {
        assert_eq!(of("shop.example:8000"), "http://shop.example:8000");
        assert_eq!(of("[::1]:8000"), "http://[::1]:8000");
    }

    #[test]
    fn an_address_that_a_shell_or_a_browser_would_act_on_is_not_repeated() {
        for host in ["$(reboot)", "x'; reboot; '", "<script>", "a\"b", "a b", "a`b`", "a\\b", "a/b@c"] {
            let address = of(host);
            assert!(!address.contains(host), "{address}");
            assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        }
    }
}
