use super::*;
use crate::testing::{Random, same_slices};
use std::vec;
use std::vec::Vec;

const FORMS: [Form; 2] = [Form::F32, Form::I8];

const PLAIN: Options = Options { scale: 0.18, causal: false, safe: false };

/// Operands of one case, with heads side by side or one after the other, and gaps that must not matter.
struct Case {
    shape: Shape,
    options: Options,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// Elements, stride between heads, stride between queries.
    mask: Option<(Vec<f32>, usize, usize)>,
    heads_first: bool,
}

impl Case {
    fn new(shape: Shape, options: Options, seed: u64) -> Case {
        let mut random = Random(seed);
        let Shape { heads, kv_heads, queries, keys, dim, v_dim } = shape;
        let q = random.floats(heads * queries * (dim + 1), 2.0);
        let k = random.floats(kv_heads * keys * (dim + 1), 2.0);
        let v = random.floats(kv_heads * keys * (v_dim + 1), 2.0);
        Case { shape, options, q, k, v, mask: None, heads_first: seed.is_multiple_of(2) }
    }

    /// A mask that differs by head and query, or is shared by one or both.
    fn masked(mut self, seed: u64) -> Case {
        let Shape { heads, queries, keys, .. } = self.shape;
        let strides = match seed % 4 {
            0 => [0, 0],
            1 => [0, keys],
            2 => [keys, 0],
            _ => [queries * keys, keys],
        };
        let mut mask = Random(seed).floats(heads * queries * keys, 3.0);
        let mut random = Random(seed + 1);
        for x in &mut mask {
            match random.next() % 8 {
                0 | 1 => *x = f32::NEG_INFINITY,
                2 => *x = f32::MIN,
                _ => {}
            }
        }
        self.mask = Some((mask, strides[0], strides[1]));
        self
    }

    fn strides(&self, rows: usize, heads: usize, width: usize) -> [usize; 2] {
        let gap = width + 1;
        if self.heads_first { [rows * gap, gap] } else { [gap, heads * gap] }
    }

    fn operand<'a>(&self, data: &'a [f32], rows: usize, heads: usize, width: usize) -> Operand<'a> {
        let [head_stride, row_stride] = self.strides(rows, heads, width);
        Operand { data, row_stride, head_stride }
    }

    fn operands(&self) -> [Operand<'_>; 3] {
        let Shape { heads, kv_heads, queries, keys, dim, v_dim } = self.shape;
        [
            self.operand(&self.q, queries, heads, dim),
            self.operand(&self.k, keys, kv_heads, dim),
            self.operand(&self.v, keys, kv_heads, v_dim),
        ]
    }

    fn mask(&self) -> Option<Mask<'_>> {
        let mask = self.mask.as_ref();
        mask.map(|(data, head_stride, row_stride)| Mask {
            data,
            head_stride: *head_stride,
            row_stride: *row_stride,
        })
    }

    /// `[queries, heads * v_dim]`, computed by other tiles than those of `isa`.
    #[cfg(target_arch = "x86_64")]
    fn run_by(&self, isa: Isa, form: Form, by: fn(Isa, Task)) -> Vec<f32> {
        let Shape { heads, queries, v_dim, .. } = self.shape;
        let [q, k, v] = self.operands();
        let mut packed = vec![f32::NAN; packed_len(form, self.shape)];
        pack(isa, form, self.shape, k, v, &mut packed);
        let mut out = vec![-7.0; queries * heads * v_dim];
        let mut scratch = vec![f32::NAN; scratch_len(form, self.shape)];
        let task = Task {
            shape: self.shape,
            options: self.options,
            range: 0..queries,
            q,
            v,
            mask: self.mask(),
            packed: &packed,
            scratch: &mut scratch,
            out: Output { data: &mut out, row_stride: heads * v_dim, head_stride: v_dim },
        };
        by(isa, task);
        out
    }

    fn run(&self, isa: Isa, form: Form, range: Range<usize>) -> Vec<f32> {
        let Shape { heads, queries, v_dim, .. } = self.shape;
        let [q, k, v] = self.operands();
        let mut packed = vec![f32::NAN; packed_len(form, self.shape)];
        pack(isa, form, self.shape, k, v, &mut packed);
        let mut scratch = vec![f32::NAN; scratch_len(form, self.shape)];
        let mut out = vec![-7.0; queries * heads * v_dim];
        let output = Output {
            data: &mut out[range.start * heads * v_dim..],
            row_stride: heads * v_dim,
            head_stride: v_dim,
        };
        rows(isa, form, self.shape, self.options, range, q, v, self.mask(), &packed, &mut scratch, output);
        out
    }

    /// The definition, in `f64`.
    fn truth(&self) -> Vec<f64> {
        let Shape { heads, kv_heads, queries, keys, dim, v_dim } = self.shape;
        let [q, k, v] = self.operands();
        let mut out = vec![0.0; queries * heads * v_dim];
        for (at, out) in out.chunks_exact_mut(v_dim).enumerate() {
            let (i, h) = (at / heads, at % heads);
            let kv = h / (heads / kv_heads);
            let mut scores = Vec::new();
            for j in 0..keys {
                let (x, y) = (q.row(h, i, dim), k.row(kv, j, dim));
                let dot: f64 = x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                let mask = self.mask().map_or(0.0, |m| m.data[h * m.head_stride + i * m.row_stride + j]);
                // The least finite mask swallows the score, in `f32`.
                let sum = if mask == f32::MIN { 0.0 } else { dot * f64::from(self.options.scale) };
                let seen = !self.options.causal || j + queries <= i + keys;
                scores.push(if seen { sum + f64::from(mask) } else { f64::NEG_INFINITY });
            }
            let max = scores.iter().fold(f64::NEG_INFINITY, |best, &x| best.max(x));
            let weights: Vec<f64> = scores.iter().map(|x| (x - max).exp()).collect();
            let total: f64 = weights.iter().sum();
            let safe = self.options.safe && max == f64::NEG_INFINITY;
            for (c, out) in out.iter_mut().enumerate() {
                let value = |j| f64::from(v.row(kv, j, v_dim)[c]);
                let sum: f64 = weights.iter().enumerate().map(|(j, w)| w / total * value(j)).sum();
                *out = if safe { 0.0 } else { sum };
            }
        }
        out
    }
}

fn shape([heads, kv_heads]: [usize; 2], [queries, keys]: [usize; 2], [dim, v_dim]: [usize; 2]) -> Shape {
    Shape { heads, kv_heads, queries, keys, dim, v_dim }
}

/// Every remainder of a tile, of a panel and of a register; shared heads, cross attention, and one query.
fn cases() -> Vec<Case> {
    let mut shapes: Vec<Shape> = (0..=18).map(|n| shape([2, 1], [n, n], [16, 16])).collect();
    shapes.extend((1..=34).map(|keys| shape([1, 1], [3, keys], [8, 8])));
    shapes.extend((0..=36).map(|d| shape([2, 2], [5, 19], [d, 37 - d])));
    shapes.extend([63, 64, 65, 127, 128, 129, 200].map(|d| shape([1, 1], [9, 33], [d, d])));
    shapes.extend([[1, 100], [1, 1], [15, 31], [17, 5], [40, 1]].map(|n| shape([6, 3], n, [32, 32])));
    shapes.extend([shape([2, 2], [2, 1025], [32, 48]), shape([1, 1], [1, 2100], [64, 64])]);
    shapes.push(shape([0, 0], [4, 4], [8, 8]));
    let mut cases = Vec::new();
    for (number, shape) in shapes.into_iter().enumerate() {
        let seed = number as u64;
        let (causal, safe) = (number % 3 == 0, number % 2 == 0);
        cases.push(Case::new(shape, PLAIN, seed));
        cases.push(Case::new(shape, Options { causal: !causal, safe, ..PLAIN }, seed + 1));
        cases.push(Case::new(shape, Options { causal, safe, ..PLAIN }, seed).masked(seed));
    }
    cases
}

#[test]
fn every_isa_has_the_bits_of_scalar_however_the_queries_are_split() {
    let mut random = Random(5);
    for case in cases() {
        let queries = case.shape.queries;
        let cut = if queries == 0 { 0 } else { random.next() as usize % queries };
        for form in FORMS {
            let want = case.run(Isa::Scalar, form, 0..queries);
            for isa in Isa::available() {
                let got = case.run(isa, form, 0..queries);
                assert!(same_slices(&got, &want), "{form:?} {} {:?}", isa.name(), case.shape);
                let width = case.shape.heads * case.shape.v_dim;
                let (low, high) = (case.run(isa, form, 0..cut), case.run(isa, form, cut..queries));
                let joined = [&low[..cut * width], &high[cut * width..]].concat();
                assert!(same_slices(&joined, &want), "{form:?} {} {:?} cut at {cut}", isa.name(), case.shape);
            }
        }
    }
}

/// AVX-VNNI's tiles in the encoding that more CPUs have.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_narrow_vnni_tiles_have_the_bits_of_scalar() {
    fn evex(isa: Isa, task: Task) {
        match isa {
            Isa::Avx512Vnni(proof) => int8::evex(proof, task),
            Isa::Scalar | Isa::Avx2(_) | Isa::AvxVnni(_) | Isa::Avx512(_) => int8::rows(isa, task),
        }
    }
    for case in cases().iter().filter(|case| case.shape.keys > 0) {
        let want = case.run(Isa::Scalar, Form::I8, 0..case.shape.queries);
        for isa in Isa::available() {
            let got = case.run_by(isa, Form::I8, evex);
            assert!(same_slices(&got, &want), "{} {:?}", isa.name(), case.shape);
        }
    }
}

#[test]
fn close_to_f64() {
    // The bound on the error over the largest value. In bytes, scores are off by up to a step of both sides.
    for (form, bound) in [(Form::F32, 3e-6), (Form::I8, 0.06)] {
        let mut worst = 0.0_f64;
        for case in cases().iter().filter(|case| case.shape.keys > 0 && case.shape.v_dim > 0) {
            let got = case.run(Isa::best(), form, 0..case.shape.queries);
            for (got, want) in got.iter().zip(case.truth()) {
                assert_eq!(got.is_nan(), want.is_nan(), "{form:?} {:?}", case.shape);
                if !want.is_nan() {
                    worst = worst.max((f64::from(*got) - want).abs() / 2.0);
                }
            }
        }
        assert!(worst <= bound, "{form:?}: {worst} above {bound}");
    }
}

#[test]
fn bytes_keep_what_a_key_that_stands_out_would_hide() {
    // One key takes two thirds of the weight; 500 others share the rest, each far below 1/255 of the first.
    let shape = shape([1, 1], [1, 501], [16, 16]);
    let mut case = Case::new(shape, Options { scale: 1.0, ..PLAIN }, 2);
    case.q.fill(0.0);
    case.v = Random(1).floats(case.v.len(), 1.0);
    for (j, v) in case.v.chunks_exact_mut(17).enumerate() {
        v.fill(if j == 0 { 1.0 } else { -1.0 });
    }
    let mask = (0..501).map(|j| if j == 0 { 0.0 } else { -6.9078 }).collect();
    case.mask = Some((mask, 0, 0));
    let want = case.truth()[0];
    assert!((want - 1.0 / 3.0).abs() < 1e-3, "{want}");
    let got = case.run(Isa::best(), Form::I8, 0..1)[0];
    assert!((f64::from(got) - want).abs() < 0.02, "{got}, not {want}");
}

#[test]
fn a_shift_of_all_keys_changes_nothing() {
    let shape = shape([2, 2], [9, 40], [32, 32]);
    let mut case = Case::new(shape, PLAIN, 4);
    let want = case.truth();
    for k in &mut case.k {
        *k += 100.0;
    }
    let got = case.run(Isa::best(), Form::I8, 0..9);
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 0.06, "{got}, not {want}");
    }
}

#[test]
fn nothing_to_see_gives_0_or_nan_as_asked() {
    for form in FORMS {
        for isa in Isa::available() {
            let none = Case::new(shape([2, 1], [3, 0], [8, 8]), PLAIN, 1);
            assert_eq!(none.run(isa, form, 0..3), [0.0; 48]);
            // More queries than keys: the first see nothing.
            for safe in [false, true] {
                let options = Options { causal: true, safe, ..PLAIN };
                let case = Case::new(shape([1, 1], [7, 4], [8, 8]), options, 1);
                let got = case.run(isa, form, 0..7);
                assert!(got[..24].iter().all(|x| if safe { *x == 0.0 } else { x.is_nan() }), "{form:?}");
                assert!(got[24..].iter().all(|x| x.is_finite()));
            }
        }
    }
}

#[test]
fn what_is_not_finite_is_not_lost() {
    let spoil = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for form in FORMS {
        for isa in Isa::available() {
            for bad in spoil {
                let width = 2 * 16;
                for operand in 0..3 {
                    let mut case = Case::new(shape([2, 2], [9, 21], [16, 16]), PLAIN, 2);
                    // Row 5 of head 0 comes first in heads-first order.
                    [&mut case.q, &mut case.k, &mut case.v][operand][5 * 17 + 3] = bad;
                    let got = case.run(isa, form, 0..9);
                    let name = isa.name();
                    if operand == 0 {
                        assert!(got[5 * width].is_nan() && got[4 * width].is_finite(), "{form:?} {name}");
                    } else if operand == 2 || form == Form::I8 {
                        let spoiled = got[3];
                        assert!(!spoiled.is_finite(), "{form:?} {name} {spoiled}");
                    }
                    assert!(got[16].is_finite(), "the other head: {form:?} {name}");
                }
                if bad != f32::NEG_INFINITY {
                    let mut case = Case::new(shape([2, 2], [9, 21], [16, 16]), PLAIN, 2).masked(1);
                    if let Some((mask, ..)) = &mut case.mask {
                        mask.fill(0.0);
                        mask[21 * 3 + 20] = bad;
                    }
                    let got = case.run(isa, form, 0..9);
                    assert!(got[3 * width].is_nan() && got[2 * width].is_finite(), "{form:?}");
                }
            }
        }
    }
}

#[test]
fn only_the_output_is_written() {
    let shape = shape([2, 2], [5, 9], [8, 5]);
    let case = Case::new(shape, PLAIN, 3);
    let [q, k, v] = case.operands();
    for form in FORMS {
        let mut packed = vec![0.0; packed_len(form, shape)];
        let mut scratch = vec![0.0; scratch_len(form, shape)];
        pack(Isa::best(), form, shape, k, v, &mut packed);
        // Heads first, with a gap of two after each row.
        let mut out = vec![-7.0; 2 * 3 * 7];
        let output = Output { data: &mut out, row_stride: 7, head_stride: 21 };
        rows(Isa::best(), form, shape, PLAIN, 1..4, q, v, None, &packed, &mut scratch, output);
        let want = case.run(Isa::best(), form, 0..5);
        for (at, x) in out.iter().enumerate() {
            let (head, row, c) = (at / 21, at / 7 % 3, at % 7);
            let value = if c < 5 { want[(row + 1) * 10 + head * 5 + c] } else { -7.0 };
            assert_eq!(*x, value, "{form:?} head {head} row {row} feature {c}");
        }
    }
}

#[test]
fn short_operands_are_refused() {
    let refused = |shape: Shape, len: usize| {
        std::panic::catch_unwind(|| {
            let data = vec![1.0; len];
            let whole = vec![1.0; 64];
            let operand = |data| Operand { data, row_stride: 8, head_stride: 8 };
            let mut packed = vec![0.0; packed_len(Form::F32, shape)];
            pack(Isa::best(), Form::F32, shape, operand(&data), operand(&whole), &mut packed);
        })
        .is_err()
    };
    assert!(!refused(shape([1, 1], [4, 4], [8, 8]), 32));
    assert!(refused(shape([1, 1], [4, 4], [8, 8]), 31));
    assert!(refused(shape([3, 2], [4, 4], [8, 8]), 64));
    assert!(refused(shape([3, 0], [4, 4], [8, 8]), 64));
}
