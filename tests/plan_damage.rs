//! Plans that are not right never panic: they are refused, or fail in their run, or run.
//!
//! `TRUELINE_SEED` sets the seed.

mod plan_support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use plan_support::encoder::{encoder, texts};
use plan_support::{Builder, Random};
use serde_json::Value;
use trueline_core::kernels::Isa;
use trueline_core::model::control::Control;
use trueline_core::model::plan::arena::Constants;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::ir::{Constant, Kind, Op, Place, Plan};
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;
use trueline_core::{Code, Error};

const CASES: u64 = 6000;
const NUMBERS: [i64; 16] =
    [-2, -1, 0, 1, 2, 3, 5, 8, 63, 64, 65, 1 << 24, i32::MAX as i64, u32::MAX as i64, 1 << 40, i64::MAX];

/// Every place in `value` that can be damaged, by a path.
fn places(value: &Value, path: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    let children: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    if !path.is_empty() {
        found.push(path.clone());
    }
    for (i, child) in children.into_iter().enumerate() {
        path.push(i);
        places(child, path, found);
        path.pop();
    }
}

fn at<'a>(mut value: &'a mut Value, path: &[usize]) -> &'a mut Value {
    for &i in path {
        value = match value {
            Value::Array(items) => &mut items[i],
            Value::Object(fields) => fields.values_mut().nth(i).expect("a field"),
            _ => unreachable!("a path goes through lists and objects"),
        };
    }
    value
}

fn damage(value: &mut Value, random: &mut Random) {
    match value {
        Value::Number(number) => {
            let old = number.as_i64().unwrap_or(0);
            *value = match random.below(4) {
                0 => (old + 1).into(),
                1 => old.saturating_sub(1).into(),
                2 => (random.below(40)).into(),
                _ => NUMBERS[random.below(NUMBERS.len())].into(),
            };
        }
        Value::Bool(flag) => *flag = !*flag,
        Value::String(word) => {
            let words = [
                "F32", "I64", "I32", "Bool", "U8", "I8", "Cast", "Where", "Expand", "MatMul", "Relu", "First",
            ];
            *word = words[random.below(words.len())].to_owned();
        }
        Value::Array(items) if !items.is_empty() => {
            let (i, j) = (random.below(items.len()), random.below(items.len()));
            match random.below(4) {
                0 => drop(items.remove(i)),
                1 => items.insert(i, items[j].clone()),
                _ => items.swap(i, j),
            }
        }
        Value::Object(fields) if fields.len() == 1 => {
            // An operator or a place under another name.
            let key = fields.keys().next().expect("one").clone();
            let inner = fields.remove(&key).expect("one");
            let names =
                ["Input", "Constant", "Slot", "View", "Gather", "GatherElements", "Concat", "Split", "Unary"];
            fields.insert(names[random.below(names.len())].to_owned(), inner);
        }
        _ => {}
    }
}

/// What became of a plan: refused, failed in its run, or run.
fn fate(plan: Plan, bytes: &[u8], tokens: usize) -> Result<(), (bool, Error)> {
    let program = Program::new(plan, Constants::copy_of(bytes)).map_err(|e| (false, e))?;
    let (ids, mask) = texts(2, tokens);
    let shape = [2, tokens];
    let inputs =
        [Input { shape: &shape, data: Data::I64(&ids) }, Input { shape: &shape, data: Data::I64(&mask) }];
    let mut state = State::new();
    let ran = program.run(&mut state, Isa::best(), &Threads::none(), &inputs, &Control::unlimited());
    ran.map_err(|e| (true, e))?;
    for i in 0..program.plan().outputs.len() {
        state.output(&program, i).map_err(|e| (true, e))?;
    }
    Ok(())
}

#[test]
fn a_damaged_plan_never_panics() {
    let Builder { plan, bytes } = encoder();
    assert_eq!(fate(plan.clone(), &bytes, 3).map_err(|e| e.1), Ok(()));
    let whole = serde_json::to_value(&plan).expect("a plan");
    let mut all = Vec::new();
    places(&whole, &mut Vec::new(), &mut all);
    let seed = std::env::var("TRUELINE_SEED").map_or(20_240_611, |s| s.parse().expect("a whole number"));
    println!("seed {seed}, {CASES} cases, {} places", all.len());
    let (mut refused, mut failed, mut ran) = (0, 0, 0);
    for case in 0..CASES {
        let mut random = Random((case + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            random.next();
        }
        let (mut value, mut bytes) = (whole.clone(), bytes.clone());
        if random.below(4) > 0 {
            damage(at(&mut value, &all[random.below(all.len())]), &mut random);
        }
        if random.below(3) == 0 {
            // A shape, an axis, a scale or a weight.
            let i = random.below(plan.constants.len());
            let first = plan.constants[i].offset as usize + random.below(16);
            bytes[first] = [0, 1, 255, 127, 128][random.below(5)];
        }
        if random.below(20) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        let Ok(damaged) = serde_json::from_value::<Plan>(value) else {
            continue;
        };
        let fate = catch_unwind(AssertUnwindSafe(|| fate(damaged, &bytes, random.below(6) + 1)));
        match fate.unwrap_or_else(|_| panic!("case {case} of seed {seed} panics")) {
            Ok(()) => ran += 1,
            Err((is_run, error)) => {
                assert_ne!(error.code, Code::Internal, "case {case} of seed {seed}: {error}");
                if is_run {
                    failed += 1;
                    // The node is named, unless it is what the plan was given that does not fit.
                    let names = error.message.starts_with("node \"");
                    assert!(
                        names || error.code == Code::InvalidArgument,
                        "case {case} of seed {seed}: {error}"
                    );
                } else {
                    refused += 1;
                }
            }
        }
    }
    println!("{refused} refused, {failed} failed in a run, {ran} ran");
    assert!(refused > 500 && failed > 50 && ran > 500);
}

/// `damage` of a good plan is refused with a message that has `words`.
fn refused(damage: impl FnOnce(&mut Plan), words: &str) {
    let Builder { mut plan, bytes } = encoder();
    damage(&mut plan);
    let error = plan.check(&bytes).expect_err(words);
    assert!(error.message.contains(words), "{error} says nothing of {words:?}");
}

#[test]
fn each_fault_has_its_message() {
    let slot_of = |plan: &Plan, slot| {
        let found = plan.values.iter().rposition(|value| value.place == Place::Slot(slot));
        found.expect("a value in that buffer")
    };
    refused(|plan| plan.constants[0].offset += 4, "not a multiple of 64");
    refused(|plan| plan.constants[0].shape[0] = u64::MAX, "does not fit");
    refused(|plan| plan.constants[0].shape[0] = 1 << 20, "of a block of");
    refused(|plan| plan.constants[0].shape = vec![1; 9], "9 axes");
    refused(|plan| plan.values[0].place = Place::Input(2), "no such place");
    refused(|plan| plan.values[3].kind = Kind::I64, "no such place");
    refused(|plan| plan.inputs[0].value = 1, "not the value it names");
    refused(|plan| plan.steps[0].inputs[0] = 9999, "never made");
    refused(|plan| plan.steps.swap(0, 1), "never made");
    refused(|plan| plan.outputs[0].value = 9999, "never made");
    refused(|plan| plan.outputs[0].value = 0, "not a copy");
    refused(|plan| plan.steps[0].outputs.clear(), "0 outputs");
    refused(|plan| plan.steps[0].inputs.push(0), "2 inputs");
    refused(|plan| plan.slots = u32::MAX, "buffers");
    refused(|plan| plan.steps[1].outputs[0] = plan.steps[0].outputs[0], "made twice");
    refused(|plan| plan.steps[0].op = Op::Unary(trueline_core::model::plan::ir::Unary::Not), "of kind I64");
    // Views that go round in a circle.
    refused(
        |plan| {
            let views: Vec<usize> = (0..plan.values.len())
                .filter(|&i| matches!(plan.values[i].place, Place::View(_)))
                .take(2)
                .collect();
            plan.values[views[0]].place = Place::View(views[1] as u32);
            plan.values[views[1]].place = Place::View(views[0] as u32);
        },
        "no such place",
    );
    // What a step makes would take the place of what it reads.
    refused(
        |plan| {
            let step = plan.steps[1].clone();
            let read = plan.values[step.inputs[1] as usize].place;
            plan.values[step.outputs[0] as usize].place = read;
        },
        "in use",
    );
    // The stream's buffer is taken before the stream is read for the last time.
    refused(
        |plan| {
            let mean = plan.steps[plan.steps.len() - 4].outputs[0] as usize;
            assert_ne!(plan.values[mean].place, Place::Slot(0));
            plan.values[mean].place = Place::Slot(0);
            assert!(slot_of(plan, 0) > 0);
        },
        "took its buffer",
    );
    let Builder { mut plan, mut bytes } = encoder();
    bytes.resize(bytes.len().next_multiple_of(64) + 64, 2);
    let offset = bytes.len() as u64 - 64;
    plan.constants.push(Constant { kind: Kind::Bool, shape: vec![64], offset });
    let error = plan.check(&bytes).expect_err("a byte of 2");
    assert!(error.message.contains("neither 0 nor 1"), "{error}");
}

#[test]
fn inputs_that_are_not_the_plans_are_refused() {
    let program = encoder().program().expect("a plan");
    let (ids, mask) = texts(2, 3);
    let refused = |inputs: &[Input<'_>], words: &str| {
        let mut state = State::new();
        let ran = program.run(&mut state, Isa::best(), &Threads::none(), inputs, &Control::unlimited());
        let error = ran.expect_err(words);
        assert!(error.code == Code::InvalidArgument && error.message.contains(words), "{error}");
        assert!(state.output(&program, 0).is_err());
    };
    let good = Input { shape: &[2, 3], data: Data::I64(&mask) };
    refused(&[good], "1 inputs for a plan of 2");
    refused(&[Input { shape: &[2, 3], data: Data::F32(&[0.0; 6]) }, good], "is of kind F32");
    refused(&[Input { shape: &[2, 4], data: Data::I64(&ids) }, good], "is given 6 elements");
}
