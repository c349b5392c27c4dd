//! Around every exchange: its body is kept before it is read, and its record is committed before the
//! first byte of its answer leaves.

use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes, BytesMut, Data};
use actix_web::{Error, HttpMessage, HttpResponse, rt};
use chrono::Utc;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::time::timeout_at;

use super::common_headers::common_headers;
use crate::connections::{Connection, send_detached};
use crate::exchanges::{Body, Exchange, ExchangeLog, Request, Response};
use crate::limits::{Limiters, Share};
use crate::problem::Problem;
use crate::request::body::{Deadline, LARGEST_FILE, LEAST_PROGRESS, is_file};
use crate::request::client::Client;
use crate::request_id::RequestId;

/// Bytes of a request's body that are kept, and read ahead of the route: the largest that any route
/// takes, and the largest that others do.
const LONGEST_BATCH: usize = 1 << 20;
const LONGEST_BODY: usize = 64 << 10;
const BATCH: &str = "/v1/valuations/batch";
/// The media type of answers that are lines of JSON.
const LINES: &str = "application/x-ndjson";
/// Routes that answer with records.
const RECORDS: &str = "/v1/exchanges";

/// Records the exchange. Probes, metrics and static pages are none.
pub(crate) async fn record(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if is_page_or_probe(&request) {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    // In a task of its own: a client that leaves takes its connection along, but not this.
    let exchange = rt::spawn(recorded(request, next));
    exchange.await.map_err(|error| Problem::internal(error).into()).and_then(|answer| answer)
}

/// Pages and probes: every route that is not of the API, however its address is written.
fn is_page_or_probe(request: &ServiceRequest) -> bool {
    let is_of_api = |path: &str| path.starts_with("/v1/");
    !is_of_api(request.path()) && request.match_pattern().is_some_and(|route| !is_of_api(&route))
}

async fn recorded(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let received_at = Utc::now();
    let known = (
        request.app_data::<Data<ExchangeLog>>().cloned(),
        request.app_data::<Data<Limiters>>().cloned(),
        request.extensions().get::<RequestId>().copied(),
        request.extensions().get::<Client>().copied(),
    );
    let (Some(log), Some(limiters), Some(id), Some(client)) = known else {
        return Err(Problem::internal("nothing records here, or the request has no number").into());
    };
    let (body, is_whole, _share) = keep_body(&mut request, &limiters).await;
    // A file is kept as text also where it is JSON: a document is never cut.
    let body = if !is_file(request.path()) {
        Body::received(body)
    } else if is_whole {
        text(body).await?
    } else {
        Body::cut(&body)
    };
    let asked = Request {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        body,
    };
    let answered = next.call(request).await?;
    let route = answered.request().match_pattern();
    let (request, response) = answered.into_parts();
    let (head, body) = response.into_parts();
    // Answers are small documents that are there already; nothing is streamed.
    let body = to_bytes(body).await.unwrap_or_default();
    let status = head.status();
    let is_of_records =
        status.is_success() && route.as_deref().is_some_and(|route| route.starts_with(RECORDS));
    let content_type = head.headers().get(CONTENT_TYPE);
    let kept = if is_of_records {
        // Recording records again would double the log each time somebody looks at it.
        Body::Omitted
    } else if content_type.is_some_and(|content_type| content_type == LINES) {
        text(body.clone()).await?
    } else {
        Body::sent(body.clone())
    };
    let exchange = Exchange {
        id: id.uuid(),
        received_at,
        duration: started.elapsed(),
        client: client.to_string(),
        route: route.clone(),
        request: asked,
        response: Response { status: status.as_u16(), body: kept },
    };
    let telemetry = &limiters.telemetry;
    let mut answer = match log.add(exchange).await {
        Ok(()) => head.set_body(BoxBody::new(body)),
        Err(reason) => {
            telemetry.log_failures.inc();
            Problem::log_unavailable(&reason).response(id)
        }
    };
    let (method, status) = (request.method().as_str(), answer.status().as_u16());
    telemetry.count(method, route.as_deref(), status, started.elapsed());
    tracing::debug!(request_id = %id, method, route, status, "answered");
    let detached = request.conn_data::<Arc<Connection>>().and_then(|connection| connection.take_detached());
    if let Some(stream) = detached {
        let nobody_reads_it = HttpResponse::new(answer.status());
        let mut answer = std::mem::replace(&mut answer, nobody_reads_it);
        common_headers(answer.headers_mut(), id);
        rt::spawn(send_detached(stream, answer));
    }
    Ok(ServiceResponse::new(request, answer))
}

/// What is kept of a file, or of the answer to one. Both may be large, and their digest takes its time.
async fn text(body: Bytes) -> Result<Body, Error> {
    web::block(move || Body::whole_text(&body)).await.map_err(|error| Problem::internal(error).into())
}

/// Reads the body ahead, as much of it as is kept, and puts it back for the route to read, followed
/// by whatever comes after: more than is kept, or the failure that ended it. Tells whether that was all of it.
async fn keep_body(request: &mut ServiceRequest, limiters: &Limiters) -> (Bytes, bool, Share) {
    let is_file = is_file(request.path());
    let limit = match request.path() {
        BATCH => LONGEST_BATCH,
        _ if is_file => LARGEST_FILE,
        _ => LONGEST_BODY,
    };
    let patience = request.app_data::<Data<Deadline>>().map_or(Duration::ZERO, |deadline| deadline.0);
    let mut deadline = (Instant::now() + patience).into();
    let mut n_at_deadline = LEAST_PROGRESS;
    let mut share = limiters.load.share(is_file);
    let mut payload = request.take_payload();
    let mut kept = BytesMut::new();
    let (mut end, is_whole) = loop {
        match timeout_at(deadline, payload.next()).await {
            Ok(Some(Ok(chunk))) if !share.grow(chunk.len()) => break (Some(PayloadError::Overflow), false),
            Ok(Some(Ok(chunk))) => {
                kept.extend_from_slice(&chunk);
                if kept.len() > limit {
                    break (None, false);
                }
                if is_file && kept.len() >= n_at_deadline {
                    n_at_deadline = kept.len() + LEAST_PROGRESS;
                    deadline = (Instant::now() + patience).into();
                }
            }
            Ok(Some(Err(error))) => break (Some(error), false),
            Ok(None) => break (None, true),
            Err(_) => break (Some(PayloadError::Io(io::ErrorKind::TimedOut.into())), false),
        }
    };
    if let Some(connection) = request.conn_data::<Arc<Connection>>() {
        connection.answer(is_whole);
        if end.is_some() && connection.is_closing() {
            // It is not the client who broke off.
            end = Some(PayloadError::Overflow);
        }
    }
    let kept = kept.freeze();
    let again = stream::once(ready(Ok(kept.clone())));
    let again: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = match end {
        Some(error) => Box::pin(again.chain(stream::once(ready(Err(error))))),
        None => Box::pin(again.chain(payload)),
    };
    request.set_payload(Payload::Stream { payload: again });
    (kept, is_whole, share)
}
