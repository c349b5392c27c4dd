//! Files for browsers, compiled in: in memory once, each with a tag, plain and packed.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETag, EntityTag};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::OnceCell;

use crate::compression::{Coding, Effort, is_text, varies};
use crate::connections::Piecemeal;
use crate::etag::{KEEP_AND_ASK, digest, is_known};

pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// A page, or a file that pages consist of: in memory once, plain and, from the first time that it is asked for so,
/// packed.
pub(crate) struct StaticFile {
    content_type: String,
    policy: &'static str,
    content: Bytes,
    /// Changes with the content: the next version of the program brings other pages to the same addresses.
    tag: String,
    /// In the order of [`Coding::ALL`]; `None` for what does not shrink.
    packed: [OnceCell<Option<Bytes>>; Coding::ALL.len()],
}

impl StaticFile {
    pub(crate) fn new(content_type: &str, policy: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let tag = digest(&content);
        Self { content_type: content_type.into(), policy, content, tag, packed: Default::default() }
    }

    /// The page, unless the browser has it as it is.
    pub(crate) async fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let packed = self.packed(request).await;
        // The same page packed in another way is, byte for byte, another one.
        let tag = match &packed {
            Some((coding, _)) => format!("{}-{}", self.tag, coding.name()),
            None => self.tag.clone(),
        };
        let tag = EntityTag::new_strong(tag);
        let is_known = is_known(request, &tag);
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let mut answer = HttpResponse::build(status);
        answer
            .insert_header((CONTENT_SECURITY_POLICY, self.policy))
            .insert_header((CACHE_CONTROL, KEEP_AND_ASK))
            .insert_header(ETag(tag));
        let mut answer = if is_known {
            answer.finish()
        } else {
            answer.content_type(&*self.content_type);
            if let Some((coding, _)) = &packed {
                answer.insert_header((CONTENT_ENCODING, coding.name()));
            }
            answer.body(Piecemeal::shared(packed.map_or_else(|| self.content.clone(), |(_, packed)| packed)))
        };
        if self.is_text() {
            varies(answer.headers_mut());
        }
        answer
    }

    /// The content as the client takes it packed. It is packed once, by whoever asks first, while others wait.
    async fn packed(&self, request: &HttpRequest) -> Option<(Coding, Bytes)> {
        let coding = Coding::wanted(request).filter(|_| self.is_text())?;
        let place = Coding::ALL.iter().position(|known| *known == coding)?;
        let pack = || async {
            let content = self.content.clone();
            web::block(move || coding.pack(&content, Effort::Once)).await.ok().flatten()
        };
        let packed = self.packed.get(place)?.get_or_init(pack).await;
        Some((coding, packed.clone()?))
    }

    fn is_text(&self) -> bool {
        is_text(&self.content_type)
    }
}
