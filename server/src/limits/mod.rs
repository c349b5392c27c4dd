//! Whether a request is taken on: not more at once than can be answered soon, and, where the shop
//! wants it so, not more from one client than its share.

mod load;
mod rate;

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};
use tokio::sync::Semaphore;

pub(crate) use self::load::{Load, Share};
pub use self::rate::Rate;
pub(crate) use self::rate::{Counted, PER_SECOND, RateLimiter, network};

use crate::connections::Connections;
use crate::problem::Problem;
use crate::request::client::{BehindProxy, Client};
use crate::telemetry::Telemetry;

/// Files that are read at once.
pub(crate) const FILES_AT_ONCE: usize = 2;

/// What a request must pass.
pub(crate) struct Limiters {
    pub(crate) load: Arc<Load>,
    pub(crate) rate: Option<RateLimiter>,
    /// For the stones of batches.
    pub(crate) rows: Option<RateLimiter>,
    /// Whose turn it is to have a file read.
    pub(crate) files: Semaphore,
    pub(crate) telemetry: Arc<Telemetry>,
}

/// Lets a request through to its route, or refuses it. Probes pass: who watches the server must not be shut out when
/// there is most to see.
pub(crate) async fn check_limits(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if request.headers().get_all(AUTHORIZATION).nth(1).is_some() {
        // Which of them is meant, a proxy may read in another way than this server.
        let detail = "The header Authorization is there more than once; send it once.";
        return Ok(request.error_response(Problem::malformed_request(detail)));
    }
    let client = request.extensions().get::<Client>().copied();
    let limiters = request.app_data::<web::Data<Limiters>>().cloned();
    let (Some(Client(address)), Some(limiters), false) = (client, limiters, is_probe(request.path())) else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let mut told = None;
    if let Some((limiter, address)) = limiters.rate.as_ref().zip(address) {
        match limiter.check(address, NonZeroU32::MIN) {
            Ok(headers) => told = Some(headers),
            Err(problem) => {
                limiters.telemetry.rate_limited.inc();
                return Ok(request.error_response(problem));
            }
        }
    }
    let connections = request.app_data::<web::Data<Connections>>();
    let is_full = connections.is_some_and(|connections| connections.are_full_of_answers());
    let Some(_place) = limiters.load.enter().filter(|_| !is_full) else {
        limiters.telemetry.shed.inc();
        return Ok(request.error_response(Problem::overloaded()));
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    for (name, value) in told.into_iter().flatten() {
        // A route may have told of another share.
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn is_probe(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics")
}

/// Counts the stones of a batch; who works on this very machine may send as many as it likes.
///
/// # Errors
/// 429 when its client has not so many left.
pub(crate) fn take_rows(request: &HttpRequest, n: usize) -> Result<(), Problem> {
    let client = request.extensions().get::<Client>().and_then(|client| client.0);
    let limiters = request.app_data::<web::Data<Limiters>>();
    let Some((client, limiters)) = client.zip(limiters) else { return Ok(()) };
    let is_behind_proxy = request.app_data::<web::Data<BehindProxy>>().is_some_and(|proxy| proxy.0);
    let is_free = client.to_canonical().is_loopback() && !is_behind_proxy;
    let n = u32::try_from(n).ok().and_then(NonZeroU32::new);
    let Some((limiter, n)) = limiters.rows.as_ref().filter(|_| !is_free).zip(n) else { return Ok(()) };
    limiter.check(client, n).map(|_| ()).inspect_err(|_| {
        limiters.telemetry.rate_limited.inc();
    })
}
