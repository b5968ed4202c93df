//! Attention whose products are in integers. What is exact is left to a file per instruction set: [`block`] says what; the
//! rest is portable and compiled for each.

mod block;
mod pack;
mod scalar;
mod softmax;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
#[cfg(target_arch = "aarch64")]
mod dotprod;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{MOST_ROWS, Operand, Shape, Task, WIDTH};
use crate::Isa;

/// How bytes of queries and keys lie in the words that are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Two words of 16 bits.
    Pairs,
    /// Four signed bytes.
    Quads,
    /// Four signed bytes of a key; those of a query have 128 added, which is taken off before the products are added up.
    OffsetQuads,
}

impl Layout {
    #[inline(always)]
    fn of(isa: Isa) -> Layout {
        match isa {
            Isa::Scalar => Layout::Quads,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) | Isa::Avx512(_) => Layout::Pairs,
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni(_) | Isa::Avx512Vnni(_) => Layout::OffsetQuads,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(_) | Isa::Dotprod(_) | Isa::I8mm(_) => Layout::Quads,
        }
    }

    /// Words for a row of `dim` features, filled up to whole [`WIDTH`]s.
    #[inline(always)]
    fn words(self, dim: usize) -> usize {
        let per_word = match self {
            Layout::Pairs => 2,
            Layout::Quads | Layout::OffsetQuads => 4,
        };
        dim.next_multiple_of(WIDTH) / per_word
    }
}

/// The largest weight of a key.
const MOST_WEIGHT: f32 = 16_383.0;

/// Panels of keys whose weighted values are sure to fit in `i32`: `64 * 16 * 16384 * 127 < 2^31`.
const PANELS_AT_ONCE: usize = 64;

/// What one key-value head has in the packed elements. Everything is a multiple of [`WIDTH`] words.
#[derive(Clone, Copy)]
struct Packed {
    /// Words of a panel of keys: `[words, WIDTH]` products, then where the sums start, then the scales.
    panel: usize,
    /// Panels.
    panels: usize,
    /// Features of values, filled up to whole [`WIDTH`]s.
    features: usize,
}

impl Packed {
    #[inline(always)]
    fn of(layout: Layout, shape: Shape) -> Packed {
        Packed {
            panel: (layout.words(shape.dim) + 2) * WIDTH,
            panels: shape.panels(),
            features: shape.v_dim.next_multiple_of(WIDTH),
        }
    }

    /// Words of a head: a flag that is NaN if a value is not finite, the largest scale of a key, NaN if an element of a
    /// key is not finite, the scales of the features of values, the keys, and
    /// pairs of values `[keys / 2, features]`.
    #[inline(always)]
    fn len(&self) -> usize {
        WIDTH + self.features + self.panels * self.panel + self.panels * WIDTH / 2 * self.features
    }

    /// Where the keys start, and where the values do.
    #[inline(always)]
    fn parts(&self) -> [usize; 2] {
        let keys = WIDTH + self.features;
        [keys, keys + self.panels * self.panel]
    }
}

/// For the longest layout.
pub(super) fn packed_len(shape: Shape) -> usize {
    // Behind the heads are the mean key, and the columns of a panel of keys.
    let dim = shape.dim.next_multiple_of(WIDTH);
    shape.kv_heads * Packed::of(Layout::Pairs, shape).len() + dim + WIDTH * dim
}

/// Of the rows in flight: their scores, and their weights in pairs; and of [`WIDTH`] rows the columns and the words.
pub(super) fn scratch_len(shape: Shape) -> usize {
    let dim = shape.dim.next_multiple_of(WIDTH);
    MOST_ROWS * shape.padded_keys() / 2 * 3 + WIDTH * (dim + Layout::Pairs.words(dim))
}

pub(super) fn pack(isa: Isa, shape: Shape, operands: [Operand; 2], packed: &mut [f32]) {
    let layout = Layout::of(isa);
    match isa {
        Isa::Scalar => pack::pack(crate::attention::vector::Plain, layout, shape, operands, packed),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => avx2::pack(proof, layout, shape, operands, packed),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => avx2::pack(proof.avx2(), layout, shape, operands, packed),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => avx512::pack(proof, layout, shape, operands, packed),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => avx512::pack(proof.avx512(), layout, shape, operands, packed),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => neon::pack(proof, layout, shape, operands, packed),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => neon::pack(proof.neon(), layout, shape, operands, packed),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => neon::pack(proof.neon(), layout, shape, operands, packed),
    }
}

pub(super) fn rows(isa: Isa, task: Task) {
    match isa {
        Isa::Scalar => scalar::rows(task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => avx2::rows(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => avxvnni::rows(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => avx512::rows(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => avx512vnni::rows(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => neon::rows(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => dotprod::rows(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => dotprod::rows(proof.dotprod(), task),
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
pub(super) use avxvnni::evex::rows as evex;

/// The same memory as words.
#[inline(always)]
fn words(x: &[f32]) -> &[u32] {
    // SAFETY: `u32` has the size and alignment of `f32`, and every pattern of bits is one of its values.
    unsafe { core::slice::from_raw_parts(x.as_ptr().cast(), x.len()) }
}

/// The same memory as words.
#[inline(always)]
fn words_mut(x: &mut [f32]) -> &mut [u32] {
    // SAFETY: as in `words`, both ways; the exclusive borrow is handed on.
    unsafe { core::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) }
}
