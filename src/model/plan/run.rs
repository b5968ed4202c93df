//! Running a plan: the loop over its steps, and what it keeps between them.

use trueline_kernels::Isa;

use crate::model::control::Control;
use crate::model::plan::arena::{Buffer, Constants};
use crate::model::plan::cache::Caches;
use crate::model::plan::check;
use crate::model::plan::data::{Data, View};
use crate::model::plan::ir::{Id, Op, Place, Plan, Step, Weights};
use crate::model::plan::operator::{self, Context, Output, Scratch};
use crate::model::plan::shape::Shape;
use crate::model::plan::threads::{Threads, Workers};
use crate::{Code, Error};

/// As long as so many multiply-adds is about what an operator takes for an element.
const ELEMENT: u64 = 32;

/// A plan that was checked, with its constants. Immutable: threads and sessions share it.
#[derive(Debug)]
pub struct Program {
    plan: Plan,
    constants: Constants,
    /// One for each constant.
    shapes: Vec<Shape>,
    /// What each value's chain of views ends in.
    roots: Vec<Place>,
    /// For each step, whether it is a product whose input the step before has already turned into bytes.
    repeats: Vec<bool>,
    /// Multiply-adds of all products for one row.
    work_per_row: u64,
    /// Multiply-adds of all attention for one query and one key.
    work_per_pair: u64,
    /// The most outputs of a step.
    most_outputs: usize,
}

/// What a plan is given for one of its inputs.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// One size per axis.
    pub shape: &'a [usize],
    /// As many elements as the shape has.
    pub data: Data<'a>,
}

/// What a run writes: buffers, shapes, and the memory of its kernels. One for each session; any program may use it.
#[derive(Debug, Default)]
pub struct State {
    slots: Vec<Buffer>,
    /// One for each value that is not a constant.
    located: Vec<Located>,
    outputs: Vec<Output>,
    pub(super) scratch: Scratch,
    caches: Caches,
    is_done: bool,
}

/// How the steps of a run compute.
#[derive(Clone, Copy)]
pub(super) struct How {
    pub(super) isa: Isa,
    pub(super) workers: Workers,
}

/// Where a value lies in what its views end in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    pub(super) shape: Shape,
    /// The first element.
    pub(super) first: usize,
}

impl Program {
    /// Checks a plan and makes it ready to run.
    ///
    /// # Errors
    /// What [`Plan::check`] finds.
    /// # Cost
    /// A look at each value and step; constants are not copied.
    pub fn new(plan: Plan, constants: Constants) -> Result<Self, Error> {
        let roots = check::check(&plan, constants.bytes())?;
        let sizes = |dims: &Vec<u64>| dims.iter().map(|&d| d as usize).collect::<Vec<_>>();
        let shapes = plan.constants.iter().map(|c| Shape::new(&sizes(&c.shape))).collect::<Result<_, _>>()?;
        let pairs = plan.steps.windows(2).map(|pair| reads_the_same_bytes(&pair[0], &pair[1]));
        let repeats = std::iter::once(false).chain(pairs).collect();
        let (mut work_per_row, mut work_per_pair) = (0_u64, 0_u64);
        for step in &plan.steps {
            let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
            match &step.op {
                Op::Linear(op) => work_per_row = work_per_row.saturating_add(product(op.k, op.n)),
                Op::Attention(op) => {
                    work_per_pair = work_per_pair.saturating_add(product(op.heads, op.dim + op.v_dim));
                }
                _ => {}
            }
        }
        let most_outputs = plan.steps.iter().map(|step| step.outputs.len()).max().unwrap_or(0);
        Ok(Self { plan, constants, shapes, roots, repeats, work_per_row, work_per_pair, most_outputs })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The bytes of the constants.
    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    /// Runs all steps; `state` then has the outputs, and what its caches held has grown. A run that fails leaves the
    /// caches as they were.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for inputs that are not the plan's; [`Code::InvalidModel`] if sizes or numbers turn out
    /// not to fit an operator, and [`Code::TooLarge`] for a value past
    /// [`MAX_VALUE_BYTES`](crate::model::plan::arena::MAX_VALUE_BYTES), both naming the node; what `control` says, looked
    /// at before each step.
    /// # Cost
    /// No heap call once `state` has seen a run of these sizes, on the calling thread. A pool's queue takes a block of
    /// memory once in about sixty runs.
    pub fn run(
        &self,
        state: &mut State,
        isa: Isa,
        threads: &Threads,
        inputs: &[Input<'_>],
        control: &Control,
    ) -> Result<(), Error> {
        self.run_observed(state, isa, threads, inputs, control, |_| ())
    }

    /// As [`Program::run`], and calls `done` after each step with its number: for profiles.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_observed(
        &self,
        state: &mut State,
        isa: Isa,
        threads: &Threads,
        inputs: &[Input<'_>],
        control: &Control,
        mut done: impl FnMut(usize) + Send,
    ) -> Result<(), Error> {
        self.start(state, inputs)?;
        let mut scratch = std::mem::take(&mut state.scratch);
        let result = threads.enter(self.work(inputs), |workers| {
            let how = How { isa, workers };
            (0..self.plan.steps.len()).try_for_each(|number| {
                control.check()?;
                self.step(number, state, inputs, how, &mut scratch)?;
                done(number);
                Ok(())
            })
        });
        state.scratch = scratch;
        result?;
        state.end();
        Ok(())
    }

    /// Makes a state ready for a run with these inputs.
    pub(super) fn start(&self, state: &mut State, inputs: &[Input<'_>]) -> Result<(), Error> {
        state.is_done = false;
        state.fit(self);
        self.take_inputs(state, inputs)?;
        for (i, cache) in self.plan.caches.iter().enumerate() {
            state.located[cache.past as usize] = Located { shape: state.caches.shape(i)?, first: 0 };
        }
        Ok(())
    }

    /// Runs one step.
    pub(super) fn step(
        &self,
        number: usize,
        state: &mut State,
        inputs: &[Input<'_>],
        how: How,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let step = &self.plan.steps[number];
        if let Op::Append { cache } = step.op {
            let State { slots, located, caches, .. } = state;
            let rows = self.value(step.inputs[1], slots, located, inputs);
            let shape = rows.and_then(|rows| caches.append(cache as usize, &rows));
            let shape = shape.map_err(|e| named(step, &e))?;
            located[step.outputs[0] as usize] = Located { shape, first: 0 };
            return Ok(());
        }
        self.write(number, state, inputs, how, |context, outputs| operator::run(context, outputs, scratch))
    }

    /// Lends a step what it reads and what it writes, and notes where its outputs are.
    pub(super) fn write(
        &self,
        number: usize,
        State { slots, located, outputs, caches, .. }: &mut State,
        inputs: &[Input<'_>],
        how: How,
        run: impl FnOnce(&Context<'_>, &mut [Output]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let step = &self.plan.steps[number];
        let outputs = &mut outputs[..step.outputs.len()];
        for (output, &id) in outputs.iter_mut().zip(&step.outputs) {
            let value = &self.plan.values[id as usize];
            output.start(value.kind, matches!(value.place, Place::View(_)));
            self.swap_slot(id, output, slots);
        }
        let result = run(&self.context(number, slots, located, caches, inputs, how), outputs);
        for (output, &id) in outputs.iter_mut().zip(&step.outputs) {
            self.swap_slot(id, output, slots);
            let base = match self.plan.values[id as usize].place {
                Place::View(of) => located[of as usize].first,
                _ => 0,
            };
            located[id as usize] = Located { shape: output.shape(), first: base + output.first() };
        }
        result.map_err(|e| named(step, &e))
    }

    /// Lends a step what it reads.
    pub(super) fn read<R>(
        &self,
        number: usize,
        state: &State,
        inputs: &[Input<'_>],
        how: How,
        run: impl FnOnce(&Context<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let State { slots, located, caches, .. } = state;
        run(&self.context(number, slots, located, caches, inputs, how))
            .map_err(|e| named(&self.plan.steps[number], &e))
    }

    fn context<'a>(
        &'a self,
        number: usize,
        slots: &'a [Buffer],
        located: &'a [Located],
        caches: &'a Caches,
        inputs: &'a [Input<'a>],
        How { isa, workers }: How,
    ) -> Context<'a> {
        let (step, repeats) = (&self.plan.steps[number], self.repeats[number]);
        Context { program: self, step, slots, located, caches, inputs, isa, workers, repeats }
    }

    /// A value that has been made, or was given.
    pub(super) fn value<'a>(
        &'a self,
        id: Id,
        slots: &'a [Buffer],
        located: &[Located],
        inputs: &[Input<'a>],
    ) -> Result<View<'a>, Error> {
        let value = &self.plan.values[id as usize];
        let Located { shape, first } = match value.place {
            Place::Constant(c) => Located { shape: self.shapes[c as usize], first: 0 },
            _ => located[id as usize],
        };
        let len = shape.volume();
        let lost = || Error::new(Code::Internal, "a value lies outside its place");
        let data = match self.roots[id as usize] {
            Place::Constant(c) => {
                let start = self.plan.constants[c as usize].offset as usize + first * value.kind.size();
                let bytes = self.constants.bytes().get(start..start + len * value.kind.size());
                Data::cast(value.kind, bytes.ok_or_else(lost)?)?
            }
            Place::Input(i) => {
                let input = inputs.get(i as usize).ok_or_else(lost)?;
                input.data.part(first, len).ok_or_else(lost)?
            }
            Place::Slot(s) => slots.get(s as usize).ok_or_else(lost)?.data(value.kind, first, len)?,
            Place::Cache(_) | Place::View(_) => return Err(lost()),
        };
        Ok(View { shape, data })
    }

    fn swap_slot(&self, id: Id, output: &mut Output, slots: &mut [Buffer]) {
        if let Place::Slot(slot) = self.plan.values[id as usize].place {
            output.swap(&mut slots[slot as usize]);
        }
    }

    /// Checks what the caller gives.
    fn take_inputs(&self, state: &mut State, inputs: &[Input<'_>]) -> Result<(), Error> {
        let refuse = |message| Err(Error::new(Code::InvalidArgument, message));
        if inputs.len() != self.plan.inputs.len() {
            return refuse(format!("{} inputs for a plan of {}", inputs.len(), self.plan.inputs.len()));
        }
        for (port, input) in self.plan.inputs.iter().zip(inputs) {
            let (name, kind) = (&port.name, self.plan.values[port.value as usize].kind);
            if input.data.kind() != kind {
                return refuse(format!("input {name:?} is of kind {:?}, not {kind:?}", input.data.kind()));
            }
            let shape = Shape::new(input.shape)?;
            if shape.volume() != input.data.len() {
                let n = input.data.len();
                return refuse(format!("input {name:?} of shape {shape:?} is given {n} elements"));
            }
            if let Data::Bool(bytes) = input.data
                && bytes.iter().any(|&byte| byte > 1)
            {
                return refuse(format!("input {name:?} is Bool, and has a byte that is neither 0 nor 1"));
            }
            state.located[port.value as usize] = Located { shape, first: 0 };
        }
        Ok(())
    }

    /// About how many multiply-adds a run takes. An input's first two axes are taken for texts and their tokens, and each
    /// element of an input for something that every step passes over.
    pub(super) fn work(&self, inputs: &[Input<'_>]) -> u64 {
        let mut most = 0;
        for input in inputs {
            let size = |axis: usize| input.shape.get(axis).map_or(1, |&size| size as u64);
            let rows = size(0).saturating_mul(size(1));
            let row = self.work_per_row.saturating_add(self.work_per_pair.saturating_mul(size(1)));
            most = rows.saturating_mul(row).max(most);
        }
        let elements: usize = inputs.iter().map(|input| input.data.len()).sum();
        let passes = (elements as u64).saturating_mul(self.plan.steps.len() as u64 * ELEMENT);
        most.saturating_add(passes)
    }
}

/// An error of a step, with its name.
fn named(step: &Step, error: &Error) -> Error {
    Error::new(error.code, format!("node {:?}: {}", step.name, error.message))
}

/// Whether two products turn the same value into the same bytes.
fn reads_the_same_bytes(before: &Step, step: &Step) -> bool {
    let rows = |step: &Step| match &step.op {
        Op::Linear(linear) => match &linear.weights {
            Weights::I8 { rows, .. } => Some((linear.k, rows.clone(), step.inputs.first().copied())),
            Weights::F32 { .. } => None,
        },
        _ => None,
    };
    rows(step).is_some_and(|wanted| rows(before) == Some(wanted))
}

impl State {
    /// Nothing yet: the first run takes what it needs.
    pub fn new() -> Self {
        Self::default()
    }

    /// After the last step.
    pub(super) fn end(&mut self) {
        self.caches.keep();
        self.is_done = true;
    }

    fn fit(&mut self, program: &Program) {
        self.slots.resize_with(program.plan.slots as usize, Buffer::default);
        let nowhere = Located { shape: Shape::SCALAR, first: 0 };
        self.located.clear();
        self.located.resize(program.plan.values.len(), nowhere);
        if !self.caches.fit(&program.plan) {
            self.caches.begin(&program.plan, 1);
        }
        self.caches.forget();
        self.outputs.resize_with(program.most_outputs.max(self.outputs.len()), Output::default);
    }

    /// Empties the caches of `program`, for so many texts that go on side by side. Without it the first run of a program
    /// starts with empty caches for one text.
    ///
    /// # Cost
    /// Memory of the same program's caches is kept.
    pub fn begin(&mut self, program: &Program, texts: usize) {
        self.caches.begin(&program.plan, texts);
        self.is_done = false;
    }

    /// Puts rows into an empty cache of `program`: `[texts, heads, rows, dim]`, as another graph made them.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a cache that there is not, and one that is not empty; [`Code::InvalidModel`] for rows
    /// of another shape; [`Code::TooLarge`].
    pub fn fill(&mut self, program: &Program, name: &str, rows: &Input<'_>) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::new(Code::InvalidArgument, why));
        let shape = Shape::new(rows.shape)?;
        let place = program.plan.caches.iter().position(|cache| cache.name == name);
        let Some(place) = place.filter(|_| self.caches.fit(&program.plan)) else {
            return refuse(format!("the state has no cache {name:?}"));
        };
        if shape.volume() != rows.data.len() {
            return refuse(format!("{} numbers of shape {shape:?} for cache {name:?}", rows.data.len()));
        }
        if self.caches.shape(place)?[2] != 0 {
            return refuse(format!("cache {name:?} is not empty"));
        }
        self.caches.forget();
        self.caches.append(place, &View { shape, data: rows.data })?;
        self.caches.keep();
        Ok(())
    }

    /// Rows that the caches hold of each text: tokens so far.
    pub fn cached(&self) -> usize {
        self.caches.rows()
    }

    /// Forgets all but the first `rows` rows of each text.
    pub fn truncate(&mut self, rows: usize) {
        self.caches.truncate(rows);
    }

    /// Text `i` goes on from what text `from[i]` was: beams that change places, one text that becomes several, texts that
    /// are done. A text may go on several times, or not at all.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a text that there is not; [`Code::TooLarge`]. The caches are as before then.
    /// # Cost
    /// Rows are copied only for texts that go on more than once.
    pub fn reorder(&mut self, from: &[usize]) -> Result<(), Error> {
        self.caches.reorder(from)
    }

    /// Output `i` of the last run, which was one of `program`.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if there is no such output, or no run has ended well.
    pub fn output<'a>(&'a self, program: &'a Program, i: usize) -> Result<View<'a>, Error> {
        let plan = &program.plan;
        let port = plan.outputs.get(i).filter(|_| self.is_done && self.located.len() == plan.values.len());
        let port = port.ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                format!("output {i} of a plan of {} that has not run", plan.outputs.len()),
            )
        })?;
        program.value(port.value, &self.slots, &self.located, &[])
    }

    /// Bytes that the buffers hold on to.
    pub fn capacity(&self) -> usize {
        self.slots.iter().map(Buffer::capacity).sum::<usize>()
            + self.scratch.capacity()
            + self.caches.capacity()
    }
}
