//! The number of an exchange: made here, never by the client, so that two exchanges cannot share
//! one; UUIDv7, so that numbers sort by time.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::connections::{Connection, Connections, UnderWay};
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
    /// A number that no other exchange has.
    pub(crate) fn new() -> Self {
        Self(Uuid::now_v7())
    }

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
    let id = RequestId::new();
    request.extensions_mut().insert(id);
    let under_way = under_way(&request);
    let response = next.call(request).await;
    if let Some(under_way) = under_way {
        under_way.end();
    }
    let mut response = response?.map_into_boxed_body();
    mark(response.headers_mut(), id);
    Ok(response)
}

/// Has the connection know that a request is under way on it.
fn under_way(request: &ServiceRequest) -> Option<UnderWay> {
    let connections = request.app_data::<web::Data<Connections>>()?;
    Some(request.conn_data::<Arc<Connection>>()?.begin(connections))
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

/// The headers of every answer. What is set already, such as the policy of a page, stays.
pub(crate) fn mark(headers: &mut HeaderMap, id: RequestId) {
    for (name, value) in SAFETY {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    // Hexadecimal digits and hyphens: always a valid header.
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(HEADER, value);
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
