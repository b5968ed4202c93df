//! Each operator of a plan against what ONNX Runtime makes of the same inputs.

mod plan_support;

use plan_support::{Given, Kept, run_one, run_steps};
use serde::Deserialize;
use trueline_core::Code;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::ir::{Activation, Binary, Kind, Op, Unary};

#[derive(Deserialize)]
struct Fixture {
    tolerance: f32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    op: Op,
    inputs: Vec<Option<Stored>>,
    outputs: Vec<Stored>,
}

#[derive(Deserialize)]
struct Stored {
    kind: Kind,
    shape: Vec<usize>,
    data: Vec<serde_json::Value>,
}

impl Stored {
    fn kept(&self) -> Kept {
        let whole = || self.data.iter().map(|x| x.as_i64().expect("a whole number"));
        let float = |x: &serde_json::Value| match x.as_str() {
            Some(word) => word.parse::<f32>().expect("nan or inf"),
            None => x.as_f64().expect("a number") as f32,
        };
        match self.kind {
            Kind::F32 => Kept::F32(self.data.iter().map(float).collect()),
            Kind::I64 => Kept::I64(whole().collect()),
            Kind::I32 => Kept::I32(whole().map(|x| x as i32).collect()),
            Kind::Bool => Kept::Bool(whole().map(|x| x as u8).collect()),
            Kind::U8 => Kept::U8(whole().map(|x| x as u8).collect()),
            Kind::I8 => Kept::I8(whole().map(|x| x as i8).collect()),
        }
    }
}

/// How far a result may be from ONNX Runtime's, in units of the fixture's tolerance.
fn slack(op: &Op) -> f32 {
    match op {
        Op::MatMul | Op::Reduce { .. } | Op::CumSum { .. } => 8.0,
        _ => 1.0,
    }
}

fn same(got: Data<'_>, want: Data<'_>, tolerance: f32) -> bool {
    match (got, want) {
        (Data::F32(got), Data::F32(want)) => got.iter().zip(want).all(|(g, w)| {
            g == w || (g.is_nan() && w.is_nan()) || (g - w).abs() <= tolerance * w.abs().max(1.0)
        }),
        (got, want) => got == want,
    }
}

#[test]
fn every_operator_makes_what_onnx_runtime_makes() {
    let text = include_str!("fixtures/plan_ops/cases.json");
    let fixture: Fixture = serde_json::from_str(text).expect("the fixture");
    assert!(fixture.cases.len() > 500);
    let mut wrong = Vec::new();
    for (number, case) in fixture.cases.iter().enumerate() {
        let inputs: Vec<Option<Kept>> = case.inputs.iter().map(|x| x.as_ref().map(Stored::kept)).collect();
        let given: Vec<Option<Given<'_>>> = std::iter::zip(&case.inputs, &inputs)
            .map(|(stored, kept)| Some((&stored.as_ref()?.shape[..], kept.as_ref()?.data())))
            .collect();
        let kinds: Vec<Kind> = case.outputs.iter().map(|output| output.kind).collect();
        let label = format!(
            "case {number}, {:?} of {:?}",
            case.op,
            given.iter().map(|g| g.map(|g| g.0)).collect::<Vec<_>>()
        );
        match run_one(case.op.clone(), &given, &kinds) {
            Err(error) => wrong.push(format!("{label}: {error}")),
            Ok(outputs) => {
                for (i, (got, want)) in std::iter::zip(&outputs, &case.outputs).enumerate() {
                    let kept = want.kept();
                    let tolerance = fixture.tolerance * slack(&case.op);
                    let (shape, data) = got;
                    if shape[..] != want.shape[..] {
                        wrong.push(format!("{label}: output {i} has shape {shape:?}, not {:?}", want.shape));
                    } else if !same(data.data(), kept.data(), tolerance) {
                        wrong.push(format!("{label}: output {i} is {data:?}, not {kept:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong\n{}", wrong.len(), fixture.cases.len(), wrong.join("\n"));
}

#[test]
fn what_cannot_be_done_is_an_error_that_names_the_node() {
    let f = |shape: &'static [usize]| Some((shape, Data::F32(&[1.0; 12][..shape.iter().product()])));
    const LENGTHS: [usize; 3] = [0, 1, 2];
    let i = |data: &'static [i64]| Some((&LENGTHS[data.len()..][..1], Data::I64(data)));
    fn sized(shape: &[usize]) -> &[usize] {
        shape
    }
    let one = |data: &'static [i64; 1]| Some((sized(&[]), Data::I64(&data[..])));
    let big: &[i64] = &[1 << 20, 1 << 20];
    let cases: Vec<(Op, Vec<Option<Given<'_>>>, Kind, Code)> = vec![
        (Op::Binary(Binary::Add), vec![f(&[2, 3]), f(&[2])], Kind::F32, Code::InvalidModel),
        (Op::Binary(Binary::Div), vec![i(&[1]), i(&[0])], Kind::I64, Code::InvalidModel),
        (Op::Binary(Binary::Mod), vec![i(&[1]), i(&[0])], Kind::I64, Code::InvalidModel),
        (Op::Gather { axis: 0 }, vec![f(&[3, 4]), i(&[3])], Kind::F32, Code::InvalidModel),
        (Op::Gather { axis: 0 }, vec![f(&[3, 4]), i(&[i64::MIN])], Kind::F32, Code::InvalidModel),
        (Op::Gather { axis: 2 }, vec![f(&[3, 4]), i(&[0])], Kind::F32, Code::InvalidModel),
        (Op::Reshape { allow_zero: false }, vec![f(&[3, 4]), i(&[-1, -1])], Kind::F32, Code::InvalidModel),
        (Op::Reshape { allow_zero: false }, vec![f(&[3, 4]), i(&[5, -1])], Kind::F32, Code::InvalidModel),
        (Op::Reshape { allow_zero: false }, vec![f(&[3, 4]), i(&[-3, -4])], Kind::F32, Code::InvalidModel),
        (Op::Unsqueeze, vec![f(&[3]), i(&[0, 0])], Kind::F32, Code::InvalidModel),
        (Op::Squeeze, vec![f(&[3]), i(&[0])], Kind::F32, Code::InvalidModel),
        (Op::Expand, vec![f(&[3]), i(&[2])], Kind::F32, Code::InvalidModel),
        (Op::Expand, vec![f(&[1]), Some((&[2], Data::I64(big)))], Kind::F32, Code::TooLarge),
        (Op::Expand, vec![f(&[1]), i(&[i64::MAX, i64::MAX])], Kind::F32, Code::TooLarge),
        (Op::ConstantOfShape, vec![i(&[1 << 40]), f(&[1])], Kind::F32, Code::TooLarge),
        (Op::ConstantOfShape, vec![i(&[-1]), f(&[1])], Kind::F32, Code::InvalidModel),
        (Op::Range, vec![one(&[0]), one(&[i64::MAX]), one(&[1])], Kind::I64, Code::TooLarge),
        (Op::Range, vec![one(&[0]), one(&[5]), one(&[0])], Kind::I64, Code::InvalidModel),
        (Op::Slice, vec![f(&[3]), i(&[0]), i(&[3]), i(&[0]), i(&[0])], Kind::F32, Code::InvalidModel),
        (Op::Split { axis: 0 }, vec![f(&[3]), i(&[4])], Kind::F32, Code::InvalidModel),
        (Op::Split { axis: 0 }, vec![f(&[3]), i(&[2])], Kind::F32, Code::InvalidModel),
        (Op::MatMul, vec![f(&[3, 4]), f(&[3, 4])], Kind::F32, Code::InvalidModel),
        (Op::Concat { axis: 0 }, vec![f(&[3, 4]), f(&[3, 3])], Kind::F32, Code::InvalidModel),
        (Op::ArgMax { axis: 1, keep: true }, vec![f(&[3, 0])], Kind::I64, Code::InvalidModel),
        (Op::Unary(Unary::Not), vec![f(&[3])], Kind::Bool, Code::InvalidModel),
        (Op::Where, vec![f(&[3]), f(&[3]), f(&[3])], Kind::F32, Code::InvalidModel),
        (Op::Transpose { perm: vec![0, 0] }, vec![f(&[3, 4])], Kind::F32, Code::InvalidModel),
        (Op::Transpose { perm: vec![1, 0] }, vec![f(&[3])], Kind::F32, Code::InvalidModel),
        (Op::Softmax { axis: 1, log: false }, vec![f(&[3])], Kind::F32, Code::InvalidModel),
    ];
    for (op, inputs, kind, code) in cases {
        let error = run_one(op.clone(), &inputs, &[kind]).expect_err(&format!("{op:?}"));
        assert_eq!(error.code, code, "{op:?}: {error}");
        assert!(error.message.starts_with("node \"step 0\": "), "{error}");
    }
}

#[test]
fn casts_saturate_and_not_a_number_is_zero() {
    let x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 300.7, -300.7, -0.9];
    let cast = |kind| run_one(Op::Cast, &[Some((&[6], Data::F32(&x)))], &[kind]).expect("a cast").remove(0).1;
    assert_eq!(cast(Kind::I64), Kept::I64(vec![0, i64::MAX, i64::MIN, 300, -300, 0]));
    assert_eq!(cast(Kind::I32), Kept::I32(vec![0, i32::MAX, i32::MIN, 300, -300, 0]));
    assert_eq!(cast(Kind::U8), Kept::U8(vec![0, 255, 0, 255, 0, 0]));
    assert_eq!(cast(Kind::I8), Kept::I8(vec![0, 127, -128, 127, -128, 0]));
    assert_eq!(cast(Kind::Bool), Kept::Bool(vec![1; 6]));
}

#[test]
fn views_see_the_elements_of_what_they_were_made_from() {
    // A slice of a view of a slot, then the rest of it doubled.
    let x: Vec<f32> = (0..24).map(|i| i as f32).collect();
    let steps = vec![
        (Op::Unary(Unary::Neg), vec![0], vec![(Kind::F32, false)]),
        (Op::Reshape { allow_zero: false }, vec![5, 1], vec![(Kind::F32, true)]),
        (Op::Slice, vec![6, 2, 3], vec![(Kind::F32, true)]),
        (Op::Slice, vec![7, 2, 3], vec![(Kind::F32, true)]),
        (Op::Squeeze, vec![8, 4], vec![(Kind::F32, true)]),
        (Op::Binary(Binary::Add), vec![9, 9], vec![(Kind::F32, false)]),
    ];
    let inputs: [Given<'_>; 5] = [
        (&[24], Data::F32(&x)),
        (&[2], Data::I64(&[6, 4])),
        (&[1], Data::I64(&[1])),
        (&[1], Data::I64(&[2])),
        (&[1], Data::I64(&[0])),
    ];
    let error = run_steps(&steps, &inputs).expect_err("the second slice takes what is not there to take");
    assert!(error.message.contains("step 4"), "{error}");
    let mut steps = steps;
    steps[3] = (Op::Identity, vec![7], vec![(Kind::F32, true)]);
    let outputs = run_steps(&steps, &inputs).expect("views");
    let want: Vec<f32> = (4..8).map(|i| -2.0 * i as f32).collect();
    assert_eq!(outputs, [(vec![4], Kept::F32(want))]);
}

#[test]
fn a_slice_that_is_not_in_one_piece_is_no_view() {
    let steps = vec![
        (Op::Slice, vec![0, 1, 2, 3], vec![(Kind::F32, true)]),
        (Op::Identity, vec![4], vec![(Kind::F32, false)]),
    ];
    let given = |axis: &'static [i64]| {
        let inputs: [Given<'_>; 4] = [
            (&[2, 3], Data::F32(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
            (&[1], Data::I64(&[1])),
            (&[1], Data::I64(&[2])),
            (&[1], Data::I64(axis)),
        ];
        run_steps(&steps, &inputs)
    };
    assert_eq!(given(&[0]).expect("a row"), [(vec![1, 3], Kept::F32(vec![3.0, 4.0, 5.0]))]);
    assert_eq!(given(&[1]).expect_err("a column").code, Code::InvalidModel);
}

#[test]
fn results_do_not_depend_on_threads() {
    let n = 300_000;
    let x: Vec<f32> = (0..n).map(|i| (i as f32).sin() * 3.0).collect();
    let row: Vec<f32> = x[..1000].to_vec();
    let ops = [
        (Op::Binary(Binary::Mul), true),
        (Op::Unary(Unary::Activation(Activation::Gelu)), false),
        (Op::Unary(Unary::Exp), false),
        (Op::Expand, false),
    ];
    for (op, two) in ops {
        let shape = Data::I64(&[2, 300, 1000]);
        let inputs: Vec<Option<Given<'_>>> = match (&op, two) {
            (Op::Expand, _) => vec![Some((&[300, 1000], Data::F32(&x))), Some((&[3], shape))],
            (_, true) => vec![Some((&[300, 1000], Data::F32(&x))), Some((&[1000], Data::F32(&row)))],
            _ => vec![Some((&[300, 1000], Data::F32(&x)))],
        };
        let alone = plan_support::run_on(op.clone(), &inputs, &[Kind::F32], 1).expect("a run");
        for threads in [2, 3, 5] {
            let got = plan_support::run_on(op.clone(), &inputs, &[Kind::F32], threads).expect("a run");
            assert!(got == alone, "{op:?} on {threads} threads");
        }
    }
}
