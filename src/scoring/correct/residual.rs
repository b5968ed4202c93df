//! What a correction changed: how much it copied, and the edits.

use std::ops::Range;

/// The most words of a side that a copy ratio is counted for.
const MOST_WORDS: usize = 4096;

/// The most changed pieces that are told apart; a text that changed more is one edit.
const MOST_CHANGES: usize = 1024;

/// A replaced stretch of the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the original.
    pub range: Range<usize>,
    /// What stands there now.
    pub replacement: String,
}

/// What a correction changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// The longest common subsequence of words over the longer side's words, 1 of two empty texts; `None` beyond 4,096
    /// words a side.
    pub copy_ratio: Option<f64>,
    /// Whether a byte differs.
    pub changed: bool,
    /// By place; applied to the original they make the correction.
    pub edits: Vec<Edit>,
}

/// Compares a correction with its original.
///
/// # Cost
/// `O(N D)` for `N` words of which `D` differ; memory for at most 1,024 steps of `D`.
/// # Source
/// Myers 1986; section 1.1 of the specification of corrections.
pub fn residual(original: &str, corrected: &str) -> Residual {
    let words = |text| str::split_whitespace(text).collect::<Vec<_>>();
    let (a, b) = (words(original), words(corrected));
    let longer = a.len().max(b.len());
    let copy_ratio = match longer {
        0 => Some(1.0),
        longer if longer > MOST_WORDS => None,
        longer => {
            let distance = trace(&a, &b, usize::MAX, false).map_or(0, |(distance, _)| distance);
            Some(((a.len() + b.len() - distance) / 2) as f64 / longer as f64)
        }
    };
    Residual { copy_ratio, changed: original != corrected, edits: edits(original, corrected) }
}

/// The texts of an original after edits, which are sorted and do not cross.
pub fn apply(original: &str, edits: &[Edit]) -> String {
    let mut out = String::new();
    let mut at = 0;
    for edit in edits {
        out.push_str(original.get(at..edit.range.start).unwrap_or_default());
        out.push_str(&edit.replacement);
        at = edit.range.end;
    }
    out.push_str(original.get(at..).unwrap_or_default());
    out
}

/// Words and the runs of white space between them, with where they start.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut first = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        let space = c.is_whitespace();
        if before.is_some_and(|before| before != space) {
            pieces.push(&text[first..at]);
            first = at;
        }
        before = Some(space);
    }
    if first < text.len() {
        pieces.push(&text[first..]);
    }
    pieces
}

fn edits(original: &str, corrected: &str) -> Vec<Edit> {
    let (a, b) = (pieces(original), pieces(corrected));
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_a, middle_b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    if middle_a.is_empty() && middle_b.is_empty() {
        return Vec::new();
    }
    // Stretches of pieces that differ, as ranges of both middles.
    let stretches = match trace(middle_a, middle_b, MOST_CHANGES, true) {
        Some((_, stretches)) => stretches,
        None => vec![(0..middle_a.len(), 0..middle_b.len())],
    };
    let bytes = |pieces: &[&str]| pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let start = bytes(&a[..head]);
    let edit = |(of_a, of_b): (Range<usize>, Range<usize>)| {
        let first = start + bytes(&middle_a[..of_a.start]);
        trimmed(first, &middle_a[of_a].concat(), &middle_b[of_b].concat())
    };
    stretches.into_iter().map(edit).collect()
}

/// An edit without the characters that both ends share.
fn trimmed(first: usize, old: &str, new: &str) -> Edit {
    let head: usize =
        old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old, new) = (&old[head..], &new[head..]);
    let shared = old.chars().rev().zip(new.chars().rev()).take_while(|(a, b)| a == b);
    let tail: usize = shared.map(|(a, _)| a.len_utf8()).sum();
    let start = first + head;
    Edit { range: start..start + old.len() - tail, replacement: new[..new.len() - tail].to_owned() }
}

type Stretches = Vec<(Range<usize>, Range<usize>)>;

/// The least number of insertions and deletions, and, if asked for, the stretches that differ. `None` above `most`.
fn trace(a: &[&str], b: &[&str], most: usize, keep: bool) -> Option<(usize, Stretches)> {
    let (n, m) = (a.len(), b.len());
    let most = most.min(n + m);
    // furthest[k + m + 1]: how far along a diagonal a path of d steps gets in a.
    let mut furthest = vec![0_usize; n + m + 3];
    let offset = m + 1;
    let mut history: Vec<Vec<usize>> = Vec::new();
    for d in 0..=most {
        if keep {
            let (low, high) = (offset - d.min(m) - 1, offset + d.min(n) + 1);
            history.push(furthest[low..=high].to_vec());
        }
        let mut k = -(d.min(m) as isize);
        if (k - d as isize).rem_euclid(2) != 0 {
            k += 1;
        }
        while k <= d.min(n) as isize {
            let at = (offset as isize + k) as usize;
            let down = k == -(d as isize) || (k != d as isize && furthest[at - 1] < furthest[at + 1]);
            let mut x = if down { furthest[at + 1] } else { furthest[at - 1] + 1 };
            // Off the table, where a diagonal next to the last one leads.
            x = x.min(n);
            let mut y = (x as isize - k).max(0) as usize;
            while x < n && y < m && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            furthest[at] = x;
            if x >= n && y >= m {
                return Some((d, if keep { back(n, m, &history) } else { Vec::new() }));
            }
            k += 2;
        }
    }
    None
}

/// Walks back from the end, and joins steps that touch.
fn back(n: usize, m: usize, history: &[Vec<usize>]) -> Stretches {
    let (mut x, mut y) = (n, m);
    let mut stretches: Stretches = Vec::new();
    for (d, furthest) in history.iter().enumerate().skip(1).rev() {
        // The row of the step before starts at diagonal -min(d, m) - 1.
        let low = -(d.min(m) as isize) - 1;
        let of = |k: isize| furthest.get((k - low) as usize).copied().unwrap_or(0);
        let k = x as isize - y as isize;
        let down = k == -(d as isize) || (k != d as isize && of(k - 1) < of(k + 1));
        let before = if down { k + 1 } else { k - 1 };
        let from = of(before);
        let (start_x, start_y) = (from, (from as isize - before) as usize);
        let (end_x, end_y) = if down { (start_x, start_y + 1) } else { (start_x + 1, start_y) };
        match stretches.last_mut() {
            Some((of_a, of_b)) if of_a.start == end_x && of_b.start == end_y => {
                (of_a.start, of_b.start) = (start_x, start_y);
            }
            _ => stretches.push((start_x..end_x, start_y..end_y)),
        }
        (x, y) = (start_x, start_y);
    }
    stretches.reverse();
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_make_the_correction_and_the_ratio_counts_words() {
        let found = residual("the cat sat on the mat", "the dog sat on a mat");
        assert_eq!(found.copy_ratio, Some(4.0 / 6.0));
        assert_eq!(found.edits.len(), 2);
        assert_eq!(found.edits[0], Edit { range: 4..7, replacement: "dog".into() });
        assert_eq!(residual("", "").copy_ratio, Some(1.0));
        assert_eq!(residual("a", "").copy_ratio, Some(0.0));
        let same = residual("a b", "a b");
        assert!(!same.changed && same.edits.is_empty() && same.copy_ratio == Some(1.0));
        assert!(residual("a b", "a  b").changed);
        assert_eq!(residual(&"a ".repeat(5000), "b").copy_ratio, None);
    }

    #[test]
    fn random_texts_are_made_again() {
        let mut state = 11_u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for _ in 0..2000 {
            let mut text = |n: u64| -> String {
                (0..random(n)).map(|_| ["a", "b", "é", " ", "\n", "ab"][random(6) as usize]).collect()
            };
            let (a, b) = (text(30), text(30));
            let found = residual(&a, &b);
            assert_eq!(apply(&a, &found.edits), b, "{a:?} {:?}", found.edits);
            // The plain table of the longest common subsequence.
            let (x, y): (Vec<_>, Vec<_>) = (a.split_whitespace().collect(), b.split_whitespace().collect());
            let mut table = vec![vec![0_usize; y.len() + 1]; x.len() + 1];
            for (i, j) in (0..x.len()).flat_map(|i| (0..y.len()).map(move |j| (i, j))) {
                table[i + 1][j + 1] =
                    if x[i] == y[j] { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
            }
            let longer = x.len().max(y.len());
            let wanted = if longer == 0 { 1.0 } else { table[x.len()][y.len()] as f64 / longer as f64 };
            assert_eq!(found.copy_ratio, Some(wanted), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_text_that_is_all_new_is_one_edit() {
        let (a, b) = ("a b ".repeat(3000), "c d ".repeat(3000));
        let found = residual(&a, &b);
        assert_eq!((found.edits.len(), apply(&a, &found.edits)), (1, b));
    }
}
