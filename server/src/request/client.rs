//! Who asks: the address that a request came from.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;

/// The address of a client, kept with its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) Option<IpAddr>);

/// Whether a proxy of the shop's own stands before the server: then it tells who the client is, and under which address
/// it was asked, and a client of this machine may be anybody.
#[derive(Clone, Copy)]
pub(crate) struct BehindProxy(pub(crate) bool);

impl Client {
    /// The peer's address or, behind a proxy of the shop's own, the one that the proxy saw: the last
    /// of `X-Forwarded-For`, since the client itself may have written the others.
    pub(crate) fn of(request: &ServiceRequest, is_behind_proxy: bool) -> Self {
        let forwarded = || {
            let header = request.headers().get_all("x-forwarded-for").last()?.to_str().ok()?;
            header.rsplit(',').next()?.trim().parse().ok()
        };
        let peer = request.peer_addr().map(|address| address.ip());
        Self(is_behind_proxy.then(forwarded).flatten().or(peer))
    }
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |address| address.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn of(forwarded: &'static str, is_behind_proxy: bool) -> String {
        let request = TestRequest::default()
            .peer_addr(([10, 0, 0, 1], 5000).into())
            .insert_header(("x-forwarded-for", forwarded));
        Client::of(&request.to_srv_request(), is_behind_proxy).to_string()
    }

    #[test]
    fn a_header_names_the_client_only_behind_a_proxy_and_only_its_last_entry() {
        assert_eq!(of("203.0.113.9", false), "10.0.0.1");
        assert_eq!(of("203.0.113.9", true), "203.0.113.9");
        assert_eq!(of("198.51.100.1, 203.0.113.9", true), "203.0.113.9");
        assert_eq!(of("nonsense", true), "10.0.0.1");
    }
}
