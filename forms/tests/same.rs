//! Every answer is that of `unicode-normalization-alignments` 0.1.12. The numbers below are what this file computes with
//! that crate in the place of this one.

use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::{
    canonical_combining_class, compose, decompose_canonical, decompose_compatible, is_combining_mark,
};

struct Fnv(u64);
impl Fnv {
    fn add(&mut self, x: u64) {
        for b in x.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
fn every() -> impl Iterator<Item = char> {
    (0..=0x10ffff).filter_map(char::from_u32)
}
fn characters() -> u64 {
    let mut h = Fnv(0xcbf2_9ce4_8422_2325);
    for c in every() {
        h.add(u64::from(canonical_combining_class(c)) << 1 | u64::from(is_combining_mark(c)));
        decompose_canonical(c, |d| h.add(d.into()));
        h.add(u64::MAX);
        decompose_compatible(c, |d| h.add(d.into()));
        h.add(u64::MAX);
    }
    h.0
}
fn compositions() -> u64 {
    let mut h = Fnv(0xcbf2_9ce4_8422_2325);
    let seconds: Vec<char>=every().filter(|c|canonical_combining_class(*c)!=0||matches!(u32::from(*c),0x900..=0xdff|0x1000..=0x10ff|0x1100..=0x11ff|0x1b00..=0x1b7f|0x3000..=0x30ff|0x105c0..=0x105ff|0x11000..=0x11fff|0x16100..=0x1613f|0x16d40..=0x16d7f)).collect();
    for a in every().filter(|c| {
        u32::from(*c) < 0x3100
            || (0xac00..=0xd7a3).contains(&u32::from(*c)) && u32::from(*c) % 7 == 0
            || (0x10000..0x20000).contains(&u32::from(*c))
    }) {
        for &b in &seconds {
            if let Some(c) = compose(a, b) {
                h.add(u64::from(a));
                h.add(u64::from(b));
                h.add(u64::from(c));
            }
        }
    }
    h.0
}
fn texts() -> u64 {
    let mut h = Fnv(0xcbf2_9ce4_8422_2325);
    let of_interest: Vec<char> = every()
        .filter(|&c| {
            let mut n = 0;
            decompose_compatible(c, |_| n += 1);
            n > 1 || canonical_combining_class(c) != 0
        })
        .chain(
            "aeiou AEIOU\u{1100}\u{1161}\u{11a8}\u{ac00}\u{11384}\u{113bb}\u{16d63}\u{16d67}\u{fb01}".chars(),
        )
        .collect();
    let mut seed = 1_u64;
    let mut next = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    for _ in 0..20_000 {
        let n = next(12);
        let mut text = String::new();
        for _ in 0..n {
            let c = match next(4) {
                0 => char::from(b'a' + next(26) as u8),
                1 => char::from_u32(0x300 + next(0x70) as u32).unwrap_or('x'),
                _ => of_interest[next(of_interest.len())],
            };
            text.push(c);
        }
        let text = text.as_str();
        for (c, change) in text.nfd().chain(text.nfkd()) {
            h.add(c.into());
            h.add(change as u64);
        }
        for (c, change) in text.nfc().chain(text.nfkc()) {
            h.add(c.into());
            h.add(change as u64);
        }
    }
    h.0
}

#[test]
fn characters_are_those_of_unicode_9() {
    assert_eq!(characters(), 0x2e2f_9152_4a74_8110);
}

#[test]
fn compositions_are_those_of_unicode_9() {
    assert_eq!(compositions(), 0x2418_cd02_5768_1c7b);
}

#[test]
fn texts_have_the_same_forms_and_places() {
    assert_eq!(texts(), 0xf50e_a797_44be_3834);
}
