//! A valuation of the past, found in the log.

use chrono::Utc;
use serde_json::Value;
use uuid::Uuid;

use crate::exchanges::ExchangeLog;
use crate::problem::field_error::{FieldError, shortened};
use crate::problem::{NOT_RECORDED, Problem};

const ONE: &str = "/v1/valuations";
const BATCH: &str = "/v1/valuations/batch";

/// A valuation as it lies in the log.
pub(super) struct Recorded {
    pub(super) id: String,
    pub(super) row: Option<usize>,
    pub(super) received_at: Value,
    pub(super) query: String,
    /// The diamond as it was sent; `None` where the log has only a part of the request.
    pub(super) sent: Option<Value>,
    pub(super) answer: Value,
    pub(super) model: Value,
}

/// The valuation of this number.
///
/// # Errors
/// 404 or 422 when there is none, 503 when the log cannot be read.
pub(super) async fn recorded(
    log: &ExchangeLog,
    wanted: &str,
    row: Option<usize>,
) -> Result<Recorded, Problem> {
    let id = wanted.parse::<Uuid>().map_err(|_| {
        let example = "the request_id of a valuation looks like 0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01";
        Problem::unknown_valuation(format!("{:?} is no number of a valuation: {example}.", shortened(wanted)))
    })?;
    let exchange =
        log.one(id.to_string()).await.map_err(Problem::log_unavailable)?.ok_or_else(|| {
            match log.may_be_on_its_way(id, Utc::now()) {
                true => Problem::unknown_valuation("No valuation with this number is recorded here.")
                    .perhaps_on_its_way(),
                false => Problem::unknown_valuation(NOT_RECORDED),
            }
        })?;
    Recorded::read(id.to_string(), exchange, row)
}

impl Recorded {
    fn read(id: String, mut exchange: Value, row: Option<usize>) -> Result<Self, Problem> {
        let request = &mut exchange["request"];
        let (method, path) = (text(&request["method"]), text(&request["path"]));
        let query = text(&request["query"]);
        let is_batch = path == BATCH;
        if method != "POST" || (path != ONE && !is_batch) {
            let detail = format!(
                "This is the number of another kind of request ({method} {path}), not of a valuation."
            );
            return Err(Problem::unknown_valuation(shortened(&detail)));
        }
        let mut sent = match request["body"].take() {
            // What no database takes as it is lies there as text.
            Value::String(text) => serde_json::from_str(&text).ok(),
            document => Some(document),
        };
        let mut answer = exchange["response"]["body"].take();
        if exchange["response"]["status"] != 200 {
            return Err(refused(&answer));
        }
        let model = answer["model"].take();
        match (row, is_batch) {
            (None, false) => {}
            (Some(_), false) => {
                return Err(Problem::invalid(vec![FieldError::new(
                    "/row",
                    "row is for a valuation of many diamonds, and this one has a single one",
                )]));
            }
            (None, true) => {
                return Err(Problem::unknown_valuation(
                    "This is the number of many diamonds at once. Add ?row=0 for the first of them, ?row=1 for the \
                     second, and so on.",
                ));
            }
            (Some(row), true) => {
                let n_rows = answer["results"].as_array().map_or(0, Vec::len);
                if row >= n_rows {
                    let message =
                        format!("row {row} is not one of the {n_rows} rows, which are counted from 0");
                    return Err(Problem::invalid(vec![FieldError::new("/row", message)]));
                }
                answer = answer["results"][row].take();
                sent = sent.map(|mut sent| sent["diamonds"][row].take());
                if answer.get("price_usd").is_none() {
                    return Err(refused(&answer));
                }
            }
        }
        Ok(Self { id, row, received_at: exchange["received_at"].take(), query, sent, answer, model })
    }
}

/// A valuation that was refused, in the words of then.
fn refused(answer: &Value) -> Problem {
    let detail = answer["detail"].as_str().unwrap_or_default();
    Problem::unknown_valuation(format!(
        "This valuation was refused, so there is no price to certify: {detail}"
    ))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
