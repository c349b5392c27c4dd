//! The value of a stone, with all that was asked about it; alone, or among others.

use std::ops::Range;

use super::{Counterfactual, Options, Reasons, counterfactuals, explain};
use crate::diamond::{Diamond, Fault, Field, RawDiamond, to_cents};
use crate::pipeline::interval::PriceRange;
use crate::pipeline::{Pipeline, Priced};
use crate::similar::{Comparable, SimilarIndex, comparables};

/// What a stone is worth, and what else was asked about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Valuation {
    /// The stone, with its missing measurements estimated.
    pub stone: Diamond,
    /// The measurements that were missing.
    pub assumed: Vec<Field>,
    /// Price in US dollars, to the cent.
    pub price_usd: f64,
    /// Where the price lies; `None` when nobody asked, or when the model was trained without ranges, which a warning
    /// says.
    pub range: Option<PriceRange>,
    /// Whether stone and price lie within what the model learned from.
    pub is_known: bool,
    /// Likely typing errors and contradictions, and where the stone lies beyond what the model learned from; none when
    /// nobody asked.
    pub warnings: Vec<Fault>,
    /// Why it is the price; `None` when nobody asked, or the model has no background stones.
    pub reasons: Option<Reasons>,
    /// Stones that were sold, nearest first; `None` when nobody asked.
    pub comparables: Option<Vec<Comparable>>,
    /// The price if one thing were different; `None` when nobody asked.
    pub what_if: Option<Vec<Counterfactual>>,
}

/// Why a stone has no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Every fault of what was given.
    Invalid(Vec<Fault>),
    /// What was given has no fault and lies so far beyond what the model learned from that there is no price: a fault
    /// of its weight or of [`Field::Price`], and after it what is doubtful.
    BeyondModel(Vec<Fault>),
}

impl Refusal {
    /// All that is wrong, whichever way.
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Invalid(faults) | Self::BeyondModel(faults) => faults,
        }
    }

    /// The same.
    pub fn into_faults(self) -> Vec<Fault> {
        match self {
            Self::Invalid(faults) | Self::BeyondModel(faults) => faults,
        }
    }
}

/// A value, or why there is none.
pub type Valued = Result<Valuation, Refusal>;

/// The value of one stone as it was typed; measurements may be missing. `sold` are the stones among which comparable
/// ones are looked for; without them there are none.
///
/// # Errors
/// [`Refusal`].
pub fn value(
    pipeline: &Pipeline,
    raw: &RawDiamond<'_>,
    options: &Options,
    sold: Option<&SimilarIndex>,
) -> Valued {
    let completed = pipeline.complete(raw).map_err(Refusal::Invalid)?;
    let priced = pipeline.price(&[&completed.0], options.confidence).remove(0);
    Asked { pipeline, options, sold }.valuation(completed, || *raw, priced)
}

/// As [`value`], bit for bit, for each of these rows in their order, of which `raw` gives what was typed.
pub fn value_all<'a>(
    pipeline: &Pipeline,
    rows: Range<usize>,
    raw: impl Fn(usize) -> RawDiamond<'a>,
    options: &Options,
    sold: Option<&SimilarIndex>,
) -> Vec<Valued> {
    let completed: Vec<_> = rows.clone().map(|row| pipeline.complete(&raw(row))).collect();
    let sound: Vec<_> = completed.iter().flatten().map(|(stone, _)| stone).collect();
    let mut prices = pipeline.price(&sound, options.confidence).into_iter();
    let asked = Asked { pipeline, options, sold };
    let valuation = |(row, completed): (usize, Result<_, _>)| {
        let completed = completed.map_err(Refusal::Invalid)?;
        // As many prices as sound stones, so this never is the end.
        let Some(priced) = prices.next() else { return Err(Refusal::Invalid(Vec::new())) };
        asked.valuation(completed, || raw(row), priced)
    };
    rows.zip(completed).map(valuation).collect()
}

struct Asked<'a> {
    pipeline: &'a Pipeline,
    options: &'a Options,
    sold: Option<&'a SimilarIndex>,
}

impl Asked<'_> {
    /// All that was asked about a stone that is complete and was priced. What was typed is looked at only where
    /// there may be something to say of it.
    fn valuation<'a>(
        &self,
        (stone, assumed): (Diamond, Vec<Field>),
        raw: impl Fn() -> RawDiamond<'a>,
        priced: Result<Priced, Fault>,
    ) -> Valued {
        let Self { pipeline, options, sold } = self;
        // A typing error most likely made a stone that has no price.
        let refused = |fault| std::iter::once(fault).chain(stone.warnings(&raw())).collect();
        let Priced { price_usd, range, is_known } =
            priced.map_err(|fault| Refusal::BeyondModel(refused(fault)))?;
        // To the cent, as the price itself is: what is added up agrees with it.
        let prices = |stones: &[Diamond]| pipeline.predict(stones.iter()).into_iter().map(to_cents).collect();
        // Where a stone has no price, nobody compares with one.
        let possible = |stones: &[Diamond]| {
            let priced = pipeline.price(&stones.iter().collect::<Vec<_>>(), None).into_iter();
            priced.map(|priced| priced.map_or(f64::NAN, |priced| priced.price_usd)).collect()
        };
        let reasons = options.reasons.then(|| explain(&stone, pipeline.background(), &prices)).flatten();
        let sold = sold.filter(|_| options.comparables);
        Ok(Valuation {
            warnings: if options.warnings {
                self.warnings(&stone, &raw(), price_usd, is_known)
            } else {
                Vec::new()
            },
            comparables: sold.map(|sold| comparables(&stone, price_usd, sold, &possible)),
            what_if: options.what_if.then(|| counterfactuals(&stone, price_usd, &possible)),
            stone,
            assumed,
            price_usd,
            range,
            is_known,
            reasons,
        })
    }

    /// Likely typing errors and contradictions ([`Diamond::warnings`]), where the stone lies beyond what was learned
    /// from, and that there is no range although one was asked for.
    fn warnings(&self, stone: &Diamond, raw: &RawDiamond<'_>, price_usd: f64, is_known: bool) -> Vec<Fault> {
        let mut warnings = stone.warnings(raw);
        if !is_known {
            warnings.extend(self.pipeline.beyond(stone, price_usd));
        }
        if self.options.confidence.is_some() && self.pipeline.intervals().is_none() {
            let reason = "has no range, because this model was trained without ranges or on too few stones";
            warnings.push(Fault::beyond(Field::Price, format!("{price_usd:.2}"), reason.into()));
        }
        warnings
    }
}
