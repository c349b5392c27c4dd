//! The answer to bytes that are no request: worded, recorded and sent like any other.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::rt::net::TcpStream;
use actix_web::{HttpResponse, ResponseError};
use chrono::{DateTime, Utc};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::Connections;
use crate::exchange_log::{Body, Exchange, ExchangeLog, Request, Response};
use crate::problem::Problem;
use crate::request_id::{Numbers, RequestId, mark};
use crate::telemetry::Telemetry;

/// Bytes of a request's first line that are recorded.
const LONGEST_LINE: usize = 1024;
/// After a refusal, what the client is still sending is read and thrown away for so long: a
/// connection that is closed with bytes unread takes the answer along with it.
const LINGER: Duration = Duration::from_secs(1);
/// Time in which a client must have taken an answer that is delivered to it here.
const DELIVERY: Duration = Duration::from_secs(10);

/// What a stream needs for taking clients in and turning them away.
pub(crate) struct Gate {
    pub(crate) connections: Arc<Connections>,
    pub(crate) log: Arc<ExchangeLog>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) numbers: Arc<Numbers>,
    /// Time in which a head must have arrived, from its first byte; and that a client has for a first
    /// byte after it connected.
    pub(crate) request_timeout: Duration,
}

/// The beginning of a head.
pub(super) struct Head {
    pub(super) began: Instant,
    received_at: DateTime<Utc>,
    /// Requests that the application had before it.
    pub(super) n_requests_before: u64,
    /// The first line, as far as it has come. Nothing behind it is kept: there may be keys.
    line: Vec<u8>,
    is_line_whole: bool,
}

impl Head {
    pub(super) fn new(bytes: &[u8], n_requests_before: u64) -> Self {
        let (began, received_at) = (Instant::now(), Utc::now());
        let mut head = Self { began, received_at, n_requests_before, line: Vec::new(), is_line_whole: false };
        head.add(bytes);
        head
    }

    /// More of it has come.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.is_line_whole {
            return;
        }
        let end = bytes.iter().position(|byte| *byte == b'\r' || *byte == b'\n');
        let more = &bytes[..end.unwrap_or(bytes.len())];
        self.line.extend_from_slice(&more[..more.len().min(LONGEST_LINE - self.line.len())]);
        self.is_line_whole = end.is_some();
    }

    /// Method, path and query, where the line is that of a request.
    fn words(&self) -> (String, String, String) {
        let line = String::from_utf8_lossy(&self.line);
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is_method = method.len() <= 20 && method.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !is_method || !target.starts_with('/') {
            return Default::default();
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        (method.into(), path.into(), query.into())
    }
}

/// A refusal on its way.
pub(super) enum Refusal {
    /// Until it is on disk.
    Recording(Pin<Box<dyn Future<Output = Vec<u8>>>>),
    /// Until the client has it; so many bytes are sent.
    Sending(Vec<u8>, usize),
    /// Until the client stops sending, or for as long as one may wait for that.
    Lingering(Pin<Box<Sleep>>),
    /// Done.
    Sent,
}

impl Refusal {
    pub(super) fn new(gate: &Arc<Gate>, head: Head, client: String, problem: Problem) -> Self {
        Self::Recording(Box::pin(recorded(Arc::clone(gate), head, client, problem)))
    }

    /// Ready when the client has it, as far as can be known.
    pub(super) fn poll(&mut self, io: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self {
                Self::Recording(record) => *self = Self::Sending(ready!(record.as_mut().poll(context)), 0),
                Self::Sending(bytes, n_sent) if *n_sent < bytes.len() => {
                    *n_sent += ready!(Pin::new(&mut *io).poll_write(context, &bytes[*n_sent..]))?;
                }
                Self::Sending(..) => {
                    ready!(Pin::new(&mut *io).poll_shutdown(context))?;
                    *self = Self::Lingering(Box::pin(sleep(LINGER)));
                }
                Self::Lingering(over) => {
                    let mut unread = [0; 4096];
                    let mut unread = ReadBuf::new(&mut unread);
                    let is_over = over.as_mut().poll(context).is_ready();
                    if !is_over && Pin::new(&mut *io).poll_read(context, &mut unread)?.is_pending() {
                        return Poll::Pending;
                    }
                    if is_over || unread.filled().is_empty() {
                        *self = Self::Sent;
                    }
                }
                Self::Sent => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Sends an answer on a stream that the HTTP layer has given up, and ends the connection.
pub(crate) async fn deliver(mut stream: TcpStream, answer: HttpResponse, id: RequestId) {
    let (mut response, body) = answer.into_parts();
    mark(response.headers_mut(), id);
    let body = to_bytes(body).await.unwrap_or_default();
    let bytes = [head(response.status(), response.headers(), body.len()), body.to_vec()].concat();
    let mut sending = Refusal::Sending(bytes, 0);
    // A client that does not take it is no longer there.
    let _ = timeout(DELIVERY, poll_fn(|context| sending.poll(&mut stream, context))).await;
}

/// Records the refusal; returns its bytes, or those of the failure to record it.
async fn recorded(gate: Arc<Gate>, head: Head, client: String, problem: Problem) -> Vec<u8> {
    let id = gate.numbers.next();
    let (method, path, query) = head.words();
    let (bytes, body) = written(&problem, id);
    let exchange = Exchange {
        id: id.uuid(),
        received_at: head.received_at,
        duration: head.began.elapsed(),
        client,
        route: None,
        request: Request { method, path, query, body: Body::Empty },
        response: Response { status: problem.status_code().as_u16(), body: Body::sent(body.into()) },
    };
    gate.telemetry.count("other", None, exchange.response.status, exchange.duration);
    match gate.log.add(exchange).await {
        Ok(()) => bytes,
        Err(reason) => {
            gate.telemetry.log_failures.inc();
            written(&Problem::log_unavailable(reason), id).0
        }
    }
}

/// The whole answer that a problem is, and its body alone; the connection ends with it.
fn written(problem: &Problem, id: RequestId) -> (Vec<u8>, Vec<u8>) {
    let body = serde_json::to_vec(&problem.clone().document(id)).unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    for (name, value) in problem.headers() {
        headers.insert(name.clone(), value.clone());
    }
    mark(&mut headers, id);
    ([head(problem.status_code(), &headers, body.len()), body.clone()].concat(), body)
}

/// The head of the last answer on a connection.
fn head(status: StatusCode, headers: &HeaderMap, n_bytes: usize) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-length: {n_bytes}\r\ndate: {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        Utc::now().format("%a, %d %b %Y %H:%M:%S GMT"),
    )
    .into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> (String, String, String) {
        Head::new(line, 0).words()
    }

    #[test]
    fn a_line_of_a_request_is_taken_apart_and_any_other_is_left_out() {
        let of = |method: &str, path: &str, query: &str| (method.into(), path.into(), query.into());
        assert_eq!(words(b"GET /v1/models?n=1 HTTP/1.1\r\nHost: x"), of("GET", "/v1/models", "n=1"));
        assert_eq!(words(b"GET /v1/models"), of("GET", "/v1/models", ""));
        for line in [b"\x16\x03\x01\x02".as_slice(), b"", b"GET", b"GET x", b"G\xc3\xa9T /", b"Bearer: key"] {
            assert_eq!(words(line), of("", "", ""), "{line:?}");
        }
    }

    #[test]
    fn nothing_behind_the_first_line_is_kept() {
        let head = Head::new(b"GET / HTTP/1.1\r\nAuthorization: Bearer secret\r\n", 0);
        assert_eq!(head.line, b"GET / HTTP/1.1");
        assert_eq!(Head::new(&[b'x'; 5000], 0).line.len(), LONGEST_LINE);
        let mut head = Head::new(b"GET /v1", 0);
        for piece in [b"/mod".as_slice(), b"els HTTP/1.1\r", b"\nAuthorization: Bearer secret"] {
            head.add(piece);
        }
        assert_eq!(head.line, b"GET /v1/models HTTP/1.1", "in pieces");
    }
}
