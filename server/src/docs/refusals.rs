//! The refusals that several routes share. Their examples are made by what makes the answers.

use std::time::Duration;

use serde_json::{Map, Value, json};
use utoipa::ToResponse;
use utoipa::openapi::{RefOr, Response};

use crate::cross_origin::LET_THROUGH;
use crate::problem::{NOT_RECORDED, Problem};
use crate::request_id::RequestId;

/// The name of each in the document, what it means, the headers that it has besides those of all, and examples.
macro_rules! refusals {
    ($($name:ident: $description:literal, $headers:expr, [$($problem:expr),*];)+) => {
        $(
            #[doc = $description]
            #[allow(dead_code, reason = "some are those of all routes and are named by none")]
            pub(crate) struct $name;

            impl<'r> ToResponse<'r> for $name {
                fn response() -> (&'r str, RefOr<Response>) {
                    (stringify!($name), RefOr::T(Response::new($description)))
                }
            }
        )+

        /// Each by its name.
        pub(super) fn all() -> Map<String, Value> {
            let refusals = [$((stringify!($name), refusal($description, &$headers, vec![$($problem),*]))),+];
            refusals.map(|(name, refusal)| (name.to_owned(), refusal)).into_iter().collect()
        }
    };
}

const RETRY_AFTER: (&str, &str) = ("Retry-After", "Seconds to wait.");
const ON_ITS_WAY: (&str, &str) = (
    "Retry-After",
    "Seconds to wait, where there are several servers and another one may have given the number just now.",
);

refusals! {
    Malformed: "The body cannot be read, or is not JSON.", [], [
        Problem::malformed_json("trailing comma at line 1 column 15"),
        Problem::malformed_request("The body ended before it was complete.")
    ];
    AdministratorsOnly: "The administrator's key is missing or wrong.", [("WWW-Authenticate", "`Bearer`")], [
        Problem::administrators_only()
    ];
    NoAdministrators: "This server was started without a key, so nobody may do this; or a web page of a site that is not listed, or that wants to send an unusual header, asks for leave.", [], [
        Problem::no_administrators(), Problem::origin_not_allowed(), Problem::headers_not_allowed("x-shop", &LET_THROUGH)
    ];
    UnknownModel: "There is no model of this version.", [], [
        Problem::unknown_model("there is no model version 9; known versions are 1 to 7.")
    ];
    UnknownValuation: "There is no such valuation: the number is unknown, or that of another kind of request, of one that was refused, or of a batch. With `Retry-After`, its record may be on its way from another server.", [
        ON_ITS_WAY
    ], [
        Problem::unknown_valuation(NOT_RECORDED)
    ];
    UnknownExchange: "No exchange of this number is recorded. With `Retry-After`, its record may be on its way from another server.", [
        ON_ITS_WAY
    ], [Problem::unknown_exchange()];
    MethodNotAllowed: "The answer of this address to every method that is not described here.", [("Allow", "The methods that it takes.")], [
        Problem::method_not_allowed("POST")
    ];
    RequestTimeout: "The request did not arrive in the time that it may take. Send it again.", [], [
        Problem::request_timeout(Duration::from_secs(10))
    ];
    BodyTooLarge: "The body is larger than is read here.", [], [Problem::body_too_large(64 << 10)];
    UnsupportedMediaType: "The body is of another kind than is read here, such as no JSON, or is compressed.", [], [
        Problem::unsupported_media_type("Send the body as JSON, with the header `Content-Type: application/json`.")
    ];
    Invalid: "Well-formed, but with wrong values; `errors` names every one.", [], [];
    TooManyRequests: "You have asked too often, or sent too many stones in batches, where this server limits it; or too many wrong administrator's keys. Wait as many seconds as `Retry-After` says.", [
        RETRY_AFTER,
        ("RateLimit-Policy", "Your share at this server (where there are several, each counts by itself): `q` requests (of the policy `rows`: stones in batches) at once, which are all there again after `w` seconds."),
        ("RateLimit", "What is left of it: `r` requests, and after `t` seconds there is more.")
    ], [Problem::too_many_requests(Duration::from_secs(2), [])];
    NoModel: "There is no model that could answer now, or the exchange cannot be recorded. Try again later.", [], [
        Problem::no_champion(),
        Problem::champion_refused(Some(7), "its file is damaged"),
        Problem::log_unavailable("")
    ];
    NoRegistry: "The registry of models cannot be read now, or the exchange cannot be recorded. Try again later.", [], [
        Problem::registry_unavailable("damaged"), Problem::log_unavailable("")
    ];
    NoLog: "The exchange log cannot be used now. Try again later.", [RETRY_AFTER], [
        Problem::log_unavailable(""), Problem::overloaded()
    ];
    Internal: "A mistake of the server, never of the request.", [], [Problem::internal("")];
}

/// You have it as it is: the answer would have the tag that you sent.
pub(crate) struct NotModified;

impl<'r> ToResponse<'r> for NotModified {
    fn response() -> (&'r str, RefOr<Response>) {
        ("NotModified", RefOr::T(Response::new("")))
    }
}

fn refusal(description: &str, headers: &[(&str, &str)], problems: Vec<Problem>) -> Value {
    let text = |meaning| json!({"description": meaning, "schema": {"type": "string"}});
    let mut headers: Map<_, _> =
        headers.iter().map(|(name, meaning)| ((*name).into(), text(*meaning))).collect();
    headers.insert("X-Request-Id".into(), json!({"$ref": "#/components/headers/RequestId"}));
    let examples: Map<_, _> = problems.into_iter().map(example).collect();
    let mut content = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    if !examples.is_empty() {
        content["examples"] = examples.into();
    }
    json!({"description": description, "headers": headers, "content": {"application/problem+json": content}})
}

/// A problem under its code, as an answer would show it.
pub(super) fn example(problem: Problem) -> (String, Value) {
    let document = json!(problem.document(RequestId::EXAMPLE));
    (document["code"].as_str().unwrap_or_default().to_owned(), json!({ "value": document }))
}
