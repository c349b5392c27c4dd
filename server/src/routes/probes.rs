//! Whether the process lives, whether it can do its work, and how it fares.

use actix_web::http::header::{Accept, VARY};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::connections::Connections;
use crate::docs::refusals;
use crate::exchanges::{ExchangeLog, Shipment};
use crate::limits::Limiters;
use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};
use crate::serving::{ChampionError, ModelName, State};

/// The process lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Live {
    /// Always `alive`.
    #[schema(pattern = "^alive$")]
    status: &'static str,
}

/// A model answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Always `ready`.
    #[schema(pattern = "^ready$")]
    status: &'static str,
    model: ModelName,
    /// Why the registry's champion is not that model; null when it is.
    #[schema(required = true)]
    trouble: Option<ChampionError>,
    /// How exchanges get to MongoDB; null where none is configured.
    #[schema(required = true)]
    mongodb: Option<Shipment>,
}

/// Does the process live?
///
/// For load balancers and orchestrators; not recorded.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "Probes",
    operation_id = "live",
    responses((status = 200, description = "It lives.", body = Answer<Live>)),
)]
pub(crate) async fn live(id: RequestId) -> web::Json<Answer<Live>> {
    web::Json(Answer { request_id: id, content: Live { status: "alive" } })
}

/// Can it value diamonds?
///
/// For load balancers and orchestrators; not recorded.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Probes",
    operation_id = "ready",
    responses(
        (status = 200, description = "It can.", body = Answer<Ready>),
        (status = 503, response = refusals::NoModel),
    ),
)]
pub(crate) async fn ready(
    id: RequestId,
    state: web::Data<State>,
    log: web::Data<ExchangeLog>,
) -> Result<web::Json<Answer<Ready>>, Problem> {
    let model = state.model()?.name();
    if let Some(trouble) = log.trouble() {
        return Err(Problem::log_unavailable(&trouble).because(trouble));
    }
    let ready = Ready { status: "ready", model, trouble: state.champion_error(), mongodb: log.shipment() };
    Ok(web::Json(Answer { request_id: id, content: ready }))
}

/// How is it doing?
///
/// Counts and durations for Prometheus, in its plain text format, or as OpenMetrics where `Accept` asks for that; not
/// recorded.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Probes",
    operation_id = "metrics",
    responses((status = 200, description = "The counts.", content(
        (String = "text/plain"),
        (String = "application/openmetrics-text"),
    ))),
)]
pub(crate) async fn metrics(
    state: web::Data<State>,
    log: web::Data<ExchangeLog>,
    limiters: web::Data<Limiters>,
    connections: web::Data<Connections>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let telemetry = &limiters.telemetry;
    let gauges = &telemetry.gauges;
    gauges.connections.set(connections.len() as i64);
    gauges.in_flight.set(limiters.load.n_requests() as i64);
    gauges.model_version.set(state.version().map_or(0, |version| version as i64));
    gauges.model_trouble.set(state.champion_error().is_some().into());
    let size = log.size();
    gauges.log_records.set(size.n_records as i64);
    gauges.log_dead_letters.set(size.n_dead as i64);
    if let Some(shipment) = log.shipment() {
        gauges.mongodb_up.set((!shipment.is_down).into());
        gauges.mongodb_shipped.set(shipment.n_shipped);
        gauges.mongodb_failures.set(shipment.n_failures);
    }
    let text = telemetry.text().map_err(Problem::internal)?;
    let (content_type, text) =
        if wants_open_metrics(&request) { (OPEN_METRICS, text) } else { (PLAIN_TEXT, in_plain_text(&text)) };
    Ok(HttpResponse::Ok().content_type(content_type).append_header((VARY, "Accept")).body(text))
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether OpenMetrics is asked for, and before plain text; who does not say gets what everybody can read.
fn wants_open_metrics(request: &HttpRequest) -> bool {
    let accepted = request.get_header::<Accept>().map(|accept| accept.ranked()).unwrap_or_default();
    let known = accepted.iter().map(|kind| kind.essence_str());
    let mut known =
        known.filter(|kind| ["application/openmetrics-text", "text/plain", "text/*", "*/*"].contains(kind));
    known.next() == Some("application/openmetrics-text")
}

/// The same in the older text format of Prometheus: there, a counter is described under the name that its
/// samples have, and nothing marks the end.
fn in_plain_text(open_metrics: &str) -> String {
    let counters: Vec<_> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::new();
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let described =
            ["# HELP ", "# TYPE "].into_iter().find_map(|start| Some((start, line.strip_prefix(start)?)));
        let described = described.and_then(|(start, rest)| Some((start, rest.split_once(' ')?)));
        match described {
            Some((start, (name, rest))) if counters.contains(&name) => {
                text.extend([start, name, "_total ", rest, "\n"]);
            }
            _ => text.extend([line, "\n"]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn wants(accept: &'static str) -> bool {
        wants_open_metrics(&TestRequest::default().insert_header(("accept", accept)).to_http_request())
    }

    #[test]
    fn the_format_is_the_one_that_is_asked_for_and_else_plain_text() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert!(wants(prometheus) && wants("application/openmetrics-text"));
        for plain in
            ["*/*", "text/plain", "text/html,*/*;q=0.8", "text/plain, application/openmetrics-text;q=0.5"]
        {
            assert!(!wants(plain), "{plain}");
        }
        assert!(!wants_open_metrics(&TestRequest::default().to_http_request()));
    }

    #[test]
    fn in_plain_text_a_counter_is_described_under_the_name_of_its_samples() {
        let text = "# HELP a_b Words.\n# TYPE a_b counter\na_b_total 3\n# HELP c More.\n# TYPE c gauge\nc 1\n# EOF\n";
        let plain = "# HELP a_b_total Words.\n# TYPE a_b_total counter\na_b_total 3\n# HELP c More.\n# TYPE c gauge\nc 1\n";
        assert_eq!(in_plain_text(text), plain);
    }
}
