//! Sixteen words side by side, in the registers of an instruction set: what is portable here is written once, on these.

use super::WIDTH;
use crate::Isa;
use crate::lanes::larger;

/// The operations, by a proof that they may be executed. Floats are in the bits of words.
pub(super) trait Vector: Copy {
    /// [`WIDTH`] words.
    type Words: Copy;

    fn splat(self, x: u32) -> Self::Words;
    fn load(self, x: &[u32; WIDTH]) -> Self::Words;
    fn store(self, x: Self::Words, out: &mut [u32; WIDTH]);
    /// The lower half of each of the first eight lanes, and that of the lane eight further on in the upper half.
    fn store_pairs(self, x: Self::Words, out: &mut [u32; WIDTH / 2]);

    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn and(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn or(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn xor(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn shift<const BITS: u32>(self, a: Self::Words) -> Self::Words;
    /// The larger, without signs.
    fn larger(self, a: Self::Words, b: Self::Words) -> Self::Words;

    fn add_f32(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn sub_f32(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn mul_f32(self, a: Self::Words, b: Self::Words) -> Self::Words;
    /// `x` where it is larger than `best`, which stays where `x` is NaN, or equal.
    fn larger_f32(self, x: Self::Words, best: Self::Words) -> Self::Words;
    /// From `i32`.
    fn to_f32(self, x: Self::Words) -> Self::Words;

    /// `out[c][r] = x[r * stride + c]`, where the last of `rows` rows stands in for those that are missing.
    fn columns(self, x: &[f32], stride: usize, rows: usize, out: &mut [[f32; WIDTH]; WIDTH]);

    /// The largest of the lanes, none of which is NaN.
    fn largest_f32(self, x: Self::Words) -> f32;
    /// The lanes added up, modulo 2^32.
    fn sum(self, x: Self::Words) -> u32;

    #[inline(always)]
    fn splat_f32(self, x: f32) -> Self::Words {
        self.splat(x.to_bits())
    }

    #[inline(always)]
    fn load_f32(self, x: &[f32; WIDTH]) -> Self::Words {
        // SAFETY: `u32` has the size and alignment of `f32`, and every pattern of bits is one of its values.
        self.load(unsafe { &*core::ptr::from_ref(x).cast() })
    }

    #[inline(always)]
    fn store_f32(self, x: Self::Words, out: &mut [f32; WIDTH]) {
        // SAFETY: as in `load_f32`, both ways; the exclusive borrow is handed on.
        self.store(x, unsafe { &mut *core::ptr::from_mut(out).cast() });
    }
}

/// Turns rows into columns: `out[c][r] = x[r * stride + c]`, where the last of `rows` rows stands in for those that are missing.
pub(super) fn columns(isa: Isa, x: &[f32], stride: usize, rows: usize, out: &mut [[f32; WIDTH]; WIDTH]) {
    match isa {
        Isa::Scalar => Plain.columns(x, stride, rows, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => proof.columns(x, stride, rows, out),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => proof.avx2().columns(x, stride, rows, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => proof.columns(x, stride, rows, out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => proof.avx512().columns(x, stride, rows, out),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => proof.columns(x, stride, rows, out),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => proof.neon().columns(x, stride, rows, out),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => proof.neon().columns(x, stride, rows, out),
    }
}

/// Without registers.
#[derive(Clone, Copy)]
pub(super) struct Plain;

#[inline(always)]
fn each(a: [u32; WIDTH], b: [u32; WIDTH], f: impl Fn(u32, u32) -> u32) -> [u32; WIDTH] {
    let mut out = [0; WIDTH];
    for l in 0..WIDTH {
        out[l] = f(a[l], b[l]);
    }
    out
}

#[inline(always)]
fn floats(f: impl Fn(f32, f32) -> f32) -> impl Fn(u32, u32) -> u32 {
    move |a, b| f(f32::from_bits(a), f32::from_bits(b)).to_bits()
}

impl Vector for Plain {
    type Words = [u32; WIDTH];

    #[inline(always)]
    fn splat(self, x: u32) -> [u32; WIDTH] {
        [x; WIDTH]
    }

    #[inline(always)]
    fn load(self, x: &[u32; WIDTH]) -> [u32; WIDTH] {
        *x
    }

    #[inline(always)]
    fn store(self, x: [u32; WIDTH], out: &mut [u32; WIDTH]) {
        *out = x;
    }

    #[inline(always)]
    fn store_pairs(self, x: [u32; WIDTH], out: &mut [u32; WIDTH / 2]) {
        for l in 0..WIDTH / 2 {
            out[l] = x[l] & 0xffff | x[l + WIDTH / 2] << 16;
        }
    }

    #[inline(always)]
    fn add(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, u32::wrapping_add)
    }

    #[inline(always)]
    fn and(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn xor(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    fn shift<const BITS: u32>(self, a: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, a, |a, _| a << BITS)
    }

    #[inline(always)]
    fn larger(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, u32::max)
    }

    #[inline(always)]
    fn add_f32(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, floats(|a, b| a + b))
    }

    #[inline(always)]
    fn sub_f32(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, floats(|a, b| a - b))
    }

    #[inline(always)]
    fn mul_f32(self, a: [u32; WIDTH], b: [u32; WIDTH]) -> [u32; WIDTH] {
        each(a, b, floats(|a, b| a * b))
    }

    #[inline(always)]
    fn larger_f32(self, x: [u32; WIDTH], best: [u32; WIDTH]) -> [u32; WIDTH] {
        each(x, best, floats(|x, best| if x > best { x } else { best }))
    }

    #[inline(always)]
    fn to_f32(self, x: [u32; WIDTH]) -> [u32; WIDTH] {
        each(x, x, |x, _| (x as i32 as f32).to_bits())
    }

    #[inline(always)]
    fn largest_f32(self, x: [u32; WIDTH]) -> f32 {
        x.iter().fold(f32::NEG_INFINITY, |best, x| larger(best, f32::from_bits(*x)))
    }

    #[inline(always)]
    fn sum(self, x: [u32; WIDTH]) -> u32 {
        x.iter().fold(0, |sum, x| sum.wrapping_add(*x))
    }

    #[inline(always)]
    fn columns(self, x: &[f32], stride: usize, rows: usize, out: &mut [[f32; WIDTH]; WIDTH]) {
        for (c, out) in out.iter_mut().enumerate() {
            for r in 0..WIDTH {
                out[r] = x[r.min(rows - 1) * stride + c];
            }
        }
    }
}

/// Where rows of [`WIDTH`] elements lie that have been checked.
pub(super) struct Rows<'a> {
    x: &'a [f32],
    stride: usize,
    last: usize,
}

impl<'a> Rows<'a> {
    /// # Panics
    /// If `x` is too short for so many rows, or there is none.
    #[inline(always)]
    pub(super) fn new(x: &'a [f32], stride: usize, rows: usize) -> Self {
        let last = rows - 1;
        let needed = last.checked_mul(stride).and_then(|at| at.checked_add(WIDTH));
        assert!(needed.is_some_and(|needed| needed <= x.len()), "attention: rows that are not there");
        Rows { x, stride, last }
    }

    /// Four elements of row `r`, or of the last, from the `i`-th four on.
    #[inline(always)]
    pub(super) fn four(&self, r: usize, i: usize) -> &'a [f32; 4] {
        assert!(i < WIDTH / 4);
        // SAFETY: a row is at most the last, of which `new` has seen 16 elements, and four from `4 * i <= 12` on are asked for.
        unsafe { &*self.x.as_ptr().add(r.min(self.last) * self.stride + 4 * i).cast() }
    }
}

/// Implements [`Vector`] for a proof whose register has `$lanes` words: as many registers as make sixteen, and each operation
/// on one after the other.
macro_rules! vector {
    (
        $proof:ty, $features:literal, $register:ty, $lanes:literal, splat: $splat:expr, load: $load:expr, store: $store:expr,
        add: $add:expr, and: $and:expr, or: $or:expr, xor: $xor:expr, shift: $shift:expr, larger: $larger:expr,
        add_f32: $add_f32:expr, sub_f32: $sub_f32:expr, mul_f32: $mul_f32:expr, larger_f32: $larger_f32:expr,
        to_f32: $to_f32:expr, store_pairs: $store_pairs:ident, largest: $largest_lane:ident, sum: $sum:ident,
        columns: $columns:ident
    ) => {
        impl crate::attention::vector::Vector for $proof {
            type Words = [$register; crate::attention::WIDTH / $lanes];

            #[inline(always)]
            fn splat(self, x: u32) -> Self::Words {
                #[target_feature(enable = $features)]
                #[inline]
                fn one(x: u32) -> $register {
                    $splat(x)
                }
                // SAFETY: the proof exists only after detection.
                [unsafe { one(x) }; crate::attention::WIDTH / $lanes]
            }

            #[inline(always)]
            fn load(self, x: &[u32; crate::attention::WIDTH]) -> Self::Words {
                #[target_feature(enable = $features)]
                #[inline]
                fn one(x: &[u32; $lanes]) -> $register {
                    // SAFETY: `x` is as many readable bytes as the register holds, and the load needs no alignment.
                    unsafe { $load(x.as_ptr().cast()) }
                }
                let mut out = self.splat(0);
                for (out, x) in out.iter_mut().zip(x.as_chunks::<$lanes>().0) {
                    // SAFETY: the proof exists only after detection.
                    *out = unsafe { one(x) };
                }
                out
            }

            #[inline(always)]
            fn store(self, x: Self::Words, out: &mut [u32; crate::attention::WIDTH]) {
                #[target_feature(enable = $features)]
                #[inline]
                fn one(x: $register, out: &mut [u32; $lanes]) {
                    // SAFETY: `out` is as many writable bytes as the register holds, and the store needs no alignment.
                    unsafe { $store(out.as_mut_ptr().cast(), x) }
                }
                for (x, out) in x.into_iter().zip(out.as_chunks_mut::<$lanes>().0) {
                    // SAFETY: the proof exists only after detection.
                    unsafe { one(x, out) };
                }
            }

            #[inline(always)]
            fn store_pairs(self, x: Self::Words, out: &mut [u32; crate::attention::WIDTH / 2]) {
                // SAFETY: the proof exists only after detection.
                unsafe { $store_pairs(x, out) }
            }

            #[inline(always)]
            fn largest_f32(self, x: Self::Words) -> f32 {
                // SAFETY: the proof exists only after detection.
                unsafe { $largest_lane(x) }
            }

            #[inline(always)]
            fn sum(self, x: Self::Words) -> u32 {
                // SAFETY: the proof exists only after detection.
                unsafe { $sum(x) }
            }

            #[inline(always)]
            fn columns(
                self,
                x: &[f32],
                stride: usize,
                rows: usize,
                out: &mut [[f32; crate::attention::WIDTH]; crate::attention::WIDTH],
            ) {
                let rows = crate::attention::vector::Rows::new(x, stride, rows);
                // SAFETY: the proof exists only after detection.
                unsafe { $columns(rows, out) }
            }

            #[inline(always)]
            fn shift<const BITS: u32>(self, mut a: Self::Words) -> Self::Words {
                #[target_feature(enable = $features)]
                #[inline]
                fn one<const BITS: u32>(a: $register) -> $register {
                    $shift(a, BITS)
                }
                for a in &mut a {
                    // SAFETY: the proof exists only after detection.
                    *a = unsafe { one::<BITS>(*a) };
                }
                a
            }

            #[inline(always)]
            fn to_f32(self, mut a: Self::Words) -> Self::Words {
                #[target_feature(enable = $features)]
                #[inline]
                fn one(a: $register) -> $register {
                    $to_f32(a)
                }
                for a in &mut a {
                    // SAFETY: the proof exists only after detection.
                    *a = unsafe { one(*a) };
                }
                a
            }

            crate::attention::vector::of_two!($features, $register,
                add: $add, and: $and, or: $or, xor: $xor, larger: $larger,
                add_f32: $add_f32, sub_f32: $sub_f32, mul_f32: $mul_f32, larger_f32: $larger_f32);
        }
    };
}
pub(super) use vector;

/// The operations of two operands, each from that of a register.
macro_rules! of_two {
    ($features:literal, $register:ty, $($name:ident: $one:expr),*) => {
        $(
            #[inline(always)]
            fn $name(self, mut a: Self::Words, b: Self::Words) -> Self::Words {
                #[target_feature(enable = $features)]
                #[inline]
                fn one(a: $register, b: $register) -> $register {
                    $one(a, b)
                }
                for (a, b) in a.iter_mut().zip(b) {
                    // SAFETY: the proof exists only after detection.
                    *a = unsafe { one(*a, b) };
                }
                a
            }
        )*
    };
}
pub(super) use of_two;
