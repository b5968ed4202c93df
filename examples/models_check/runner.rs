//! One file in both engines, and how far apart they are.

use std::collections::BTreeMap;
use std::path::Path;

use ort::environment::Environment;
use ort::session::{Session, builder::GraphOptimizationLevel};
use ort::value::{DynValue, Tensor as OrtTensor, TensorElementType, ValueType};
use trueline_core::model::control::Control;
use trueline_core::model::graph::{Graph, GraphOptions};
use trueline_core::model::tensor::{Data, Tensor};

/// Values by name.
pub type Values = Vec<(String, Tensor)>;
/// What went wrong, for a line of the report.
pub type Outcome<T> = Result<T, String>;

/// One input of a run.
pub fn value(name: &str, shape: &[usize], data: Data) -> (String, Tensor) {
    (name.to_owned(), Tensor::new(shape.to_vec(), data).unwrap_or_else(|e| panic!("{name}: {e}")))
}

/// The value called `name`.
pub fn pick(values: &Values, name: &str) -> Outcome<Tensor> {
    values
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, t)| t.clone())
        .ok_or_else(|| format!("no output {name:?}"))
}

/// A file in both engines.
pub struct Pair {
    ours: Graph,
    theirs: Session,
    /// The largest difference so far, absolute and as a share of the output's largest number.
    pub worst: (f32, f32),
    /// Integers that differed.
    pub unequal: usize,
    /// Runs that were compared.
    pub runs: usize,
    /// What the first run took, compiling included, and the fastest later one, in milliseconds: ours, theirs.
    pub times: [(f64, f64); 2],
}

impl Pair {
    /// Loads the file in both.
    pub fn new(environment: &Environment, file: &Path, options: &GraphOptions) -> Outcome<Self> {
        let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let ours = Graph::load(&bytes, options).map_err(|e| e.to_string())?;
        let theirs = Session::builder(environment)
            .map_err(|e| text(&e))?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(|e| text(&e))?
            .with_intra_threads(1)
            .map_err(|e| text(&e))?
            .commit_from_memory(&bytes)
            .map_err(|e| format!("ONNX Runtime: {e}"))?;
        Ok(Self { ours, theirs, worst: (0.0, 0.0), unequal: 0, runs: 0, times: [(0.0, f64::MAX); 2] })
    }

    /// What stands in the way of a plan.
    pub fn no_plan(&self) -> Option<&str> {
        self.ours.no_plan()
    }

    /// Whether the file was compiled at load, once for all sizes.
    pub fn deferred(&self) -> Option<String> {
        self.ours.deferred().map(|e| e.message.clone())
    }

    /// Runs both on the same inputs, compares, and gives ONNX Runtime's outputs.
    pub fn run(&mut self, inputs: &Values) -> Outcome<Values> {
        let start = std::time::Instant::now();
        let theirs = self.reference(inputs)?;
        self.time(1, start);
        let taken: Vec<(&str, Tensor)> = inputs
            .iter()
            .filter(|(name, _)| self.ours.inputs().iter().any(|p| p.name == *name))
            .map(|(name, tensor)| (name.as_str(), tensor.clone()))
            .collect();
        let start = std::time::Instant::now();
        let ours = self.ours.run(&taken, &Control::unlimited()).map_err(|e| e.to_string())?;
        self.time(0, start);
        self.runs += 1;
        for (name, ours) in &ours {
            self.compare(name, ours, &pick(&theirs, name)?)?;
        }
        Ok(theirs)
    }

    fn time(&mut self, whose: usize, start: std::time::Instant) {
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let times = &mut self.times[whose];
        if self.runs == 0 { times.0 = ms } else { times.1 = times.1.min(ms) }
    }

    fn compare(&mut self, name: &str, ours: &Tensor, theirs: &Tensor) -> Outcome<()> {
        if ours.shape() != theirs.shape() {
            return Err(format!(
                "output {name:?} is {:?}; ONNX Runtime gives {:?}",
                ours.shape(),
                theirs.shape()
            ));
        }
        match (ours.data(), theirs.data()) {
            (Data::F32(a), Data::F32(b)) => {
                let finite = b.iter().filter(|v| v.is_finite());
                let scale = finite.fold(0.0_f32, |m, v| m.max(v.abs())).max(f32::MIN_POSITIVE);
                for (a, b) in a.iter().zip(b) {
                    let off = if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() };
                    let off = if off.is_nan() { f32::INFINITY } else { off };
                    self.worst = (self.worst.0.max(off), self.worst.1.max(off / scale));
                }
            }
            (a, b) if a.kind() == b.kind() => self.unequal += usize::from(a != b),
            (a, b) => {
                return Err(format!("output {name:?} is {:?}; ONNX Runtime gives {:?}", a.kind(), b.kind()));
            }
        }
        Ok(())
    }

    /// ONNX Runtime's outputs alone.
    pub fn reference(&mut self, inputs: &Values) -> Outcome<Values> {
        let mut given: Vec<(String, DynValue)> = Vec::new();
        for (name, tensor) in inputs {
            let shape = tensor.shape().to_vec();
            let made = match tensor.data() {
                Data::F32(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::I64(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::I32(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::Bool(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::U8(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
                Data::I8(v) => OrtTensor::from_array((shape, v.clone())).map(OrtTensor::into_dyn),
            };
            given.push((name.clone(), made.map_err(|e| e.to_string())?));
        }
        let found = self.theirs.run(given).map_err(|e| format!("ONNX Runtime: {e}"))?;
        let mut out: BTreeMap<String, Tensor> = BTreeMap::new();
        for (name, value) in found.iter() {
            let ValueType::Tensor { ty, .. } = value.dtype() else {
                return Err(format!("output {name:?} is no tensor"));
            };
            let wrong = |e: ort::Error| e.to_string();
            macro_rules! take {
                ($t:ty, $kind:ident) => {{
                    let (shape, data) = value.try_extract_tensor::<$t>().map_err(wrong)?;
                    (shape.to_vec(), Data::$kind(data.to_vec()))
                }};
            }
            let (shape, data) = match ty {
                TensorElementType::Float32 => take!(f32, F32),
                TensorElementType::Int64 => take!(i64, I64),
                TensorElementType::Int32 => take!(i32, I32),
                TensorElementType::Bool => take!(bool, Bool),
                TensorElementType::Uint8 => take!(u8, U8),
                TensorElementType::Int8 => take!(i8, I8),
                other => return Err(format!("output {name:?} is of type {other:?}")),
            };
            let shape = shape.iter().map(|&d| d as usize).collect();
            out.insert(name.to_owned(), Tensor::new(shape, data).map_err(|e| e.to_string())?);
        }
        Ok(out.into_iter().collect())
    }
}
