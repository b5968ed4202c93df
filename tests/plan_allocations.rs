//! A warm run makes no heap call, and what it keeps grows no further.

mod counting;
mod plan_support;

use counting::{counted, counted_everywhere};
use plan_support::encoder::{encoder, texts};
use trueline_core::kernels::Isa;
use trueline_core::model::control::Control;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;

/// Runs on `tokens` tokens, reads the outputs, and says how many heap calls that took.
fn calls(program: &Program, state: &mut State, isa: Isa, threads: &Threads, tokens: usize) -> usize {
    let (ids, mask) = texts(2, tokens);
    let shape = [2, tokens];
    let inputs =
        [Input { shape: &shape, data: Data::I64(&ids) }, Input { shape: &shape, data: Data::I64(&mask) }];
    let count = if threads.count() > 1 { counted_everywhere } else { counted };
    let (calls, ()) = count(|| {
        program.run(state, isa, threads, &inputs, &Control::unlimited()).expect("a run");
        let risks = state.output(program, 0).expect("an output");
        assert!(risks.f32s().expect("floats").iter().all(|risk| (0.0..=1.0).contains(risk)));
    });
    calls
}

// One test: others of the same process would be counted too.
#[test]
fn a_warm_run_makes_no_heap_call() {
    let program = encoder().program().expect("a plan");
    for isa in Isa::available() {
        let (mut state, alone) = (State::new(), Threads::none());
        assert!(calls(&program, &mut state, isa, &alone, 40) > 0, "a cold run takes memory");
        let held = state.capacity();
        for tokens in [40, 1, 7, 39, 40, 16] {
            assert_eq!(calls(&program, &mut state, isa, &alone, tokens), 0, "{} {tokens} tokens", isa.name());
        }
        assert_eq!(state.capacity(), held);
        assert!(calls(&program, &mut state, isa, &alone, 41) > 0, "a longer text takes more");
        assert_eq!(calls(&program, &mut state, isa, &alone, 41), 0);
    }
    // A pool's queue takes a block once in a while.
    let (mut state, pool) = (State::new(), Threads::new(2).expect("two threads"));
    for _ in 0..5 {
        calls(&program, &mut state, Isa::best(), &pool, 200);
    }
    let counted: usize = (0..200).map(|_| calls(&program, &mut state, Isa::best(), &pool, 200)).sum();
    assert!(counted <= 20, "{counted} heap calls in 200 runs on two threads");
}
