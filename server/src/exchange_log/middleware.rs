//! Around every exchange: its body is kept before it is read, and its record is committed before the
//! first byte of its answer leaves.

use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{Error, HttpMessage, rt};
use chrono::Utc;
use futures_util::stream::{self, StreamExt};
use tokio::time::timeout_at;

use super::ExchangeLog;
use super::record::{Body, Exchange, Request, Response, model_of};
use crate::problem::Problem;
use crate::request_id::RequestId;

/// Bytes of a request's body that are kept, and read ahead of the route: the largest that any takes.
const LONGEST_BODY: usize = 1 << 20;
/// Routes that answer with records.
const RECORDS: &str = "/v1/exchanges";
/// Time in which a body must have arrived.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Records the exchange. Probes, metrics and static pages are none.
pub(crate) async fn record(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if is_static(request.path()) {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    // In a task of its own: a client that leaves takes its connection along, but not this.
    let exchange = rt::spawn(recorded(request, next));
    exchange.await.map_err(|error| Problem::internal(error).into()).and_then(|answer| answer)
}

fn is_static(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics" | "/openapi.json" | "/" | "/docs")
        || path.starts_with("/docs/")
}

async fn recorded(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let received_at = Utc::now();
    let Some(log) = request.app_data::<Data<ExchangeLog>>().cloned() else {
        return Err(Problem::internal("there is no exchange log").into());
    };
    let Some(id) = request.extensions().get::<RequestId>().copied() else {
        return Err(Problem::internal("the request has no number").into());
    };
    let body = keep_body(&mut request).await;
    let asked = Request {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        body: Body::of(&body),
    };
    let client = request.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default();
    let answered = next.call(request).await?;
    let route = answered.request().match_pattern();
    let (request, response) = answered.into_parts();
    let (head, body) = response.into_parts();
    // Answers are small documents that are there already; nothing is streamed.
    let body = to_bytes(body).await.unwrap_or_default();
    let is_of_records =
        head.status().is_success() && route.as_deref().is_some_and(|route| route.starts_with(RECORDS));
    let kept = if is_of_records { Body::omitted() } else { Body::of(&body) };
    let exchange = Exchange {
        id: id.uuid(),
        received_at,
        duration_ms: started.elapsed().as_secs_f64() * 1000.0,
        client,
        route,
        request: asked,
        response: Response { status: head.status().as_u16(), body: kept },
        model: model_of(&body),
    };
    let answer = match log.add(exchange).await {
        Ok(()) => head.set_body(BoxBody::new(body)),
        Err(reason) => Problem::log_unavailable(&reason).response(id),
    };
    Ok(ServiceResponse::new(request, answer))
}

/// Reads the body ahead, as much of it as is kept, and puts it back for the route to read, followed
/// by whatever comes after: more than is kept, or the failure that ended it.
async fn keep_body(request: &mut ServiceRequest) -> Bytes {
    let deadline = (Instant::now() + BODY_DEADLINE).into();
    let mut payload = request.take_payload();
    let mut kept = BytesMut::new();
    let end = loop {
        match timeout_at(deadline, payload.next()).await {
            Ok(Some(Ok(chunk))) => {
                kept.extend_from_slice(&chunk);
                if kept.len() > LONGEST_BODY {
                    break None;
                }
            }
            Ok(Some(Err(error))) => break Some(error),
            Ok(None) => break None,
            Err(_) => break Some(PayloadError::Io(std::io::ErrorKind::TimedOut.into())),
        }
    };
    let kept = kept.freeze();
    let again = stream::once(std::future::ready(Ok(kept.clone())));
    let again: std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, PayloadError>>>> = match end {
        Some(error) => Box::pin(again.chain(stream::once(std::future::ready(Err(error))))),
        None => Box::pin(again.chain(payload)),
    };
    request.set_payload(Payload::Stream { payload: again });
    kept
}
