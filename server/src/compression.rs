//! Answers made smaller for those who take them so: brotli or gzip, as `Accept-Encoding` says. What is recorded is
//! what was answered, before it is packed.

use std::io::{self, Write};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, Encoding, HeaderMap, HeaderValue, VARY,
};
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes};
use actix_web::{HttpMessage, HttpRequest};
use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Bytes below which an answer fits into one or two packets anyway.
const SMALLEST: usize = 2 << 10;
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// A way to pack, the better one first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
}

/// How much time packing may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effort {
    /// An answer that somebody waits for.
    Each,
    /// A file that is packed once.
    Once,
}

impl Coding {
    pub(crate) const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// What the client takes, if it takes any.
    pub(crate) fn wanted(request: &HttpRequest) -> Option<Self> {
        let wanted = request.get_header::<AcceptEncoding>()?;
        let known = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
        let chosen = wanted.negotiate(known.iter())?;
        Self::ALL.into_iter().find(|coding| chosen.to_string() == coding.name())
    }

    /// Its name in `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The content packed; `None` where that gains less than a tenth.
    pub(crate) fn pack(self, content: &[u8], effort: Effort) -> Option<Bytes> {
        if content.len() < SMALLEST {
            return None;
        }
        let packed = match self {
            Self::Brotli => brotli(content, effort),
            Self::Gzip => gzip(content, effort),
        };
        packed.ok().filter(|packed| packed.len() < content.len() / 10 * 9).map(Bytes::from)
    }
}

fn brotli(content: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    // The window is given as the power of two that holds it.
    let (quality, window) = match effort {
        Effort::Each => (3, 18),
        Effort::Once => (5, 22),
    };
    let mut packer = CompressorWriter::new(Vec::new(), 4096, quality, window);
    packer.write_all(content)?;
    Ok(packer.into_inner())
}

fn gzip(content: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let level = match effort {
        Effort::Each => Compression::fast(),
        Effort::Once => Compression::default(),
    };
    let mut packer = GzEncoder::new(Vec::new(), level);
    packer.write_all(content)?;
    packer.finish()
}

/// Tells caches that the answer depends on what the client takes.
pub(crate) fn varies(headers: &mut HeaderMap) {
    headers.append(VARY, ACCEPT_ENCODING);
}

/// Packs an answer for a client that takes it so, on a thread that nobody else waits for.
pub(crate) async fn pack(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let coding = Coding::wanted(request.request());
    let has_body = request.method() != Method::HEAD;
    let mut answer = next.call(request).await?.map_into_boxed_body();
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // A page is packed already where that is wanted, and says that it may be.
    if answer.headers().get_all(VARY).any(|vary| vary == ACCEPT_ENCODING)
        || !content_type.is_some_and(is_text)
    {
        return Ok(answer);
    }
    varies(answer.headers_mut());
    let Some(coding) = coding.filter(|_| has_body) else { return Ok(answer) };
    let (request, answer) = answer.into_parts();
    let (mut head, body) = answer.into_parts();
    let body = match body.try_into_bytes() {
        Ok(content) if content.len() >= SMALLEST => {
            let plain = content.clone();
            let packed = web::block(move || coding.pack(&content, Effort::Each)).await.ok().flatten();
            if packed.is_some() {
                head.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            }
            BoxBody::new(packed.unwrap_or(plain))
        }
        Ok(content) => BoxBody::new(content),
        Err(body) => body,
    };
    Ok(ServiceResponse::new(request, head.set_body(body)))
}

/// Pictures are packed already.
pub(crate) fn is_text(content_type: &str) -> bool {
    let kinds = [
        "text/",
        "application/json",
        "application/x-ndjson",
        "application/problem+json",
        "application/openmetrics-text",
    ];
    kinds.iter().any(|kind| content_type.starts_with(kind))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use actix_web::test::TestRequest;

    use super::*;

    fn wanted(header: &'static str) -> Option<Coding> {
        Coding::wanted(&TestRequest::default().insert_header(("accept-encoding", header)).to_http_request())
    }

    #[test]
    fn the_client_says_how_an_answer_is_packed_or_that_it_is_not() {
        assert_eq!(wanted("gzip, deflate, br, zstd"), Some(Coding::Brotli));
        assert_eq!(wanted("gzip"), Some(Coding::Gzip));
        assert_eq!(wanted("br;q=0.1, gzip;q=0.9"), Some(Coding::Gzip));
        for plain in ["identity", "br;q=0, gzip;q=0", "deflate", "", "nonsense, ,;"] {
            assert_eq!(wanted(plain), None, "{plain}");
        }
        assert_eq!(Coding::wanted(&TestRequest::default().to_http_request()), None);
    }

    #[test]
    fn what_is_packed_is_the_same_when_it_is_unpacked() {
        let content = include_bytes!("../assets/examples.json");
        for effort in [Effort::Each, Effort::Once] {
            let (mut from_gzip, mut from_brotli) = (Vec::new(), Vec::new());
            let packed = Coding::ALL.map(|coding| coding.pack(content, effort).unwrap());
            assert!(packed.iter().all(|packed| packed.len() < content.len() / 3), "{effort:?}");
            brotli::Decompressor::new(&packed[0][..], 4096).read_to_end(&mut from_brotli).unwrap();
            flate2::read::GzDecoder::new(&packed[1][..]).read_to_end(&mut from_gzip).unwrap();
            assert!(from_brotli == content && from_gzip == content, "{effort:?}");
        }
    }

    #[test]
    fn what_would_not_shrink_stays_as_it_is() {
        assert_eq!(Coding::Gzip.pack(&[b' '; SMALLEST - 1], Effort::Each), None);
        let random: Vec<u8> = (0..9000).map(|_| uuid::Uuid::new_v4().into_bytes()[0]).collect();
        assert_eq!(Coding::Brotli.pack(&random, Effort::Once), None);
    }
}
