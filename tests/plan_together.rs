//! Texts that run side by side have the bits of runs of their own.

mod plan_support;
#[cfg(feature = "tract")]
mod support;

use plan_support::encoder::{encoder, texts};
use plan_support::{Builder, Random};
use trueline_core::Code;
use trueline_core::kernels::{Isa, linear_i8};
use trueline_core::model::control::Control;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::ir::{ABSENT, Activation, Id, Kind, Linear, Op, Rows, Weights};
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;

/// Shapes and bits.
fn outputs(program: &Program, state: &State) -> Vec<(Vec<usize>, Vec<u32>)> {
    let output = |i| {
        let view = state.output(program, i).expect("an output");
        let bits = view.f32s().expect("floats").iter().map(|x| x.to_bits()).collect();
        (view.shape.to_vec(), bits)
    };
    (0..program.plan().outputs.len()).map(output).collect()
}

fn alone(program: &Program, isa: Isa, inputs: &[Input<'_>]) -> Vec<(Vec<usize>, Vec<u32>)> {
    let mut state = State::new();
    program.run(&mut state, isa, &Threads::none(), inputs, &Control::unlimited()).expect("a run");
    outputs(program, &state)
}

fn check(program: &Program, isa: Isa, threads: &Threads, inputs: &[&[Input<'_>]]) {
    let mut states: Vec<State> = inputs.iter().map(|_| State::new()).collect();
    // Twice: what a first run leaves in the buffers must not matter.
    for _ in 0..2 {
        let control = Control::unlimited();
        program.run_together(&mut states, isa, threads, inputs, &control).expect("a run");
        for (state, inputs) in states.iter().zip(inputs) {
            assert_eq!(outputs(program, state), alone(program, isa, inputs), "{}", isa.name());
        }
    }
}

#[test]
fn an_encoder_reads_texts_of_all_lengths_at_once() {
    let program = encoder().program().expect("a plan");
    let lengths = [1, 9, 2, 33, 1, 4, 17];
    let given: Vec<(Vec<i64>, Vec<i64>)> =
        lengths.iter().enumerate().map(|(i, n)| texts(1 + i % 2, *n)).collect();
    let shapes: Vec<[usize; 2]> = lengths.iter().enumerate().map(|(i, n)| [1 + i % 2, *n]).collect();
    let inputs: Vec<[Input<'_>; 2]> = given
        .iter()
        .zip(&shapes)
        .map(|((ids, mask), shape)| {
            [Input { shape, data: Data::I64(ids) }, Input { shape, data: Data::I64(mask) }]
        })
        .collect();
    let inputs: Vec<&[Input<'_>]> = inputs.iter().map(|inputs| &inputs[..]).collect();
    for isa in Isa::available() {
        for threads in [1, 3] {
            check(&program, isa, &Threads::new(threads).expect("threads"), &inputs);
        }
    }
}

/// A product of every form of rows, one behind the other and twice over the same value, with residuals.
fn products() -> Builder {
    const K: usize = 20;
    let (mut builder, mut random) = (Builder::default(), Random(5));
    let x = builder.input(Kind::F32);
    let mut product = |builder: &mut Builder, inputs: &[Id], rows: Rows, factors: bool| {
        let weights = random.bytes(K * K);
        let mut packed = vec![0; linear_i8::packed_len(K, K)];
        let mut sums = vec![0; K];
        linear_i8::pack(&weights, [K, K], &mut packed, &mut sums);
        let rows = match rows {
            Rows::Dynamic { .. } if factors => {
                Rows::Dynamic { factors: builder.constant(&[K], Data::F32(&random.floats(K, 1.0))) }
            }
            rows => rows,
        };
        let weights = Weights::I8 {
            packed: builder.constant(&[packed.len()], Data::I8(&packed)),
            scales: builder.constant(&[K], Data::F32(&[0.01; K])),
            sums: builder.constant(&[K], Data::I32(&sums)),
            rows,
        };
        let bias = builder.constant(&[K], Data::F32(&random.floats(K, 1.0)));
        let (k, n, residual) = (K as u32, K as u32, inputs.len() > 1);
        let op = Op::Linear(Linear { k, n, weights, bias, activation: Activation::Silu, residual });
        let out = builder.slot(Kind::F32);
        builder.step(op, inputs, &[out]);
        out
    };
    let a = product(&mut builder, &[x], Rows::Whole, false);
    let b = product(&mut builder, &[x, a], Rows::Whole, false);
    let c = product(&mut builder, &[b, x], Rows::Dynamic { factors: ABSENT }, true);
    let fixed = Rows::Static { scale: 0.02, zero: 3, signed: true };
    let d = product(&mut builder, &[c, b], fixed, false);
    for out in [a, b, c, d] {
        builder.output(out);
    }
    builder
}

#[test]
fn each_text_keeps_its_own_scale() {
    let program = products().program().expect("a plan");
    let mut random = Random(9);
    // Very unlike in size: a scale of all texts together would show.
    let given: Vec<(Vec<f32>, [usize; 3])> = [(1, 0.01), (12, 100.0), (3, 1.0), (5, 0.0)]
        .map(|(rows, size)| (random.floats(rows * 20, size), [1, rows, 20]))
        .into();
    let inputs: Vec<[Input<'_>; 1]> =
        given.iter().map(|(x, shape)| [Input { shape, data: Data::F32(x) }]).collect();
    let inputs: Vec<&[Input<'_>]> = inputs.iter().map(|inputs| &inputs[..]).collect();
    for isa in Isa::available() {
        check(&program, isa, &Threads::none(), &inputs);
    }
    // One text with features that the plan has not: nothing has an output.
    let wide = [Input { shape: &[1, 1, 21], data: Data::F32(&[0.0; 21]) }];
    let mut states = [State::new(), State::new()];
    let control = Control::unlimited();
    let error =
        program.run_together(&mut states, Isa::best(), &Threads::none(), &[inputs[0], &wide], &control);
    assert_eq!(error.expect_err("21 features").code, Code::InvalidModel);
    assert!(states.iter().all(|state| state.output(&program, 0).is_err()));
    let error = program.run_together(&mut states, Isa::best(), &Threads::none(), &inputs, &control);
    assert_eq!(error.expect_err("two states for four texts").code, Code::InvalidArgument);
}

/// The packs for tests bring no plan: it is compiled.
#[cfg(feature = "tract")]
#[test]
fn a_batch_of_all_lengths_has_the_verdicts_of_single_texts() {
    use trueline_core::engine::{Config, Engine, GuardOptions, Session};
    use trueline_core::model::backend::Kind;
    use trueline_core::model::pack::Pack;

    for name in ["guard-test-f32", "guard-test-int8"] {
        let pack = Pack::open(&support::project("models").join(name)).expect("a pack");
        let config = Config { backend: Kind::Plan, ..Config::default() };
        let engine = Engine::new(&config, &[&pack]).expect("an engine");
        let words = ["you", "are", "a", "silly", "fool", "what", "lovely", "day", "na\u{ef}ve", "go", "away"];
        let mut random = support::Random(3);
        let mut given: Vec<Vec<u8>> = (0..60)
            .map(|i| {
                let text: Vec<&str> =
                    (0..random.below(1 + i)).map(|_| words[random.below(words.len())]).collect();
                text.join(" ").into_bytes()
            })
            .collect();
        given.insert(5, b"\xff".to_vec());
        given.insert(11, given[12].clone());
        given.insert(13, "\u{200b}".into());
        let texts: Vec<&[u8]> = given.iter().map(Vec::as_slice).collect();
        let options = GuardOptions::default();
        let (mut one, mut many) =
            (Session::new(&engine, None).expect("one"), Session::new(&engine, None).expect("many"));
        let batch = many.guard_batch(&texts, &options);
        assert_eq!(batch.len(), texts.len());
        for (text, found) in texts.iter().zip(batch) {
            match (found, one.guard(text, &options)) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(found), Err(wanted)) => assert_eq!(found.message, wanted.message),
                (found, wanted) => panic!("{found:?} and {wanted:?}"),
            }
        }
    }
}
