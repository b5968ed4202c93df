//! Operators that tract has in a form that is not exact enough, in a form that is.

use std::sync::OnceLock;

use tract_onnx::model::ParsingContext;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_core::ops::binary::BinMiniOp;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::logic::CompEq;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::binary::BinIntoHir;
use tract_onnx::tract_hir::ops::element_wise::ElementWiseIntoHir;
use tract_onnx::{Onnx, pb};

/// tract's ONNX operators, with ours in the place of some.
pub(super) fn framework() -> Onnx {
    let mut onnx = onnx();
    onnx.op_register.insert("Erf", |_, _| Ok((ElementWiseOp(Box::new(Erf), None).into_hir(), vec![])));
    onnx.op_register.insert("Equal", |_, _| Ok((Equal.into_hir(), vec![])));
    if let Some(cast) = onnx.op_register.0.get("Cast").copied() {
        CAST.get_or_init(|| cast);
        onnx.op_register.insert("Cast", |context, node| {
            let to = node.attribute.iter().find(|a| a.name == "to").map_or(0, |a| a.i);
            match CAST.get() {
                Some(cast) if to != I64 => cast(context, node),
                _ => Ok((expand(CastToI64), vec![])),
            }
        });
    }
    onnx
}

/// Whether two are equal. tract takes a size that only a run knows for unequal to every number; here a graph that asks
/// cannot be compiled before the size is known, but where the answer is the same for every size.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Equal;

impl BinMiniOp for Equal {
    fn name(&self) -> &'static str {
        "Equal"
    }

    fn result_datum_type(&self, _: DatumType, _: DatumType) -> TractResult<DatumType> {
        Ok(DatumType::Bool)
    }

    fn is_commutative(&self) -> bool {
        false
    }

    fn eval_in_a(&self, _: &mut Tensor, _: &Tensor) -> TractResult<()> {
        bail!("the result is of another type")
    }

    fn eval_out_of_place(&self, c: &mut Tensor, a: &Tensor, b: &Tensor) -> TractResult<()> {
        CompEq.eval_out_of_place(c, a, b)
    }

    fn eval(&self, a: TValue, b: TValue, kind: DatumType) -> TractResult<Tensor> {
        CompEq.eval(a, b, kind)
    }

    fn eval_symbolic(
        &self,
        context: &EvalContext<'_>,
        inputs: TVec<TValue>,
    ) -> TractResult<Option<TVec<TValue>>> {
        let Some(found) = CompEq.eval_symbolic(context, inputs.clone())? else { return Ok(None) };
        let sizes = |value: &TValue| -> TractResult<Tensor> {
            Ok(value.clone().into_tensor().cast_to_dt(TDim::datum_type())?.into_owned())
        };
        let (a, b) = (sizes(&inputs[0])?, sizes(&inputs[1])?);
        let (a, b) = (a.to_plain_array_view::<TDim>()?, b.to_plain_array_view::<TDim>()?);
        let shape = multi_broadcast(&[a.shape(), b.shape()])?;
        let both = a.broadcast(&*shape).zip(b.broadcast(&*shape)).context("shapes that broadcast")?;
        for (a, b) in both.0.iter().zip(both.1.iter()) {
            let (a, b) = (a.eval(context.symbols), b.eval(context.symbols));
            let apart = a.clone() - &b;
            let told = a == b
                || apart.to_i64().is_ok()
                || apart.prove_strict_positive()
                || apart.prove_strict_negative();
            ensure!(told, "whether {a} is {b} is known in a run alone");
        }
        Ok(Some(found))
    }
}

/// ONNX's number for 64-bit integers.
const I64: i64 = 7;

type Builder = fn(&ParsingContext, &pb::NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)>;
/// tract's own `Cast`.
static CAST: OnceLock<Builder> = OnceLock::new();

/// A cast to 64-bit integers. tract's makes sizes of them, expressions that many operators do not take; here only what
/// is a size stays one.
#[derive(Clone, Debug)]
struct CastToI64;

fn integer_type(from: DatumType) -> DatumType {
    if from == DatumType::TDim { from } else { DatumType::I64 }
}

impl Expansion for CastToI64 {
    fn name(&self) -> StaticName {
        "CastToI64".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.given(&inputs[0].datum_type, |s, from| s.equals(&outputs[0].datum_type, integer_type(from)))?;
        s.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let to = integer_type(model.outlet_fact(inputs[0])?.datum_type);
        model.wire_node(prefix, cast(to), inputs)
    }
}

/// The error function. tract's is off by up to 2e-6, and by as much at the left end of a GELU, where a layer of large
/// numbers makes it 1e-4.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Erf;

impl ElementWiseMiniOp for Erf {
    fn name(&self) -> String {
        "PreciseErf".into()
    }

    fn eval_in_place(
        &self,
        tensor: &mut tract_onnx::prelude::Tensor,
        _: Option<DatumType>,
    ) -> TractResult<()> {
        if tensor.datum_type() == DatumType::F64 {
            tensor.try_as_plain_ram_mut()?.as_slice_mut::<f64>()?.iter_mut().for_each(|x| *x = erf(*x));
        } else {
            let mut values = tensor.try_as_plain_ram_mut()?;
            values.as_slice_mut::<f32>()?.iter_mut().for_each(|x| *x = erf(f64::from(*x)) as f32);
        }
        Ok(())
    }
}

/// The error function, within 1.2e-7 of the distance to the nearer of -1 and 1 (Numerical Recipes, section 6.2).
fn erf(x: f64) -> f64 {
    const C: [f64; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let exponent = C.iter().fold(0.0, |sum, c| sum * t + c) - x * x;
    let rest = t * exponent.exp();
    if x >= 0.0 { 1.0 - rest } else { rest - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::erf;

    #[test]
    fn the_error_function_is_the_tabled_one() {
        // Abramowitz and Stegun, table 7.1.
        let table = [
            (0.0, 0.0),
            (0.1, 0.112_462_916_0),
            (0.5, 0.520_499_877_8),
            (1.0, 0.842_700_792_9),
            (1.5, 0.966_105_146_5),
            (2.0, 0.995_322_265_0),
        ];
        for (x, y) in table {
            assert!((erf(x) - y).abs() < 1.3e-7, "{x}: {}", erf(x));
            assert!((erf(-x) + y).abs() < 1.3e-7, "-{x}: {}", erf(-x));
        }
        // erfc(4) and erfc(5), where f32 is all but 1.
        assert!((1.0 - erf(4.0) - 1.541_725_79e-8).abs() < 1e-14);
        assert!((1.0 + erf(-5.0) - 1.537_459_79e-12).abs() < 1e-15);
        assert_eq!((erf(f64::INFINITY), erf(-40.0)), (1.0, -1.0));
        assert!(erf(f64::NAN).is_nan());
    }
}
