//! One set of links from two: that of the model from source to target, and that of the model back.
//!
//! Heuristics of Och and Ney 2003 and Koehn et al. 2005. The programs that have them differ in the order in which points are
//! tried, and so in the result; [`Program`] says whose is meant.

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound::{Excluded, Unbounded};

use super::Link;
use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::invalid;

/// Whose order of points is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// `symal` of Moses and MGIZA: neighbours of accepted points, targets first; those of one word alone on either side.
    #[default]
    Moses,
    /// `atools` of fast_align: candidates beside any accepted point, sources first.
    FastAlign,
    /// The script of lilt/alignment-scripts, which Mask-Align uses: only diagonal neighbours of which neither word is linked.
    Lilt,
}

/// What is done to the two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Links in both.
    Intersection,
    /// Links in either.
    Union,
    /// From the intersection to its neighbours in the union, again and again.
    Grow {
        /// Neighbours across corners, too.
        diagonal: bool,
        /// What follows.
        last: Last,
    },
}

/// What is added to a grown set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// Nothing.
    Nothing,
    /// Links of which at least one word has none yet.
    Either,
    /// Links of which neither word has one yet.
    Both,
}

/// `grow-diag-final-and`, the usual choice.
impl Default for Method {
    fn default() -> Self {
        Self::Grow { diagonal: true, last: Last::Both }
    }
}

/// What two offsets of a sweep lead to, source and target.
const STRAIGHT: [(isize, isize); 4] = [(0, -1), (-1, 0), (0, 1), (1, 0)];
const CORNERS: [(isize, isize); 4] = [(-1, -1), (1, -1), (-1, 1), (1, 1)];
/// In the order in which the script's hash set gives them.
const LILT: [(isize, isize); 4] = [(-1, -1), (-1, 1), (1, 1), (1, -1)];

/// Joins the links of both directions. Sorted by source, then target.
///
/// `lengths` are the words of source and target. Links may come in any order; one given twice counts once. The order of the
/// program matters to [`Method::Grow`] only. fast_align and lilt have no growth without corners, and lilt nothing but
/// `grow-diag-final-and`: with them these are refused.
///
/// # Errors
/// [`InvalidArgument`](crate::Code::InvalidArgument) for a link beyond `lengths`, or a method that the program lacks.
/// # Cost
/// `O(n log n)` for each sweep over `n` links; there are seldom more than three.
pub fn symmetrize(
    forward: &[Link],
    reverse: &[Link],
    lengths: [usize; 2],
    method: Method,
    program: Program,
) -> Result<Vec<Link>, Error> {
    let forward = sorted("forward", forward, lengths)?;
    let reverse = sorted("reverse", reverse, lengths)?;
    let union: BTreeSet<Link> = forward.union(&reverse).copied().collect();
    let both: BTreeSet<Link> = forward.intersection(&reverse).copied().collect();
    let (diagonal, last) = match method {
        Method::Intersection => return Ok(both.into_iter().collect()),
        Method::Union => return Ok(union.into_iter().collect()),
        Method::Grow { diagonal, last } => (diagonal, last),
    };
    let mut grown = Grown { sources: HashSet::new(), targets: HashSet::new(), links: BTreeSet::new() };
    both.iter().for_each(|&link| grown.add(link));
    match program {
        Program::Moses => {
            let offsets: Vec<_> =
                STRAIGHT.into_iter().chain(CORNERS.into_iter().filter(|_| diagonal)).collect();
            grown.around_points(&union, lengths, &offsets, by_target, Grown::has_new);
            grown.finish(by_target_of(&reverse, &forward), last);
            grown.finish(by_target_of(&forward, &reverse), last);
        }
        Program::FastAlign if diagonal => {
            grown.beside_points(&union, lengths);
            grown.finish(forward.iter().copied(), last);
            grown.finish(reverse.iter().copied(), last);
        }
        Program::Lilt if diagonal && last == Last::Both => {
            grown.around_points(&union, lengths, &LILT, |link| link, Grown::has_none);
            grown.finish(forward.iter().copied(), last);
            grown.finish(reverse.iter().copied(), last);
        }
        Program::FastAlign | Program::Lilt => {
            return Err(invalid(format!("{program:?} has no {method:?}; Program::Moses has")));
        }
    }
    Ok(grown.links.into_iter().collect())
}

/// What has been accepted, and the words that have links in it.
struct Grown {
    sources: HashSet<usize>,
    targets: HashSet<usize>,
    links: BTreeSet<Link>,
}

impl Grown {
    fn add(&mut self, link: Link) {
        self.sources.insert(link.source);
        self.targets.insert(link.target);
        self.links.insert(link);
    }

    /// Whether at least one of its words has no link yet.
    fn has_new(&self, link: Link) -> bool {
        !self.sources.contains(&link.source) || !self.targets.contains(&link.target)
    }

    /// Whether neither of its words has one.
    fn has_none(&self, link: Link) -> bool {
        !self.sources.contains(&link.source) && !self.targets.contains(&link.target)
    }

    /// Sweeps over the accepted points in the order of `key`, with those that it adds behind where it is, until a sweep adds
    /// nothing.
    fn around_points(
        &mut self,
        union: &BTreeSet<Link>,
        lengths: [usize; 2],
        offsets: &[(isize, isize)],
        key: impl Fn(Link) -> Link,
        may_enter: impl Fn(&Self, Link) -> bool,
    ) {
        // Its own inverse: what `key` exchanges it exchanges back.
        let mut points: BTreeSet<Link> = self.links.iter().map(|&link| key(link)).collect();
        loop {
            let before = points.len();
            let mut cursor = points.first().copied();
            while let Some(at) = cursor {
                for &offset in offsets {
                    if let Some(link) = moved(key(at), offset, lengths)
                        && union.contains(&link)
                        && may_enter(self, link)
                    {
                        self.add(link);
                        points.insert(key(link));
                    }
                }
                cursor = points.range((Excluded(at), Unbounded)).next().copied();
            }
            if points.len() == before {
                return;
            }
        }
    }

    /// Sweeps over what is not accepted yet, and takes what has an accepted point beside it, until a sweep adds nothing.
    fn beside_points(&mut self, union: &BTreeSet<Link>, lengths: [usize; 2]) {
        loop {
            let before = self.links.len();
            for &link in union {
                let beside = || {
                    let mut around = STRAIGHT.into_iter().chain(CORNERS);
                    around.any(|by| moved(link, by, lengths).is_some_and(|other| self.links.contains(&other)))
                };
                if !self.links.contains(&link) && self.has_new(link) && beside() {
                    self.add(link);
                }
            }
            if self.links.len() == before {
                return;
            }
        }
    }

    fn finish(&mut self, candidates: impl IntoIterator<Item = Link>, last: Last) {
        for link in candidates {
            let enters = match last {
                Last::Nothing => false,
                Last::Either => self.has_new(link),
                Last::Both => self.has_none(link),
            };
            if enters {
                self.add(link);
            }
        }
    }
}

/// As a link whose order is by target, then source.
fn by_target(link: Link) -> Link {
    Link::new(link.target, link.source)
}

/// What is in `these` but not in `those`, by target, then source.
fn by_target_of(these: &BTreeSet<Link>, those: &BTreeSet<Link>) -> Vec<Link> {
    let mut links: Vec<Link> = these.difference(those).copied().collect();
    order::sort(&mut links, |&a, &b| by_target(a).cmp(&by_target(b)));
    links
}

fn moved(link: Link, (source, target): (isize, isize), [n_source, n_target]: [usize; 2]) -> Option<Link> {
    let source = link.source.checked_add_signed(source).filter(|&s| s < n_source)?;
    let target = link.target.checked_add_signed(target).filter(|&t| t < n_target)?;
    Some(Link::new(source, target))
}

fn sorted(name: &str, links: &[Link], [n_source, n_target]: [usize; 2]) -> Result<BTreeSet<Link>, Error> {
    match links.iter().find(|link| link.source >= n_source || link.target >= n_target) {
        Some(Link { source, target }) => Err(invalid(format!(
            "{name} link {source}-{target} of a sentence pair of {n_source} and {n_target} words"
        ))),
        None => Ok(links.iter().copied().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(pairs: &[(usize, usize)]) -> Vec<Link> {
        pairs.iter().map(|&(s, t)| Link::new(s, t)).collect()
    }

    #[test]
    fn corners_count_only_if_asked_for() {
        let (forward, reverse) = (links(&[(0, 0), (1, 1)]), links(&[(0, 0)]));
        let of = |diagonal| {
            let method = Method::Grow { diagonal, last: Last::Nothing };
            symmetrize(&forward, &reverse, [2, 2], method, Program::Moses).expect("good links")
        };
        assert_eq!(of(false), links(&[(0, 0)]));
        assert_eq!(of(true), links(&[(0, 0), (1, 1)]));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let error = symmetrize(&links(&[(0, 3)]), &[], [1, 3], Method::Union, Program::Moses);
        assert!(error.is_err_and(|e| e.message.contains("forward link 0-3") && e.message.contains("1 and 3 words")));
        let straight = Method::Grow { diagonal: false, last: Last::Both };
        assert!(symmetrize(&[], &[], [0, 0], straight, Program::FastAlign).is_err());
        assert_eq!(symmetrize(&[], &[], [0, 0], straight, Program::Moses), Ok(Vec::new()));
    }
}
