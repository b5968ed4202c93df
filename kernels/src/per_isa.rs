//! One portable body, compiled once for each instruction set.

/// Runs the copy of a body that was compiled for `$isa`.
///
/// The body is a safe `#[inline(always)]` function in plain Rust, so that it is compiled again inside each
/// `#[target_feature]` function below: the operations are the same, the registers wider. A kernel may name a body per
/// instruction set, which is how tile sizes differ. The int8 instructions add nothing here, so `AvxVnni` runs the AVX2
/// copy, `Avx512Vnni` the AVX-512 one, and `Dotprod` and `I8mm` the NEON one.
macro_rules! per_isa {
    ($isa:expr, {
        scalar: $scalar:expr, avx2: $avx2:expr, avx512: $avx512:expr, neon: $neon:expr
    }, ($($arg:ident: $type:ty),*) $(-> $output:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[inline]
        fn avx2(_proof: crate::Avx2, $($arg: $type),*) $(-> $output)? {
            #[target_feature(enable = "avx2")]
            fn compiled($($arg: $type),*) $(-> $output)? {
                $avx2($($arg),*)
            }
            // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
            unsafe { compiled($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[inline]
        fn avx512(_proof: crate::Avx512, $($arg: $type),*) $(-> $output)? {
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
            fn compiled($($arg: $type),*) $(-> $output)? {
                $avx512($($arg),*)
            }
            // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F, BW, VL and DQ.
            unsafe { compiled($($arg),*) }
        }
        #[cfg(target_arch = "aarch64")]
        #[inline]
        fn neon(_proof: crate::Neon, $($arg: $type),*) $(-> $output)? {
            #[target_feature(enable = "neon")]
            fn compiled($($arg: $type),*) $(-> $output)? {
                $neon($($arg),*)
            }
            // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
            unsafe { compiled($($arg),*) }
        }
        match $isa {
            crate::Isa::Scalar => $scalar($($arg),*),
            #[cfg(target_arch = "x86_64")]
            crate::Isa::Avx2(proof) => avx2(proof, $($arg),*),
            #[cfg(target_arch = "x86_64")]
            crate::Isa::AvxVnni(proof) => avx2(proof.avx2(), $($arg),*),
            #[cfg(target_arch = "x86_64")]
            crate::Isa::Avx512(proof) => avx512(proof, $($arg),*),
            #[cfg(target_arch = "x86_64")]
            crate::Isa::Avx512Vnni(proof) => avx512(proof.avx512(), $($arg),*),
            #[cfg(target_arch = "aarch64")]
            crate::Isa::Neon(proof) => neon(proof, $($arg),*),
            #[cfg(target_arch = "aarch64")]
            crate::Isa::Dotprod(proof) => neon(proof.neon(), $($arg),*),
            #[cfg(target_arch = "aarch64")]
            crate::Isa::I8mm(proof) => neon(proof.neon(), $($arg),*),
        }
    }};
    ($isa:expr, $body:expr, ($($arg:ident: $type:ty),*) $(-> $output:ty)?) => {
        per_isa!($isa, {
            scalar: $body, avx2: $body, avx512: $body, neon: $body
        }, ($($arg: $type),*) $(-> $output)?)
    };
}
