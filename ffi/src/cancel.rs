//! `tl_cancel`: ends running calls from another thread.

use std::sync::Arc;

use trueline_core::model::control::CancelToken;

use crate::boundary::{boundary, value};
use crate::pointer::{Out, required};
use crate::status::tl_status;

/// A switch that ends the calls it was given to. Any thread may set it at any time.
pub struct tl_cancel {
    pub(crate) token: Arc<CancelToken>,
}

/// Makes a cancel token, not set.
///
/// @param out_cancel  gets the token; end it with tl_cancel_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out_cancel` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cancel_create(out_cancel: *mut *mut tl_cancel) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_cancel, "out_cancel") }?;
        out.set(Box::into_raw(Box::new(tl_cancel { token: Arc::new(CancelToken::new()) })));
        Ok(())
    })
}

/// Ends every call that runs with this token, at its next look between two operators of the model, with
/// TL_ERR_CANCELLED; and later calls with it, until tl_cancel_reset.
///
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `cancel` is NULL or from `tl_cancel_create` and not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cancel_set(cancel: *const tl_cancel) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        unsafe { required(cancel, "cancel") }?.token.cancel();
        Ok(())
    })
}

/// Makes the token usable again.
///
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `cancel` is NULL or from `tl_cancel_create` and not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cancel_reset(cancel: *const tl_cancel) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        unsafe { required(cancel, "cancel") }?.token.reset();
        Ok(())
    })
}

/// Ends a token; NULL is fine. A call that still runs with it keeps what it needs.
///
/// # Safety
/// `cancel` is NULL or from `tl_cancel_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cancel_destroy(cancel: *mut tl_cancel) {
    value((), || {
        if !cancel.is_null() {
            // SAFETY: made by `Box::into_raw` in `tl_cancel_create` and given back once, by this function's contract.
            drop(unsafe { Box::from_raw(cancel) });
        }
    });
}
