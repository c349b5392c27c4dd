//! Price, range and reasons of one stone, or of many.

use std::sync::Arc;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::json;
use xtream_core::dataset::Batch;
use xtream_core::diamond::{Fault, RawDiamond};
use xtream_core::valuation::{Confidence, Group, Options, Reasons, Valuation, Valued, value, value_table};
use xtream_core::{Error, Interrupt, Pipeline, Result};

use crate::error;
use crate::faults::{Faults, Refused, as_json};
use crate::interruptible::interruptible;
use crate::loaded::Loaded;
use crate::rows::Rows;
use crate::to_python::to_python;

/// Price and range of one stone, and what of it had to be estimated.
pub(crate) fn of_one<'py>(
    py: Python<'py>,
    pipeline: &Pipeline,
    stone: RawDiamond<'_>,
    confidence: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let raise = |error: Error| error::to_python(py, &error);
    let question =
        Options { confidence: Some(Confidence::new(confidence).map_err(raise)?), ..Options::default() };
    let appraisal = value(pipeline, &stone, &question, None);
    let appraisal =
        appraisal.map_err(|refusal| raise(Error::InvalidDiamond { faults: refusal.into_faults() }))?;
    let value = json!({
        "price_usd": appraisal.price_usd,
        "range": appraisal.range,
        "assumed": appraisal.assumed,
        "warnings": appraisal.warnings.iter().map(|fault| as_json(None, fault)).collect::<Vec<_>>(),
    });
    to_python(py, &value)
}

/// Price, range and reasons of each row, an array for each.
pub(crate) fn of_many<'py>(
    py: Python<'py>,
    model: &Arc<Loaded>,
    data: &Bound<'py, PyAny>,
    confidence: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let confidence = Confidence::new(confidence).map_err(|error| error::to_python(py, &error))?;
    let question = Options { confidence: Some(confidence), reasons: true, ..Options::default() };
    let rows = Rows::from_python(data)?;
    let model = Arc::clone(model);
    let appraised =
        interruptible(py, None, move |_, interrupt| appraise(rows, &model.pipeline, &question, interrupt))?;
    let appraised = appraised.map_err(|refused: Refused| error::invalid_diamonds(py, refused))?;
    columns(py, &appraised)
}

/// One appraisal a row, in order; if a single row is refused, the reasons instead.
fn appraise(
    rows: Rows,
    pipeline: &Pipeline,
    question: &Options,
    interrupt: &Interrupt,
) -> Result<Result<Vec<Valuation>, Refused>> {
    let (mut table, place) = rows.table()?;
    let (mut appraisals, mut faults) = (Vec::new(), Faults::default());
    let take = |(batch, valued): (Batch, Vec<Valued>)| {
        for (row, valued) in valued.into_iter().enumerate() {
            match valued {
                Ok(valuation) => {
                    faults.count();
                    appraisals.push(valuation);
                }
                Err(refusal) => faults.add(place, batch.line(row), refusal.into_faults()),
            }
        }
        Ok(())
    };
    value_table(pipeline, question, &mut table, interrupt, |batch, valued| Ok((batch, valued)), take)?;
    Ok(match faults.finish() {
        None => Ok(appraisals),
        Some(refused) => Err(refused),
    })
}

/// The figures by column: price, range, average and one reason for each group, in US dollars. A figure that the
/// model does not have is NaN, and so is the confidence of a range beyond what it learned from; `warnings` has a
/// text a row, `sentences` five, or none.
fn columns<'py>(py: Python<'py>, appraisals: &[Valuation]) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    let set = |name: &str, figure: &dyn Fn(&Valuation) -> f64| {
        columns.set_item(name, PyArray1::from_iter(py, appraisals.iter().map(figure)))
    };
    set("price_usd", &|a| a.price_usd)?;
    set("low_usd", &|a| a.range.map_or(f64::NAN, |range| range.low_usd))?;
    set("high_usd", &|a| a.range.map_or(f64::NAN, |range| range.high_usd))?;
    set("confidence", &|a| a.range.and_then(|range| range.confidence).unwrap_or(f64::NAN))?;
    set("average_usd", &|a| a.reasons.as_ref().map_or(f64::NAN, |reasons| reasons.average_usd))?;
    for group in Group::ALL {
        set(&format!("reason_{}_usd", group.name()), &|a| {
            a.reasons.as_ref().map_or(f64::NAN, |reasons| amount(reasons, group))
        })?;
    }
    let warnings = appraisals.iter().map(|a| {
        let said: Vec<_> = a.warnings.iter().map(Fault::to_string).collect();
        said.join(" | ")
    });
    columns.set_item("warnings", PyList::new(py, warnings.collect::<Vec<_>>())?)?;
    let sentences = appraisals.iter().flat_map(|a| a.reasons.iter().flat_map(|r| &r.contributions));
    let sentences = sentences.map(|contribution| contribution.sentence.as_str());
    columns.set_item("sentences", PyList::new(py, sentences.collect::<Vec<_>>())?)?;
    Ok(columns)
}

fn amount(reasons: &Reasons, group: Group) -> f64 {
    let of_group = reasons.contributions.iter().find(|contribution| contribution.group == group);
    of_group.map_or(f64::NAN, |contribution| contribution.amount_usd)
}
