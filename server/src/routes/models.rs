//! The models there are and were.

use std::sync::mpsc;

use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use xtream_core::promotion::Decision;
use xtream_core::registry::{Card, Change, Commit};

use crate::admin::Administrator;
use crate::body::read_json;
use crate::field_error::FieldError;
use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};
use crate::state::State;
use crate::watcher::Changed;

/// Every model.
#[derive(Serialize)]
pub(crate) struct History {
    /// The registry's champion.
    champion: Option<u64>,
    /// Newest first.
    models: Vec<Model>,
    /// Who became the champion, who did not, and why; newest first.
    decisions: Vec<Decided>,
}

/// A decision that was written down.
#[derive(Serialize)]
pub(crate) struct Decided {
    at: DateTime<Utc>,
    /// Whether the champion before the last one was taken back.
    rolled_back: bool,
    #[serde(flatten)]
    decision: Decision,
}

impl Decided {
    /// What was decided with this commit, if anything was.
    fn of(commit: Commit) -> Option<Self> {
        let (rolled_back, decision) = match commit.change {
            Change::Registered { .. } => return None,
            Change::Decided { decision } => (false, decision),
            Change::RolledBack { from, to, reason } => (true, Decision::by_hand(to, Some(from), reason)),
        };
        Some(Self { at: commit.at, rolled_back, decision })
    }
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
    let read = state.ask(|registry| Ok((registry.champion()?, registry.cards()?, registry.commits()?)));
    let (champion, cards, commits) = read.await?;
    let model = |card: Card| Model { is_champion: champion == Some(card.version), card };
    let models = cards.into_iter().rev().map(model).collect();
    let decisions = commits.into_iter().rev().filter_map(Decided::of).collect();
    Ok(web::Json(Answer { request_id: id, content: History { champion, models, decisions } }))
}

/// `GET /v1/models/{version}`
pub(crate) async fn one(
    id: RequestId,
    state: web::Data<State>,
    version: web::Path<String>,
) -> Result<web::Json<Answer<Model>>, Problem> {
    let version = number(&version)?;
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

/// A promotion by hand.
#[derive(Serialize)]
pub(crate) struct Promoted {
    decision: Decision,
}

/// `POST /v1/models/{version}/promote`: this server answers with it as soon as it is loaded, and every
/// other on the same registry within a second.
pub(crate) async fn promote(
    id: RequestId,
    _administrator: Administrator,
    state: web::Data<State>,
    watcher: web::Data<mpsc::Sender<Changed>>,
    version: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Answer<Promoted>>, Problem> {
    let version = number(&version)?;
    let reason = reason(read_json(&request, payload, LARGEST_BODY).await?).map_err(Problem::invalid)?;
    let decision = state.ask(move |registry| registry.promote(version, &reason)).await?;
    // It looks by itself soon; when it has ended, so has the server.
    let _ = watcher.send(Changed);
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
