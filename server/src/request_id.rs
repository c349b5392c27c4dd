//! The number of an exchange: made here, never by the client, so that two exchanges cannot share
//! one; UUIDv7, so that numbers sort by time.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::problem::Problem;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The number of one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(Uuid);

/// A successful answer: its number and its own fields.
#[derive(Serialize)]
pub(crate) struct Answer<T> {
    pub(crate) request_id: RequestId,
    #[serde(flatten)]
    pub(crate) content: T,
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromRequest for RequestId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.extensions().get::<Self>().copied();
        ready(id.ok_or_else(|| Problem::internal("the request has no number")))
    }
}

impl RequestId {
    /// The number itself.
    pub(crate) fn uuid(self) -> Uuid {
        self.0
    }
}

/// Numbers every exchange; the outermost of the middlewares.
pub(crate) async fn identify(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = RequestId(Uuid::now_v7());
    request.extensions_mut().insert(id);
    let mut response = next.call(request).await?.map_into_boxed_body();
    mark(response.headers_mut(), id);
    Ok(response)
}

/// Words every failure as a problem with the exchange's number; the innermost of the middlewares, so
/// that what is recorded is what is sent.
pub(crate) async fn word(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = request.extensions().get::<RequestId>().copied();
    let id = id.ok_or_else(|| Problem::internal("the request has no number"))?;
    match next.call(request).await {
        Ok(response) => Ok(match response.response().error().map(Problem::of) {
            Some(problem) => response.into_response(problem.response(id)),
            None => response.map_into_boxed_body(),
        }),
        Err(error) => {
            let mut response = Problem::of(&error).response(id);
            mark(response.headers_mut(), id);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// The headers of every answer.
fn mark(headers: &mut HeaderMap, id: RequestId) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // An answer holds for its own moment: a stored one could name a model that no longer answers.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // Hexadecimal digits and hyphens: always a valid header.
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(HEADER, value);
    }
}
