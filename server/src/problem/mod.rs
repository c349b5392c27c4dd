//! The only place that makes failure statuses: RFC 9457 problems in words for the person who asked.

mod document;
pub(crate) mod field_error;
mod kind;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};

pub(crate) use self::document::ProblemDocument;
use self::field_error::{FieldError, shortened};
pub(crate) use self::kind::KINDS;
use self::kind::Kind;
use crate::request_id::RequestId;

/// Why a valuation is unknown.
pub(crate) const NOT_RECORDED: &str = "No valuation with this number is recorded here. Was it made by another server, or is it older than what is kept?";
/// What more there is to say of a recent number, where several servers share a database.
const ON_ITS_WAY: &str = "If another server gave this number a moment ago, its record is on its way and will be here within a \
                          second or so: please ask again.";
/// Where each kind of problem is explained; its code follows.
const TYPE: &str = "/docs/problems#";

/// A failure, before it is known which exchange it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    /// What goes into the head of the answer, besides what all answers have.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The reason behind the detail, for the log alone.
    cause: Option<String>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new(), cause: None }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Well-formed, with these faults; there is at least one.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => only.message.clone(),
            _ => format!("There are {} faults; `errors` names each.", errors.len()),
        };
        Self { errors, ..Self::new(Kind::InvalidRequest, detail) }
    }

    pub(crate) fn malformed_json(reason: impl std::fmt::Display) -> Self {
        Self::new(Kind::MalformedJson, format!("The body is not valid JSON: {reason}."))
    }

    pub(crate) fn registry_unavailable(cause: impl std::fmt::Display) -> Self {
        let detail = "The registry of models cannot be read now. The server's log has the reason under the number of \
                      this request.";
        Self { cause: Some(cause.to_string()), ..Self::new(Kind::RegistryUnavailable, detail) }
    }

    /// The registry gives no answer at all.
    pub(crate) fn registry_silent(cause: impl std::fmt::Display) -> Self {
        let detail = "The registry of models does not answer now. Please try again soon; the server's log has the \
                      reason under the number of this request.";
        Self { cause: Some(cause.to_string()), ..Self::new(Kind::RegistryUnavailable, detail) }
            .with(RETRY_AFTER, HeaderValue::from_static("5"))
    }

    pub(crate) fn malformed_request(reason: impl Into<String>) -> Self {
        Self::new(Kind::MalformedRequest, reason)
    }

    pub(crate) fn unknown_route(path: &str) -> Self {
        Self::new(Kind::UnknownRoute, format!("There is nothing at {}.", shortened(path)))
    }

    pub(crate) fn unknown_model(reason: impl Into<String>) -> Self {
        Self::new(Kind::UnknownModel, reason)
    }

    pub(crate) fn unknown_exchange() -> Self {
        Self::new(Kind::UnknownExchange, "No exchange with this request id is recorded.")
    }

    /// The same of a number so recent that another server may be about to hand its record over.
    pub(crate) fn perhaps_on_its_way(self) -> Self {
        Self { detail: format!("{} {ON_ITS_WAY}", self.detail), ..self }
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    pub(crate) fn unknown_valuation(reason: impl Into<String>) -> Self {
        Self::new(Kind::UnknownValuation, reason)
    }

    pub(crate) fn administrators_only() -> Self {
        Self::new(
            Kind::AdministratorsOnly,
            "Send the header `Authorization: Bearer KEY` with the key that this server was started with.",
        )
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(crate) fn origin_not_allowed() -> Self {
        Self::new(
            Kind::OriginNotAllowed,
            "The web site whose page asks is not on the list of those that may; `allowed_origins` in the \
             settings of this server is that list.",
        )
    }

    /// What a page of another web site asked leave to send (`wanted`, a header of names) and may not; these are `allowed`.
    pub(crate) fn headers_not_allowed(wanted: &str, allowed: &[&str]) -> Self {
        let names = wanted.split(',').map(|name| name.trim().to_ascii_lowercase());
        let refused: Vec<_> = names.filter(|name| !allowed.contains(&name.as_str())).collect();
        let detail = format!(
            "A page of another web site may not send {} here; allowed are {}.",
            shortened(&refused.join(", ")),
            allowed.join(", ")
        );
        Self::new(Kind::HeaderNotAllowed, detail)
    }

    pub(crate) fn request_timeout(limit: Duration) -> Self {
        let detail = format!("The request was not complete after {} seconds.", limit.as_secs());
        Self::new(Kind::RequestTimeout, detail)
    }

    /// A body that may take long comes in too slowly: in that time less of it than that.
    pub(crate) fn stalled(limit: Duration, least: usize) -> Self {
        let (seconds, least) = (limit.as_secs(), least >> 10);
        let detail = format!("Less than {least} KiB of the body arrived within {seconds} seconds.");
        Self::new(Kind::RequestTimeout, detail)
    }

    pub(crate) fn too_many_requests(
        wait: Duration,
        told: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        let mut problem = Self::too_many("Your share of requests is used up. Please ask again", wait);
        problem.headers.extend(told);
        problem
    }

    pub(crate) fn too_many_rows(
        wait: Duration,
        told: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        let detail = "Your share of stones in batches is used up. Please send this batch again";
        let mut problem = Self::too_many(detail, wait);
        problem.headers.extend(told);
        problem
    }

    pub(crate) fn too_many_guesses(wait: Duration) -> Self {
        let detail = "Too many wrong administrator's keys came from your address, so none of them is looked at now. \
                      Please try again";
        Self::too_many(detail, wait)
    }

    fn too_many(what: &str, wait: Duration) -> Self {
        let seconds = whole_seconds(wait.as_secs_f64());
        Self::new(Kind::TooManyRequests, format!("{what} in {seconds} seconds."))
            .with(RETRY_AFTER, seconds.into())
    }

    pub(crate) fn overloaded() -> Self {
        Self::new(
            Kind::Overloaded,
            "This server has more to do than it can answer soon. Please ask again in a moment.",
        )
        .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    pub(crate) fn no_administrators() -> Self {
        Self::new(
            Kind::NoAdministrators,
            "To open this address, set the environment variable XTREAM_ADMIN_KEY to a secret of at least 16 \
             characters, start the server again, and send the header `Authorization: Bearer KEY` with it.",
        )
    }

    /// What cannot be recorded is not answered.
    pub(crate) fn log_unavailable(reason: impl std::fmt::Display) -> Self {
        let detail =
            "The exchange log cannot be used now, and nothing is answered unrecorded. Please try again soon.";
        let cause = Some(format!("the exchange log cannot be used: {reason}"));
        Self { cause, ..Self::new(Kind::LogUnavailable, detail) }
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The same problem, told to whoever looks after the server.
    pub(crate) fn because(self, reason: impl std::fmt::Display) -> Self {
        Self { detail: format!("{} The reason: {reason}.", self.detail), ..self }
    }

    pub(crate) fn method_not_allowed(allowed: &'static str) -> Self {
        let detail = format!("Allowed here is {allowed}.");
        Self::new(Kind::MethodNotAllowed, detail).with(ALLOW, HeaderValue::from_static(allowed))
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let (most, unit) = if limit > 1 << 20 { (limit >> 20, "MB") } else { (limit >> 10, "KiB") };
        let detail = format!("The body is larger than {most} {unit}, the most that is read here.");
        Self::new(Kind::BodyTooLarge, detail)
    }

    /// `what` there is too much of.
    pub(crate) fn file_too_large(what: String) -> Self {
        let detail = format!("{what}, the most that is read here. Please send it in parts.");
        Self::new(Kind::BodyTooLarge, detail)
    }

    /// `reason` names the place, and what is allowed there.
    pub(crate) fn unreadable_file(reason: String) -> Self {
        Self::new(Kind::UnreadableFile, reason + ".")
    }

    pub(crate) fn unsupported_media_type(detail: &str) -> Self {
        Self::new(Kind::UnsupportedMediaType, detail)
    }

    /// `errors` say which end of what the model learned from is too far away, and which numbers look odd.
    pub(crate) fn beyond_the_model(errors: Vec<FieldError>) -> Self {
        let detail = "The stone is so unlike those that the model learned from that it has no price; please \
                      check its numbers.";
        Self { errors, ..Self::new(Kind::BeyondTheModel, detail) }
    }

    pub(crate) fn no_champion() -> Self {
        Self::new(
            Kind::NoChampion,
            "No model has been promoted yet. `xtream train` makes one, and this server then answers by itself.",
        )
    }

    pub(crate) fn champion_refused(version: Option<u64>, reason: &str) -> Self {
        let model = version.map_or("The champion".into(), |version| format!("Model version {version}"));
        Self::new(
            Kind::ChampionRefused,
            format!(
                "{model} cannot be loaded, and no other is: {reason}. Once it is mended or another one \
                 is promoted, this server answers by itself."
            ),
        )
    }

    /// A mistake of ours.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        let detail =
            "This is not your fault. The server's log has the reason under the number of this request.";
        Self { cause: Some(cause.to_string()), ..Self::new(Kind::Internal, detail) }
    }

    /// As a part of an answer or as all of it.
    pub(crate) fn document(self, request_id: RequestId) -> ProblemDocument {
        let (status, code, title) = self.kind.words();
        ProblemDocument {
            r#type: format!("{TYPE}{code}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            code,
            request_id,
            errors: self.errors,
        }
    }

    /// The answer to the exchange of this number.
    pub(crate) fn response(self, id: RequestId) -> HttpResponse {
        if let Some(cause) = &self.cause {
            tracing::error!(request_id = %id, code = self.kind.words().1, cause, "a request failed");
        }
        let mut response = HttpResponse::build(self.status_code());
        for header in &self.headers {
            response.insert_header(header.clone());
        }
        response.content_type("application/problem+json").json(self.document(id))
    }
}

/// At least one: "after 0 seconds" would be answered by an immediate second attempt.
pub(crate) fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil().max(1.0) as u64
}

impl From<xtream_core::Error> for Problem {
    fn from(error: xtream_core::Error) -> Self {
        use xtream_core::Error as E;
        match error {
            E::ModelNotFound { .. } => Self::unknown_model(format!("{error}.")),
            E::NoChampion => Self::no_champion(),
            // What is left on the way of a request is storage that fails or was changed; paths and
            // the like are for the log.
            error => Self::registry_unavailable(error),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

/// The status alone: the body needs the number of the exchange, which the middleware has.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.words().0
    }
}
