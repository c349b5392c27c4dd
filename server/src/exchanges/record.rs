//! One exchange as it is kept: who asked what, what was answered, by which model.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::web::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use super::digest::Digest;
use super::lossless_json::is_lossless;

/// Text beyond this is cut; a body of ours never is.
const LONGEST_TEXT: usize = 64 << 10;

/// A request and its answer.
pub(crate) struct Exchange {
    /// The request id, a UUIDv7: ids sort by time.
    pub(crate) id: Uuid,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) duration: Duration,
    /// The client's address.
    pub(crate) client: String,
    /// The route's pattern, such as `/v1/models/{version}`; none for an unknown address.
    pub(crate) route: Option<String>,
    pub(crate) request: Request,
    pub(crate) response: Response,
}

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Body,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Body,
}

/// A body: a document where it is JSON, else text, cut if it is long.
#[derive(Debug, PartialEq)]
pub(crate) enum Body {
    Empty,
    /// The text of a JSON document that any database takes.
    Json(Bytes),
    Text {
        text: String,
        truncated: bool,
        /// Of all of it, where a part of it is kept.
        digest: Option<Digest>,
    },
    /// Left out.
    Omitted,
}

/// An exchange as it is written down.
pub(crate) struct Record {
    pub(crate) id: Uuid,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) route: Option<String>,
    pub(crate) status: u16,
    /// Of the document.
    pub(crate) digest: Digest,
    /// The whole exchange as JSON.
    pub(crate) document: String,
}

impl Body {
    /// A body that a client sent: it may be anything.
    pub(crate) fn received(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else if is_lossless(&bytes) {
            Self::Json(bytes)
        } else {
            Self::text(&bytes, None)
        }
    }

    /// A body that this server made: all of them are JSON.
    pub(crate) fn sent(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Json(bytes) }
    }

    /// A body as text, whatever it is; all of it is known, so that its digest tells what is cut.
    pub(crate) fn whole_text(bytes: &[u8]) -> Self {
        let digest = (bytes.len() > LONGEST_TEXT).then(|| Digest::of(bytes));
        Self::text(bytes, digest)
    }

    /// The beginning of a body as text, whatever it is.
    pub(crate) fn cut(bytes: &[u8]) -> Self {
        Self::text(bytes, None)
    }

    fn text(bytes: &[u8], digest: Option<Digest>) -> Self {
        let kept = &bytes[..bytes.len().min(LONGEST_TEXT)];
        // What is not text cannot be kept as text; the replacement character shows where it was.
        let text = String::from_utf8_lossy(kept).into_owned();
        Self::Text { text, truncated: bytes.len() > LONGEST_TEXT, digest }
    }
}

impl Exchange {
    /// The exchange written out, with the model that answered where one did.
    ///
    /// # Errors
    /// Only if something of it cannot be written as JSON.
    pub(crate) fn record(self) -> Result<Record, String> {
        let model = match &self.response.body {
            Body::Json(answer) => model_of(answer),
            _ => None,
        };
        let sizes = [&self.request.body, &self.response.body].map(|body| match body {
            Body::Json(bytes) => bytes.len(),
            Body::Text { text, .. } => text.len(),
            Body::Empty | Body::Omitted => 0,
        });
        let mut out = Vec::with_capacity(512 + sizes.iter().sum::<usize>());
        self.write(&mut out, model).map_err(|error| error.to_string())?;
        let Self { id, received_at, route, response: Response { status, .. }, .. } = self;
        let document = String::from_utf8(out).map_err(|error| error.to_string())?;
        let digest = Digest::of(document.as_bytes());
        Ok(Record { id, received_at, route, status, digest, document })
    }

    /// Bodies are JSON already and are put in as they are; everything else goes through serde.
    fn write(&self, out: &mut Vec<u8>, model: Option<ModelName<'_>>) -> serde_json::Result<()> {
        let Self { id, received_at, duration, client, route, request, response } = self;
        let Request { method, path, query, .. } = request;
        let mut names = Names { out, is_first: true };
        names.value("_id", id)?;
        names.value("received_at", &timestamp(*received_at))?;
        names.value("duration_ms", &(duration.as_secs_f64() * 1000.0))?;
        names.value("client", client)?;
        names.value("route", route)?;
        names.object("request", |names| {
            names.value("method", method)?;
            names.value("path", path)?;
            names.value("query", query)?;
            names.body(&request.body)
        })?;
        names.object("response", |names| {
            names.value("status", &response.status)?;
            names.body(&response.body)
        })?;
        if let Some(model) = model {
            names.value("model", &model)?;
        }
        names.out.push(b'}');
        Ok(())
    }
}

/// The fields of an object that is being written.
struct Names<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl Names<'_> {
    fn name(&mut self, name: &str) {
        self.out.extend_from_slice(if self.is_first { b"{\"" } else { b",\"" });
        self.is_first = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn value(&mut self, name: &str, value: &impl Serialize) -> serde_json::Result<()> {
        self.name(name);
        serde_json::to_writer(&mut *self.out, value)
    }

    fn object(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut Names<'_>) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        self.name(name);
        fill(&mut Names { out: self.out, is_first: true })?;
        self.out.push(b'}');
        Ok(())
    }

    fn body(&mut self, body: &Body) -> serde_json::Result<()> {
        match body {
            Body::Json(bytes) => {
                self.name("body");
                self.out.extend_from_slice(bytes);
                Ok(())
            }
            Body::Text { text, truncated, digest } => {
                self.value("body", text)?;
                if *truncated {
                    self.value("truncated", &true)?;
                }
                digest.map_or(Ok(()), |digest| self.value("digest", &digest.to_string()))
            }
            Body::Empty => self.value("body", &()),
            Body::Omitted => {
                self.value("body", &())?;
                self.value("omitted", &true)
            }
        }
    }
}

/// The model that an answer names.
struct ModelName<'a> {
    version: u64,
    digest: Cow<'a, str>,
}

impl Serialize for ModelName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("version", &self.version)?;
        map.serialize_entry("digest", &self.digest)?;
        map.end()
    }
}

/// The model's version and digest, if an answer names one; a card calls something else its `model`.
fn model_of(answer: &[u8]) -> Option<ModelName<'_>> {
    #[derive(serde::Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        model: Option<Named<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        version: u64,
        #[serde(borrow)]
        digest: Cow<'a, str>,
    }
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    answer.model.map(|Named { version, digest }| ModelName { version, digest })
}

/// A time as the log writes it: one length, so that text sorts as time does.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn received(text: &[u8]) -> Body {
        Body::received(Bytes::copy_from_slice(text))
    }

    fn as_text(text: &str) -> Body {
        Body::Text { text: text.into(), truncated: false, digest: None }
    }

    #[test]
    fn json_is_kept_as_a_document_and_anything_else_as_text() {
        assert!(matches!(received(br#"{"carat": 1.2}"#), Body::Json(_)));
        assert_eq!(received(b"carat=1.2"), as_text("carat=1.2"));
        assert_eq!(received(b""), Body::Empty);
        assert_eq!(received(b"\xff\xfe"), as_text("\u{fffd}\u{fffd}"));
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let text = |n| {
            let text = "x".repeat(LONGEST_TEXT);
            Body::Text { text, truncated: n > LONGEST_TEXT, digest: None }
        };
        for n in [LONGEST_TEXT, LONGEST_TEXT + 1] {
            assert_eq!(received(&vec![b'x'; n]), text(n));
        }
    }

    #[test]
    fn of_a_text_that_is_cut_and_was_there_as_a_whole_the_digest_is_kept() {
        let whole = vec![b'x'; LONGEST_TEXT + 1];
        let record = exchange(Body::whole_text(&whole), b"{}").record().unwrap();
        let document: Value = serde_json::from_str(&record.document).unwrap();
        assert_eq!(document["request"]["digest"], json!(Digest::of(&whole).to_string()));
        assert_eq!(document["request"]["truncated"], json!(true));
        assert_eq!(Body::whole_text(&whole[1..]), received(&whole[1..]));
    }

    fn exchange(asked: Body, answer: &'static [u8]) -> Exchange {
        Exchange {
            id: Uuid::nil(),
            received_at: DateTime::UNIX_EPOCH,
            duration: Duration::from_micros(1500),
            client: "127.0.0.1".into(),
            route: Some("/v1/valuations".into()),
            request: Request {
                method: "POST".into(),
                path: "/\"".into(),
                query: "\u{1}".into(),
                body: asked,
            },
            response: Response { status: 200, body: Body::sent(Bytes::from_static(answer)) },
        }
    }

    #[test]
    fn a_record_has_what_was_asked_and_answered_and_by_which_model() {
        let answer =
            br#"{"price_usd": 1.0, "model": {"version": 3, "family": "linear", "digest": "sha256:0"}}"#;
        let record = exchange(received(b" [1.0, {\"a\": 2}] "), answer).record().unwrap();
        let document: Value = serde_json::from_str(&record.document).unwrap();
        assert_eq!(
            document,
            json!({
                "_id": "00000000-0000-0000-0000-000000000000",
                "received_at": "1970-01-01T00:00:00.000Z",
                "duration_ms": 1.5,
                "client": "127.0.0.1",
                "route": "/v1/valuations",
                "request": {"method": "POST", "path": "/\"", "query": "\u{1}", "body": [1.0, {"a": 2}]},
                "response": {"status": 200, "body": serde_json::from_slice::<Value>(answer).unwrap()},
                "model": {"version": 3, "digest": "sha256:0"},
            })
        );
    }

    #[test]
    fn bodies_say_how_they_were_kept() {
        let of = |body| {
            let record = exchange(body, b"{}").record().unwrap();
            serde_json::from_str::<Value>(&record.document).unwrap()["request"].clone()
        };
        assert_eq!(of(Body::Empty)["body"], Value::Null);
        assert_eq!(of(Body::Omitted)["omitted"], json!(true));
        let cut = of(Body::Text { text: "x".into(), truncated: true, digest: None });
        assert_eq!((&cut["body"], &cut["truncated"]), (&json!("x"), &json!(true)));
        assert_eq!(of(as_text("x")).get("truncated"), None);
    }
}
