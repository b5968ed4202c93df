//! The f32 form of an int8 plan: the same graph with the weights as numbers, and attention in f32.

use trueline_core::Error;
use trueline_core::kernels::{linear_f32, linear_i8};
use trueline_core::model::plan::arena::Constants;
use trueline_core::model::plan::ir::{
    ABSENT, ALIGN, Constant, Form, Id, Kind, Linear, Op, Place, Plan, Rows, Value, Weights,
};
use trueline_core::model::plan::run::Program;

/// A plan in the making.
struct Maker {
    plan: Plan,
    constants: Vec<u8>,
}

/// The plan with every int8 product in f32.
///
/// # Errors
/// As [`Program::new`].
pub fn float(program: &Program) -> Result<Program, Error> {
    let plan = program.plan().clone();
    let mut maker = Maker { constants: program.constants().bytes().to_vec(), plan };
    for step in 0..maker.plan.steps.len() {
        match maker.plan.steps[step].op.clone() {
            Op::Linear(linear) => {
                let weights = maker.weights(&linear);
                maker.plan.steps[step].op = Op::Linear(Linear { weights, ..linear });
            }
            Op::Attention(mut attention) => {
                attention.form = Form::F32;
                maker.plan.steps[step].op = Op::Attention(attention);
            }
            _ => {}
        }
    }
    Program::new(maker.plan, Constants::copy_of(&maker.constants))
}

impl Maker {
    /// A layer's weights as floats.
    fn weights(&mut self, linear: &Linear) -> Weights {
        let Weights::I8 { packed, scales, rows, .. } = &linear.weights else { return linear.weights.clone() };
        let (k, n) = (linear.k as usize, linear.n as usize);
        let factors = match rows {
            Rows::Dynamic { factors } if *factors != ABSENT => self.floats(*factors),
            _ => vec![1.0; k],
        };
        let scales = self.floats(*scales);
        let mut plain = vec![0_i8; k * n];
        let bytes: Vec<i8> = self.bytes(*packed).iter().map(|&byte| byte as i8).collect();
        linear_i8::unpack(&bytes, [k, n], &mut plain);
        let weights = plain.chunks_exact(n).zip(&factors).flat_map(|(row, factor)| {
            row.iter().zip(&scales).map(move |(&byte, scale)| f32::from(byte) * scale * factor)
        });
        let weights: Vec<f32> = weights.collect();
        let mut packed = vec![0.0; linear_f32::packed_len(k, n)];
        linear_f32::pack(&weights, [k, n], &mut packed);
        Weights::F32 { packed: self.constant(&packed) }
    }

    /// The bytes of a constant.
    fn bytes(&self, id: Id) -> &[u8] {
        let Place::Constant(place) = self.plan.values[id as usize].place else {
            panic!("the plan was checked: weights are constants");
        };
        let constant = &self.plan.constants[place as usize];
        let len = constant.shape.iter().product::<u64>() as usize * constant.kind.size();
        &self.constants[constant.offset as usize..][..len]
    }

    fn floats(&self, id: Id) -> Vec<f32> {
        let (floats, _) = self.bytes(id).as_chunks();
        floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    fn constant(&mut self, numbers: &[f32]) -> Id {
        self.constants.resize(self.constants.len().next_multiple_of(ALIGN), 0);
        let offset = self.constants.len() as u64;
        self.constants.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        let place = Place::Constant(self.plan.constants.len() as u32);
        self.plan.constants.push(Constant { kind: Kind::F32, shape: vec![numbers.len() as u64], offset });
        self.plan.values.push(Value { kind: Kind::F32, place });
        (self.plan.values.len() - 1) as Id
    }
}
