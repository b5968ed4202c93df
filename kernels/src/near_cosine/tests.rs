use super::*;
use crate::lanes::LANES;
use crate::testing::Random;
use std::vec;
use std::vec::Vec;

fn quantised(isa: Isa, x: &[f32], d: usize, left: bool) -> (Vec<i8>, Vec<Row>) {
    let m = x.len() / d.max(1);
    let (mut bytes, mut rows) = (vec![7; m * row_len(d)], vec![Row::default(); m]);
    if left {
        Left::quantise(isa, x, d, &mut bytes, &mut rows);
    } else {
        Right::quantise(isa, x, d, &mut bytes, &mut rows);
    }
    if left && rows::shifts(isa) {
        bytes.iter_mut().for_each(|b| *b ^= i8::MIN);
    }
    (bytes, rows)
}

/// Rows that are hard on the limits: even, a single spike, all equal, alternating, one lane alone, and small.
fn hard(d: usize) -> Vec<Vec<f32>> {
    let mut random = Random(d as u64);
    let mut all =
        vec![random.floats(d, 5.0), vec![2.0; d], vec![-2.0; d], vec![0.0; d], random.floats(d, 1e-12)];
    let mut spike = random.floats(d, 0.01);
    spike.iter_mut().take(1).for_each(|x| *x = 1.0);
    all.push(spike);
    all.push((0..d).map(|k| if k % 2 == 0 { 3.0 } else { -3.0 }).collect());
    all.push((0..d).map(|k| if k % LANES < 2 { 3.0 } else { 0.0 }).collect());
    all
}

#[test]
fn bytes_are_within_their_limits_and_near_the_numbers_on_every_isa() {
    for d in (1..=2 * LANES).chain([255, 256, 257, 384, 768, 1024, 4096]) {
        let x = hard(d).concat();
        for (left, most) in [(true, 127), (false, 64)] {
            let want = quantised(Isa::Scalar, &x, d, left);
            for isa in Isa::available() {
                assert_eq!(quantised(isa, &x, d, left), want, "{} {d}", isa.name());
            }
            let (bytes, rows) = want;
            for (i, row) in rows.iter().enumerate() {
                let numbers = &x[i * d..][..d];
                let bytes = &bytes[i * row_len(d)..][..row_len(d)];
                let square = crate::dot_f32(Isa::Scalar, numbers, numbers);
                assert_eq!(row.square.to_bits(), square.to_bits());
                assert!(bytes[d..].iter().all(|b| *b == 0));
                for (b, x) in bytes.iter().zip(numbers) {
                    assert!(b.unsigned_abs() <= most, "{b}");
                    assert!((f32::from(*b) * row.step - x).abs() <= 0.501 * row.step, "{b} {} {x}", row.step);
                }
            }
        }
    }
}

#[test]
fn products_are_exact_on_every_isa() {
    let shapes = (0..6).flat_map(|m| (0..4).map(move |n| (m, n, 40)));
    let lengths = (1..=70).chain([255, 256, 257, 511, 512, 513, 768, 1024, MAX_LEN]).map(|d| (8, 8, d));
    for (m, n, d) in shapes.chain(lengths).chain([(43, 5, 100), (81, 3, 64)]) {
        let all = hard(d);
        let pick = |count: usize| (0..count).flat_map(|i| all[i % all.len()].clone()).collect::<Vec<_>>();
        let (x, y) = (pick(m), pick(n));
        let ((a, _), (b, _)) = (quantised(Isa::Scalar, &x, d, true), quantised(Isa::Scalar, &y, d, false));
        let mut want = vec![0; m * n];
        crate::dot_matrix_i8(Isa::Scalar, &a, &b, [m, n, row_len(d)], &mut want);
        for isa in Isa::available() {
            let (mut a, mut b) = (vec![1; m * row_len(d)], vec![1; n * row_len(d)]);
            let (mut of_a, mut of_b) = (vec![Row::default(); m], vec![Row::default(); n]);
            let left = Left::quantise(isa, &x, d, &mut a, &mut of_a);
            let right = Right::quantise(isa, &y, d, &mut b, &mut of_b);
            let mut got = vec![-1; m * n];
            products(isa, &left, &right, &mut got);
            assert_eq!(got, want, "{} shape {m} {n} {d}", isa.name());
        }
    }
}

#[test]
fn rows_that_have_no_step_have_no_bytes() {
    for value in [f32::NAN, f32::INFINITY, f32::MAX, f32::from_bits(1), 0.0] {
        for isa in Isa::available() {
            for left in [true, false] {
                let (bytes, rows) = quantised(isa, &[1.0, value, -1.0, value, value, value], 3, left);
                let fits = value == 0.0 || value < 1.0;
                assert_eq!(rows[0].step > 0.0, fits, "{value}");
                assert!(rows[1].step == 0.0 && bytes[row_len(3)..].iter().all(|b| *b == 0), "{value}");
            }
        }
    }
}

#[test]
fn scores_are_those_of_the_definition_on_every_isa() {
    for (m, n) in [(0, 3), (3, 0), (1, 1), (5, 15), (4, 16), (3, 17), (2, 70)] {
        let mut random = Random((m * n) as u64);
        let products: Vec<i32> = (0..m * n).map(|_| random.next() as i32 >> 8).collect();
        let (left, right) = (random.floats(m, 1e-3), random.floats(n, 1e-3));
        for isa in Isa::available() {
            let mut got = vec![7.0; m * padded_len(n)];
            scores(isa, &products, &left, &right, &mut got);
            for (at, &got) in got.iter().enumerate() {
                let (i, j) = (at / padded_len(n), at % padded_len(n));
                let want = if j < n { products[i * n + j] as f32 * (left[i] * right[j]) + 1.0 } else { 7.0 };
                assert_eq!(got.to_bits(), want.to_bits(), "{} {m} {n}", isa.name());
            }
        }
    }
}

#[test]
fn marks_are_those_of_the_definition_on_every_isa() {
    for (m, n) in (0..5).map(|m| (m, 16)).chain([(3, 0), (7, 32), (40, 64)]) {
        let mut random = Random((m * n) as u64);
        let mut few =
            |len: usize| random.floats(len, 4.0).iter().map(|x| x.round().abs() / 8.0).collect::<Vec<f32>>();
        let (all, left, mut right) = (few(m * n), few(m), few(n));
        right.iter_mut().skip(n.saturating_sub(5)).for_each(|x| *x = f32::NAN);
        let (plain, other) = (vec![1.0; n], few(n));
        let second: Vec<bool> = (0..m).map(|i| i % 3 == 1).collect();
        for second in [&[][..], &second] {
            let bounds =
                Bounds { scores: &all, left: &left, right: &right, weights: [&plain, &other], second };
            let weight = |i: usize, j: usize| if second.get(i) == Some(&true) { other[j] } else { 1.0 };
            let least = |i: usize, j: usize| (all[i * n + j] - (left[i] + right[j])) * weight(i, j);
            let most = |i: usize, j: usize| (all[i * n + j] + (left[i] + right[j])) * weight(i, j);
            let best = f32::NEG_INFINITY;
            let rows: Vec<f32> = (0..m).map(|i| (0..n).map(|j| least(i, j)).fold(best, f32::max)).collect();
            let columns: Vec<f32> =
                (0..n).map(|j| (0..m).map(|i| least(i, j)).fold(best, f32::max)).collect();
            let cells = (0..m).flat_map(|i| (0..n).map(move |j| (i, j)));
            let mark = |(i, j): (usize, usize)| {
                let (of_row, of_column) = (most(i, j) >= rows[i], most(i, j) >= columns[j]);
                (if of_row { ROW } else { 0 }) | (if of_column { COLUMN } else { 0 })
            };
            let want: Vec<u8> = cells.map(mark).collect();
            for isa in Isa::available() {
                let (mut of_row, mut of_column, mut marks) = (vec![9.0; m], vec![9.0; n], vec![9; m * n]);
                least_of_best(isa, bounds, &mut of_row, &mut of_column);
                assert_eq!((&of_row, &of_column), (&rows, &columns), "{} {m} {n}", isa.name());
                may_be_best(isa, bounds, &of_row, &of_column, &mut marks);
                assert_eq!(marks, want, "{} {m} {n}", isa.name());
            }
        }
    }
}
