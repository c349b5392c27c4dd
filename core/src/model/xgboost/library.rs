//! XGBoost's official shared library, loaded at run time. This is the only place where its C
//! functions are called; what leaves it is safe.
//!
//! Source of the signatures: <https://xgboost.readthedocs.io/en/stable/c.html>

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView1};
use serde_json::json;

use crate::error::{Error, Result};
use crate::model::FeatureKind;

/// The oldest release whose training and model files this code was tested with.
const OLDEST: (c_int, c_int) = (3, 0);
const OLDEST_NAME: &str = "3.0";

type Handle = *mut c_void;

/// The functions used, each as the library's header declares it.
struct Functions {
    version: unsafe extern "C" fn(*mut c_int, *mut c_int, *mut c_int),
    last_error: unsafe extern "C" fn() -> *const c_char,
    matrix_from_dense: unsafe extern "C" fn(*const c_char, *const c_char, *mut Handle) -> c_int,
    matrix_set_info: unsafe extern "C" fn(Handle, *const c_char, *const c_char) -> c_int,
    matrix_set_features: unsafe extern "C" fn(Handle, *const c_char, *const *const c_char, u64) -> c_int,
    matrix_free: unsafe extern "C" fn(Handle) -> c_int,
    booster_create: unsafe extern "C" fn(*const Handle, u64, *mut Handle) -> c_int,
    booster_free: unsafe extern "C" fn(Handle) -> c_int,
    booster_set_param: unsafe extern "C" fn(Handle, *const c_char, *const c_char) -> c_int,
    booster_update: unsafe extern "C" fn(Handle, c_int, Handle) -> c_int,
    booster_predict: unsafe extern "C" fn(
        Handle,
        Handle,
        *const c_char,
        *mut *const u64,
        *mut u64,
        *mut *const f32,
    ) -> c_int,
    booster_save: unsafe extern "C" fn(Handle, *const c_char, *mut u64, *mut *const c_char) -> c_int,
}

/// The loaded library.
pub struct Library {
    functions: Functions,
    version: String,
    /// Never unloaded: its OpenMP threads may outlive any one owner.
    _library: ManuallyDrop<libloading::Library>,
}

impl Library {
    /// Loads the first of `candidates` that is there.
    ///
    /// # Errors
    /// [`Error::XgboostMissing`] naming each place tried, [`Error::XgboostTooOld`].
    pub fn open(candidates: &[PathBuf]) -> Result<Self> {
        let mut tried = Vec::new();
        for path in candidates {
            if !path.exists() {
                tried.push(format!("{} (not there)", path.display()));
                continue;
            }
            // SAFETY: loading runs the library's initialisers; the paths are those of XGBoost's own
            // package or one that the user named as such.
            match unsafe { libloading::Library::new(path) } {
                Ok(library) => return Self::bind(library, path),
                Err(error) => tried.push(format!("{} ({error})", path.display())),
            }
        }
        let tried = if tried.is_empty() { "no place at all".into() } else { tried.join("; ") };
        Err(Error::XgboostMissing { tried })
    }

    fn bind(library: libloading::Library, path: &Path) -> Result<Self> {
        let missing = |error: libloading::Error| Error::XgboostMissing {
            tried: format!("{} (not an XGBoost library: {error})", path.display()),
        };
        // SAFETY: each type above is the signature that the library's header gives the symbol.
        let functions = unsafe {
            Functions {
                version: *library.get(b"XGBoostVersion\0").map_err(missing)?,
                last_error: *library.get(b"XGBGetLastError\0").map_err(missing)?,
                matrix_from_dense: *library.get(b"XGDMatrixCreateFromDense\0").map_err(missing)?,
                matrix_set_info: *library.get(b"XGDMatrixSetInfoFromInterface\0").map_err(missing)?,
                matrix_set_features: *library.get(b"XGDMatrixSetStrFeatureInfo\0").map_err(missing)?,
                matrix_free: *library.get(b"XGDMatrixFree\0").map_err(missing)?,
                booster_create: *library.get(b"XGBoosterCreate\0").map_err(missing)?,
                booster_free: *library.get(b"XGBoosterFree\0").map_err(missing)?,
                booster_set_param: *library.get(b"XGBoosterSetParam\0").map_err(missing)?,
                booster_update: *library.get(b"XGBoosterUpdateOneIter\0").map_err(missing)?,
                booster_predict: *library.get(b"XGBoosterPredictFromDMatrix\0").map_err(missing)?,
                booster_save: *library.get(b"XGBoosterSaveModelToBuffer\0").map_err(missing)?,
            }
        };
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: three valid places to write to.
        unsafe { (functions.version)(&raw mut major, &raw mut minor, &raw mut patch) };
        let version = format!("{major}.{minor}.{patch}");
        if (major, minor) < OLDEST {
            return Err(Error::XgboostTooOld { path: path.into(), found: version, needed: OLDEST_NAME });
        }
        tracing::info!(path = %path.display(), version, "XGBoost library loaded");
        Ok(Self { functions, version, _library: ManuallyDrop::new(library) })
    }

    /// The library's version, such as `3.2.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn check(&self, call: &'static str, status: c_int) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the library returns a text that ends in NUL and lives until this thread's next call.
        let message = unsafe { CStr::from_ptr((self.functions.last_error)()) };
        // The library puts a stack trace behind the first line.
        let message = message.to_string_lossy().lines().next().unwrap_or_default().to_owned();
        Err(Error::Xgboost { call, message })
    }
}

/// Rows in the library's own form.
pub(super) struct Matrix<'a> {
    library: &'a Library,
    handle: Handle,
}

// SAFETY: the library ties a matrix to no thread; it is not `Sync`, so one at a time has it.
unsafe impl Send for Matrix<'_> {}

impl<'a> Matrix<'a> {
    /// Copies `features` (missing values are NaN) into the library.
    pub(super) fn new(library: &'a Library, features: &Array2<f32>, kinds: &[FeatureKind]) -> Result<Self> {
        let data = text(&array_interface(features.as_ptr().cast(), features.shape(), "<f4"));
        let config = text(
            &json!({"missing": f32::NAN.to_string(), "nthread": 1}).to_string().replace("\"NaN\"", "NaN"),
        );
        let mut handle = std::ptr::null_mut();
        // SAFETY: `features` is in standard layout (an owned Array2 made by `from_shape_*`), lives
        // through the call and is only read; the library copies it.
        let status =
            unsafe { (library.functions.matrix_from_dense)(data.as_ptr(), config.as_ptr(), &raw mut handle) };
        library.check("the training rows", status)?;
        let matrix = Self { library, handle };
        matrix.set_kinds(kinds)?;
        Ok(matrix)
    }

    fn set_kinds(&self, kinds: &[FeatureKind]) -> Result<()> {
        let kind = |kind: &FeatureKind| match kind {
            FeatureKind::Number => c"float".as_ptr(),
            FeatureKind::Category => c"c".as_ptr(),
        };
        let kinds: Vec<_> = kinds.iter().map(kind).collect();
        // SAFETY: an array of `len` texts that end in NUL.
        let status = unsafe {
            (self.library.functions.matrix_set_features)(
                self.handle,
                c"feature_type".as_ptr(),
                kinds.as_ptr(),
                kinds.len() as u64,
            )
        };
        self.library.check("the kinds of features", status)
    }

    /// Sets what is to be learned, one value a row.
    pub(super) fn set_target(&self, target: ArrayView1<'_, f64>) -> Result<()> {
        self.set_info("the target", c"label", target)
    }

    /// Sets how much each row counts.
    pub(super) fn set_weight(&self, weight: ArrayView1<'_, f64>) -> Result<()> {
        self.set_info("the weights", c"weight", weight)
    }

    fn set_info(&self, call: &'static str, name: &CStr, values: ArrayView1<'_, f64>) -> Result<()> {
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        let data = text(&array_interface(values.as_ptr().cast(), &[values.len()], "<f4"));
        // SAFETY: `values` lives through the call; the library copies it.
        let status =
            unsafe { (self.library.functions.matrix_set_info)(self.handle, name.as_ptr(), data.as_ptr()) };
        self.library.check(call, status)
    }
}

impl Drop for Matrix<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle came from the library and is freed once.
        unsafe { (self.library.functions.matrix_free)(self.handle) };
    }
}

/// A growing model. The matrices outlive it, because the library keeps pointers to them.
pub(super) struct Booster<'a> {
    library: &'a Library,
    handle: Handle,
    _matrices: PhantomData<&'a Matrix<'a>>,
}

impl<'a> Booster<'a> {
    /// An empty model that keeps its predictions for `matrices` up to date as it grows.
    pub(super) fn new(library: &'a Library, matrices: &[&'a Matrix<'a>]) -> Result<Self> {
        let handles: Vec<_> = matrices.iter().map(|matrix| matrix.handle).collect();
        let mut handle = std::ptr::null_mut();
        // SAFETY: an array of `len` live handles.
        let status = unsafe {
            (library.functions.booster_create)(handles.as_ptr(), handles.len() as u64, &raw mut handle)
        };
        library.check("a new model", status)?;
        Ok(Self { library, handle, _matrices: PhantomData })
    }

    pub(super) fn set_param(&self, name: &str, value: &str) -> Result<()> {
        let (name, value) = (text(name), text(value));
        // SAFETY: two texts that end in NUL.
        let status =
            unsafe { (self.library.functions.booster_set_param)(self.handle, name.as_ptr(), value.as_ptr()) };
        self.library.check("a parameter", status)
    }

    /// Adds the tree of `round`, counted from 0.
    pub(super) fn update(&self, round: usize, train: &'a Matrix<'a>) -> Result<()> {
        // SAFETY: two live handles.
        let status =
            unsafe { (self.library.functions.booster_update)(self.handle, round as c_int, train.handle) };
        self.library.check("a round of training", status)
    }

    /// Predictions for one of the model's matrices, one value a row.
    pub(super) fn predict(&self, matrix: &'a Matrix<'a>) -> Result<Vec<f32>> {
        const CONFIG: &CStr =
            c"{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false}";
        let (mut shape, mut n_dims, mut values) = (std::ptr::null(), 0, std::ptr::null());
        // SAFETY: two live handles and three valid places to write to.
        let status = unsafe {
            (self.library.functions.booster_predict)(
                self.handle,
                matrix.handle,
                CONFIG.as_ptr(),
                &raw mut shape,
                &raw mut n_dims,
                &raw mut values,
            )
        };
        self.library.check("a prediction", status)?;
        // SAFETY: on success `shape` points to `n_dims` lengths and `values` to as many numbers as
        // their product says; both live until the next call on this model, and are copied here.
        unsafe {
            let shape = std::slice::from_raw_parts(shape, n_dims as usize);
            Ok(std::slice::from_raw_parts(values, shape.iter().product::<u64>() as usize).to_vec())
        }
    }

    /// The model file, in UBJ.
    pub(super) fn save(&self) -> Result<Vec<u8>> {
        let (mut length, mut bytes) = (0, std::ptr::null());
        // SAFETY: a live handle, a text that ends in NUL, two valid places to write to.
        let status = unsafe {
            (self.library.functions.booster_save)(
                self.handle,
                c"{\"format\":\"ubj\"}".as_ptr(),
                &raw mut length,
                &raw mut bytes,
            )
        };
        self.library.check("saving the model", status)?;
        // SAFETY: on success `bytes` points to `length` bytes that live until the next call.
        Ok(unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) }.to_vec())
    }
}

impl Drop for Booster<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle came from the library and is freed once.
        unsafe { (self.library.functions.booster_free)(self.handle) };
    }
}

/// The array interface protocol of NumPy, version 3, in the JSON form that XGBoost takes.
fn array_interface(data: *const c_void, shape: &[usize], kind: &str) -> String {
    json!({"data": [data as usize, true], "shape": shape, "typestr": kind, "version": 3}).to_string()
}

/// A C text. What we pass holds no NUL; if it ever did, it would end there.
fn text(content: &str) -> CString {
    let bytes = content.bytes().take_while(|byte| *byte != 0).collect::<Vec<_>>();
    CString::new(bytes).unwrap_or_default()
}
