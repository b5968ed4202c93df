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
use super::{Port, values};
use crate::model::control::Control;
use crate::model::onnx::{self, normalise};
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
    /// Reads and compiles a file; gives its inputs and outputs, too.
    pub(super) fn load(bytes: &[u8], options: &GraphOptions) -> Result<(Self, Vec<Port>, Vec<Port>), Error> {
        let summary = onnx::inspect(bytes)?;
        let read = catch_unwind(AssertUnwindSafe(|| onnx().proto_model_for_read(&mut &bytes[..])));
        let bounds = Bounds { options };
        let mut proto = match read {
            Ok(read) => read.map_err(|e| bounds.invalid(&e))?,
            Err(panic) => return Err(bounds.invalid(&TractError::msg(panic_text(&*panic).to_owned()))),
        };
        let mut budget = normalise::Budget::new(options.max_folded_bytes);
        normalise::normalise(&mut proto, &options.fixed, options.outputs.as_deref(), &mut budget)
            .and_then(|()| normalise::suit_tract(&mut proto, &mut budget))
            .map_err(|e| Error::new(e.code, format!("{} does not load: {}", options.label, e.message)))?;
        let (inputs, outputs) = ports(&proto, &summary);
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
            if let Some(shapes) = longest(&inputs, &options.longest) {
                source.form(&Key { shapes, ..Key::default() }, options)?;
            }
        }
        let (retries, distrusted) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok((Self { options: options.clone(), free, source, retries, distrusted }, inputs, outputs))
    }

    /// What messages call the graph.
    pub(super) fn label(&self) -> &str {
        &self.options.label
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
        control.check()?;
        for (port, tensor) in ports.iter().zip(inputs) {
            self.check_input(port, tensor)?;
        }
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

    /// Refuses an input of another kind or shape than the graph's.
    fn check_input(&self, port: &Port, tensor: &Tensor) -> Result<(), Error> {
        let refuse = |what: String| {
            let label = &self.options.label;
            Err(Error::new(Code::InvalidArgument, format!("input {:?} of {label} {what}", port.name)))
        };
        let given = tensor.data().kind();
        if port.kind != Some(given) {
            let wanted = port.kind.map_or("of a type that cannot be given".into(), |k| format!("{k:?}"));
            return refuse(format!("is {wanted}; it was given {given:?}"));
        }
        let Some(shape) = &port.shape else { return Ok(()) };
        let fits = |(size, n): (&Size, &usize)| match size {
            Size::Fixed(fixed) => fixed == n,
            Size::Free(_) => true,
        };
        if shape.len() != tensor.shape().len() || !shape.iter().zip(tensor.shape()).all(fits) {
            let shown = shape.iter().map(|size| match size {
                Size::Fixed(n) => n.to_string(),
                Size::Free(name) => name.clone(),
            });
            let shown = shown.collect::<Vec<_>>().join(", ");
            return refuse(format!("has the shape [{shown}]; it was given {:?}", tensor.shape()));
        }
        Ok(())
    }

    /// Refuses sizes of free axes that contradict each other or need more memory than a value may take.
    fn check_sizes(&self, form: &Form, ports: &[Port], inputs: &[&Tensor]) -> Result<(), Error> {
        let sizes = match free_sizes(ports, inputs) {
            Ok(sizes) => sizes,
            Err(name) => {
                return Err(Error::new(
                    Code::InvalidArgument,
                    format!("axis {name:?} of {} was given two sizes in one run", self.options.label),
                ));
            }
        };
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

/// The sizes of free axes in a run, by name; the name of one that has two sizes otherwise.
fn free_sizes(ports: &[Port], inputs: &[&Tensor]) -> Result<BTreeMap<String, usize>, String> {
    let mut out = BTreeMap::new();
    for (port, tensor) in ports.iter().zip(inputs) {
        for (size, &n) in port.shape.iter().flatten().zip(tensor.shape()) {
            if let Size::Free(name) = size
                && out.insert(name.clone(), n).is_some_and(|before| before != n)
            {
                return Err(name.clone());
            }
        }
    }
    Ok(out)
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

/// The inputs of a normalised file, and its outputs as the file itself declares them.
fn ports(proto: &pb::ModelProto, summary: &onnx::Summary) -> (Vec<Port>, Vec<Port>) {
    let Some(graph) = &proto.graph else { return (Vec::new(), Vec::new()) };
    let input = |value: &pb::ValueInfoProto| {
        let found = normalise::declared(value);
        Port { name: found.name, kind: values::kind_of(found.element), shape: found.shape }
    };
    let output = |value: &pb::ValueInfoProto| {
        let port = summary.outputs.iter().find(|p| p.name == value.name);
        let element = port.and_then(|p| i32::try_from(p.element).ok()).unwrap_or(0);
        Port { name: value.name.clone(), kind: values::kind_of(element), shape: None }
    };
    (graph.input.iter().map(input).collect(), graph.output.iter().map(output).collect())
}
