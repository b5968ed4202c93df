//! E-mail addresses.

const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 253;

/// The address around the `@` at `at`.
pub(super) fn at(text: &str, at: usize) -> Option<(usize, usize)> {
    let start = local_start(text, at)?;
    let domain = &text[at + 1..];
    let mut end = 0;
    for (place, character) in domain.char_indices() {
        if place > LONGEST_DOMAIN || !(character.is_alphanumeric() || matches!(character, '-' | '.')) {
            break;
        }
        end = place + character.len_utf8();
    }
    // A full stop or hyphen at the end belongs to the sentence.
    let domain = domain[..end].trim_end_matches(['.', '-']);
    let labels: Vec<&str> = domain.split('.').collect();
    let good = |label: &&str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = labels.last()?;
    let top = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    let punycode = last.starts_with("xn--");
    let valid = labels.len() >= 2 && labels.iter().all(good) && (top || punycode);
    valid.then(|| (start, at + 1 + domain.len()))
}

fn local_start(text: &str, at: usize) -> Option<usize> {
    let mut start = at;
    for (place, character) in text[..at].char_indices().rev() {
        if at - place > LONGEST_LOCAL {
            break;
        }
        let fits = character.is_alphanumeric() || matches!(character, '.' | '_' | '%' | '+' | '-' | '\'');
        if !fits {
            break;
        }
        start = place;
    }
    let local = text[start..at].trim_start_matches(['.', '-', '\'']);
    (!local.is_empty() && !local.ends_with('.')).then(|| at - local.len())
}
