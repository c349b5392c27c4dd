//! A certificate: a valuation of the past as it was answered, computed again with the model of that time.
//!
//! Whoever has the number of a valuation may read it: the number was given to the one who asked alone, most of its
//! bits are random, and the certificate has nothing but the stone and its price.

mod recorded;

use actix_web::web;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};
use xtream_core::diamond::{Diamond, Field};
use xtream_core::valuation::{self, BASIS};

use self::recorded::{Recorded, recorded};
use crate::docs::refusals;
use crate::exchanges::ExchangeLog;
use crate::problem::Problem;
use crate::problem::field_error::{FieldError, shortened};
use crate::request::diamond::GivenDiamond;
use crate::request::parameters::Parameters;
use crate::request_id::{Answer, RequestId};
use crate::routes::question;
use crate::routes::valuations::Valuation;
use crate::serving::model_cache::{Found, Gone, ModelCache};
use crate::serving::{ModelName, State};

/// Parts of an answer that are shown as they were recorded, where they are there.
const RECORDED: [&str; 8] =
    ["price_usd", "price_per_carat_usd", "range", "reasons", "comparables", "what_if", "assumed", "warnings"];

/// A valuation of the past, and what became of computing it again.
#[derive(Serialize, ToSchema)]
pub(crate) struct Certificate {
    #[schema(value_type = CertifiedValuation)]
    valuation: Map<String, Value>,
    /// When the model was trained; null if the registry does not have it or it cannot be loaded. When the stones were
    /// sold that it learned from, the data does not say; `basis` says of what time its dollars are.
    #[schema(required = true, format = "date-time")]
    trained_at: Option<String>,
    /// The same as `trained_at`, under its first name; new programs read that one.
    #[schema(required = true, format = "date-time")]
    data_date: Option<String>,
    /// What kind of value the price is.
    basis: &'static str,
    /// What the model of that time makes of the stone today; null if it cannot be loaded.
    #[schema(required = true)]
    recomputed_price_usd: Option<f64>,
    /// Whether price, range and assumptions are the same to the last bit; null if that cannot be told.
    #[schema(required = true)]
    matches: Option<bool>,
    /// The same in words.
    note: String,
}

/// The valuation as it was answered; `request_id` is its own.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is put together from what was recorded")]
struct CertifiedValuation {
    /// The number of the valuation.
    #[schema(format = "uuid")]
    request_id: String,
    /// Which diamond of a batch, from 0.
    #[schema(nullable = false)]
    row: Option<usize>,
    /// When it was asked for.
    #[schema(format = "date-time")]
    valued_at: String,
    /// The stone as it was priced, with the measurements that were assumed; if its model cannot be loaded, as it was
    /// sent.
    #[schema(value_type = Object)]
    stone: Value,
    #[serde(flatten)]
    valuation: Valuation,
    model: ModelName,
}

/// The parameter.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`row` reads it")]
struct RowParameter {
    /// Which diamond of a batch, counted from 0; for batches alone.
    #[param(maximum = 999, nullable = false)]
    row: Option<usize>,
}

/// Certificate of a valuation
///
/// A valuation as it was answered, with the stone as it was priced, the model of that time and the kind of value; and
/// whether that model makes the same of it today. Whoever has the number may read it, without a key: it was given to the
/// one who asked alone, and nobody can guess it. A diamond of a batch is named by `row` as well. Of several servers with one
/// database, each certifies what another one answered within a second; until then it says 404, and with `Retry-After` when to
/// ask again.
#[utoipa::path(
    get,
    path = "/v1/valuations/{request_id}",
    tag = "Valuations",
    operation_id = "certifyValuation",
    params(
        ("request_id" = String, Path, format = "uuid", description = "`request_id` of the valuation.", example = "0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01"),
        RowParameter,
    ),
    responses(
        (status = 200, description = "The certificate.", body = Answer<Certificate>),
        (status = 404, response = refusals::UnknownValuation),
        (status = 422, description = "`row` is no row of this valuation."),
        (status = 503, response = refusals::NoLog),
    ),
)]
pub(crate) async fn one(
    id: RequestId,
    state: web::Data<State>,
    log: web::Data<ExchangeLog>,
    past: web::Data<ModelCache>,
    wanted: web::Path<String>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
) -> Result<web::Json<Answer<Certificate>>, Problem> {
    let row = row(&Parameters::new(pairs)).map_err(Problem::invalid)?;
    let recorded = recorded(&log, &wanted, row).await?;
    let model = match recorded.model() {
        Some((version, digest)) => past.get(&state, version, digest).await?,
        None => Err(Gone::Unknown),
    };
    Ok(web::Json(Answer {
        request_id: id,
        content: recorded.certificate(model.as_ref().map_err(|gone| *gone)),
    }))
}

impl Recorded {
    /// Version and digest of the model that answered.
    fn model(&self) -> Option<(u64, &str)> {
        Some((self.model["version"].as_u64()?, self.model["digest"].as_str()?))
    }

    fn certificate(self, model: Result<&Found, Gone>) -> Certificate {
        let again = model.ok().and_then(|model| self.again(model));
        let (matches, note) = self.comparison(model, again.as_ref());
        let mut valuation = Map::new();
        valuation.insert("request_id".into(), self.id.into());
        if let Some(row) = self.row {
            valuation.insert("row".into(), row.into());
        }
        valuation.insert("valued_at".into(), self.received_at);
        valuation.insert("stone".into(), stone(again.as_ref().map(|again| &again.stone), self.sent.as_ref()));
        let mut answer = self.answer;
        for part in RECORDED {
            if let Some(recorded) = answer.get_mut(part) {
                valuation.insert(part.into(), recorded.take());
            }
        }
        valuation.insert("model".into(), self.model);
        let trained_at = model.ok().map(|model| model.card().record.created_at.to_rfc3339());
        Certificate {
            valuation,
            data_date: trained_at.clone(),
            trained_at,
            basis: BASIS,
            recomputed_price_usd: again.map(|again| again.price_usd),
            matches,
            note,
        }
    }

    /// The same stone priced again by the same model.
    fn again(&self, model: &Found) -> Option<valuation::Valuation> {
        let sent = self.sent.as_ref()?;
        let given = GivenDiamond::new(sent, "").ok()?;
        let asked = question::confidence_of(&self.query);
        valuation::value(model.pipeline(), &given.cells(), &asked, None).ok()
    }

    fn comparison(
        &self,
        model: Result<&Found, Gone>,
        again: Option<&valuation::Valuation>,
    ) -> (Option<bool>, String) {
        let version = &self.model["version"];
        let not_computed = |why: String| (None, format!("The price could not be computed again: {why}."));
        let again = match (model, again) {
            (Err(Gone::Unknown), _) => {
                return not_computed(format!("model version {version} is not in the registry"));
            }
            (Err(Gone::Another), _) => {
                return not_computed(format!(
                    "model version {version} of the registry is not the one that answered then"
                ));
            }
            (Err(Gone::Damaged), _) => {
                return not_computed(format!("the file of model version {version} is damaged or missing"));
            }
            (Ok(_), None) if self.sent.is_none() => {
                return not_computed("the log has only a part of the request".into());
            }
            (Ok(_), None) => {
                return (
                    Some(false),
                    format!(
                        "Model version {version} has no price for these numbers any more; please tell who runs this server."
                    ),
                );
            }
            (Ok(_), Some(again)) => again,
        };
        let price = self.answer["price_usd"].as_f64();
        let is_same_price = price.is_some_and(|price| price.to_bits() == again.price_usd.to_bits());
        // Answers of former versions had no range, and what is not there cannot differ.
        let is_same = |part: &str, now: Value| self.answer.get(part).is_none_or(|then| same(then, &now));
        let is_same_rest = is_same("range", json!(again.range)) && is_same("assumed", json!(again.assumed));
        if is_same_price && is_same_rest {
            let note = format!(
                "Computed again with model version {version} from the same numbers, the price is the same to the last \
                 bit."
            );
            return (Some(true), note);
        }
        let note = if is_same_price {
            format!(
                "Computed again with model version {version}, the price is the same, but its range or what was assumed \
                 is not; please tell who runs this server."
            )
        } else {
            format!(
                "Computed again with model version {version}, the price is {:.2} US dollars, not the recorded one; \
                 please tell who runs this server.",
                again.price_usd
            )
        };
        (Some(false), note)
    }
}

/// All nine fields of the stone as it was priced; without that, those that were sent.
fn stone(completed: Option<&Diamond>, sent: Option<&Value>) -> Value {
    let field = |field: Field| {
        let value = match completed {
            Some(stone) => match field {
                Field::Cut => json!(stone.cut()),
                Field::Color => json!(stone.color()),
                Field::Clarity => json!(stone.clarity()),
                number => json!(stone.number(number)),
            },
            None => sent?.get(field.name())?.clone(),
        };
        Some((field.name().to_owned(), value))
    };
    Value::Object(Field::FEATURES.into_iter().filter_map(field).collect())
}

/// Whether two documents are the same; 1 and 1.0 are, because databases keep either.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().map(f64::to_bits) == other.as_f64().map(f64::to_bits)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has_same =
                |(name, value): (&String, &Value)| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(has_same)
        }
        (one, other) => one == other,
    }
}

fn row(parameters: &Parameters) -> Result<Option<usize>, Vec<FieldError>> {
    let mut errors = parameters.faults(&["row"]);
    let row = parameters.get("row").map(|text| {
        text.trim().parse().map_err(|_| {
            let message = format!("row {:?} is not a whole number from 0", shortened(text));
            errors.push(FieldError::new("/row", message));
        })
    });
    if errors.is_empty() { Ok(row.and_then(Result::ok)) } else { Err(errors) }
}
