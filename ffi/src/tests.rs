//! What C cannot provoke: an internal failure in the middle of a call.

use std::ffi::CStr;
use std::path::Path;
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trueline_core::Error;
use trueline_core::engine::correct::Inspector;
use trueline_core::engine::{Engine, Guard, Member, Session};
use trueline_core::kernels::Isa;
use trueline_core::model::backend::{Backend, Memory};
use trueline_core::model::control::Control;
use trueline_core::model::pack::Pack;
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;

use crate::*;

const TEXT: &[u8] = b"a plain text";

/// Panics in its first run, and judges everything harmless after that.
struct PanicsOnce {
    runs: AtomicUsize,
    labels: usize,
}

impl Backend for PanicsOnce {
    fn run(
        &self,
        _memory: &mut Memory,
        _inputs: &[Tensor],
        _control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        assert!(self.runs.fetch_add(1, Ordering::SeqCst) > 0, "a fault of the library itself");
        Ok(vec![Tensor::new(vec![1, self.labels], Data::F32(vec![-40.0; self.labels]))?])
    }
}

fn engine() -> Engine {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/guard-test-f32");
    let pack = Pack::open(&folder).expect("the test pack opens");
    let tokenizer =
        Tokenizer::from_bytes(pack.tokenizer().expect("its bytes")).expect("its tokenizer parses");
    let labels = pack.manifest().labels.len();
    let backend = PanicsOnce { runs: AtomicUsize::new(0), labels };
    let guard = Guard::from_parts(pack.manifest().clone(), tokenizer, Box::new(backend)).expect("they fit");
    Engine::from_members(Isa::Scalar, vec![Member::Guard(Arc::new(guard))]).expect("one guard is enough")
}

fn last_error() -> String {
    // SAFETY: never NULL, ended by NUL, and no call of this thread fails before the copy is made.
    unsafe { CStr::from_ptr(tl_last_error()) }.to_string_lossy().into_owned()
}

fn guard(session: &mut tl_session, result: &mut tl_result) -> tl_status {
    // SAFETY: live and exclusive references, and `TEXT` with its own length.
    unsafe { tl_session_guard(session, null(), TEXT.as_ptr().cast(), TEXT.len(), result) }
}

fn new_result() -> Box<tl_result> {
    let mut result = std::ptr::null_mut();
    // SAFETY: `result` is writable.
    assert_eq!(unsafe { tl_result_create(&mut result) }, TL_OK);
    // SAFETY: made by `Box::into_raw` just now.
    unsafe { Box::from_raw(result) }
}

#[test]
fn a_panic_is_a_status_and_leaves_the_session_broken() {
    let engine = engine();
    let mut result = new_result();
    let mut session = tl_session::over(Session::new(&engine, None).expect("a session"));

    assert_eq!(guard(&mut session, &mut result), TL_ERR_INTERNAL);
    assert!(last_error().contains("panic"), "{}", last_error());
    assert_blocked(&result, TL_ERR_INTERNAL);

    assert_eq!(guard(&mut session, &mut result), TL_ERR_BROKEN);
    assert!(last_error().contains("destroy it"), "{}", last_error());
    assert_blocked(&result, TL_ERR_BROKEN);

    // The engine is whole: another session works.
    let mut other = tl_session::over(Session::new(&engine, None).expect("a session"));
    assert_eq!(guard(&mut other, &mut result), TL_OK);
    // SAFETY: a live reference.
    assert_eq!(unsafe { tl_result_action(&*result, 0) }, TL_ACTION_ALLOW);
}

#[test]
fn a_panic_blocks_the_filter_and_breaks_the_stream() {
    let first = Box::new(tl_engine::new(engine()));
    let text = "policy = 1\nname = \"p\"\n[[category]]\nname = \"toxicity\"\n";
    let mut policy = std::ptr::null_mut();
    let mut filter = std::ptr::null_mut();
    let mut decision = std::ptr::null_mut();
    let mut stream = std::ptr::null_mut();
    // SAFETY: writable places, live handles that are destroyed once, and texts with their own lengths.
    unsafe {
        assert_eq!(tl_policy_parse(null(), text.as_ptr().cast(), text.len(), &mut policy), TL_OK);
        assert_eq!(tl_filter_create(policy, &*first, null(), &mut filter), TL_OK);
        assert_eq!(tl_decision_create(&mut decision), TL_OK);
        let judge = || tl_filter_judge(filter, null(), TEXT.as_ptr().cast(), TEXT.len(), decision);
        assert_eq!(judge(), TL_ERR_INTERNAL);
        assert_eq!((tl_decision_action(decision), tl_decision_risk(decision)), (TL_ACTION_BLOCK, 1.0));
        assert_eq!(tl_decision_status(decision), TL_ERR_INTERNAL);
        assert_eq!(tl_decision_reason(decision), TL_REASON_FAILED);
        assert_eq!(judge(), TL_OK);
        assert_eq!(tl_decision_action(decision), TL_ACTION_ALLOW);
        tl_filter_destroy(filter);

        // A stream judges at its end what is shorter than a window.
        let second = Box::new(tl_engine::new(engine()));
        assert_eq!(tl_filter_create(policy, &*second, null(), &mut filter), TL_OK);
        assert_eq!(tl_stream_create(filter, null(), &mut stream), TL_OK);
        let pushed = tl_stream_push(stream, TEXT.as_ptr().cast(), TEXT.len(), std::ptr::null_mut());
        let ended = tl_stream_finish(stream, decision);
        assert!(
            pushed == TL_ERR_INTERNAL || (pushed == TL_OK && ended == TL_ERR_INTERNAL),
            "{pushed} {ended}"
        );
        assert_eq!((tl_decision_action(decision), tl_decision_risk(decision)), (TL_ACTION_BLOCK, 1.0));
        let mut state = tl_stream_state { received: 9, released: 9, blocked: 0, finished: 0 };
        assert_eq!(tl_stream_poll(stream, &mut state), TL_ERR_BROKEN);
        assert_eq!((state.released, state.blocked), (0, 1));
        let (mut shown, mut size) = (null(), 7);
        assert_eq!(tl_stream_take(stream, &mut shown, &mut size), TL_ERR_BROKEN);
        assert_eq!(size, 0);
        assert_eq!(tl_stream_finish(stream, decision), TL_ERR_BROKEN);
        assert_eq!(tl_decision_action(decision), TL_ACTION_BLOCK);
        tl_stream_destroy(stream);
        tl_filter_destroy(filter);
        tl_decision_destroy(decision);
        tl_policy_destroy(policy);
    }
}

fn assert_blocked(result: &tl_result, status: tl_status) {
    // SAFETY: a live reference, in each call.
    unsafe {
        assert_eq!(tl_result_count(result), 1);
        assert_eq!(tl_result_status(result, 0), status);
        assert_eq!(tl_result_action(result, 0), TL_ACTION_BLOCK);
        assert_eq!(tl_result_risk(result, 0), 1.0);
        assert_eq!(tl_result_reason(result, 0), TL_REASON_FAILED);
        assert_eq!(tl_result_category_count(result, 0), 0);
        assert_eq!(tl_result_span_count(result, 0), 0);
    }
}

#[test]
fn last_error_is_one_a_thread_and_cut_at_a_character() {
    let long = "ü".repeat(5000);
    let path = std::ffi::CString::new(long).expect("no NUL");
    let mut pack = std::ptr::null_mut();
    // SAFETY: a string ended by NUL and a writable pointer.
    assert_eq!(unsafe { tl_pack_open(path.as_ptr(), &mut pack) }, TL_ERR_IO);
    assert!(pack.is_null());
    assert!(last_error().len() <= 1024 && last_error().starts_with("üü"));
    let other = std::thread::spawn(last_error).join().expect("the thread ends");
    assert_eq!(other, "");
}

#[test]
fn a_panic_leaves_no_answer_and_breaks_the_session() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/inspector-test");
    let pack = Pack::open(&folder).expect("the test pack opens");
    let tokenizer =
        Tokenizer::from_bytes(pack.tokenizer().expect("its bytes")).expect("its tokenizer parses");
    // The first run is the one at load.
    struct PanicsLater(AtomicUsize);
    impl Backend for PanicsLater {
        fn run(&self, _: &mut Memory, _: &[Tensor], _: &Control) -> Result<Vec<Tensor>, Error> {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) == 0, "a fault of the library itself");
            Ok(vec![Tensor::new(vec![1, 1], Data::F32(vec![40.0]))?])
        }
    }
    let backend = Box::new(PanicsLater(AtomicUsize::new(0)));
    let inspector = Inspector::from_parts(pack.manifest().clone(), tokenizer, backend).expect("they fit");
    let engine =
        Engine::from_members(Isa::Scalar, vec![Member::Inspector(Arc::new(inspector))]).expect("one");
    let mut session = tl_session::over(Session::new(&engine, None).expect("its first pack"));
    for status in [TL_ERR_INTERNAL, TL_ERR_BROKEN] {
        let mut aligned = 7.0;
        // SAFETY: live and exclusive, `TEXT` with its own length, a writable number.
        let found = unsafe {
            tl_session_inspect(
                &mut session,
                null(),
                null(),
                0,
                TEXT.as_ptr().cast(),
                TEXT.len(),
                &mut aligned,
            )
        };
        assert_eq!((found, aligned), (status, 0.0));
    }
}
