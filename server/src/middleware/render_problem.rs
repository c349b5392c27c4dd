//! Words every failure as a problem with the exchange's number.

use actix_cors::CorsError;
use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue};
use actix_web::middleware::Next;

use super::common_headers::common_headers;
use crate::cross_origin::LET_THROUGH;
use crate::problem::Problem;
use crate::request_id::RequestId;

/// Words every failure as a problem with the exchange's number; the innermost of the middlewares, so
/// that what is recorded is what is sent.
pub(crate) async fn render_problem(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = request.extensions().get::<RequestId>().copied();
    let id = id.ok_or_else(|| Problem::internal("the request has no number"))?;
    let wanted = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    match next.call(request).await {
        Ok(response) => {
            Ok(match response.response().error().map(|error| problem_of(error, wanted.as_ref())) {
                Some(problem) => response.into_response(problem.response(id)),
                None => response.map_into_boxed_body(),
            })
        }
        Err(error) => {
            let mut response = problem_of(&error, wanted.as_ref()).response(id);
            common_headers(response.headers_mut(), id);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// The problem that an error is, whoever raised it. `wanted` are the headers that a page of another web site asked
/// leave to send, where it did.
fn problem_of(error: &actix_web::Error, wanted: Option<&HeaderValue>) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        problem.clone()
    } else if let Some(refusal) = error.as_error::<CorsError>() {
        match refusal {
            CorsError::HeadersNotAllowed => {
                let wanted = wanted.and_then(|wanted| wanted.to_str().ok()).unwrap_or_default();
                Problem::headers_not_allowed(wanted, &LET_THROUGH)
            }
            CorsError::MethodNotAllowed => Problem::method_not_allowed("GET, HEAD, POST"),
            CorsError::OriginNotAllowed => Problem::origin_not_allowed(),
            malformed => Problem::malformed_request(format!("The request cannot be read: {malformed}.")),
        }
    } else if error.as_response_error().status_code().is_client_error() {
        Problem::malformed_request(format!("The request cannot be read: {error}."))
    } else {
        Problem::internal(error)
    }
}
