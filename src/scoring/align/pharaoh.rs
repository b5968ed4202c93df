//! Links as text: the Pharaoh format, and the three columns of the NAACL 2003 files.

use std::collections::{BTreeMap, BTreeSet};

use super::Link;
use crate::Error;
use crate::scoring::refuse::invalid;

/// The links of one sentence pair. Every sure link is possible, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// All links.
    pub possible: BTreeSet<Link>,
    /// Those that are beyond doubt.
    pub sure: BTreeSet<Link>,
}

impl Links {
    /// Adds a link.
    pub fn insert(&mut self, link: Link, sure: bool) {
        self.possible.insert(link);
        if sure {
            self.sure.insert(link);
        }
    }
}

/// Reads one line of blank-separated `i-j` (sure) and `ipj` (possible). A pair given both ways is sure; an empty line has
/// none. `number` is the line's, for errors; positions start at 0 or, `one_indexed`, at 1.
///
/// # Errors
/// [`InvalidArgument`](crate::Code::InvalidArgument) naming line and item.
pub fn parse_line(line: &str, number: usize, one_indexed: bool) -> Result<Links, Error> {
    let mut links = Links::default();
    for item in line.split_ascii_whitespace() {
        let refuse = |why: &str| invalid(format!("line {number}: link {item:?} {why}"));
        let (sure, (source, target)) = item
            .split_once('-')
            .map(|sides| (true, sides))
            .or_else(|| item.split_once('p').map(|sides| (false, sides)))
            .ok_or_else(|| refuse("is neither i-j nor ipj"))?;
        let position = |side: &str| position(side, one_indexed).map_err(|why| refuse(&why));
        links.insert(Link::new(position(source)?, position(target)?), sure);
    }
    Ok(links)
}

/// Reads lines of `id i j [S|P]`, `S` where nothing is said. Positions start at 1, as in the files of NAACL 2003.
///
/// # Errors
/// [`InvalidArgument`](crate::Code::InvalidArgument) naming the line.
pub fn parse_columns(text: &str) -> Result<BTreeMap<u64, Links>, Error> {
    let mut found: BTreeMap<u64, Links> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let refuse = |why: String| invalid(format!("line {}: {why}", at + 1));
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (id, source, target, sure) = match words[..] {
            [] => continue,
            [id, source, target] | [id, source, target, "S"] => (id, source, target, true),
            [id, source, target, "P"] => (id, source, target, false),
            _ => return Err(refuse(format!("{line:?} is not `id i j [S|P]`"))),
        };
        let id = digits(id).map_err(|why| refuse(format!("sentence {id:?} {why}")))?;
        let position =
            |word: &str| position(word, true).map_err(|why| refuse(format!("position {word:?} {why}")));
        let link = Link::new(position(source)?, position(target)?);
        found.entry(id).or_default().insert(link, sure);
    }
    Ok(found)
}

fn digits(word: &str) -> Result<u64, String> {
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("has a part that is no decimal number".into());
    }
    word.parse().map_err(|_| "has a number beyond 64 bits".into())
}

fn position(word: &str, one_indexed: bool) -> Result<usize, String> {
    let number =
        usize::try_from(digits(word)?).map_err(|_| "has a number beyond this machine's size".to_owned())?;
    number.checked_sub(usize::from(one_indexed)).ok_or_else(|| "has a 0 where positions start at 1".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_links_are_possible_too() {
        let links = parse_line("0-1 0p1 2p3  4-4 4-4", 1, false).expect("a good line");
        assert_eq!(links.sure, [Link::new(0, 1), Link::new(4, 4)].into());
        assert_eq!(links.possible, [Link::new(0, 1), Link::new(2, 3), Link::new(4, 4)].into());
        assert_eq!(parse_line(" ", 1, false), Ok(Links::default()));
        let links = parse_columns("7 1 1\n7 1 2 P\n\n9 3 1 S\n").expect("good lines");
        assert_eq!(links[&7].possible.len() + links[&7].sure.len() + links[&9].sure.len(), 4);
    }

    #[test]
    fn what_is_no_link_is_refused_with_its_line() {
        for item in
            ["1", "1-", "-1", "+1-2", "1--2", "1-2x", "1_2", "1-2-3", "99999999999999999999999-1", "٣-1"]
        {
            let error = parse_line(&format!("0-0 {item}"), 12, false);
            assert!(
                error.is_err_and(|e| e.message.starts_with("line 12") && e.message.contains("link")),
                "{item}"
            );
        }
        assert!(parse_line("0-1", 3, true).is_err_and(|e| e.message.contains("start at 1")));
        for line in ["1 2", "1 2 3 X", "x 1 1", "1 0 1", "1 2 3 S S"] {
            assert!(parse_columns(line).is_err_and(|e| e.message.starts_with("line 1:")), "{line}");
        }
    }
}
