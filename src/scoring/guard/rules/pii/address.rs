//! Addresses of the Internet protocol.

use std::net::Ipv6Addr;

/// Four numbers of at most 255 with full stops between them, the first at `start`.
pub(super) fn version_4(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes[..start].last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.') {
        return None;
    }
    let mut at = start;
    for part in 0..4 {
        if part > 0 {
            (bytes.get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
        let digits = bytes[at..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let number = bytes[at..at + digits].iter().fold(0_u32, |n, b| n * 10 + u32::from(b - b'0'));
        let good = (1..=3).contains(&digits) && number <= 255 && (digits == 1 || bytes[at] != b'0');
        good.then_some(())?;
        at += digits;
    }
    let more = bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric())
        || (bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit));
    (!more).then_some(at)
}

/// The address of version 6 around the colon at `colon`.
pub(super) fn version_6(bytes: &[u8], colon: usize) -> Option<(usize, usize)> {
    let of_address = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let before = bytes[..colon].iter().rev().take(46).take_while(|b| of_address(b)).count();
    let after = bytes[colon..].iter().take(46).take_while(|b| of_address(b)).count();
    if before > 45 || after > 45 {
        return None;
    }
    let (start, mut end) = (colon - before, colon + after);
    if bytes[..start].last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    if bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    while end > start && bytes[end - 1] == b'.' {
        end -= 1;
    }
    // A colon after the address belongs to the sentence.
    for end in [end, end - usize::from(bytes[end - 1] == b':')] {
        let text = str::from_utf8(&bytes[start..end]).ok()?;
        let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
        if hex >= 3 && text.parse::<Ipv6Addr>().is_ok() {
            return Some((start, end));
        }
    }
    None
}
