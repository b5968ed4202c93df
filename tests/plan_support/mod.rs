//! Small plans for tests, and what they make.
#![allow(dead_code)] // Each test uses its own part.

pub mod encoder;

use trueline_core::Error;
use trueline_core::kernels::Isa;
use trueline_core::model::control::Control;
use trueline_core::model::plan::arena::Constants;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::ir::{ABSENT, Constant, Id, Kind, Op, Place, Plan, Port, Step, Value};
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;

/// Elements that a test keeps.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<u8>),
    U8(Vec<u8>),
    I8(Vec<i8>),
}

impl Kept {
    pub fn of(data: Data<'_>) -> Self {
        match data {
            Data::F32(v) => Self::F32(v.to_vec()),
            Data::I64(v) => Self::I64(v.to_vec()),
            Data::I32(v) => Self::I32(v.to_vec()),
            Data::Bool(v) => Self::Bool(v.to_vec()),
            Data::U8(v) => Self::U8(v.to_vec()),
            Data::I8(v) => Self::I8(v.to_vec()),
        }
    }

    pub fn data(&self) -> Data<'_> {
        match self {
            Self::F32(v) => Data::F32(v),
            Self::I64(v) => Data::I64(v),
            Self::I32(v) => Data::I32(v),
            Self::Bool(v) => Data::Bool(v),
            Self::U8(v) => Data::U8(v),
            Self::I8(v) => Data::I8(v),
        }
    }

    pub fn f32s(&self) -> &[f32] {
        match self {
            Self::F32(v) => v,
            other => panic!("{other:?} are no floats"),
        }
    }
}

/// A shape and elements.
pub type Given<'a> = (&'a [usize], Data<'a>);
/// An operator, the values it reads, and for each that it makes the kind and whether it is a view.
pub type Stepped = (Op, Vec<Id>, Vec<(Kind, bool)>);

/// A plan that grows value by value, with its constants.
#[derive(Default)]
pub struct Builder {
    pub plan: Plan,
    pub bytes: Vec<u8>,
}

impl Builder {
    pub fn value(&mut self, kind: Kind, place: Place) -> Id {
        self.plan.values.push(Value { kind, place });
        self.plan.values.len() as Id - 1
    }

    pub fn input(&mut self, kind: Kind) -> Id {
        let value = self.value(kind, Place::Input(self.plan.inputs.len() as u32));
        self.plan.inputs.push(Port { name: format!("input {}", self.plan.inputs.len()), value });
        value
    }

    pub fn constant(&mut self, shape: &[usize], data: Data<'_>) -> Id {
        let offset = self.bytes.len().next_multiple_of(64);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(data.bytes());
        let shape = shape.iter().map(|&size| size as u64).collect();
        self.plan.constants.push(Constant { kind: data.kind(), shape, offset: offset as u64 });
        self.value(data.kind(), Place::Constant(self.plan.constants.len() as u32 - 1))
    }

    /// A value with a buffer of its own.
    pub fn slot(&mut self, kind: Kind) -> Id {
        self.plan.slots += 1;
        self.value(kind, Place::Slot(self.plan.slots - 1))
    }

    pub fn step(&mut self, op: Op, inputs: &[Id], outputs: &[Id]) {
        let name = format!("step {}", self.plan.steps.len());
        self.plan.steps.push(Step { op, inputs: inputs.to_vec(), outputs: outputs.to_vec(), name });
    }

    pub fn output(&mut self, value: Id) {
        self.plan.outputs.push(Port { name: format!("output {}", self.plan.outputs.len()), value });
    }

    pub fn program(self) -> Result<Program, Error> {
        Program::new(self.plan, Constants::copy_of(&self.bytes))
    }
}

/// What a program makes of these inputs.
pub fn run(
    program: &Program,
    inputs: &[Given<'_>],
    isa: Isa,
    threads: usize,
) -> Result<Vec<(Vec<usize>, Kept)>, Error> {
    let inputs: Vec<Input<'_>> = inputs.iter().map(|&(shape, data)| Input { shape, data }).collect();
    let (mut state, threads) = (State::new(), Threads::new(threads)?);
    program.run(&mut state, isa, &threads, &inputs, &Control::unlimited())?;
    let output = |i| {
        let view = state.output(program, i)?;
        Ok((view.shape.to_vec(), Kept::of(view.data)))
    };
    (0..program.plan().outputs.len()).map(output).collect()
}

/// What one operator makes.
pub fn run_one(
    op: Op,
    inputs: &[Option<Given<'_>>],
    kinds: &[Kind],
) -> Result<Vec<(Vec<usize>, Kept)>, Error> {
    run_on(op, inputs, kinds, 1)
}

/// What one operator makes on so many threads.
pub fn run_on(
    op: Op,
    inputs: &[Option<Given<'_>>],
    kinds: &[Kind],
    threads: usize,
) -> Result<Vec<(Vec<usize>, Kept)>, Error> {
    let mut builder = Builder::default();
    let ids: Vec<Id> =
        inputs.iter().map(|x| x.map_or(ABSENT, |(_, data)| builder.input(data.kind()))).collect();
    let outputs: Vec<Id> = kinds.iter().map(|&kind| builder.slot(kind)).collect();
    builder.step(op, &ids, &outputs);
    outputs.iter().for_each(|&id| builder.output(id));
    let given: Vec<Given<'_>> = inputs.iter().flatten().copied().collect();
    run(&builder.program()?, &given, Isa::best(), threads)
}

/// What the last of several operators makes. Values are numbered: inputs, then outputs in their order.
pub fn run_steps(steps: &[Stepped], inputs: &[Given<'_>]) -> Result<Vec<(Vec<usize>, Kept)>, Error> {
    let mut builder = Builder::default();
    for (_, data) in inputs {
        builder.input(data.kind());
    }
    let mut last = Vec::new();
    for (op, reads, makes) in steps {
        let make = |&(kind, is_view): &(Kind, bool)| {
            if is_view { builder.value(kind, Place::View(reads[0])) } else { builder.slot(kind) }
        };
        last = makes.iter().map(make).collect();
        builder.step(op.clone(), reads, &last);
    }
    last.iter().for_each(|&id| builder.output(id));
    run(&builder.program()?, inputs, Isa::best(), 1)
}

/// A xorshift generator.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Numbers in `-scale..scale`.
    pub fn floats(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| ((self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale).collect()
    }

    pub fn bytes(&mut self, n: usize) -> Vec<i8> {
        (0..n).map(|_| (self.next() >> 56) as i8).collect()
    }
}
