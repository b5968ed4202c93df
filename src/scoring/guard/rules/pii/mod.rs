//! Personal data and secrets, found by shape and checked by their own rules: check digits, lengths, ranges.

mod address;
mod email;
mod number;
mod secret;

pub(super) use secret::Secrets;

use crate::scoring::guard::bits::places;

/// A kind of personal data or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// An international bank account number: its country's length, remainder 1 modulo 97.
    Iban,
    /// A payment card number: 13 to 19 digits, a known first digit, Luhn's check digit.
    Card,
    /// An address of IP version 4 or 6.
    Ip,
    /// A key, token or private key of a known form.
    Key,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Email, Self::Phone, Self::Iban, Self::Card, Self::Ip, Self::Key];

    /// The word of a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Iban => "iban",
            Self::Card => "card",
            Self::Ip => "ip",
            Self::Key => "key",
        }
    }
}

/// The most bytes that a kind other than [`Kind::Key`] takes, with its separators.
pub(super) const LONGEST_NUMBER: usize = 48;

/// Shows `each` whatever is found in `text`, with its kind. Of numbers that lie over each other, the first kind that
/// passes its check counts: IBAN, IP address, card, telephone.
///
/// # Cost
/// One pass, and a bounded look around each digit run, `@` and `::`.
pub(super) fn scan(text: &str, wanted: impl Fn(Kind) -> bool, mut each: impl FnMut(Kind, usize, usize)) {
    let bytes = text.as_bytes();
    let numbers = [Kind::Phone, Kind::Iban, Kind::Card, Kind::Ip].into_iter().any(&wanted);
    let (email, ip) = (wanted(Kind::Email), wanted(Kind::Ip));
    let sign = |b: u8, sign: u8, wanted: bool| (b == sign) & wanted;
    let class =
        move |b: u8| ((b.wrapping_sub(b'0') < 10) & numbers) | sign(b, b'@', email) | sign(b, b':', ip);
    let mut done = 0;
    for at in places(bytes, 0, class) {
        if at < done {
            continue;
        }
        let hit = match bytes[at] {
            b'@' => email::at(text, at).map(|(start, end)| (Kind::Email, start, end)),
            b':' => address::version_6(bytes, at).map(|(start, end)| (Kind::Ip, start, end)),
            _ => {
                // The rest of the digits would only give parts of the same number.
                let n = bytes[at..].iter().position(|b| !b.is_ascii_digit());
                done = n.map_or(bytes.len(), |n| at + n);
                number::at(bytes, at, &wanted)
            }
        };
        if let Some((kind, start, end)) = hit {
            each(kind, start, end);
            done = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(&'static str, &str)> {
        let mut found = Vec::new();
        scan(text, |_| true, |kind, start, end| found.push((kind.name(), &text[start..end])));
        found
    }

    #[test]
    fn each_kind_is_found_as_it_is_written() {
        for (kind, item) in [
            ("email", "jane.doe+tag@mail.example.co.uk"),
            ("email", "j@x.io"),
            ("phone", "+49 30 901820"),
            ("phone", "(212) 555-0187"),
            ("phone", "212-555-0187"),
            ("phone", "+1 (212) 555-0187"),
            ("phone", "030/90182012"),
            ("iban", "DE89 3704 0044 0532 0130 00"),
            ("iban", "GB82WEST12345698765432"),
            ("card", "4111 1111 1111 1111"),
            ("card", "5500-0000-0000-0004"),
            ("card", "378282246310005"),
            ("ip", "192.168.1.254"),
            ("ip", "2001:db8::8a2e:370:7334"),
            ("ip", "fe80::1"),
        ] {
            for (before, after) in [("", ""), ("see ", " now"), ("(", ")"), ("it is ", "."), ("a: ", ", b")] {
                let text = format!("{before}{item}{after}");
                assert_eq!(all(&text), [(kind, item)], "{text}");
            }
        }
    }

    #[test]
    fn what_fails_its_check_is_not_taken() {
        for text in [
            "4111 1111 1111 1112",
            "0000 0000 0000 0000",
            "DE89370400440532013001",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "a@b",
            "@name said",
            "x@y..com",
            "12:30:45",
            "std::vec::Vec",
            "::",
            "2024-01-02",
            "2024-01-02 10:20:30",
            "1,234,567.89",
            "ISBN 978-3-16-148410-0",
            "pages 100-200, 300-400",
            "in 1984 and 2001",
        ] {
            assert_eq!(all(text), [], "{text}");
        }
    }

    #[test]
    fn two_million_digits_and_signs_stay_linear() {
        // Anything worse than linear would not end.
        for unit in ["1", "1 ", "1-", "@", "a@", "a@b.", "::", "1:", "+1", "(1", "DE89"] {
            all(&unit.repeat(1_000_000 / unit.len()));
        }
    }
}
