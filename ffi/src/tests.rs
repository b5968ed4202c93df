//! What C cannot provoke: an internal failure in the middle of a call.

use std::ffi::CStr;
use std::path::Path;
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trueline_core::Error;
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
