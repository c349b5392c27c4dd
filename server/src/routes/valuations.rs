//! What diamonds are worth, according to the model that answers now.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use xtream_core::diamond::Field;
use xtream_core::features::PartialDiamond;

use crate::body::read_json;
use crate::diamond_json::{GivenDiamond, kind};
use crate::field_error::FieldError;
use crate::problem::{Problem, ProblemDocument};
use crate::request_id::{Answer, RequestId};
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
    /// Measurements that were missing and had to be estimated.
    assumed: Vec<Field>,
    /// Numbers that were most likely mistyped, or contradict one another.
    warnings: Vec<FieldError>,
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
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<Valued>>, Problem> {
    let bundle = state.bundle()?;
    let document = read_json(&request, payload, LARGEST_BODY).await?;
    let valued = Valued { valuation: value(&document, "", &bundle)?, model: bundle.name() };
    Ok(web::Json(Answer { request_id: id, content: valued }))
}

/// `POST /v1/valuations/batch`
pub(crate) async fn batch(
    id: RequestId,
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<BatchValued>>, Problem> {
    let bundle = state.bundle()?;
    let document = read_json(&request, payload, LARGEST_BATCH_BODY).await?;
    let diamonds = diamonds(document)?;
    // A thousand valuations would keep the others that this thread answers waiting.
    let valued = web::block(move || value_all(&diamonds, &bundle, id));
    let valued = valued.await.map_err(Problem::internal)?;
    Ok(web::Json(Answer { request_id: id, content: valued }))
}

fn value(document: &Json, parent: &str, bundle: &Bundle) -> Result<Valuation, Problem> {
    let given = GivenDiamond::new(document, parent).map_err(Problem::invalid)?;
    let stone = PartialDiamond(given.cells());
    let completed = bundle.pipeline.complete(stone);
    let errors = given.faults(completed.as_ref().err().map_or(&[], Vec::as_slice));
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let refuse = |faults: Vec<_>| Problem::invalid(given.faults(&faults));
    let (completed, _) = completed.map_err(refuse)?;
    let valuation = bundle.pipeline.value(stone).map_err(refuse)?;
    let price_per_carat_usd = valuation.price_usd / completed.carat();
    // JSON has no infinity, and a client that gets `null` for a price would take it for none; nor is
    // any diamond worth less than a dollar.
    let is_finite = valuation.price_usd.is_finite() && price_per_carat_usd.is_finite();
    if !is_finite || valuation.price_usd < 1.0 {
        return Err(Problem::beyond_the_model());
    }
    let doubts = completed.doubts(&stone.0);
    Ok(Valuation {
        price_usd: valuation.price_usd,
        price_per_carat_usd,
        assumed: valuation.assumed,
        warnings: doubts.iter().map(|fault| FieldError::of(fault, parent)).collect(),
    })
}

fn value_all(diamonds: &[Json], bundle: &Arc<Bundle>, id: RequestId) -> BatchValued {
    let valued = diamonds.iter().enumerate().map(|(row, diamond)| {
        match value(diamond, &format!("/diamonds/{row}"), bundle) {
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
