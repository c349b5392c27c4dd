//! How files are to be read: what settings and flags say of it.

use std::sync::Arc;

use xtream_core::Error;
use xtream_core::dataset::Reading;

use crate::args::ReadingArgs;
use crate::settings::Settings;

/// Flags count before settings.
pub(super) fn reading(
    args: &ReadingArgs,
    accepts_units: bool,
    settings: &Settings,
) -> Result<Arc<Reading>, Error> {
    let mut reading = Reading::default().accepting_units(accepts_units);
    for (theirs, ours) in &settings.columns {
        reading = reading.with_column(theirs, ours)?;
    }
    for (column, grades) in &settings.grades {
        for (theirs, ours) in grades {
            reading = reading.with_grade(column, theirs, ours)?;
        }
    }
    for typed in &args.column {
        reading = reading.with_column_typed(typed)?;
    }
    if let Some(delimiter) = &args.delimiter {
        reading = reading.delimited_by(delimiter)?;
    }
    if let Some(decimal) = &args.decimal {
        reading = reading.with_decimal(decimal)?;
    }
    if let Some(encoding) = &args.encoding {
        reading = reading.encoded_in(encoding)?;
    }
    if let Some(sheet) = &args.sheet {
        reading = reading.on_sheet(sheet);
    }
    Ok(Arc::new(reading))
}
