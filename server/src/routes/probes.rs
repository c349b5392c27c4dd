//! Whether the process lives, and whether it can do its work.

use actix_web::web;
use serde::Serialize;

use crate::exchange_log::{ExchangeLog, Shipment};
use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};
use crate::state::{ModelName, State, Trouble};

/// The process answers.
#[derive(Serialize)]
pub(crate) struct Live {
    status: &'static str,
}

/// A model answers.
#[derive(Serialize)]
pub(crate) struct Ready {
    status: &'static str,
    model: ModelName,
    /// Why the registry's champion is not that model, when it is not.
    trouble: Option<Trouble>,
    /// How exchanges get to MongoDB, where one is configured. Requests do not depend on it.
    mongodb: Option<Shipment>,
}

/// `GET /livez`
pub(crate) async fn live(id: RequestId) -> web::Json<Answer<Live>> {
    web::Json(Answer { request_id: id, content: Live { status: "alive" } })
}

/// `GET /readyz`
pub(crate) async fn ready(
    id: RequestId,
    state: web::Data<State>,
    log: web::Data<ExchangeLog>,
) -> Result<web::Json<Answer<Ready>>, Problem> {
    let model = state.bundle()?.name();
    let mongodb = log.shipment().await.map_err(Problem::log_unavailable)?;
    let ready = Ready { status: "ready", model, trouble: state.trouble(), mongodb };
    Ok(web::Json(Answer { request_id: id, content: ready }))
}
