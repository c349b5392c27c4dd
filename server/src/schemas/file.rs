//! What a file is understood as, as core tells it.

use utoipa::ToSchema;

/// What a file is understood as.
#[derive(ToSchema)]
pub(crate) struct Inspection {
    /// Its name.
    file: String,
    /// How it was read, where it is not plain.
    #[schema(required = true)]
    understood: Option<String>,
    /// Its columns, in their order.
    columns: Vec<InspectedColumn>,
    /// Columns without which no stone can be valued; a file that lacks one is refused.
    missing: Vec<String>,
    /// Whether the stones have prices that count; those of a file to be valued are left aside.
    has_prices: bool,
    /// Rows in it.
    n_rows: u64,
    /// Rows whose stones can be valued.
    n_usable: u64,
    /// Rows whose stones cannot.
    n_refused: u64,
    /// What is wrong with them, the most frequent first.
    faults: Vec<FaultKind>,
    /// Columns that look as if they had another unit. They are read as they are.
    units: Vec<SuspectUnit>,
    /// Grades that are not written as ours, and what they were taken for.
    #[schema(required = true)]
    spellings: Option<String>,
    /// Lines of `xtream.toml` that would settle what is open where the command line reads the file.
    settings: Vec<String>,
}

/// A column of a file.
#[derive(ToSchema)]
pub(crate) struct InspectedColumn {
    /// Its name there.
    name: String,
    /// What it is to us; null where it is not used.
    #[schema(required = true)]
    field: Option<String>,
    /// The unit that its numbers are taken for.
    #[schema(required = true)]
    unit: Option<String>,
    /// Some of its cells, as written.
    examples: Vec<String>,
}

/// One way in which rows are wrong.
#[derive(ToSchema)]
pub(crate) struct FaultKind {
    /// The column.
    column: String,
    /// The first such fault in words.
    example: String,
    /// Such faults.
    n: u64,
    /// Where the first of them stand.
    lines: Vec<u64>,
}

/// A column that looks as if it had another unit.
#[derive(ToSchema)]
pub(crate) struct SuspectUnit {
    /// The column.
    field: String,
    /// How many times too large its numbers are, about.
    factor: f64,
    /// What its numbers look like, in words.
    reason: String,
    /// What is expected in their place.
    allowed: String,
}

/// The signs that a text file is written with.
#[derive(ToSchema)]
pub(crate) struct Signs {
    /// Between columns.
    #[schema(max_length = 1)]
    separator: String,
    /// Before decimals: a point or a comma.
    #[schema(max_length = 1)]
    decimal: String,
}
