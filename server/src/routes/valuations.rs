//! What diamonds are worth, according to the model that answers now.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::{IntoParams, ToSchema};
use xtream_core::diamond::{Fault, Field, to_cents};
use xtream_core::similar;
use xtream_core::valuation::{self, Counterfactual, Options, PriceRange, Reasons, Refusal};

use crate::docs::refusals;
use crate::limits::take_rows;
use crate::problem::field_error::FieldError;
use crate::problem::{Problem, ProblemDocument};
use crate::request::body::read_json;
use crate::request::diamond::{GivenDiamond, kind};
use crate::request_id::{Answer, RequestId};
use crate::routes::question;
use crate::routes::similar::SimilarDiamond;
use crate::schemas;
use crate::serving::{ModelName, ServingModel, State};

const LARGEST_BODY: usize = 64 * 1024;
const LARGEST_BATCH_BODY: usize = 1024 * 1024;
/// Diamonds in one batch.
const LARGEST_BATCH: usize = 1000;

/// What a stone is worth.
#[derive(Serialize, ToSchema)]
pub(crate) struct Valuation {
    /// Price in US dollars, to the cent.
    #[schema(minimum = 0)]
    price_usd: f64,
    /// Price of one carat of this stone in US dollars.
    #[schema(minimum = 0)]
    price_per_carat_usd: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::PriceRange, required = false)]
    range: Option<PriceRange>,
    /// Measurements that were missing and had to be estimated.
    #[schema(value_type = Vec<schemas::Measurement>)]
    assumed: Vec<Field>,
    /// Numbers of the stone that were most likely mistyped, or that contradict one another; the price holds for the
    /// numbers as they were sent. And what lies beyond the stones that the model learned from: the weight, a grade, or
    /// (with the pointer of the stone itself) the price, which is a guess then.
    warnings: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Reasons, required = false)]
    reasons: Option<Reasons>,
    /// Stones that were sold and are most like this one, without those that would have to be adjusted by more than a
    /// third; there only when asked for with `include`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 5)]
    comparables: Option<Vec<Comparable>>,
    /// The price if one thing were different; there only when asked for with `include`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<schemas::WhatIf>, required = false)]
    what_if: Option<Vec<Counterfactual>>,
}

/// A stone that was sold, beside the one asked about.
#[derive(Serialize, ToSchema)]
struct Comparable {
    #[serde(flatten)]
    stone: SimilarDiamond,
    /// The weight and each grade that is another than asked for; none for a stone of the very same weight and grades, which
    /// may still differ in measurements.
    differences: Vec<String>,
    /// What it would have been sold for if it were the stone asked about: its price, times what the model says of that
    /// stone over what it says of this one.
    #[schema(minimum = 0)]
    adjusted_price_usd: f64,
}

/// The value of one stone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Valued {
    #[serde(flatten)]
    valuation: Valuation,
    model: ModelName,
}

/// The values of many stones, all from one model.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchValued {
    /// How many have a price.
    n_valued: usize,
    /// How many have a problem.
    n_refused: usize,
    /// One for each diamond, in order: its valuation or its problem, which alone has a `code`.
    results: Vec<Outcome>,
    model: ModelName,
}

/// A valuation, or a problem; the `code` of a problem tells them apart.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Outcome {
    Valued(Valuation),
    Refused(ProblemDocument),
}

/// The parameter that both routes have.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`question` reads it")]
struct ConfidenceParameter {
    /// How often `range` shall hold the price, as a share: 0.9 is nine times in ten.
    #[param(minimum = 0.5, maximum = 0.99, default = 0.9, example = 0.9, nullable = false)]
    confidence: Option<f64>,
}

/// The parameter of one stone.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, style = Form)]
#[allow(dead_code, reason = "`question` reads it")]
struct IncludeParameter {
    /// What to answer besides the price and its range: several parameters, or one with several words separated by commas.
    #[param(explode, inline, nullable = false, example = json!(["reasons", "comparables", "what_if"]))]
    include: Option<Vec<Part>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "their names alone are used")]
enum Part {
    Reasons,
    Comparables,
    WhatIf,
}

/// Value one diamond
///
/// One diamond in, its value in US dollars out. The body may have 64 KiB.
#[utoipa::path(
    post,
    path = "/v1/valuations",
    tag = "Valuations",
    operation_id = "valueDiamond",
    params(IncludeParameter, ConfidenceParameter),
    request_body(content = ref("#/components/schemas/Diamond"), description = "The diamond."),
    responses(
        (status = 200, description = "Its value.", body = Answer<Valued>),
        (status = 422, response = refusals::Invalid),
        (status = 503, response = refusals::NoModel),
    ),
)]
pub(crate) async fn one(
    id: RequestId,
    state: web::Data<State>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<Valued>>, Problem> {
    let serving = state.model()?;
    let document = read_json(&request, payload, LARGEST_BODY).await?;
    let question = question::of_one(pairs)?;
    let model = serving.name();
    let valuation = if question.reasons {
        // They take a thousand prices: too long for a thread that others wait for.
        let valued = web::block(move || value(&document, "", &serving, &question));
        valued.await.map_err(Problem::internal)??
    } else {
        value(&document, "", &serving, &question)?
    };
    let valued = Valued { valuation, model };
    Ok(web::Json(Answer { request_id: id, content: valued }))
}

/// Value up to 1,000 diamonds
///
/// A result or a problem for each diamond, in order: one wrong diamond does not spoil the others, and the answer is 200.
/// The body may have 1 MiB.
#[utoipa::path(
    post,
    path = "/v1/valuations/batch",
    tag = "Valuations",
    operation_id = "valueDiamonds",
    params(ConfidenceParameter),
    request_body(content = ref("#/components/schemas/DiamondBatch"), description = "The diamonds."),
    responses(
        (status = 200, description = "A result for each.", body = Answer<BatchValued>),
        (status = 422, response = refusals::Invalid),
        (status = 503, response = refusals::NoModel),
    ),
)]
pub(crate) async fn batch(
    id: RequestId,
    state: web::Data<State>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<BatchValued>>, Problem> {
    let serving = state.model()?;
    let document = read_json(&request, payload, LARGEST_BATCH_BODY).await?;
    let diamonds = diamonds(document)?;
    take_rows(&request, diamonds.len())?;
    let question = question::of_batch(pairs)?;
    // A thousand valuations would keep the others that this thread answers waiting.
    let valued = web::block(move || value_all(&diamonds, &serving, &question, id));
    let valued = valued.await.map_err(Problem::internal)?;
    Ok(web::Json(Answer { request_id: id, content: valued }))
}

fn value(
    document: &Json,
    parent: &str,
    serving: &ServingModel,
    question: &Options,
) -> Result<Valuation, Problem> {
    let given = given(document, parent, serving)?;
    answer(&given, valuation::value(&serving.pipeline, &given.cells(), question, Some(&serving.comparables)))
}

/// A diamond of which JSON got nothing wrong; else that is told together with what the parser finds.
fn given<'a>(
    document: &'a Json,
    parent: &'a str,
    serving: &ServingModel,
) -> Result<GivenDiamond<'a>, Problem> {
    let given = GivenDiamond::new(document, parent).map_err(Problem::invalid)?;
    if given.faults(&[]).is_empty() {
        return Ok(given);
    }
    let parsed = serving.pipeline.complete(&given.cells()).err().unwrap_or_default();
    Err(Problem::invalid(given.faults(&parsed)))
}

fn answer(given: &GivenDiamond<'_>, valued: valuation::Valued) -> Result<Valuation, Problem> {
    let in_words =
        |faults: &[Fault]| faults.iter().map(|fault| FieldError::of(fault, given.parent)).collect();
    let valued = valued.map_err(|refusal| match refusal {
        Refusal::Invalid(faults) => Problem::invalid(given.faults(&faults)),
        Refusal::BeyondModel(faults) => Problem::beyond_the_model(in_words(&faults)),
    })?;
    Ok(Valuation {
        price_usd: valued.price_usd,
        price_per_carat_usd: to_cents(valued.price_usd / valued.stone.carat()),
        range: valued.range,
        assumed: valued.assumed,
        warnings: in_words(&valued.warnings),
        reasons: valued.reasons,
        comparables: valued.comparables.map(|found| found.iter().map(Comparable::from).collect()),
        what_if: valued.what_if,
    })
}

impl From<&similar::Comparable> for Comparable {
    fn from(found: &similar::Comparable) -> Self {
        Self {
            stone: SimilarDiamond::new(&found.stone, found.carat_difference),
            differences: found.differences.clone(),
            adjusted_price_usd: found.adjusted_price_usd,
        }
    }
}

fn value_all(
    diamonds: &[Json],
    serving: &Arc<ServingModel>,
    question: &Options,
    id: RequestId,
) -> BatchValued {
    let places: Vec<_> = (0..diamonds.len()).map(|row| format!("/diamonds/{row}")).collect();
    let given: Vec<_> =
        diamonds.iter().zip(&places).map(|(diamond, place)| given(diamond, place, serving)).collect();
    let sound: Vec<_> = given.iter().flatten().collect();
    let cells = |row: usize| sound[row].cells();
    let valued = valuation::value_all(&serving.pipeline, 0..sound.len(), cells, question, None);
    let mut answers = sound.iter().zip(valued).map(|(given, valued)| answer(given, valued));
    let results = given.iter().map(|given| match given {
        // As many answers as sound diamonds, so this never is the end.
        Ok(_) => answers.next().unwrap_or_else(|| Err(Problem::internal("a diamond without an answer"))),
        Err(problem) => Err(problem.clone()),
    });
    let results: Vec<_> = results
        .map(|result| result.map_or_else(|problem| Outcome::Refused(problem.document(id)), Outcome::Valued))
        .collect();
    let n_valued = results.iter().filter(|outcome| matches!(outcome, Outcome::Valued(_))).count();
    BatchValued { n_valued, n_refused: results.len() - n_valued, results, model: serving.name() }
}

/// The diamonds of `{"diamonds": [...]}`, not looked into yet.
fn diamonds(document: Json) -> Result<Vec<Json>, Problem> {
    let Json::Object(mut fields) = document else {
        let message = format!("a batch is an object {{\"diamonds\": [...]}}, not {}", kind(&document));
        return Err(Problem::invalid(vec![FieldError::new("", message)]));
    };
    let mut errors = FieldError::unknown("", fields.keys().map(String::as_str), &["diamonds"]);
    let mut refuse = |found: &str| {
        let message = format!("diamonds is an array of 1 to {LARGEST_BATCH} diamonds, not {found}");
        errors.push(FieldError::new("/diamonds", message));
        Vec::new()
    };
    let diamonds = match fields.remove("diamonds") {
        Some(Json::Array(diamonds)) if (1..=LARGEST_BATCH).contains(&diamonds.len()) => diamonds,
        Some(Json::Array(diamonds)) => refuse(&format!("of {}", diamonds.len())),
        Some(other) => refuse(kind(&other)),
        None => refuse("missing"),
    };
    if errors.is_empty() { Ok(diamonds) } else { Err(Problem::invalid(errors)) }
}
