//! Characters that the canonical form leaves as they are, whatever stands before them.

/// Characters of the common scripts that NFKC keeps, that no character before them composes with, that are no marks, and
/// that are neither white nor left out. A part of all that are: what is not here goes the long way.
const RANGES: [(u32, u32); 34] = [
    (0xc0, 0x131),
    (0x134, 0x13e),
    (0x141, 0x148),
    (0x14a, 0x17e),
    (0x388, 0x38a),
    (0x38e, 0x3a1),
    (0x3a3, 0x3ce),
    (0x400, 0x481),
    (0x48a, 0x52f),
    (0x531, 0x556),
    (0x561, 0x586),
    (0x5d0, 0x5ea),
    (0x620, 0x64a),
    (0x660, 0x669),
    (0x671, 0x674),
    (0x679, 0x6d3),
    (0x904, 0x939),
    (0x93d, 0x940),
    (0x964, 0x96f),
    (0x985, 0x9b9),
    (0xb85, 0xbb9),
    (0xe01, 0xe32),
    (0xe40, 0xe46),
    (0x10d0, 0x10fa),
    (0x1ea0, 0x1ef9),
    (0x2018, 0x201e),
    (0x20ac, 0x20ac),
    (0x3001, 0x3002),
    (0x300c, 0x300f),
    (0x3041, 0x3096),
    (0x30a1, 0x30fa),
    (0x30fc, 0x30fd),
    (0x3400, 0x9fff),
    (0xac00, 0xd7a3),
];

/// One bit for each character below U+10000.
static TABLE: [u64; 1024] = {
    let mut table = [0; 1024];
    let mut n = 0;
    while n < RANGES.len() {
        let (mut at, last) = RANGES[n];
        while at <= last {
            table[at as usize / 64] |= 1 << (at % 64);
            at += 1;
        }
        n += 1;
    }
    table
};

/// Whether the character is one of them.
pub(super) fn is_stable(character: char) -> bool {
    let code = character as u32;
    match code {
        0..0x10000 => TABLE[code as usize / 64] >> (code % 64) & 1 == 1,
        // Pictures.
        0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1f9ff => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::canonical::Canonical;
    use super::*;
    use unicode_normalization::char::canonical_combining_class;
    use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

    #[test]
    fn each_of_them_stays_and_joins_nothing_before_it() {
        let wrong: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| is_stable(*c))
            .filter(|c| {
                let kept = c.nfkc().eq([*c]) && is_nfkc_quick([*c].into_iter()) == IsNormalized::Yes;
                !kept || canonical_combining_class(*c) != 0 || c.is_whitespace() || c.is_ascii()
            })
            .collect();
        assert_eq!(wrong, []);
        for character in ('\0'..=char::MAX).filter(|c| is_stable(*c)) {
            let text = format!("words and {character}{character} so on {character} \n{character},");
            let form = Canonical::new(&text).expect("a short text");
            assert_eq!(form.text(), text.replace(" \n", "\n"));
        }
    }
}
