//! The models there are and were.

use actix_web::web;
use serde::Serialize;
use xtream_core::registry::Card;

use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};
use crate::state::State;

/// Every model.
#[derive(Serialize)]
pub(crate) struct History {
    /// The registry's champion.
    champion: Option<u64>,
    /// Newest first.
    models: Vec<Model>,
}

/// One model.
#[derive(Serialize)]
pub(crate) struct Model {
    #[serde(flatten)]
    card: Card,
    is_champion: bool,
}

/// `GET /v1/models`
pub(crate) async fn list(
    id: RequestId,
    state: web::Data<State>,
) -> Result<web::Json<Answer<History>>, Problem> {
    // The champion first: the cards read after it include its own.
    let (champion, cards) = state.ask(|registry| Ok((registry.champion()?, registry.cards()?))).await?;
    let model = |card: Card| Model { is_champion: champion == Some(card.version), card };
    let models = cards.into_iter().rev().map(model).collect();
    Ok(web::Json(Answer { request_id: id, content: History { champion, models } }))
}

/// `GET /v1/models/{version}`
pub(crate) async fn one(
    id: RequestId,
    state: web::Data<State>,
    version: web::Path<String>,
) -> Result<web::Json<Answer<Model>>, Problem> {
    let version: u64 = version.parse().map_err(|_| {
        Problem::unknown_model("A model's version is a whole number from 1, or the word champion.")
    })?;
    let (champion, card) =
        state.ask(move |registry| Ok((registry.champion()?, registry.card(version)?))).await?;
    let model = Model { is_champion: champion == Some(version), card };
    Ok(web::Json(Answer { request_id: id, content: model }))
}

/// `GET /v1/models/champion`: the model that answers now, which follows the registry's champion
/// within a second and stays where it is when that one cannot be loaded.
pub(crate) async fn champion(
    id: RequestId,
    state: web::Data<State>,
) -> Result<web::Json<Answer<Model>>, Problem> {
    let model = Model { card: state.bundle()?.card.clone(), is_champion: true };
    Ok(web::Json(Answer { request_id: id, content: model }))
}
