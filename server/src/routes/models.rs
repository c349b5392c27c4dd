//! The models there are and were.

use std::sync::{Arc, mpsc};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use xtream_core::promotion::Decision;
use xtream_core::registry::Card;

use crate::admin::Administrator;
use crate::docs::refusals;
use crate::etag::tagged;
use crate::problem::Problem;
use crate::problem::field_error::{FieldError, shortened};
use crate::request::body::read_json;
use crate::request::parameters::Parameters;
use crate::request_id::{Answer, RequestId};
use crate::schemas;
use crate::serving::State;
use crate::serving::history::{Decided, Place, public};
use crate::serving::watcher;

const DEFAULT_LIMIT: usize = 20;
const LARGEST_LIMIT: usize = 1000;

/// A page of models and decisions.
#[derive(Serialize, ToSchema)]
#[schema(as = Models)]
pub(crate) struct Shown {
    /// The version that the registry has as its champion.
    #[schema(required = true)]
    champion: Option<u64>,
    /// Newest first.
    models: Vec<Model>,
    /// Who became the champion, who did not, and why; newest first.
    #[schema(value_type = Vec<Decided>)]
    decisions: Vec<Arc<Decided>>,
    /// Send it as `cursor` to get the models and decisions before these; null when there are none.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// A model's card, and whether it is the champion.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    #[serde(flatten)]
    #[schema(value_type = schemas::Card)]
    card: Arc<Card>,
    /// Whether it is the champion.
    is_champion: bool,
}

/// The parameters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`asked` reads them")]
struct ModelsParameters {
    /// How many models, and how many decisions, at most.
    #[param(minimum = 1, maximum = 1000, default = 20, nullable = false)]
    limit: Option<usize>,
    /// `next_cursor` of an earlier answer: what comes after it.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// List models and decisions
///
/// The history of models with their metrics, and of the decisions which of them answers: each newest first, a page at a
/// time. A page has at most `limit` of each, and fewer where they are large; ask for the next one with `next_cursor` until
/// that is null.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "Models",
    operation_id = "listModels",
    params(ModelsParameters),
    responses(
        (status = 200, description = "A page of models and decisions.", body = Answer<Shown>),
        (status = 304, response = refusals::NotModified),
        (status = 422, description = "`limit` or `cursor` is none."),
        (status = 503, response = refusals::NoRegistry),
    ),
)]
pub(crate) async fn list(
    id: RequestId,
    state: web::Data<State>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (place, limit) = asked(&Parameters::new(pairs)).map_err(Problem::invalid)?;
    let page = state.history(place, limit).await?;
    let model = |card: Arc<Card>| Model { is_champion: page.champion == Some(card.version), card };
    let shown = Shown {
        champion: page.champion,
        models: page.models.into_iter().map(model).collect(),
        decisions: page.decisions,
        next_cursor: page.next.map(|next| format!("{}-{}", next.n_models, next.n_decisions)),
    };
    tagged(&request, id, shown).await
}

fn asked(parameters: &Parameters) -> Result<(Option<Place>, usize), Vec<FieldError>> {
    let mut errors = parameters.faults(&["limit", "cursor"]);
    let mut refuse = |name: &str, text: &str, allowed: &str| {
        let message = format!("{name} {:?} is not {allowed}", shortened(text));
        errors.push(FieldError::new(format!("/{name}"), message));
    };
    let mut limit = DEFAULT_LIMIT;
    if let Some(text) = parameters.get("limit") {
        match text.parse() {
            Ok(wanted) if (1..=LARGEST_LIMIT).contains(&wanted) => limit = wanted,
            _ => refuse("limit", text, "a whole number from 1 to 1000"),
        }
    }
    let place = parameters.get("cursor").map(|text| {
        let (models, decisions) = text.split_once('-').unwrap_or_default();
        let place = models.parse().ok().zip(decisions.parse().ok());
        if place.is_none() {
            refuse("cursor", text, "the next_cursor of an earlier answer");
        }
        place.map(|(n_models, n_decisions)| Place { n_models, n_decisions })
    });
    if errors.is_empty() { Ok((place.flatten(), limit)) } else { Err(errors) }
}

/// Show one model
///
/// The card of one model.
#[utoipa::path(
    get,
    path = "/v1/models/{version}",
    tag = "Models",
    operation_id = "showModel",
    params(("version" = u64, Path, minimum = 1, description = "Number of the model in the registry.", example = 7)),
    responses(
        (status = 200, description = "Its card.", body = Answer<Model>),
        (status = 304, response = refusals::NotModified),
        (status = 404, response = refusals::UnknownModel),
        (status = 503, response = refusals::NoRegistry),
    ),
)]
pub(crate) async fn one(
    id: RequestId,
    state: web::Data<State>,
    version: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let version = number(&version)?;
    let (champion, card) =
        state.ask(move |registry| Ok((registry.champion()?, registry.card(version)?))).await?;
    tagged(&request, id, Model { card: Arc::new(public(card)), is_champion: champion == Some(version) }).await
}

/// Show the model that answers now
///
/// It follows the registry's champion within a second, and stays where it is when that one cannot be loaded.
#[utoipa::path(
    get,
    path = "/v1/models/champion",
    tag = "Models",
    operation_id = "championModel",
    responses(
        (status = 200, description = "Its card.", body = Answer<Model>),
        (status = 304, response = refusals::NotModified),
        (status = 503, response = refusals::NoModel),
    ),
)]
pub(crate) async fn champion(
    id: RequestId,
    state: web::Data<State>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let card = Arc::new(public(state.model()?.card.clone()));
    tagged(&request, id, Model { card, is_champion: true }).await
}

/// What a promotion came to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Promoted {
    #[schema(value_type = schemas::Decision)]
    decision: Decision,
}

/// Make a model the champion
///
/// For administrators. This server, and every other on the same registry, answers with it within a second.
#[utoipa::path(
    post,
    path = "/v1/models/{version}/promote",
    tag = "Models",
    operation_id = "promoteModel",
    params(("version" = u64, Path, minimum = 1, description = "Number of the model in the registry.", example = 7)),
    request_body(content = ref("#/components/schemas/Promotion"), description = "Why."),
    security(("administrator" = [])),
    responses(
        (status = 200, description = "What was decided.", body = Answer<Promoted>),
        (status = 404, response = refusals::UnknownModel),
        (status = 422, response = refusals::Invalid),
        (status = 503, response = refusals::NoRegistry),
    ),
)]
pub(crate) async fn promote(
    id: RequestId,
    _administrator: Administrator,
    state: web::Data<State>,
    watcher: web::Data<mpsc::Sender<watcher::Promoted>>,
    version: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<Promoted>>, Problem> {
    let version = number(&version)?;
    let reason = reason(read_json(&request, payload, LARGEST_BODY).await?).map_err(Problem::invalid)?;
    let (decision, pipeline) = state.ask(move |registry| registry.promote_loaded(version, &reason)).await?;
    // It looks by itself soon; when it has ended, so has the server.
    let _ = watcher.send(watcher::Promoted { version, pipeline });
    Ok(web::Json(Answer { request_id: id, content: Promoted { decision } }))
}

/// The reason of `{"reason": "..."}`: it is kept for ever, so there must be one, and a short one.
fn reason(document: Value) -> Result<String, Vec<FieldError>> {
    let Value::Object(fields) = document else {
        return Err(vec![FieldError::new("", "a promotion is an object {\"reason\": \"...\"}")]);
    };
    let mut errors = FieldError::unknown("", fields.keys().map(String::as_str), &["reason"]);
    let reason = fields.get("reason").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if !(1..=LONGEST_REASON).contains(&reason.chars().count()) {
        let message = format!("reason is a text of 1 to {LONGEST_REASON} characters that says why");
        errors.push(FieldError::new("/reason", message));
    }
    if errors.is_empty() { Ok(reason.to_owned()) } else { Err(errors) }
}

fn number(version: &str) -> Result<u64, Problem> {
    version.parse().map_err(|_| {
        Problem::unknown_model("A model's version is a whole number from 1, or the word champion.")
    })
}

const LARGEST_BODY: usize = 64 * 1024;
const LONGEST_REASON: usize = 1000;
