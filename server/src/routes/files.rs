//! A file of stones, as shops have them: what it is understood as, and its stones, to be valued in batches.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use flate2::read::MultiGzDecoder;
use serde::Serialize;
use serde_json::{Map, Number, Value};
use tempfile::NamedTempFile;
use utoipa::{IntoParams, ToSchema};
use xtream_core::dataset::{Batch, Echo, FormSaid, Inspection, Reading, Signs, Table, inspect};
use xtream_core::diamond::{Cell, Field};
use xtream_core::{Error, Interrupt};

use crate::docs::refusals;
use crate::limits::{Limiters, take_rows};
use crate::problem::Problem;
use crate::problem::field_error::{FieldError, shortened};
use crate::request::body::{LARGEST_FILE, read_bytes};
use crate::request::parameters::Parameters;
use crate::request_id::{Answer, RequestId};
use crate::schemas;

/// Stones in one file.
const MOST_ROWS: usize = 50_000;
/// Bytes of text that a packed file may be unpacked to, and of an answer.
const MOST_TEXT: usize = 64 << 20;

/// How a file is understood: the first line of the answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnderstoodFile {
    /// Its form, its columns, which rows can be valued and what is wrong with the others. Prices in it are left aside.
    #[schema(value_type = schemas::Inspection)]
    understood: Inspection,
    /// The signs between its columns and before its decimals, for whoever writes it again.
    #[schema(value_type = schemas::Signs)]
    signs: Signs,
    /// What it is written again with; null where it is no text.
    #[schema(required = true)]
    text: Option<FileText>,
}

/// What a text file has besides its rows.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileText {
    /// The name of its encoding.
    encoding: &'static str,
    /// All of it up to the end of the line of names.
    head: String,
}

/// A row of the file: one line of the answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileRow {
    /// Where it stands in the file, from 1.
    #[schema(minimum = 1)]
    line: u64,
    /// All its cells, in the order of the columns; null where nothing stands.
    cells: Vec<Option<String>>,
    /// The row as it stands in a text file, with the end of its line; not there where it has another number of values
    /// than the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    text: Option<String>,
    /// The stone, as `POST /v1/valuations/batch` takes it; there unless there are `errors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    diamond: Option<Map<String, Value>>,
    /// Why the row is no stone that can be valued: it has another number of values than the header, or another shape,
    /// say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    errors: Option<Vec<FieldError>>,
}

/// A line of the answer.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "its shape alone is used")]
pub(crate) enum FileLine {
    Understood(Answer<UnderstoodFile>),
    Row(FileRow),
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`Parameters` reads them")]
struct FileParameters {
    /// What the file is called, for messages.
    #[param(nullable = false, example = "stones.csv")]
    name: Option<String>,
    /// What parts its columns, where what is found out is wrong: a comma, a semicolon, a bar (|) or the word tab.
    #[param(nullable = false, example = "semicolon")]
    delimiter: Option<String>,
    /// The sign of its decimals: point or comma.
    #[param(nullable = false, example = "comma")]
    decimal: Option<String>,
    /// Its encoding.
    #[param(nullable = false, example = "windows-1252")]
    encoding: Option<String>,
    /// The sheet of a workbook; else the first one that has the columns.
    #[param(nullable = false, example = "Sheet1")]
    sheet: Option<String>,
    /// What a column of the file is: its name, `=`, and one of ours, or `-` to leave it aside. May be given several times;
    /// counts before the shop's settings.
    #[param(nullable = false, example = json!(["Gewicht=carat"]))]
    column: Option<Vec<String>>,
}

/// Read a file of stones
///
/// A file of up to 20 MB and 50,000 stones as it is: CSV of any form, packed with gzip or not, a workbook of Excel, or
/// Parquet; its bytes tell, not its name or `Content-Type`. The answer is lines of JSON: how the file is understood, and
/// then each row in order, with its stone. Nothing is valued here; send the stones to `POST /v1/valuations/batch`, up to
/// 1,000 at a time.
#[utoipa::path(
    post,
    path = "/v1/files",
    tag = "Valuations",
    operation_id = "readFile",
    params(FileParameters),
    request_body(content = ref("#/components/schemas/FileOfStones"), content_type = "application/octet-stream", description = "The file."),
    responses(
        (status = 200, description = "What it is understood as, and its stones.", body = FileLine, content_type = "application/x-ndjson"),
        (status = 422, response = refusals::Invalid),
        (status = 503, response = refusals::NoLog),
    ),
)]
pub(crate) async fn read(
    id: RequestId,
    limiters: web::Data<Limiters>,
    shop: web::Data<Reading>,
    web::Query(pairs): web::Query<Vec<(String, String)>>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    if request.content_type().eq_ignore_ascii_case("multipart/form-data") {
        let detail =
            "Send the file itself as the body and not as a part of a form: `curl --data-binary @stones.csv`.";
        return Err(Problem::unsupported_media_type(detail));
    }
    let parameters = Parameters::new(pairs);
    let faults = parameters.faults(&["name", "delimiter", "decimal", "encoding", "sheet", "column"]);
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let reading = asked(&shop, &parameters).map_err(refused_parameter)?;
    let name = shortened(parameters.get("name").filter(|name| !name.is_empty()).unwrap_or("the file"));
    // A few at a time: each may take a second, and much memory.
    let _turn = limiters.files.acquire().await.map_err(Problem::internal)?;
    let bytes = read_bytes(&request, payload, LARGEST_FILE).await?;
    let read = web::block(move || Lines::of(bytes, name, reading, id)).await.map_err(Problem::internal)??;
    take_rows(&request, read.n_rows)?;
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").body(read.text))
}

/// How the file is to be read: as the shop's settings say, and the request.
fn asked(shop: &Reading, parameters: &Parameters) -> Result<Reading, Error> {
    let mut reading = shop.clone().accepting_units(true);
    for typed in parameters.all("column") {
        reading = reading.with_column_typed(typed)?;
    }
    reading.with_form(FormSaid {
        delimiter: parameters.get("delimiter"),
        decimal: parameters.get("decimal"),
        encoding: parameters.get("encoding"),
        sheet: parameters.get("sheet"),
    })
}

fn refused_parameter(error: Error) -> Problem {
    match error {
        Error::Usage { reason, allowed } => {
            Problem::invalid(vec![FieldError::new("", format!("{reason}; allowed is {allowed}"))])
        }
        error => Problem::internal(error),
    }
}

/// The answer.
struct Lines {
    n_rows: usize,
    text: Vec<u8>,
}

impl Lines {
    /// The file stands on the disk for so long; it is gone in the end, whatever happens.
    fn of(bytes: Bytes, name: String, reading: Reading, id: RequestId) -> Result<Self, Problem> {
        if unpacks_to_more_than(&bytes, MOST_TEXT) {
            return Err(too_much_text(&name));
        }
        let mut file = NamedTempFile::new().map_err(Problem::internal)?;
        file.write_all(&bytes).map_err(Problem::internal)?;
        drop(bytes);
        let (table, reading) =
            open_without_prices(file.path(), reading).map_err(|error| refused(error, &name))?;
        let parameter = |said: &str| format!("?column={said}");
        if let Some(error) = table.missing(file.path(), &Field::CERTAIN, parameter) {
            return Err(refused(error, &name));
        }
        let signs = table.signs();
        let echo = table.echo_of_text(file.path()).map_err(|error| refused(error, &name))?;
        let encoding = echo.as_ref().map(Echo::encoding);
        let mut echo = echo.map(Echo::in_utf_8);
        let head = echo.as_mut().map(|echo| echo.header(&[])).transpose();
        let head = head.map_err(|error| refused(error, &name))?;
        let text = encoding.zip(head).map(|(encoding, head)| FileText { encoding, head: in_utf_8(head) });
        let mut lines = rows(table, echo, &name)?;
        let understood = inspect(file.path(), &reading, &Interrupt::default());
        let mut understood = understood.map_err(|error| refused(error, &name))?;
        understood.file = name;
        let first = Answer { request_id: id, content: UnderstoodFile { understood, signs, text } };
        let mut first = serde_json::to_vec(&first).map_err(Problem::internal)?;
        first.push(b'\n');
        lines.text.splice(0..0, first);
        Ok(lines)
    }
}

/// Prices are not asked for here, so their columns are left aside, whatever they hold; and numbers in other units are
/// told, and read as they are.
fn open_without_prices(path: &Path, mut reading: Reading) -> Result<(Table, Arc<Reading>), Error> {
    loop {
        let shared = Arc::new(reading.clone());
        let table = Table::open(path, &shared)?;
        let is_price = |field: &Option<Field>| matches!(field, Some(Field::Price | Field::PricePerCarat));
        let mut prices = table.columns().iter().zip(table.fields()).filter(|(_, field)| is_price(field));
        // Where one is left aside, another one may count as the price.
        let Some((first, _)) = prices.next() else { return Ok((table, shared)) };
        reading = reading.with_column(first, "-")?;
    }
}

/// Text of which nothing is lost.
fn in_utf_8(text: Vec<u8>) -> String {
    String::from_utf8_lossy(&text).into_owned()
}

fn rows(mut table: Table, mut echo: Option<Echo>, name: &str) -> Result<Lines, Problem> {
    let mut lines = Lines { n_rows: 0, text: Vec::new() };
    let refused = |error| refused(error, name);
    while let Some(batch) = table.next_batch().map_err(refused)? {
        lines.n_rows += batch.len();
        if lines.n_rows > MOST_ROWS {
            return Err(Problem::file_too_large(format!("{name} has more than 50,000 rows")));
        }
        let places = 0..batch.len();
        let stones: Vec<_> = places
            .map(|row| (batch.line(row), diamond(&batch, row), errors(&batch, row), fits(&batch, row)))
            .collect();
        let cells = table.texts(batch).map_err(refused)?;
        for ((line, diamond, errors, fits), cells) in stones.into_iter().zip(cells) {
            let diamond = errors.is_none().then_some(diamond);
            let text = echo.as_mut().filter(|_| fits).map(|echo| echo.row(line, &[])).transpose();
            let row = FileRow { line, cells, text: text.map_err(refused)?.map(in_utf_8), diamond, errors };
            serde_json::to_writer(&mut lines.text, &row).map_err(Problem::internal)?;
            lines.text.push(b'\n');
            if lines.text.len() > MOST_TEXT {
                return Err(too_much_text(name));
            }
        }
    }
    if lines.n_rows == 0 {
        return Err(Problem::unreadable_file(format!(
            "{name} has no stones; allowed is a row for each, below the names of the columns"
        )));
    }
    Ok(lines)
}

/// Whether this is a file packed with gzip of more text than that; looking is quick, and reading may take minutes.
fn unpacks_to_more_than(bytes: &[u8], limit: usize) -> bool {
    // What is damaged or no such file at all is told where it is read.
    let unpacked =
        std::io::copy(&mut MultiGzDecoder::new(bytes).take(limit as u64 + 1), &mut std::io::sink());
    unpacked.is_ok_and(|n_bytes| n_bytes > limit as u64)
}

fn too_much_text(name: &str) -> Problem {
    Problem::file_too_large(format!("{name} has more than {} MB of text", MOST_TEXT >> 20))
}

/// What is there of a stone, numbers as numbers where they are written so.
fn diamond(batch: &Batch, row: usize) -> Map<String, Value> {
    let value = |field: Field| match batch.cell(row, field) {
        Cell::Missing => None,
        Cell::Number(number) => Number::from_f64(number).map(Value::Number),
        Cell::Text(text) => {
            let number = (!field.is_grade()).then(|| text.trim().parse().ok()).flatten();
            Some(number.and_then(Number::from_f64).map_or_else(|| text.into(), Value::Number))
        }
    };
    Field::FEATURES.into_iter().filter_map(|field| Some((field.name().to_owned(), value(field)?))).collect()
}

/// Whether a row has as many values as the header.
fn fits(batch: &Batch, row: usize) -> bool {
    batch.raw(row).objections.iter().all(|fault| fault.field != Field::Row)
}

/// What is wrong with a row as a whole.
fn errors(batch: &Batch, row: usize) -> Option<Vec<FieldError>> {
    let objections = batch.raw(row).objections;
    (!objections.is_empty()).then(|| objections.iter().map(|fault| FieldError::of(fault, "")).collect())
}

/// A file that cannot be read is the sender's to mend; everything else is ours.
fn refused(error: Error, name: &str) -> Problem {
    match error {
        Error::Malformed { line, reason, allowed, .. } => {
            let at = line.map(|line| format!(", line {line}")).unwrap_or_default();
            Problem::unreadable_file(format!("{name}{at}: {reason}; allowed is {allowed}"))
        }
        Error::Frame { source, .. } => Problem::unreadable_file(format!("{name} is damaged: {source}")),
        error => Problem::internal(error),
    }
}
