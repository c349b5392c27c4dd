//! How requests reach an S3-like store, and how often: each has bounded time, and what may pass by itself (a lost
//! connection, 503, or 409 while somebody else creates the same object) is asked again for a while. That is safe for
//! every request made here. An object that was created by a first try whose answer was lost looks as if somebody else
//! had created it; whoever creates objects looks whose it is.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, Utc};
use futures::stream::iter;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientOptions, HeaderMap};
use ureq::http::header::IF_NONE_MATCH;
use ureq::http::request::Parts;
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::refusal::Refusal;
use crate::error::{Error, Result};

/// Time in which a connection must stand.
const CONNECT: Duration = Duration::from_secs(5);
/// Time in which the next bytes must come or go, and then the head of the answer.
const STEP: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// How often a request is made, and the time after which it is not made again.
const TRIES: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(15);
/// Before the second try; each further one comes after twice the time, and one second at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long an idle connection is believed in; stores close them after some more.
const IDLE: Duration = Duration::from_secs(8);
/// Bytes of an answer that says what went wrong.
const MOST_WORDS: u64 = 16 << 10;
/// Bytes of an answer that are handed on at once.
const PIECE: usize = 256 << 10;

/// Asks stores.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    agent: Agent,
    /// The process that its connections belong to.
    process: u32,
    /// No request to remove something is sent that was signed later.
    removes_until: Option<DateTime<Utc>>,
}

impl Transport {
    /// With the certificate authorities of a file, or Mozilla's where none is named.
    pub(super) fn new(ca_bundle: &Path, removes_until: Option<DateTime<Utc>>) -> Result<Self> {
        let roots =
            if ca_bundle.as_os_str().is_empty() { RootCerts::WebPki } else { authorities(ca_bundle)? };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(STEP))
            .timeout_per_write(Some(STEP))
            .timeout_recv_response(Some(ANSWER))
            .max_idle_age(IDLE)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Ok(Self { agent: config.into(), process: std::process::id(), removes_until })
    }

    /// Who asks. A process that was forked must not speak over connections of the one that it is a copy of, which does
    /// so, too; it opens one for each request.
    fn agent(&self) -> Agent {
        if self.process == std::process::id() {
            self.agent.clone()
        } else {
            self.agent.config().clone().into()
        }
    }

    /// Asks until there is an answer that says something about the object, or patience ends.
    fn ask(&self, parts: &Parts, body: &[u8]) -> Result<Response<Body>, Refusal> {
        if parts.method == Method::DELETE && self.removes_until.is_some_and(|until| signed_at(parts) > until)
        {
            return Err(Refusal::too_late());
        }
        let (agent, begun) = (self.agent(), Instant::now());
        let mut n_tries = 0;
        loop {
            n_tries += 1;
            let answer = if body.is_empty() && parts.method != Method::PUT {
                agent.run(Request::from_parts(parts.clone(), ()))
            } else {
                agent.run(Request::from_parts(parts.clone(), body))
            };
            let is_last = n_tries == TRIES || begun.elapsed() >= PATIENCE;
            match answer {
                Ok(answer) if !may_pass(answer.status(), &parts.headers) => {
                    return settled(answer, &parts.method);
                }
                Ok(answer) if is_last => return Err(said(answer).after(n_tries, begun.elapsed())),
                Ok(_) => {}
                Err(error) => {
                    let refusal = Refusal::unreachable(&error);
                    if is_last || refusal.is_final() {
                        return Err(refusal.after(n_tries, begun.elapsed()));
                    }
                    tracing::debug!(%error, n_tries, "a store is asked again");
                }
            }
            sleep(pause(n_tries));
        }
    }
}

/// When a request was signed, as it says itself; never, where it does not.
fn signed_at(parts: &Parts) -> DateTime<Utc> {
    let said = parts.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    let read = said.and_then(|date| NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").ok());
    read.map_or(DateTime::<Utc>::MAX_UTC, |date| date.and_utc())
}

/// Some part of the time, by chance: those who were refused together do not come back together.
fn pause(n_tries: u32) -> Duration {
    let longest = (FIRST_PAUSE * 2_u32.pow(n_tries - 1)).min(LONGEST_PAUSE);
    longest.mul_f64(rand::random_range(0.5..=1.0))
}

/// Whether another answer may come if the store is asked again.
fn may_pass(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_race = status == StatusCode::CONFLICT && headers.contains_key(IF_NONE_MATCH);
    is_race
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// The answer, if it is one about the object: it is there, it is not there, or it was there already.
fn settled(answer: Response<Body>, method: &Method) -> Result<Response<Body>, Refusal> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::PRECONDITION_FAILED | StatusCode::NOT_MODIFIED => Ok(answer),
        // Answers to HEAD have no words.
        StatusCode::NOT_FOUND if method == Method::HEAD => Ok(answer),
        StatusCode::NOT_FOUND => {
            let (parts, body) = answer.into_parts();
            let refusal = said(Response::from_parts(parts.clone(), body));
            if refusal.is_about_the_object() {
                Ok(Response::from_parts(parts, Body::builder().data(Vec::new())))
            } else {
                Err(refusal)
            }
        }
        _ => Err(said(answer)),
    }
}

/// What the store said in place of an answer.
fn said(answer: Response<Body>) -> Refusal {
    let status = answer.status().as_u16();
    let mut words = Vec::new();
    // What cannot be read of them is left out.
    let _ = answer.into_body().into_reader().take(MOST_WORDS).read_to_end(&mut words);
    Refusal::answered(status, &String::from_utf8_lossy(&words))
}

fn authorities(path: &Path) -> Result<RootCerts> {
    let pem = std::fs::read(path).map_err(|source| Error::read(path, source))?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(Error::Usage {
            reason: format!("{} (AWS_CA_BUNDLE) has no certificate in it", path.display()),
            allowed: "a file of certificates that begin with -----BEGIN CERTIFICATE-----".into(),
        });
    }
    Ok(RootCerts::Specific(Arc::new(found)))
}

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let refused = |refusal| HttpError::new(HttpErrorKind::Unknown, refusal);
        let (parts, body) = self.ask(&parts, &body).map_err(refused)?.into_parts();
        let mut reader = body.into_with_config().limit(u64::MAX).reader();
        // Piece by piece: who asked looks at the size first, and may want none of it.
        let pieces = std::iter::from_fn(move || {
            let mut piece = Vec::with_capacity(PIECE);
            match reader.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
                Ok(0) => None,
                Ok(_) => Some(Ok(Frame::data(Bytes::from(piece)))),
                Err(error) => {
                    Some(Err(HttpError::new(HttpErrorKind::Interrupted, Refusal::broken_off(&error))))
                }
            }
        });
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(StreamBody::new(iter(pieces)))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is said to a request that was signed then, by a transport that may ask to remove things until 20:37.
    fn said(method: Method, signed: Option<&str>) -> String {
        let until =
            NaiveDateTime::parse_from_str("2026-11-27 20:37:00", "%Y-%m-%d %H:%M:%S").unwrap().and_utc();
        let transport = Transport::new(Path::new(""), Some(until)).unwrap();
        // Nothing answers there.
        let mut request = Request::builder().method(method).uri("http://127.0.0.1:9/shop/a");
        if let Some(signed) = signed {
            request = request.header("x-amz-date", signed);
        }
        transport.ask(&request.body(()).unwrap().into_parts().0, &[]).unwrap_err().to_string()
    }

    #[test]
    fn nothing_is_asked_to_be_removed_that_was_signed_too_late() {
        for late in [Some("20261127T203701Z"), Some("20261128T000000Z"), Some("yesterday"), None] {
            assert!(said(Method::DELETE, late).contains("too much time went by"), "{late:?}");
        }
        assert!(said(Method::DELETE, Some("20261127T203700Z")).contains("nothing answers there"));
    }
}
