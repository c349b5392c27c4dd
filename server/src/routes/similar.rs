//! The training stones most like a given one.

use actix_web::web;
use serde::Serialize;
use xtream_core::PricedDiamond;
use xtream_core::diamond::{Cell, Clarity, Color, Cut, RawDiamond};
use xtream_core::features::PartialDiamond;
use xtream_core::registry::Digest;
use xtream_core::similar::Neighbour;

use crate::field_error::{FieldError, shortened};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};
use crate::state::State;

const PARAMETERS: [&str; 5] = ["carat", "cut", "color", "clarity", "n"];
const DEFAULT_N: usize = 5;
const LARGEST_N: usize = 100;

/// The stones found.
#[derive(Serialize)]
pub(crate) struct Similar {
    /// How many were found.
    n: usize,
    /// How many were asked for.
    n_requested: usize,
    /// All there are of these grades, when that is fewer than asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    n_available: Option<usize>,
    diamonds: Vec<SimilarDiamond>,
    dataset: DatasetName,
}

/// A stone that was sold.
#[derive(Serialize)]
pub(crate) struct SimilarDiamond {
    carat: f64,
    cut: Cut,
    color: Color,
    clarity: Clarity,
    depth: f64,
    table: f64,
    price_usd: f64,
    x: f64,
    y: f64,
    z: f64,
    carat_difference: f64,
}

/// The rows that were searched: the training rows of the model that answers now.
#[derive(Serialize)]
struct DatasetName {
    digest: Digest,
    n_rows: usize,
}

/// `GET /v1/similar-diamonds`
pub(crate) async fn nearest(
    id: RequestId,
    state: web::Data<State>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
) -> Result<web::Json<Answer<Similar>>, Problem> {
    let bundle = state.bundle()?;
    let parameters = Parameters::new(pairs);
    let mut errors = parameters.faults(&PARAMETERS);
    let n_requested = n(&parameters).unwrap_or_else(|error| {
        errors.push(error);
        DEFAULT_N
    });
    let asked = bundle.pipeline.complete(PartialDiamond(cells(&parameters)));
    let asked = asked.map(|(asked, _)| asked).map_err(|faults| {
        let faults = faults.iter().map(|fault| FieldError::of(fault, ""));
        errors.splice(0..0, faults);
    });
    let asked = match asked {
        Ok(asked) if errors.is_empty() => asked,
        _ => return Err(Problem::invalid(errors)),
    };
    let found =
        bundle.comparables.nearest(asked.carat(), asked.cut(), asked.color(), asked.clarity(), n_requested);
    let similar = Similar {
        n: found.len(),
        n_requested,
        n_available: (found.len() < n_requested).then_some(found.len()),
        diamonds: found.iter().map(SimilarDiamond::from).collect(),
        dataset: DatasetName {
            digest: bundle.card.record.data.digest.clone(),
            n_rows: bundle.comparables.len(),
        },
    };
    Ok(web::Json(Answer { request_id: id, content: similar }))
}

fn cells(parameters: &Parameters) -> RawDiamond<'_> {
    RawDiamond::from_cells(|field| {
        // Only what the route asks for; the rest is estimated and plays no part in the search.
        let is_asked_for = PARAMETERS.contains(&field.name());
        let value = if is_asked_for { parameters.get(field.name()) } else { None };
        value.map_or(Cell::Missing, Cell::Text)
    })
}

fn n(parameters: &Parameters) -> Result<usize, FieldError> {
    let Some(text) = parameters.get("n") else {
        return Ok(DEFAULT_N);
    };
    let n = text.trim().parse().ok().filter(|n| (1..=LARGEST_N).contains(n));
    n.ok_or_else(|| {
        let message = format!("n {:?} is not a whole number from 1 to {LARGEST_N}", shortened(text));
        FieldError::new("/n", message)
    })
}

impl From<&Neighbour> for SimilarDiamond {
    fn from(neighbour: &Neighbour) -> Self {
        Self::new(&neighbour.stone, neighbour.carat_difference)
    }
}

impl SimilarDiamond {
    pub(crate) fn new(sold: &PricedDiamond, carat_difference: f64) -> Self {
        let stone = sold.diamond();
        Self {
            carat: stone.carat(),
            cut: stone.cut(),
            color: stone.color(),
            clarity: stone.clarity(),
            depth: stone.depth(),
            table: stone.table(),
            price_usd: sold.price_usd(),
            x: stone.x(),
            y: stone.y(),
            z: stone.z(),
            carat_difference,
        }
    }
}
