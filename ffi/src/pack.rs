//! `tl_pack`: a model with its manifest, read and checked.

use std::ffi::{CString, c_char, c_void};
use std::path::Path;

use trueline_core::model::pack::Pack;
use trueline_core::{Code, Error};

use crate::boundary::{boundary, value};
use crate::pointer::{Out, optional_text, span};
use crate::status::tl_status;

/// A pack whose every file is there, and has the digest that its manifest states if it was read. Immutable.
pub struct tl_pack {
    pub(crate) pack: Pack,
    name: CString,
    version: CString,
    sha256: CString,
}

/// Reads a pack from a folder, or from a tar archive of one.
///
/// A compiled plan (`trueline pack`) in a folder is mapped and not copied: until pack and engines are destroyed its file
/// must not be shortened or written into. To replace it, rename another file into its place.
///
/// @param path      UTF-8, ended by NUL.
/// @param out_pack  gets the pack; end it with tl_pack_destroy, at once after tl_engine_create if you like.
///                  NULL on failure.
/// @return TL_OK; TL_ERR_IO; TL_ERR_INVALID_PACK; TL_ERR_HASH_MISMATCH; TL_ERR_TOO_LARGE; TL_ERR_MODEL_MISMATCH;
///         TL_ERR_UTF8 for the path.
///
/// # Safety
/// `path` is NULL or ends in NUL; `out_pack` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pack_open(path: *const c_char, out_pack: *mut *mut tl_pack) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_pack, "out_pack") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let path = unsafe { optional_text(path, "path") }?;
        let path = path.ok_or_else(|| Error::new(Code::NullArgument, "path is NULL"))?;
        out.set(tl_pack::new(Pack::open(Path::new(path))?)?);
        Ok(())
    })
}

/// Reads a pack from the bytes of a tar archive (`tar -cf guard-en.tar -C models/guard-en .`), which are copied.
///
/// @param data      `size` bytes; may be NULL if `size` is 0.
/// @param out_pack  gets the pack; end it with tl_pack_destroy. NULL on failure.
/// @return as tl_pack_open, less TL_ERR_IO.
///
/// # Safety
/// `size` bytes lie at `data`, or it is NULL; `out_pack` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pack_open_memory(
    data: *const c_void,
    size: usize,
    out_pack: *mut *mut tl_pack,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_pack, "out_pack") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: `size` bytes lie there, by this function's contract.
        let bytes = unsafe { span(data.cast::<u8>(), size, "data") }?;
        out.set(tl_pack::new(Pack::from_archive(bytes)?)?);
        Ok(())
    })
}

impl tl_pack {
    fn new(pack: Pack) -> Result<*mut Self, Error> {
        let text = |what: &str, s: &str| {
            CString::new(s)
                .map_err(|_| Error::new(Code::InvalidPack, format!("manifest.toml: {what} holds a NUL")))
        };
        let manifest = pack.manifest();
        let name = text("name", &manifest.name)?;
        let version = text("version", &manifest.version)?;
        let sha256 = text("sha256", pack.sha256())?;
        Ok(Box::into_raw(Box::new(Self { pack, name, version, sha256 })))
    }
}

/// The pack's name, which tl_session_create takes. Never NULL ("" for a NULL pack); lives as long as the pack.
///
/// # Safety
/// `pack` is NULL or from `tl_pack_open...` and not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pack_name(pack: *const tl_pack) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { pack.as_ref() }.map_or(c"".as_ptr(), |p| p.name.as_ptr())
}

/// The pack's own version. Never NULL ("" for a NULL pack); lives as long as the pack.
///
/// # Safety
/// `pack` is NULL or from `tl_pack_open...` and not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pack_version(pack: *const tl_pack) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { pack.as_ref() }.map_or(c"".as_ptr(), |p| p.version.as_ptr())
}

/// sha256 of the pack's manifest, 64 hexadecimal digits: it names the pack's whole content, since the manifest lists
/// the sha256 of every file. Never NULL ("" for a NULL pack); lives as long as the pack.
///
/// # Safety
/// `pack` is NULL or from `tl_pack_open...` and not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pack_sha256(pack: *const tl_pack) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { pack.as_ref() }.map_or(c"".as_ptr(), |p| p.sha256.as_ptr())
}

/// Ends a pack; NULL is fine. Engines made from it keep what they need.
///
/// # Safety
/// `pack` is NULL or from `tl_pack_open...`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pack_destroy(pack: *mut tl_pack) {
    value((), || {
        if !pack.is_null() {
            // SAFETY: made by `Box::into_raw` in `tl_pack::new` and given back once, by this function's contract.
            drop(unsafe { Box::from_raw(pack) });
        }
    });
}
