//! What a valuation is asked besides the price: the parameters `include` and `confidence`.

use actix_web::web;
use xtream_core::valuation::{Confidence, Options};

use crate::problem::Problem;
use crate::problem::field_error::{FieldError, shortened};
use crate::request::parameters::Parameters;

const PARAMETERS: [&str; 2] = ["include", "confidence"];
const PARTS: [&str; 3] = ["reasons", "comparables", "what_if"];

/// The question that a query asks about one diamond.
///
/// # Errors
/// Every fault of the query.
pub(super) fn of_one(pairs: Vec<(String, String)>) -> Result<Options, Problem> {
    let parameters = Parameters::new(pairs);
    let mut errors = parameters.faults(&PARAMETERS);
    let mut question =
        Options { confidence: Some(confidence(&parameters, &mut errors)), ..Options::default() };
    let mut unknown = Vec::new();
    for part in parameters.list("include") {
        match part {
            "reasons" => question.reasons = true,
            "comparables" => question.comparables = true,
            "what_if" => question.what_if = true,
            other => unknown.push(other),
        }
    }
    if !unknown.is_empty() {
        let message = format!(
            "include {:?} is none of {}; several are separated by commas",
            shortened(&unknown.join(",")),
            PARTS.join(", ")
        );
        errors.push(FieldError { allowed: Some(PARTS.into()), ..FieldError::new("/include", message) });
    }
    if errors.is_empty() { Ok(question) } else { Err(Problem::invalid(errors)) }
}

/// The question that a query asks about each diamond of a batch.
///
/// # Errors
/// Every fault of the query; `include` is one.
pub(super) fn of_batch(pairs: Vec<(String, String)>) -> Result<Options, Problem> {
    let parameters = Parameters::new(pairs);
    let mut errors = parameters.faults(&PARAMETERS);
    if parameters.list("include").next().is_some() {
        let message = "include is for one diamond at a time, at POST /v1/valuations";
        errors.push(FieldError::new("/include", message));
    }
    let question = Options { confidence: Some(confidence(&parameters, &mut errors)), ..Options::default() };
    if errors.is_empty() { Ok(question) } else { Err(Problem::invalid(errors)) }
}

/// The question of a recorded query, as far as price and range depend on it.
pub(super) fn confidence_of(query: &str) -> Options {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    let parameters = Parameters::new(pairs.map_or(Vec::new(), web::Query::into_inner));
    Options { confidence: Some(confidence(&parameters, &mut Vec::new())), ..Options::default() }
}

fn confidence(parameters: &Parameters, errors: &mut Vec<FieldError>) -> Confidence {
    let Some(text) = parameters.get("confidence") else {
        return Confidence::default();
    };
    text.parse().unwrap_or_else(|_| {
        let message = format!("confidence {:?} is not {}", shortened(text), Confidence::ALLOWED);
        errors.push(FieldError::new("/confidence", message));
        Confidence::default()
    })
}
