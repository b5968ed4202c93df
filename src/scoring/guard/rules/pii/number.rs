//! Numbers that name a person or an account: IBAN, card, telephone; and IP addresses, which look like them.

use super::{Kind, LONGEST_NUMBER, address};

/// Digits, letters or lengths of one number: of no more than the bytes that are looked at.
type Buffer = heapless::Vec<u8, LONGEST_NUMBER>;

/// What the digit at `at` begins, the first of its run.
pub(super) fn at(bytes: &[u8], at: usize, wanted: &impl Fn(Kind) -> bool) -> Option<(Kind, usize, usize)> {
    if bytes[..at].last().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    if wanted(Kind::Iban)
        && let Some((start, end)) = iban(bytes, at)
    {
        return Some((Kind::Iban, start, end));
    }
    if wanted(Kind::Ip)
        && let Some(end) = address::version_4(bytes, at)
    {
        return Some((Kind::Ip, at, end));
    }
    if bytes[..at].last().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    if wanted(Kind::Card)
        && let Some(end) = card(bytes, at)
    {
        return Some((Kind::Card, at, end));
    }
    if wanted(Kind::Phone)
        && let Some((start, end)) = phone(bytes, at)
    {
        return Some((Kind::Phone, start, end));
    }
    None
}

/// Lengths of the account numbers of the countries, from the IBAN registry.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// The account number whose check digits begin at `at`.
fn iban(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at.checked_sub(2)?;
    let country: [u8; 2] = bytes[start..at].try_into().ok()?;
    if bytes[..start].last().is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let country = country.map(|b| b.to_ascii_uppercase());
    let length = LENGTHS.iter().find(|(name, _)| **name == country)?.1;
    let (mut characters, mut end) = (Buffer::new(), start);
    for (place, &b) in bytes.iter().enumerate().skip(start).take(LONGEST_NUMBER) {
        if characters.len() == length {
            break;
        }
        match b {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                characters.push(b.to_ascii_uppercase()).ok()?;
                end = place + 1;
            }
            b' ' | b'-' => {}
            _ => break,
        }
    }
    let more = bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    if characters.len() < length || more || !characters[2..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    characters.rotate_left(4);
    let rest = characters.iter().fold(0_u32, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    (rest == 1).then_some((start, end))
}

/// The card number that begins at `at`: digits, or groups of them with one kind of separator.
fn card(bytes: &[u8], at: usize) -> Option<usize> {
    let mut digits = Buffer::new();
    let (mut end, mut separator) = (at, None);
    for (place, &b) in bytes.iter().enumerate().skip(at).take(LONGEST_NUMBER) {
        match b {
            b'0'..=b'9' => {
                digits.push(b - b'0').ok()?;
                end = place + 1;
            }
            b' ' | b'-' if end == place && separator.is_none_or(|s| s == b) && digits.len() >= 4 => {
                separator = Some(b);
            }
            _ => break,
        }
    }
    let glued = bytes.get(end).is_some_and(u8::is_ascii_alphabetic);
    let known = matches!(digits.first(), Some(2..=6));
    // A year or a price may follow after a space: the longest number that passes counts.
    let groups = separator.is_some();
    let mut n = digits.len();
    while (13..=19).contains(&n.min(19)) && !glued && known {
        n = n.min(19);
        if digits[..n].iter().any(|d| *d != digits[0]) && luhn(&digits[..n]) {
            let whole = nth_digit_end(bytes, at, n);
            if bytes.get(whole).is_none_or(|b| !b.is_ascii_digit()) {
                return Some(whole);
            }
        }
        if !groups || n == 13 {
            return None;
        }
        n -= 1;
    }
    None
}

/// Where the `n`-th digit from `at` ends.
fn nth_digit_end(bytes: &[u8], at: usize, n: usize) -> usize {
    let digits = bytes.iter().enumerate().skip(at).filter(|(_, b)| b.is_ascii_digit());
    digits.map(|(place, _)| place + 1).nth(n - 1).unwrap_or(bytes.len())
}

/// Whether the last digit is Luhn's check digit of the others.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, digit) {
            (1, 5..) => u32::from(digit) * 2 - 9,
            (1, _) => u32::from(digit) * 2,
            _ => u32::from(digit),
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The telephone number whose first digit is at `at`.
fn phone(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut start = at;
    let mut international = false;
    // "+", "(", "(+" before the first digit.
    while let Some(&b) = bytes[..start].last() {
        if !matches!(b, b'+' | b'(') || at - start >= 2 {
            break;
        }
        international |= b == b'+';
        start -= 1;
    }
    if bytes[..start]
        .last()
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/' | b','))
    {
        return None;
    }
    let (mut digits, mut end, mut groups) = (Buffer::new(), at, Buffer::new());
    groups.push(0).ok()?;
    // Whether a full stop has a space after it.
    let (mut sentence, mut sign) = (false, b' ');
    let mut gap = 0;
    for (place, &b) in bytes.iter().enumerate().skip(at).take(LONGEST_NUMBER - 2) {
        match b {
            b'0'..=b'9' => {
                if gap > 0 {
                    groups.push(0).ok()?;
                }
                gap = 0;
                digits.push(b - b'0').ok()?;
                *groups.last_mut()? += 1;
                end = place + 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if gap < 2 => {
                gap += 1;
                sentence |= sign == b'.' && b == b' ';
                sign = b;
            }
            _ => break,
        }
    }
    if bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':') {
        return None;
    }
    // A bracket that closes after the number is the sentence's.
    let count = |range: &[u8], sign: u8| range.iter().filter(|&&b| b == sign).count();
    while bytes[start] == b'(' && count(&bytes[start..end], b'(') > count(&bytes[at..end], b')') {
        start += 1;
    }
    let n = digits.len();
    let international = international || (digits.starts_with(&[0, 0]) && n >= 11);
    if international {
        return ((8..=15).contains(&n) && digits.iter().any(|d| *d != digits[0])).then_some((start, end));
    }
    // The North American plan: three, three, four; area and exchange begin with 2 to 9.
    let parts = if groups.first() == Some(&1) && digits[0] == 1 { &groups[1..] } else { &groups[..] };
    let skip = usize::from(parts.len() < groups.len());
    if parts == [3, 3, 4] && digits[skip] >= 2 && digits[skip + 3] >= 2 {
        return Some((start, end));
    }
    // Elsewhere: a trunk 0, nine to twelve digits in at most five groups; a date has no group of three or more first.
    let trunk = digits[0] == 0 && (9..=12).contains(&n) && groups.len() <= 5 && groups[0] >= 2;
    (trunk && (groups.len() > 1 || n >= 10) && !sentence).then_some((start, end))
}
