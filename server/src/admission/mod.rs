//! Whether a request is taken on: not more at once than can be answered soon, and, where the shop
//! wants it so, not more from one client than its share.

mod load;
mod rate;

use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

pub(crate) use self::load::{Load, Share};
pub use self::rate::Rate;
pub(crate) use self::rate::{RateLimiter, whole_seconds};

use crate::client::Client;
use crate::problem::Problem;
use crate::telemetry::Telemetry;

/// What a request must pass.
pub(crate) struct Admission {
    pub(crate) load: Arc<Load>,
    pub(crate) rate: Option<RateLimiter>,
    pub(crate) telemetry: Arc<Telemetry>,
}

/// Lets a request through to its route, or refuses it. Only exchanges are counted; who is none, such
/// as a probe, passes.
pub(crate) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let client = request.extensions().get::<Client>().copied();
    let admission = request.app_data::<web::Data<Admission>>().cloned();
    let (Some(Client(address)), Some(admission)) = (client, admission) else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let mut told = None;
    if let Some((limiter, address)) = admission.rate.as_ref().zip(address) {
        match limiter.check(address) {
            Ok(headers) => told = Some(headers),
            Err(problem) => {
                admission.telemetry.rate_limited.inc();
                return Ok(request.error_response(problem));
            }
        }
    }
    let Some(_place) = admission.load.enter() else {
        admission.telemetry.shed.inc();
        return Ok(request.error_response(Problem::overloaded()));
    };
    let mut response = next.call(request).await?.map_into_boxed_body();
    for (name, value) in told.into_iter().flatten() {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
