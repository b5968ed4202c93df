//! The compiled forms of a graph, and which one a run takes.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::eval;

use super::bounds::Bounds;
use super::compile::{self, Form, compile, one_line, panic_text};
use super::options::{Fixed, GraphOptions, InputSpec, Size};
use super::ports::{self, free_sizes};
use super::{Port, values};
use crate::model::control::Control;
use crate::model::onnx::normalise;
use crate::model::plan::ir::Kind;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

/// How often a run that fails is tried again with a form made for it, if that has failed so far, too.
const MAX_RETRIES: usize = 3;

/// A graph, compiled at load or in runs.
pub(super) struct Engine {
    options: GraphOptions,
    /// The form for every size, if there is one.
    free: Option<Form>,
    /// What forms for single runs are made from; `None` if one form does for all.
    source: Option<Source>,
    /// Runs of the free form that failed and were tried again.
    retries: AtomicUsize,
    /// The free form failed where one made for the run did not; it is not used any more.
    distrusted: AtomicBool,
}

/// What a graph is compiled from again.
struct Source {
    /// Why it was not compiled for every size.
    why: Option<Error>,
    proto: pb::ModelProto,
    kept: Mutex<Kept>,
}

/// The forms that are kept, the latest used last, and how much of a run they must fix.
struct Kept {
    reach: Reach,
    forms: Vec<(Key, Arc<Form>)>,
}

/// How much of a run a form is made for; each fixes more than the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reach {
    /// Axes of size 1.
    Ones,
    /// All sizes.
    Sizes,
    /// All sizes, and the values of inputs that are one integer or truth value.
    Values,
}

/// What a form was made for.
#[derive(Clone, Debug, Default, PartialEq)]
struct Key {
    sizes: BTreeMap<String, usize>,
    shapes: BTreeMap<String, Vec<usize>>,
    values: BTreeMap<String, i64>,
}

impl Engine {
    /// Compiles a normalised file.
    pub(super) fn load(
        mut proto: pb::ModelProto,
        inputs: &[Port],
        options: &GraphOptions,
        budget: &mut normalise::Budget,
    ) -> Result<Self, Error> {
        normalise::suit_tract(&mut proto, budget)
            .map_err(|e| Error::new(e.code, format!("{} does not load: {}", options.label, e.message)))?;
        let open = inputs.iter().any(is_open);
        let (free, why) = match compile(proto.clone(), options) {
            Ok(form) => (Some(form), None),
            Err(why) if why.code == Code::TooLarge || !open => return Err(why),
            Err(why) => (None, Some(why)),
        };
        let kept = Mutex::new(Kept { reach: Reach::Ones, forms: Vec::new() });
        let source = open.then_some(Source { why, proto, kept });
        if let (None, Some(source)) = (&free, &source) {
            compile::check_operators(&source.proto, &options.label)?;
            if let Some(shapes) = longest(inputs, &options.longest) {
                source.form(&Key { shapes, ..Key::default() }, options)?;
            }
        }
        let (retries, distrusted) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Self { options: options.clone(), free, source, retries, distrusted })
    }

    /// Why the graph was not compiled at load.
    pub(super) fn deferred(&self) -> Option<&Error> {
        self.source.as_ref()?.why.as_ref()
    }

    /// Runs the graph; inputs are in the order of `ports`, outputs in the graph's.
    pub(super) fn run(
        &self,
        ports: &[Port],
        inputs: &[&Tensor],
        control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        let free = self.free.as_ref().filter(|_| !self.distrusted.load(Ordering::Relaxed));
        let failure = match free {
            None => None,
            Some(form) => match self.run_free(form, ports, inputs, control) {
                Err(error) if error.code == Code::InvalidModel => Some(error),
                done => return done,
            },
        };
        let retry = failure.is_none() || self.retries.load(Ordering::Relaxed) < MAX_RETRIES;
        let Some(source) = self.source.as_ref().filter(|_| retry) else {
            return Err(failure.unwrap_or_else(|| self.failed(&TractError::msg("it has no compiled form"))));
        };
        let done = source.run(self, ports, inputs, control);
        match (done, failure) {
            (done, None) => done,
            (Ok(outputs), Some(error)) => {
                log::warn!("{}; compiled for its sizes it runs, and so it will from now on", error.message);
                self.distrusted.store(true, Ordering::Relaxed);
                Ok(outputs)
            }
            (Err(error), Some(_)) if error.code != Code::InvalidModel => Err(error),
            (Err(_), Some(error)) => {
                self.retries.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    fn run_free(
        &self,
        form: &Form,
        ports: &[Port],
        inputs: &[&Tensor],
        control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        self.check_sizes(form, ports, inputs)?;
        self.run_form(form, ports, inputs, control)
    }

    fn run_form(
        &self,
        form: &Form,
        ports: &[Port],
        inputs: &[&Tensor],
        control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        let by_name: HashMap<&str, &Tensor> =
            ports.iter().map(|p| p.name.as_str()).zip(inputs.iter().copied()).collect();
        let mut given = tvec!();
        for (i, name) in form.inputs.iter().enumerate() {
            let fact = form.plan.model().input_fact(i).map_err(|e| self.failed(&e))?;
            let value = values::to_tract(by_name[name.as_str()], fact.datum_type);
            given.push(value.map_err(|e| self.failed(&e))?.into_tvalue());
        }
        self.execute(form, given, control)
    }

    fn execute(&self, form: &Form, given: TVec<TValue>, control: &Control) -> Result<Vec<Tensor>, Error> {
        let mut state = form.plan.spawn().map_err(|e| self.failed(&e))?;
        let mut stopped = None;
        // A graph may ask for what an operator cannot do, a row that a table has not: tract panics on some of it.
        let outputs = catch_unwind(AssertUnwindSafe(|| {
            state.run_plan_with_eval(given, |context, op_state, node, input| {
                if let Err(stop) = control.check() {
                    stopped = Some(stop);
                    return Err(TractError::msg("stopped"));
                }
                eval(context, op_state, node, input)
            })
        }));
        let outputs = outputs.map_err(|p| self.failed(&TractError::msg(panic_text(&*p).to_owned())))?;
        if let Some(stop) = stopped {
            return Err(stop);
        }
        let outputs = outputs.map_err(|e| self.failed(&e))?;
        let ours = outputs.iter().map(|value| {
            let (shape, data) = values::from_tract(value).map_err(|e| self.failed(&e))?;
            Tensor::new(shape, data)
        });
        ours.collect()
    }

    /// Refuses sizes of free axes that contradict each other or need more memory than a value may take.
    fn check_sizes(&self, form: &Form, ports: &[Port], inputs: &[&Tensor]) -> Result<(), Error> {
        let sizes = ports::agreeing_sizes(&self.options.label, ports, inputs)?;
        let announced = |(name, n): (&String, &usize)| self.options.longest.get(name).is_some_and(|m| n <= m);
        if sizes.iter().all(announced) {
            return Ok(());
        }
        Bounds { options: &self.options }.check_run(form.plan.model(), &sizes)
    }

    fn failed(&self, error: &TractError) -> Error {
        let label = &self.options.label;
        Error::new(Code::InvalidModel, format!("{label} failed in a run: {}", one_line(error)))
    }
}

impl Source {
    /// Runs the graph in a form for this run: one that is kept, or a new one. A form that does not compile or fails is
    /// followed by one that fixes more.
    fn run(
        &self,
        engine: &Engine,
        ports: &[Port],
        inputs: &[&Tensor],
        control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        let mut last = self.why.clone();
        for reach in [Reach::Ones, Reach::Sizes, Reach::Values] {
            let key = key(reach, ports, inputs);
            let form = match self.keep(reach, key, &engine.options) {
                Ok(Some(form)) => form,
                Ok(None) => continue,
                Err(error) if error.code == Code::TooLarge => return Err(error),
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            match engine.run_form(&form, ports, inputs, control) {
                Err(error) if error.code == Code::InvalidModel => last = Some(error),
                Err(error) => return Err(error),
                Ok(outputs) => {
                    self.kept.lock().unwrap_or_else(PoisonError::into_inner).reach = reach;
                    return Ok(outputs);
                }
            }
        }
        Err(last.unwrap_or_else(|| engine.failed(&TractError::msg("it has no compiled form"))))
    }

    /// The form for `key`, made if it is not kept; `None` if less than this must be fixed at least, or nothing is.
    fn keep(&self, reach: Reach, key: Key, options: &GraphOptions) -> Result<Option<Arc<Form>>, Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if (reach as u8) < kept.reach as u8 || key == Key::default() {
            return Ok(None);
        }
        let form = match kept.forms.iter().position(|(k, _)| *k == key) {
            Some(at) => kept.forms.remove(at).1,
            None => Arc::new(self.form(&key, options)?),
        };
        if kept.forms.len() >= options.max_forms.max(1) {
            kept.forms.remove(0);
        }
        kept.forms.push((key, Arc::clone(&form)));
        Ok(Some(form))
    }

    fn form(&self, key: &Key, options: &GraphOptions) -> Result<Form, Error> {
        let mut proto = self.proto.clone();
        let mut fixed = Fixed { sizes: key.sizes.clone(), ..Fixed::default() };
        for (name, shape) in &key.shapes {
            let shape = shape.iter().map(|&n| Size::Fixed(n)).collect();
            fixed.inputs.insert(name.clone(), InputSpec { kind: None, shape });
        }
        if let Some(graph) = proto.graph.as_mut() {
            normalise::fix_inputs(graph, &fixed)?;
            for (name, value) in &key.values {
                normalise::fix_integer(graph, name, *value)?;
            }
        }
        compile(proto, options)
    }
}

/// What a form for this run is made for.
fn key(reach: Reach, ports: &[Port], inputs: &[&Tensor]) -> Key {
    if reach == Reach::Ones {
        let mut sizes = free_sizes(ports, inputs).unwrap_or_default();
        sizes.retain(|_, n| *n == 1);
        return Key { sizes, ..Key::default() };
    }
    let mut key = Key::default();
    for (port, tensor) in ports.iter().zip(inputs) {
        key.shapes.insert(port.name.clone(), tensor.shape().to_vec());
        if reach == Reach::Values
            && let Some(value) = tensor.single_integer()
        {
            key.values.insert(port.name.clone(), value);
        }
    }
    key
}

/// The shapes of all inputs at the largest sizes that were announced; `None` if a free axis has none.
fn longest(ports: &[Port], longest: &BTreeMap<String, usize>) -> Option<BTreeMap<String, Vec<usize>>> {
    let size = |size: &Size| match size {
        Size::Fixed(n) => Some(*n),
        Size::Free(name) => longest.get(name).copied(),
    };
    let shape = |port: &Port| {
        Some((port.name.clone(), port.shape.as_ref()?.iter().map(size).collect::<Option<_>>()?))
    };
    ports.iter().map(shape).collect()
}

/// Whether runs can differ in what a compiler would like to know of this input.
fn is_open(port: &Port) -> bool {
    let single = |shape: &Vec<Size>| shape.iter().all(|size| *size == Size::Fixed(1));
    match &port.shape {
        None => true,
        Some(shape) if shape.iter().any(|size| matches!(size, Size::Free(_))) => true,
        Some(shape) => single(shape) && port.kind != Some(Kind::F32),
    }
}
