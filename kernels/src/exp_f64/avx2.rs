use core::arch::x86_64::*;

use super::{EVEN, LEAST, LN_2_HIGH, LN_2_LOW, MOST, ODD, ROUND};

/// Numbers of a register.
const WIDTH: usize = 4;
/// Registers that are worked on side by side: as many as fit, so that no operation waits for another.
const SIDE: usize = 4;

/// Numbers of a block.
const BLOCK: usize = SIDE * WIDTH;

#[target_feature(enable = "avx2")]
pub(super) fn body(x: &mut [f64]) {
    let (blocks, tail) = x.as_chunks_mut::<BLOCK>();
    let mut last = [0.0; BLOCK];
    last[..tail.len()].copy_from_slice(tail);
    let left = (!tail.is_empty()).then_some(&mut last);
    for block in blocks.iter_mut().chain(left) {
        let parts = block.as_chunks_mut::<WIDTH>().0;
        let mut x = [_mm256_setzero_pd(); SIDE];
        for s in 0..SIDE {
            x[s] = load(&parts[s]);
        }
        let x = exps::<false>(x);
        for s in 0..SIDE {
            store(&mut parts[s], x[s]);
        }
    }
    tail.copy_from_slice(&last[..tail.len()]);
}

#[target_feature(enable = "avx2")]
pub(super) fn body_less(offset: f64, offsets: &[f64], costs: &[f64], factor: f64, out: &mut [f64]) {
    let (blocks, tail) = out.as_chunks_mut::<BLOCK>();
    let (of_column, column_tail) = offsets.as_chunks::<BLOCK>();
    let (of_cost, cost_tail) = costs.as_chunks::<BLOCK>();
    let (mut last, mut last_column, mut last_cost) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
    last_column[..column_tail.len()].copy_from_slice(column_tail);
    last_cost[..cost_tail.len()].copy_from_slice(cost_tail);
    let left = (!tail.is_empty()).then_some(((&mut last, &last_column), &last_cost));
    let (all, factors) = (_mm256_set1_pd(offset), _mm256_set1_pd(factor));
    for ((block, g), c) in blocks.iter_mut().zip(of_column).zip(of_cost).chain(left) {
        let (g, c) = (g.as_chunks::<WIDTH>().0, c.as_chunks::<WIDTH>().0);
        let mut x = [_mm256_setzero_pd(); SIDE];
        for s in 0..SIDE {
            let less = _mm256_sub_pd(_mm256_add_pd(all, load(&g[s])), load(&c[s]));
            x[s] = _mm256_mul_pd(less, factors);
        }
        let x = exps::<true>(x);
        let parts = block.as_chunks_mut::<WIDTH>().0;
        for s in 0..SIDE {
            store(&mut parts[s], x[s]);
        }
    }
    tail.copy_from_slice(&last[..tail.len()]);
}

/// As [`exp`](super::exp), in the same order. A copy for each caller, which the compiler then puts into it: a call for every block
/// would take as long as what it does.
#[target_feature(enable = "avx2")]
#[inline]
fn exps<const LESS: bool>(x: [__m256d; SIDE]) -> [__m256d; SIDE] {
    let (round, one) = (_mm256_set1_pd(ROUND), _mm256_set1_pd(1.0));
    let log_2_e = _mm256_set1_pd(core::f64::consts::LOG2_E);
    let (high, low) = (_mm256_set1_pd(LN_2_HIGH), _mm256_set1_pd(LN_2_LOW));
    let mut scale = [_mm256_setzero_si256(); SIDE];
    let mut r = x;
    for s in 0..SIDE {
        let shifted = _mm256_add_pd(_mm256_mul_pd(x[s], log_2_e), round);
        let k = _mm256_sub_pd(shifted, round);
        let rest = _mm256_sub_pd(x[s], _mm256_mul_pd(k, high));
        r[s] = _mm256_sub_pd(rest, _mm256_mul_pd(k, low));
        let power = _mm256_add_epi64(_mm256_castpd_si256(shifted), _mm256_set1_epi64x(1023));
        scale[s] = _mm256_slli_epi64::<52>(power);
    }
    let mut z = r;
    for s in 0..SIDE {
        z[s] = _mm256_mul_pd(r[s], r[s]);
    }
    let (mut even, mut odd) = ([_mm256_set1_pd(EVEN[0]); SIDE], [_mm256_set1_pd(ODD[0]); SIDE]);
    for (of_even, of_odd) in EVEN[1..].iter().zip(&ODD[1..]) {
        let (of_even, of_odd) = (_mm256_set1_pd(*of_even), _mm256_set1_pd(*of_odd));
        for s in 0..SIDE {
            even[s] = _mm256_add_pd(_mm256_mul_pd(even[s], z[s]), of_even);
            odd[s] = _mm256_add_pd(_mm256_mul_pd(odd[s], z[s]), of_odd);
        }
        together(&mut even, &mut odd);
    }
    let mut out = x;
    for s in 0..SIDE {
        let q = _mm256_add_pd(even[s], _mm256_mul_pd(odd[s], r[s]));
        let rest = _mm256_add_pd(r[s], _mm256_mul_pd(z[s], q));
        let found = _mm256_mul_pd(_mm256_add_pd(one, rest), _mm256_castsi256_pd(scale[s]));
        let small = _mm256_cmp_pd::<_CMP_LT_OQ>(x[s], _mm256_set1_pd(LEAST));
        let large = _mm256_cmp_pd::<_CMP_GT_OQ>(x[s], _mm256_set1_pd(MOST));
        let found = _mm256_andnot_pd(small, found);
        out[s] = _mm256_blendv_pd(found, _mm256_set1_pd(f64::INFINITY), large);
    }
    out
}

/// Keeps the compiler from finishing one register before it begins the next: then each operation would wait for the one before.
#[target_feature(enable = "avx2")]
#[inline]
fn together(a: &mut [__m256d; SIDE], b: &mut [__m256d; SIDE]) {
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a, b);
    // SAFETY: no instruction at all.
    unsafe {
        core::arch::asm!(
            "/* {} {} {} {} {} {} {} {} */",
            inout(ymm_reg) * a0,
            inout(ymm_reg) * a1,
            inout(ymm_reg) * a2,
            inout(ymm_reg) * a3,
            inout(ymm_reg) * b0,
            inout(ymm_reg) * b1,
            inout(ymm_reg) * b2,
            inout(ymm_reg) * b3,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(block: &[f64; WIDTH]) -> __m256d {
    // SAFETY: `block` is 4 readable numbers; `loadu` needs no alignment.
    unsafe { _mm256_loadu_pd(block.as_ptr()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(block: &mut [f64; WIDTH], x: __m256d) {
    // SAFETY: `block` is 4 writable numbers; `storeu` needs no alignment.
    unsafe { _mm256_storeu_pd(block.as_mut_ptr(), x) }
}
