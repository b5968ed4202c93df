//! How many values of which kinds each operator takes and makes.

use crate::Error;
use crate::model::plan::ir::{ABSENT, Binary, Kind, MAX_RANK, Op, Plan, Step, Unary};
use crate::model::plan::shape::mismatch;

const ANY: &[Kind] = &[Kind::F32, Kind::I64, Kind::I32, Kind::Bool, Kind::U8, Kind::I8];
const NUMBERS: &[Kind] = &[Kind::F32, Kind::I64, Kind::I32, Kind::U8, Kind::I8];
const SIGNED: &[Kind] = &[Kind::F32, Kind::I64, Kind::I32, Kind::I8];
const WIDE: &[Kind] = &[Kind::F32, Kind::I64, Kind::I32];
const INDEX: &[Kind] = &[Kind::I64, Kind::I32];
const BYTES: &[Kind] = &[Kind::U8, Kind::I8];
const QUANTISED: &[Kind] = &[Kind::U8, Kind::I8, Kind::I32];
const F32: &[Kind] = &[Kind::F32];
const I64: &[Kind] = &[Kind::I64];
const BOOL: &[Kind] = &[Kind::Bool];

/// What an operator takes and makes.
struct Signature {
    /// Kinds of the inputs that must be there.
    inputs: &'static [&'static [Kind]],
    /// Kinds of those that may be.
    optional: &'static [&'static [Kind]],
    /// Whether the first may be given any number of times.
    many: bool,
    /// The most outputs.
    outputs: usize,
    made: Made,
}

/// The kind of the outputs.
enum Made {
    /// That of an input.
    Like(usize),
    /// One of these.
    Of(&'static [Kind]),
}

/// Refuses a step whose inputs or outputs are not the operator's.
pub(super) fn check(plan: &Plan, step: &Step) -> Result<(), Error> {
    let signature = signature(&step.op);
    let (least, most) = (signature.inputs.len(), signature.inputs.len() + signature.optional.len());
    let given = step.inputs.len();
    if given < least || (given > most && !signature.many) {
        return Err(mismatch(format!("{given} inputs")));
    }
    if step.outputs.is_empty() || step.outputs.len() > signature.outputs {
        return Err(mismatch(format!("{} outputs", step.outputs.len())));
    }
    let kind = |id: u32| {
        let value = plan.values.get(id as usize).map(|value| value.kind);
        value.ok_or_else(|| mismatch(format!("value {id} does not exist")))
    };
    for (i, &id) in step.inputs.iter().enumerate() {
        let kinds = if signature.many { Some(&signature.inputs[0]) } else { signature.inputs.get(i) };
        let allowed = match kinds {
            Some(kinds) => kinds,
            None if id == ABSENT => continue,
            None => signature.optional[i - least],
        };
        if !allowed.contains(&kind(id)?) {
            return Err(mismatch(format!("input {i} is of kind {:?}", kind(id)?)));
        }
    }
    for (i, &id) in step.outputs.iter().enumerate() {
        let fits = match signature.made {
            Made::Like(input) => kind(step.inputs[input])? == kind(id)?,
            Made::Of(kinds) => kinds.contains(&kind(id)?),
        };
        if !fits {
            return Err(mismatch(format!("output {i} is of kind {:?}", kind(id)?)));
        }
    }
    attributes(&step.op)
}

fn attributes(op: &Op) -> Result<(), Error> {
    if let Op::Transpose { perm } = op {
        let mut seen = [false; MAX_RANK];
        for &axis in perm {
            let fits = (axis as usize) < perm.len() && perm.len() <= MAX_RANK;
            if !fits || std::mem::replace(&mut seen[axis as usize], true) {
                return Err(mismatch(format!("{perm:?} are not axes in another order")));
            }
        }
    }
    Ok(())
}

fn signature(op: &Op) -> Signature {
    let one = |inputs, optional, made| Signature { inputs, optional, many: false, outputs: 1, made };
    match op {
        Op::Linear(linear) if linear.residual => one(&[F32, F32], &[], Made::Of(F32)),
        Op::Linear(_) => one(&[F32], &[], Made::Of(F32)),
        Op::Attention(_) => one(&[F32, F32, F32], &[F32], Made::Of(F32)),
        Op::Norm(_) => Signature { outputs: 2, ..one(&[F32, F32], &[F32, F32], Made::Of(F32)) },
        Op::GatherRows(dequantise) if dequantise.scales != ABSENT => one(&[BYTES, INDEX], &[], Made::Of(F32)),
        Op::GatherRows(_) => one(&[ANY, INDEX], &[], Made::Like(0)),
        Op::Unary(Unary::Neg | Unary::Abs | Unary::Sign) => one(&[SIGNED], &[], Made::Like(0)),
        Op::Unary(Unary::Not) => one(&[BOOL], &[], Made::Of(BOOL)),
        Op::Unary(Unary::IsNan) => one(&[F32], &[], Made::Of(BOOL)),
        Op::Unary(_) => one(&[F32], &[], Made::Of(F32)),
        Op::Binary(Binary::And | Binary::Or) => one(&[BOOL, BOOL], &[], Made::Of(BOOL)),
        Op::Binary(Binary::Equal) => one(&[ANY, ANY], &[], Made::Of(BOOL)),
        Op::Binary(Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual) => {
            one(&[NUMBERS, NUMBERS], &[], Made::Of(BOOL))
        }
        Op::Binary(_) => one(&[NUMBERS, NUMBERS], &[], Made::Like(0)),
        Op::Where => one(&[BOOL, ANY, ANY], &[], Made::Like(1)),
        Op::Cast => one(&[ANY], &[], Made::Of(ANY)),
        Op::Quantise { .. } => one(&[F32, F32], &[BYTES], Made::Of(BYTES)),
        Op::Dequantise { .. } => one(&[QUANTISED, F32], &[QUANTISED], Made::Of(F32)),
        Op::Shape { .. } => one(&[ANY], &[], Made::Of(I64)),
        Op::Reshape { .. } => one(&[ANY, I64], &[], Made::Like(0)),
        Op::Unsqueeze | Op::Expand => one(&[ANY, INDEX], &[], Made::Like(0)),
        Op::Squeeze => one(&[ANY], &[INDEX], Made::Like(0)),
        Op::Identity | Op::Flatten { .. } | Op::Transpose { .. } => one(&[ANY], &[], Made::Like(0)),
        Op::Concat { .. } => Signature { many: true, ..one(&[ANY], &[], Made::Like(0)) },
        Op::Slice => one(&[ANY, INDEX, INDEX], &[INDEX, INDEX], Made::Like(0)),
        Op::Split { .. } => Signature { outputs: usize::MAX, ..one(&[ANY, INDEX], &[], Made::Like(0)) },
        Op::Gather { .. } | Op::GatherElements { .. } => one(&[ANY, INDEX], &[], Made::Like(0)),
        Op::Range => one(&[WIDE, WIDE, WIDE], &[], Made::Like(0)),
        Op::ConstantOfShape => one(&[INDEX, ANY], &[], Made::Like(1)),
        Op::Trilu { .. } => one(&[ANY], &[INDEX], Made::Like(0)),
        Op::Reduce { .. } => one(&[NUMBERS], &[INDEX], Made::Like(0)),
        Op::Softmax { .. } => one(&[F32], &[], Made::Of(F32)),
        Op::ArgMax { .. } => one(&[ANY], &[], Made::Of(I64)),
        Op::CumSum { .. } => one(&[WIDE, INDEX], &[], Made::Like(0)),
        Op::Append { .. } => one(&[F32, F32], &[], Made::Of(F32)),
        Op::MatMul => one(&[F32, F32], &[], Made::Of(F32)),
    }
}
