//! `tl_policy`: what is done about which category of text.

use std::ffi::{CString, c_char};
use std::path::Path;
use std::sync::Arc;

use trueline_core::engine::policy::Policy;
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::exclusive::destroy;
use crate::pointer::{Out, optional_text, span};
use crate::status::tl_status;

/// A policy: categories, actions, thresholds, rules. Immutable.
pub struct tl_policy {
    pub(crate) policy: Arc<Policy>,
    name: CString,
    sha256: CString,
}

impl tl_policy {
    fn new(policy: Policy) -> Result<*mut Self, Error> {
        let text = |text: &str| {
            CString::new(text).map_err(|_| Error::new(Code::InvalidArgument, "the policy's name holds a NUL"))
        };
        let (name, sha256) = (text(policy.name())?, text(policy.sha256())?);
        Ok(Box::into_raw(Box::new(Self { policy: Arc::new(policy), name, sha256 })))
    }
}

/// Reads a policy file (TOML), and the lists that it names, which lie in its folder or below.
///
/// @param path        UTF-8, ended by NUL.
/// @param out_policy  gets the policy; end it with tl_policy_destroy, at once after tl_filter_create if you like. NULL on
///                    failure.
/// @return TL_OK; TL_ERR_IO; TL_ERR_INVALID_ARGUMENT with file and line for what the file holds; TL_ERR_TOO_LARGE;
///         TL_ERR_UTF8 for the path; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `path` is NULL or ends in NUL; `out_policy` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_policy_open(path: *const c_char, out_policy: *mut *mut tl_policy) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_policy, "out_policy") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let path = unsafe { optional_text(path, "path") }?;
        let path = path.ok_or_else(|| Error::new(Code::NullArgument, "path is NULL"))?;
        out.set(tl_policy::new(Policy::open(Path::new(path))?)?);
        Ok(())
    })
}

/// Reads a policy from its text; one that names files of lists is refused.
///
/// @param name        names it in errors and records; UTF-8, ended by NUL; NULL: "policy".
/// @param text        TOML, UTF-8, `text_size` bytes.
/// @param out_policy  gets the policy; end it with tl_policy_destroy. NULL on failure.
/// @return as tl_policy_open, less TL_ERR_IO.
///
/// # Safety
/// `name` is NULL or ends in NUL; `text_size` bytes lie at `text`; `out_policy` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_policy_parse(
    name: *const c_char,
    text: *const c_char,
    text_size: usize,
    out_policy: *mut *mut tl_policy,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_policy, "out_policy") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let name = unsafe { optional_text(name, "name") }?.unwrap_or("policy");
        // SAFETY: `text_size` bytes lie there, by this function's contract.
        let text = unsafe { span(text.cast::<u8>(), text_size, "text") }?;
        let text = str::from_utf8(text)
            .map_err(|e| Error::new(Code::Utf8, format!("text is not UTF-8 at byte {}", e.valid_up_to())))?;
        out.set(tl_policy::new(Policy::parse(name, text)?)?);
        Ok(())
    })
}

/// The policy's name; empty for NULL. Lives as long as the policy.
///
/// # Safety
/// `policy` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_policy_name(policy: *const tl_policy) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { policy.as_ref() }.map_or(c"".as_ptr(), |p| p.name.as_ptr())
}

/// sha256 of the policy's text and lists, 64 hexadecimal digits; empty for NULL. Lives as long as the policy.
///
/// # Safety
/// `policy` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_policy_sha256(policy: *const tl_policy) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { policy.as_ref() }.map_or(c"".as_ptr(), |p| p.sha256.as_ptr())
}

/// Ends a policy; NULL is fine. Filters made from it stay usable.
///
/// # Safety
/// `policy` is NULL or from `tl_policy_open` or `tl_policy_parse`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_policy_destroy(policy: *mut tl_policy) {
    // SAFETY: this function's contract.
    unsafe { destroy(policy) };
}
