//! The record of requests and answers, for administrators.

use actix_web::web;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::admin::Administrator;
use crate::exchange_log::{ExchangeLog, Filter};
use crate::field_error::{FieldError, shortened};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::request_id::{Answer, RequestId};

const PARAMETERS: [&str; 6] = ["since", "until", "route", "status", "limit", "cursor"];
const DEFAULT_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1000;

/// Exchanges, newest first.
#[derive(Serialize)]
pub(crate) struct Exchanges {
    exchanges: Vec<Value>,
    /// Send it as `cursor` to get the ones before; null when there are none.
    next_cursor: Option<String>,
    /// Why those in MongoDB are missing, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

/// One exchange.
#[derive(Serialize)]
pub(crate) struct OneExchange {
    exchange: Value,
}

/// `GET /v1/exchanges`
pub(crate) async fn list(
    id: RequestId,
    _administrator: Administrator,
    log: web::Data<ExchangeLog>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
) -> Result<web::Json<Answer<Exchanges>>, Problem> {
    let (filter, limit) = asked(&Parameters::new(pairs)).map_err(Problem::invalid)?;
    let page = log.find(&filter, limit).await.map_err(Problem::log_unavailable)?;
    let oldest = page.exchanges.last().and_then(|exchange| exchange["_id"].as_str()).map(str::to_owned);
    let content = Exchanges {
        next_cursor: oldest.filter(|_| page.has_more),
        exchanges: page.exchanges,
        missing: page.missing,
    };
    Ok(web::Json(Answer { request_id: id, content }))
}

/// `GET /v1/exchanges/{request_id}`
pub(crate) async fn one(
    id: RequestId,
    _administrator: Administrator,
    log: web::Data<ExchangeLog>,
    wanted: web::Path<String>,
) -> Result<web::Json<Answer<OneExchange>>, Problem> {
    let wanted = wanted.parse::<Uuid>().map_err(|_| Problem::unknown_exchange())?;
    let filter = Filter { id: Some(wanted.to_string()), ..Filter::default() };
    let page = log.find(&filter, 1).await.map_err(Problem::log_unavailable)?;
    match (page.exchanges.into_iter().next(), page.missing) {
        (Some(exchange), _) => Ok(web::Json(Answer { request_id: id, content: OneExchange { exchange } })),
        (None, Some(reason)) => Err(Problem::log_unavailable(reason)),
        (None, None) => Err(Problem::unknown_exchange()),
    }
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
