//! The training stones most like a given one.

use actix_web::web;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use xtream_core::PricedDiamond;
use xtream_core::diamond::{Cell, Clarity, Color, Cut, Field, RawDiamond};
use xtream_core::registry::Digest;
use xtream_core::similar::Neighbour;

use crate::docs::refusals;
use crate::problem::Problem;
use crate::problem::field_error::{FieldError, shortened};
use crate::request::parameters::Parameters;
use crate::request_id::{Answer, RequestId};
use crate::schemas;
use crate::serving::State;

const PARAMETERS: [&str; 5] = ["carat", "cut", "color", "clarity", "n"];
const DEFAULT_N: usize = 5;
const LARGEST_N: usize = 100;

/// Stones like the one asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = SimilarDiamonds)]
pub(crate) struct Similar {
    /// How many were found.
    n: usize,
    /// How many were asked for.
    #[schema(minimum = 1, maximum = 100)]
    n_requested: usize,
    /// All there are of these grades; there only when that is fewer than asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    n_available: Option<usize>,
    /// Nearest in carat first; ties by price, then by row.
    diamonds: Vec<SimilarDiamond>,
    dataset: DatasetName,
}

/// A stone that was sold.
#[derive(Serialize, ToSchema)]
pub(crate) struct SimilarDiamond {
    /// Weight in carats.
    carat: f64,
    /// Quality of the cut.
    #[schema(value_type = schemas::Cut)]
    cut: Cut,
    /// Color.
    #[schema(value_type = schemas::Color)]
    color: Color,
    /// Clarity.
    #[schema(value_type = schemas::Clarity)]
    clarity: Clarity,
    /// Height as a percentage of the mean diameter; nothing where nobody measured it.
    #[schema(required = true)]
    depth: Option<f64>,
    /// Width of the flat top as a percentage of the diameter; nothing where nobody measured it.
    #[schema(required = true)]
    table: Option<f64>,
    /// The price it was sold for in US dollars.
    price_usd: f64,
    /// Length in millimetres; nothing where nobody measured it.
    #[schema(required = true)]
    x: Option<f64>,
    /// Width in millimetres; nothing where nobody measured it.
    #[schema(required = true)]
    y: Option<f64>,
    /// Height in millimetres; nothing where nobody measured it.
    #[schema(required = true)]
    z: Option<f64>,
    /// How far its weight is from the one asked for, in carats.
    #[schema(minimum = 0)]
    carat_difference: f64,
}

/// The rows that were searched: those that the model that answers learned from.
#[derive(Serialize, ToSchema)]
struct DatasetName {
    /// SHA-256 of the stored rows.
    #[schema(value_type = schemas::Digest)]
    digest: Digest,
    /// How many.
    n_rows: usize,
}

/// The parameters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`cells` and `n` read them")]
struct SimilarParameters {
    /// Weight in carats.
    #[param(exclusive_minimum = 0, maximum = 1_000_000, example = 1.2)]
    carat: f64,
    /// One of Fair, Good, Very Good, Premium, Ideal. Case, blanks, hyphens and underscores do not matter.
    #[param(example = "Premium")]
    cut: String,
    /// One of J, I, H, G, F, E, D.
    #[param(example = "E")]
    color: String,
    /// One of I1, SI2, SI1, VS2, VS1, VVS2, VVS1, IF.
    #[param(example = "VS1")]
    clarity: String,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 5, nullable = false)]
    n: Option<usize>,
}

/// Find stones that were sold
///
/// The stones of the same cut, color and clarity that are nearest in carat, among those that the model learned from.
#[utoipa::path(
    get,
    path = "/v1/similar-diamonds",
    tag = "Similar diamonds",
    operation_id = "similarDiamonds",
    params(SimilarParameters),
    responses(
        (status = 200, description = "The stones.", body = Answer<Similar>),
        (status = 422, response = refusals::Invalid),
        (status = 503, response = refusals::NoModel),
    ),
)]
pub(crate) async fn nearest(
    id: RequestId,
    state: web::Data<State>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
) -> Result<web::Json<Answer<Similar>>, Problem> {
    let serving = state.model()?;
    let parameters = Parameters::new(pairs);
    let mut errors = parameters.faults(&PARAMETERS);
    let n_requested = n(&parameters).unwrap_or_else(|error| {
        errors.push(error);
        DEFAULT_N
    });
    let asked = cells(&parameters).four_cs().map_err(|faults| {
        let faults = faults.iter().map(|fault| FieldError::of(fault, ""));
        errors.splice(0..0, faults);
    });
    let asked = match asked {
        Ok(asked) if errors.is_empty() => asked,
        _ => return Err(Problem::invalid(errors)),
    };
    let found = serving.comparables.nearest(asked, n_requested);
    let similar = Similar {
        n: found.len(),
        n_requested,
        n_available: (found.len() < n_requested).then_some(found.len()),
        diamonds: found.iter().map(SimilarDiamond::from).collect(),
        dataset: DatasetName {
            digest: serving.card.record.data.digest.clone(),
            n_rows: serving.comparables.len(),
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
            depth: stone.measured(Field::Depth),
            table: stone.measured(Field::Table),
            price_usd: sold.price_usd(),
            x: stone.measured(Field::X),
            y: stone.measured(Field::Y),
            z: stone.measured(Field::Z),
            carat_difference,
        }
    }
}
