//! What a plan says of its fused operators, checked.

use trueline_kernels::{linear_f32, linear_i8};

use crate::Error;
use crate::model::plan::check::bytes_of;
use crate::model::plan::data::slice;
use crate::model::plan::ir::{
    ABSENT, Attention, Id, Kind, Linear, Norm, Op, Place, Plan, Rows, Step, Weights,
};
use crate::model::plan::shape::mismatch;

/// The most features of a head, and heads: far more than any model has, and their products fit.
pub(super) const MAX_SIZE: u32 = 1 << 12;
/// The most weights of a product.
const MAX_WEIGHTS: u64 = 1 << 30;

/// Refuses a fused operator whose constants or numbers are not right.
pub(super) fn check(plan: &Plan, step: &Step, constants: &[u8]) -> Result<(), Error> {
    let look = Look { plan, constants };
    match &step.op {
        Op::Linear(linear) => look.linear(linear),
        Op::Attention(attention) => look.attention(attention),
        Op::Norm(Norm { epsilon, .. }) if !(epsilon.is_finite() && *epsilon >= 0.0) => {
            Err(mismatch(format!("an epsilon of {epsilon}")))
        }
        Op::GatherRows(dequantise) if dequantise.scales != ABSENT => look.scales(dequantise.scales, None),
        _ => Ok(()),
    }
}

/// A plan, and the bytes of its constants, which are where the plan says.
struct Look<'a> {
    plan: &'a Plan,
    constants: &'a [u8],
}

impl<'a> Look<'a> {
    /// The bytes of a constant of this kind and, if given, this many elements.
    fn constant(&self, id: Id, kind: Kind, len: Option<usize>) -> Result<&'a [u8], Error> {
        let value = self.plan.values.get(id as usize);
        let Some(Place::Constant(at)) = value.filter(|value| value.kind == kind).map(|value| value.place)
        else {
            return Err(mismatch(format!("value {id} is no constant of kind {kind:?}")));
        };
        let bytes = bytes_of(&self.plan.constants[at as usize], self.constants)?;
        match len {
            Some(len) if len.checked_mul(kind.size()) != Some(bytes.len()) => Err(mismatch(format!(
                "constant {at} has {} elements where {len} are wanted",
                bytes.len() / kind.size()
            ))),
            _ => Ok(bytes),
        }
    }

    /// Scales that are finite and not negative.
    fn scales(&self, id: Id, len: Option<usize>) -> Result<(), Error> {
        let scales = slice::<f32>(self.constant(id, Kind::F32, len)?)?;
        match scales.iter().find(|&&scale| !(scale.is_finite() && scale >= 0.0)) {
            Some(scale) => Err(mismatch(format!("a scale of {scale}"))),
            None => Ok(()),
        }
    }

    fn linear(&self, linear: &Linear) -> Result<(), Error> {
        let (k, n) = (linear.k as usize, linear.n as usize);
        let weights = u64::from(linear.k).next_multiple_of(4) * u64::from(linear.n).next_multiple_of(48);
        if k == 0 || n == 0 || weights > MAX_WEIGHTS {
            return Err(mismatch(format!("a product of {k} by {n} features")));
        }
        if linear.bias != ABSENT {
            self.constant(linear.bias, Kind::F32, Some(n))?;
        }
        match &linear.weights {
            Weights::F32 { packed } => {
                self.constant(*packed, Kind::F32, Some(linear_f32::packed_len(k, n))).map(|_| ())
            }
            Weights::I8 { packed, scales, sums, rows } => {
                if k > linear_i8::MAX_K {
                    return Err(mismatch(format!("{k} features; bytes take at most {}", linear_i8::MAX_K)));
                }
                self.constant(*packed, Kind::I8, Some(linear_i8::packed_len(k, n)))?;
                self.scales(*scales, Some(n))?;
                let sums = slice::<i32>(self.constant(*sums, Kind::I32, Some(n))?)?;
                let most = 128 * k as u64;
                if let Some(sum) = sums.iter().find(|sum| u64::from(sum.unsigned_abs()) > most) {
                    return Err(mismatch(format!("a column sum of {sum} over {k} bytes")));
                }
                self.rows(rows, k)
            }
        }
    }

    fn rows(&self, rows: &Rows, k: usize) -> Result<(), Error> {
        match *rows {
            Rows::Dynamic { factors: ABSENT } | Rows::Whole => Ok(()),
            Rows::Dynamic { factors } => self.constant(factors, Kind::F32, Some(k)).map(|_| ()),
            Rows::Static { scale, zero, signed } => {
                let range = if signed { -128..=127 } else { 0..=255 };
                if scale.is_finite() && scale > 0.0 && range.contains(&zero) {
                    Ok(())
                } else {
                    Err(mismatch(format!("bytes by a scale of {scale} and a zero point of {zero}")))
                }
            }
        }
    }

    fn attention(&self, attention: &Attention) -> Result<(), Error> {
        let Attention { heads, kv_heads, dim, v_dim, scale, .. } = *attention;
        let sizes = [heads, kv_heads, dim, v_dim];
        if sizes.iter().any(|&size| size == 0 || size > MAX_SIZE) || heads % kv_heads != 0 {
            return Err(mismatch(format!(
                "attention of {heads} heads over {kv_heads}, {dim} and {v_dim} wide"
            )));
        }
        if !scale.is_finite() {
            return Err(mismatch(format!("attention with a scale of {scale}")));
        }
        Ok(())
    }
}
