//! How files are to be read: what settings and flags say of it.

use std::sync::Arc;

use xtream_core::Error;
use xtream_core::dataset::{FormSaid, Reading};

use crate::args::ReadingArgs;
use crate::settings::Settings;

/// Flags count before settings.
pub(super) fn reading(
    args: &ReadingArgs,
    accepts_units: bool,
    settings: &Settings,
) -> Result<Arc<Reading>, Error> {
    let mut reading = Reading::of_shop(&settings.columns, &settings.grades)?.accepting_units(accepts_units);
    for typed in &args.column {
        reading = reading.with_column_typed(typed)?;
    }
    let said = FormSaid {
        delimiter: args.delimiter.as_deref(),
        decimal: args.decimal.as_deref(),
        encoding: args.encoding.as_deref(),
        sheet: args.sheet.as_deref(),
    };
    reading.with_form(said).map(Arc::new)
}
