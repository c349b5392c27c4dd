//! The record of requests and answers, for administrators.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::admin::Administrator;
use crate::docs::refusals;
use crate::exchanges::{ExchangeLog, Filter, Page};
use crate::problem::Problem;
use crate::problem::field_error::{FieldError, shortened};
use crate::request::parameters::Parameters;
use crate::request_id::{Answer, RequestId};
use crate::schemas;

const PARAMETERS: [&str; 6] = ["since", "until", "route", "status", "limit", "cursor"];
const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: usize = 1000;

/// One recorded exchange.
#[derive(Serialize, ToSchema)]
pub(crate) struct OneExchange {
    #[schema(value_type = schemas::Exchange)]
    exchange: Value,
}

/// Recorded exchanges.
#[derive(ToSchema)]
#[allow(dead_code, reason = "`written` writes it")]
struct Exchanges {
    /// Newest first.
    exchanges: Vec<schemas::Exchange>,
    /// Send it as `cursor` to get the ones before; null when there are none.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// Why some are missing, such as those in MongoDB while it is away; there only if they are.
    #[schema(nullable = false)]
    missing: Option<String>,
}

/// The parameters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`asked` reads them")]
struct ExchangesParameters {
    /// No earlier than this time, such as `2026-01-31T12:00:00Z`.
    #[param(format = "date-time", nullable = false)]
    since: Option<String>,
    /// Before this time, such as `2026-02-01T12:00:00Z`.
    #[param(format = "date-time", nullable = false)]
    until: Option<String>,
    /// Of this route, as it is written here, such as `/v1/valuations`.
    #[param(nullable = false)]
    route: Option<String>,
    /// With this status, such as `200`.
    #[param(minimum = 100, maximum = 599, nullable = false)]
    status: Option<u16>,
    /// How many at most. A page ends earlier where it comes to 4 MiB, or where a search takes more than two seconds;
    /// `next_cursor` then says where to go on.
    #[param(minimum = 1, maximum = 1000, default = 50, nullable = false)]
    limit: Option<usize>,
    /// `next_cursor` of an earlier answer: what comes after it.
    #[param(format = "uuid", nullable = false)]
    cursor: Option<String>,
}

/// List recorded exchanges
///
/// For administrators. Requests and their answers, newest first. Probes and pages such as this are not recorded.
#[utoipa::path(
    get,
    path = "/v1/exchanges",
    tag = "Exchanges",
    operation_id = "listExchanges",
    params(ExchangesParameters),
    security(("administrator" = [])),
    responses(
        (status = 200, description = "Exchanges.", body = Answer<Exchanges>),
        (status = 422, response = refusals::Invalid),
        (status = 503, response = refusals::NoLog),
    ),
)]
pub(crate) async fn list(
    id: RequestId,
    _administrator: Administrator,
    log: web::Data<ExchangeLog>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, Problem> {
    let (filter, limit) = asked(&Parameters::new(pairs)).map_err(Problem::invalid)?;
    let page = log.find(&filter, limit).await.map_err(Problem::log_unavailable)?;
    let text = written(id, &page).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(text))
}

/// Exchanges are JSON already and are put in as they are. `next_cursor` is what to send as `cursor` to get the ones
/// before, and null when there are none.
fn written(id: RequestId, page: &Page) -> serde_json::Result<String> {
    let Page { exchanges, next, missing } = page;
    let mut text =
        String::with_capacity(256 + exchanges.iter().map(|exchange| exchange.len() + 1).sum::<usize>());
    text.push_str(&format!("{{\"request_id\":\"{id}\",\"exchanges\":["));
    for (n, exchange) in exchanges.iter().enumerate() {
        text.push_str(if n > 0 { "," } else { "" });
        text.push_str(exchange);
    }
    text.push_str("],\"next_cursor\":");
    text.push_str(&serde_json::to_string(next)?);
    if let Some(missing) = missing {
        text.push_str(",\"missing\":");
        text.push_str(&serde_json::to_string(missing)?);
    }
    text.push('}');
    Ok(text)
}

/// Show one recorded exchange
///
/// For administrators. Of several servers with one database, each finds what another one answered within a second; until
/// then it says 404, and with `Retry-After` when to ask again.
#[utoipa::path(
    get,
    path = "/v1/exchanges/{request_id}",
    tag = "Exchanges",
    operation_id = "showExchange",
    params((
        "request_id" = String,
        Path,
        format = "uuid",
        description = "`request_id` of the answer.",
        example = "0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01"
    )),
    security(("administrator" = [])),
    responses(
        (status = 200, description = "The exchange.", body = Answer<OneExchange>),
        (status = 404, response = refusals::UnknownExchange),
        (status = 503, response = refusals::NoLog),
    ),
)]
pub(crate) async fn one(
    id: RequestId,
    _administrator: Administrator,
    log: web::Data<ExchangeLog>,
    wanted: web::Path<String>,
) -> Result<web::Json<Answer<OneExchange>>, Problem> {
    let wanted = wanted.parse::<Uuid>().map_err(|_| Problem::unknown_exchange())?;
    let exchange = log.one(wanted.to_string()).await.map_err(Problem::log_unavailable)?;
    let exchange = exchange.ok_or_else(|| match log.may_be_on_its_way(wanted, Utc::now()) {
        true => Problem::unknown_exchange().perhaps_on_its_way(),
        false => Problem::unknown_exchange(),
    })?;
    Ok(web::Json(Answer { request_id: id, content: OneExchange { exchange } }))
}

fn asked(parameters: &Parameters) -> Result<(Filter, usize), Vec<FieldError>> {
    let mut errors = parameters.faults(&PARAMETERS);
    let filter = Filter {
        since: read(parameters, "since", "a time such as 2026-01-31T12:00:00Z", time, &mut errors),
        until: read(parameters, "until", "a time such as 2026-01-31T12:00:00Z", time, &mut errors),
        route: parameters.get("route").map(str::to_owned),
        status: read(parameters, "status", "a status from 100 to 599", status, &mut errors),
        before: read(parameters, "cursor", "the next_cursor of an earlier answer", uuid, &mut errors),
        id: None,
    };
    let limit = read(parameters, "limit", "a whole number from 1 to 1000", limit, &mut errors);
    if errors.is_empty() { Ok((filter, limit.unwrap_or(DEFAULT_LIMIT))) } else { Err(errors) }
}

fn read<T>(
    parameters: &Parameters,
    name: &str,
    allowed: &str,
    parse: impl Fn(&str) -> Option<T>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    let text = parameters.get(name)?;
    let value = parse(text);
    if value.is_none() {
        let message = format!("{name} {:?} is not {allowed}", shortened(text));
        errors.push(FieldError::new(format!("/{name}"), message));
    }
    value
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    // In a query, the plus of an offset arrives as a blank unless it was escaped.
    DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok().map(|time| time.to_utc())
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (100..600).contains(status))
}

fn limit(text: &str) -> Option<usize> {
    text.parse().ok().filter(|limit| (1..=LARGEST_LIMIT).contains(limit))
}

fn uuid(text: &str) -> Option<String> {
    text.parse::<Uuid>().ok().map(|id| id.to_string())
}
