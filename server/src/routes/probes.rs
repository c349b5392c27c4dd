//! Whether the process lives, whether it can do its work, and how it fares.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::admission::Admission;
use crate::connections::Connections;
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
    if let Some(trouble) = log.trouble() {
        return Err(Problem::log_unavailable(&trouble).because(trouble));
    }
    let ready = Ready { status: "ready", model, trouble: state.trouble(), mongodb: log.shipment() };
    Ok(web::Json(Answer { request_id: id, content: ready }))
}

/// `GET /metrics`
pub(crate) async fn metrics(
    state: web::Data<State>,
    log: web::Data<ExchangeLog>,
    admission: web::Data<Admission>,
    connections: web::Data<Connections>,
) -> Result<HttpResponse, Problem> {
    let telemetry = &admission.telemetry;
    let gauges = &telemetry.gauges;
    gauges.connections.set(connections.len() as i64);
    gauges.in_flight.set(admission.load.n_requests() as i64);
    gauges.model_version.set(state.version().map_or(0, |version| version as i64));
    gauges.model_trouble.set(state.trouble().is_some().into());
    let size = log.size();
    gauges.log_records.set(size.n_records as i64);
    gauges.log_dead_letters.set(size.n_dead as i64);
    if let Some(shipment) = log.shipment() {
        gauges.mongodb_up.set((!shipment.is_down).into());
        gauges.mongodb_shipped.set(shipment.n_shipped);
        gauges.mongodb_failures.set(shipment.n_failures);
    }
    let text = telemetry.text().map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(text))
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
