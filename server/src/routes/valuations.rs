//! What diamonds are worth, according to the model that answers now.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use xtream_core::diamond::{Fault, Field, to_cents};
use xtream_core::features::PartialDiamond;
use xtream_core::similar;
use xtream_core::valuation::{Counterfactual, Options, PriceRange, Reasons};

use crate::admission::take_rows;
use crate::body::read_json;
use crate::diamond_json::{GivenDiamond, kind};
use crate::field_error::FieldError;
use crate::problem::{Problem, ProblemDocument};
use crate::request_id::{Answer, RequestId};
use crate::routes::question;
use crate::routes::similar::SimilarDiamond;
use crate::state::{Bundle, ModelName, State};

const LARGEST_BODY: usize = 64 * 1024;
const LARGEST_BATCH_BODY: usize = 1024 * 1024;
/// Diamonds in one batch.
const LARGEST_BATCH: usize = 1000;

/// One stone's value.
#[derive(Serialize)]
struct Valuation {
    price_usd: f64,
    price_per_carat_usd: f64,
    /// Where the price lies; not there when the model was trained without ranges, which a warning says. Its confidence is null where the stone
    /// lies beyond what the model learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<PriceRange>,
    /// Measurements that were missing and had to be estimated.
    assumed: Vec<Field>,
    /// Numbers that were most likely mistyped or contradict one another, and what lies beyond what the model learned
    /// from.
    warnings: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Reasons>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparables: Option<Vec<Comparable>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what_if: Option<Vec<Counterfactual>>,
}

/// A stone that was sold, how its grades differ from those asked for, and its price if they did not.
#[derive(Serialize)]
struct Comparable {
    #[serde(flatten)]
    stone: SimilarDiamond,
    differences: Vec<String>,
    adjusted_price_usd: f64,
}

/// The answer for one stone.
#[derive(Serialize)]
pub(crate) struct Valued {
    #[serde(flatten)]
    valuation: Valuation,
    model: ModelName,
}

/// The answer for many stones, all from one model.
#[derive(Serialize)]
pub(crate) struct BatchValued {
    n_valued: usize,
    n_refused: usize,
    /// One for each diamond, in order.
    results: Vec<Outcome>,
    model: ModelName,
}

enum Outcome {
    Valued(Valuation),
    Refused(ProblemDocument),
}

/// Each as it would be by itself; the `code` of a problem tells them apart.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Valued(valuation) => valuation.serialize(serializer),
            Self::Refused(problem) => problem.serialize(serializer),
        }
    }
}

/// `POST /v1/valuations`
pub(crate) async fn one(
    id: RequestId,
    state: web::Data<State>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<Valued>>, Problem> {
    let bundle = state.bundle()?;
    let document = read_json(&request, payload, LARGEST_BODY).await?;
    let question = question::of_one(pairs)?;
    let model = bundle.name();
    let valuation = if question.reasons {
        // They take a thousand prices: too long for a thread that others wait for.
        let valued = web::block(move || value(&document, "", &bundle, &question));
        valued.await.map_err(Problem::internal)??
    } else {
        value(&document, "", &bundle, &question)?
    };
    let valued = Valued { valuation, model };
    Ok(web::Json(Answer { request_id: id, content: valued }))
}

/// `POST /v1/valuations/batch`
pub(crate) async fn batch(
    id: RequestId,
    state: web::Data<State>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<BatchValued>>, Problem> {
    let bundle = state.bundle()?;
    let document = read_json(&request, payload, LARGEST_BATCH_BODY).await?;
    let diamonds = diamonds(document)?;
    take_rows(&request, diamonds.len())?;
    let question = question::of_batch(pairs)?;
    // A thousand valuations would keep the others that this thread answers waiting.
    let valued = web::block(move || value_all(&diamonds, &bundle, &question, id));
    let valued = valued.await.map_err(Problem::internal)?;
    Ok(web::Json(Answer { request_id: id, content: valued }))
}

fn value(document: &Json, parent: &str, bundle: &Bundle, question: &Options) -> Result<Valuation, Problem> {
    let given = GivenDiamond::new(document, parent).map_err(Problem::invalid)?;
    let stone = PartialDiamond(given.cells());
    // What JSON got wrong is told together with what the parser finds, and before anything is calculated.
    if !given.faults(&[]).is_empty() {
        let parsed = bundle.pipeline.complete(stone).err().unwrap_or_default();
        return Err(Problem::invalid(given.faults(&parsed)));
    }
    let in_words = |faults: &[Fault]| faults.iter().map(|fault| FieldError::of(fault, parent)).collect();
    let appraised = match bundle.pipeline.appraise(stone, question, Some(&bundle.comparables)) {
        Ok(appraised) => appraised,
        Err(faults) => {
            return Err(match bundle.pipeline.complete(stone) {
                Err(_) => Problem::invalid(given.faults(&faults)),
                // What was given has no fault, so it lies too far beyond what the model learned from.
                Ok(_) => Problem::beyond_the_model(in_words(&faults)),
            });
        }
    };
    Ok(Valuation {
        price_usd: appraised.price_usd,
        price_per_carat_usd: to_cents(appraised.price_usd / appraised.stone.carat()),
        range: appraised.range,
        assumed: appraised.assumed,
        warnings: in_words(&appraised.warnings),
        reasons: appraised.reasons,
        comparables: appraised.comparables.map(|found| found.iter().map(Comparable::from).collect()),
        what_if: appraised.what_if,
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

fn value_all(diamonds: &[Json], bundle: &Arc<Bundle>, question: &Options, id: RequestId) -> BatchValued {
    let valued = diamonds.iter().enumerate().map(|(row, diamond)| {
        match value(diamond, &format!("/diamonds/{row}"), bundle, question) {
            Ok(valuation) => Outcome::Valued(valuation),
            Err(problem) => Outcome::Refused(problem.document(id)),
        }
    });
    let results: Vec<_> = valued.collect();
    let n_valued = results.iter().filter(|outcome| matches!(outcome, Outcome::Valued(_))).count();
    BatchValued { n_valued, n_refused: results.len() - n_valued, results, model: bundle.name() }
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
