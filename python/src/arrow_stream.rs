//! Frames of any library, through the Arrow PyCapsule interface. Together with XGBoost's function
//! table this is all the unsafe code there is.
//!
//! Source: <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>

#![allow(unsafe_code)]

use polars::prelude::{PolarsResult, polars_bail};
use polars_arrow::array::{Array, StructArray};
use polars_arrow::datatypes::Field;
use polars_arrow::ffi::{ArrowArrayStream, ArrowArrayStreamReader};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

/// The method that makes an object a frame.
pub(crate) const METHOD: &str = "__arrow_c_stream__";
/// The name that the interface prescribes for the capsule.
const NAME: &std::ffi::CStr = c"arrow_array_stream";

/// A stream of record batches that is ours alone.
pub(crate) struct Stream(ArrowArrayStream);

impl Stream {
    /// Takes the stream out of the capsule that the frame hands over, columns of ours in a form that we read.
    pub(crate) fn of(frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        let frame = frame.py().import("xtream_core._frames")?.call_method1("handed", (frame,))?;
        let capsule = frame.call_method0(METHOD)?.cast_into::<PyCapsule>()?;
        let stream = capsule.pointer_checked(Some(NAME))?.cast::<ArrowArrayStream>();
        // SAFETY: a capsule of this name holds a valid, aligned `ArrowArrayStream` of the C
        // interface, of which polars' struct is the declaration. No Python code runs between the
        // check and the move. The interface lets a consumer move the struct out if it leaves a
        // released one behind, which the empty one is: the capsule's destructor will not release it
        // a second time.
        Ok(Self(unsafe { stream.replace(ArrowArrayStream::empty()) }))
    }

    /// Reads the whole stream: its columns, and the batches with these columns' values in order.
    ///
    /// The producer takes the interpreter lock by itself should it need it, so it must not be held.
    pub(crate) fn read(self) -> PolarsResult<(Vec<Field>, Vec<StructArray>)> {
        // SAFETY: the stream came out of a capsule whose producer promises a valid one.
        let mut reader = unsafe { ArrowArrayStreamReader::try_new(Box::new(self.0))? };
        let polars_arrow::datatypes::ArrowDataType::Struct(columns) = reader.field().dtype().clone() else {
            polars_bail!(SchemaMismatch: "a table is needed, not a single column of {:?}", reader.field().dtype());
        };
        let mut batches = Vec::new();
        // SAFETY: the producer promises arrays that are valid and match the stream's schema.
        while let Some(batch) = unsafe { reader.next() } {
            let batch = batch?;
            match batch.as_any().downcast_ref::<StructArray>() {
                Some(batch) if batch.null_count() == 0 => batches.push(batch.clone()),
                _ => {
                    polars_bail!(SchemaMismatch: "a table is needed, and its rows must not be null as a whole")
                }
            }
        }
        Ok((columns, batches))
    }
}
