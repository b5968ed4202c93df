//! Versions, and what this CPU offers.

use std::ffi::c_char;
use std::sync::OnceLock;

use trueline_core::kernels::Isa;

use crate::boundary::{Message, message, value};

/// Version of the C ABI that this header describes. It changes when a program built against an older header would
/// no longer work.
pub const TL_ABI_VERSION: u32 = 0;
/// The library version's first number.
pub const TL_VERSION_MAJOR: u32 = 0;
/// The library version's second number.
pub const TL_VERSION_MINOR: u32 = 1;
/// The library version's third number.
pub const TL_VERSION_PATCH: u32 = 0;

/// The `TL_ABI_VERSION` of the library that runs; compare it with the one compiled in.
#[unsafe(no_mangle)]
pub extern "C" fn tl_abi_version() -> u32 {
    TL_ABI_VERSION
}

/// Version of the library that runs: "0.1.0". Never NULL; static.
#[unsafe(no_mangle)]
pub extern "C" fn tl_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The instruction sets that this CPU has and this library uses, best first, with a space between them:
/// "avx512vnni avx512 avx2 scalar". Never NULL; static.
#[unsafe(no_mangle)]
pub extern "C" fn tl_cpu_features() -> *const c_char {
    static NAMES: OnceLock<Message> = OnceLock::new();
    value(c"scalar".as_ptr(), || {
        let names =
            NAMES.get_or_init(|| message(&Isa::available().map(Isa::name).collect::<Vec<_>>().join(" ")));
        names.as_ptr()
    })
}
