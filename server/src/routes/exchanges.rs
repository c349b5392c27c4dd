//! The record of requests and answers, for administrators.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::admin::Administrator;
use crate::exchange_log::{ExchangeLog, Filter, Page};
use crate::field_error::{FieldError, shortened};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};

const PARAMETERS: [&str; 6] = ["since", "until", "route", "status", "limit", "cursor"];
const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: usize = 1000;

/// One exchange.
#[derive(Serialize)]
pub(crate) struct OneExchange {
    exchange: Value,
}

/// `GET /v1/exchanges`: newest first.
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

/// `GET /v1/exchanges/{request_id}`
pub(crate) async fn one(
    id: RequestId,
    _administrator: Administrator,
    log: web::Data<ExchangeLog>,
    wanted: web::Path<String>,
) -> Result<web::Json<Answer<OneExchange>>, Problem> {
    let wanted = wanted.parse::<Uuid>().map_err(|_| Problem::unknown_exchange())?;
    let exchange = log.one(wanted.to_string()).await.map_err(Problem::log_unavailable)?;
    let exchange = exchange.ok_or_else(Problem::unknown_exchange)?;
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
