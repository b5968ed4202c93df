//! ONNX Runtime, loaded at run time from a path that the caller gives; nothing is downloaded.
//!
//! One library and one environment a process: the first path that loads stays in use.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session};
use ort::value::{DynValue, Tensor as OrtTensor};

use crate::model::backend::{Backend, Memory, graph_names};
use crate::model::control::Control;
use crate::model::pack::Pack;
use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// How often the deadline and the cancel token are looked at while ONNX Runtime runs.
const LOOK: Duration = Duration::from_millis(1);

static ENVIRONMENT: Mutex<Option<Arc<Environment>>> = Mutex::new(None);

/// A model as ONNX Runtime runs it, on one thread. Its sessions take turns.
pub(super) struct Ort {
    session: Mutex<Session>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    pack: String,
}

impl Ort {
    pub(super) fn new(
        pack: &Pack,
        outputs: &[String],
        label: &str,
        library: Option<&str>,
    ) -> Result<Self, Error> {
        let environment = environment(library)?;
        let (inputs, _) = graph_names(pack.manifest())?;
        let session = build(&environment, super::model(pack)?).map_err(|e| {
            Error::new(
                Code::InvalidModel,
                format!("the model of pack {label} does not load in ONNX Runtime: {}", one_line(&e)),
            )
        })?;
        let (outputs, pack) = (outputs.to_vec(), label.to_owned());
        Ok(Self { session: Mutex::new(session), inputs, outputs, pack })
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Error {
        let line = one_line(&error.to_string());
        Error::new(
            Code::InvalidModel,
            format!("the model of pack {} failed in ONNX Runtime: {line}", self.pack),
        )
    }

    fn run_once(&self, inputs: &[Tensor], options: &RunOptions) -> Result<Vec<Tensor>, Error> {
        let mut values: Vec<(String, DynValue)> = Vec::with_capacity(inputs.len());
        for (name, input) in self.inputs.iter().zip(inputs) {
            let shape = input.shape().to_vec();
            let value = match input.data() {
                Data::I64(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::F32(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::I32(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::Bool(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::U8(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::I8(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
            };
            values.push((name.clone(), value.map_err(|e| self.failed(&e))?));
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let found = session.run_with_options(values, options).map_err(|e| self.failed(&e))?;
        let mut out = Vec::with_capacity(self.outputs.len());
        for name in &self.outputs {
            let value =
                found.get(name.as_str()).ok_or_else(|| self.failed(&format!("no output {name:?}")))?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(|e| self.failed(&e))?;
            let shape = shape.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
            out.push(Tensor::new(shape, Data::F32(data.to_vec()))?);
        }
        Ok(out)
    }
}

impl Backend for Ort {
    fn run(&self, _memory: &mut Memory, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        control.check()?;
        let options = RunOptions::new().map_err(|e| self.failed(&e))?;
        if control.is_unlimited() {
            return self.run_once(inputs, &options);
        }
        // ONNX Runtime looks at its terminate flag between operators; a watcher of this call sets it.
        let (done, watched) = channel::<()>();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                let watched = watched;
                while let Err(RecvTimeoutError::Timeout) = watched.recv_timeout(LOOK) {
                    if control.check().is_err() {
                        // A flag that cannot be set leaves the run to end by itself; the look below still refuses it.
                        let _ = options.terminate();
                        return;
                    }
                }
            });
            let result = self.run_once(inputs, &options);
            drop(done);
            result
        });
        control.check()?;
        result
    }
}

fn build(environment: &Environment, model: &[u8]) -> Result<Session, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    Session::builder(environment)
        .map_err(|e| text(&e))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|e| text(&e))?
        .with_intra_threads(1)
        .map_err(|e| text(&e))?
        .with_intra_op_spinning(false)
        .map_err(|e| text(&e))?
        .commit_from_memory(model)
        .map_err(|e| text(&e))
}

fn environment(library: Option<&str>) -> Result<Arc<Environment>, Error> {
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = slot.as_ref() {
        return Ok(Arc::clone(environment));
    }
    let Some(library) = library else {
        return Err(Error::new(
            Code::Unavailable,
            "backend ort needs the path of libonnxruntime: ort_library in the configuration, or TRUELINE_ORT_LIBRARY",
        ));
    };
    let unavailable = |e: &dyn std::fmt::Display| {
        Error::new(
            Code::Unavailable,
            format!("libonnxruntime at {library:?} does not load: {}", one_line(&e.to_string())),
        )
    };
    if !Path::new(library).is_file() {
        return Err(unavailable(&"there is no such file"));
    }
    let environment = ort::init_from(library)
        .map_err(|e| unavailable(&e))?
        .with_telemetry(false)
        .build()
        .map_err(|e| unavailable(&e))?;
    Ok(Arc::clone(slot.insert(Arc::new(environment))))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}
