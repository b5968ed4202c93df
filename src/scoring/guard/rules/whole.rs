//! The rules against a search of every form of the whole text.

use super::scan::tidy;
use super::substrings::{Substring, Substrings};
use super::words::{Lone, split};
use super::{ALLOWED, Builder, Hit, Hits, Match, Rules, Scratch};
use crate::scoring::guard::canonical::Canonical;
use crate::scoring::guard::fold::{Fold, Folded};

/// What the lists find, form by form, each form whole.
fn whole(rules: &Rules, text: &str) -> Vec<Hit> {
    let (mut form, mut words, mut hits, mut allowed) =
        (Folded::default(), Vec::new(), Vec::new(), Vec::new());
    for fold in [Fold::Case, Fold::Skeleton, Fold::SkeletonL] {
        form.assign(text, fold);
        let beyond_case = fold != Fold::Case;
        let mut found = Hits::default();
        split(form.text(), &mut words, &mut Lone::default());
        rules.words.find(form.text(), &words, beyond_case, &mut found);
        for substring in rules.substrings.iter().flat_map(Substrings::list) {
            let Substring { text: pattern, rule, folds } = substring;
            let mut at = 0;
            while let Some(place) = form.text()[at..].find(pattern).filter(|_| *folds || !beyond_case) {
                let start = at + place;
                found.list.push(Hit { rule: *rule, start, end: start + pattern.len() });
                at = start + form.text()[start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        for hit in found.list {
            let original = form.original(hit.start..hit.end);
            match hit.rule {
                ALLOWED => allowed.push(original),
                rule => hits.push(Hit { rule, start: original.start, end: original.end }),
            }
        }
    }
    hits.retain(|hit| !allowed.iter().any(|a| a.start <= hit.start && hit.end <= a.end));
    tidy(&mut hits, 0);
    hits
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * bound as u64) >> 32) as usize
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const PATTERNS: [&str; 14] = [
    "kill",
    "kill you",
    "you",
    "i will go",
    "hell",
    "caf\u{e9} noir",
    "\u{43a}\u{43e}\u{442}",
    "sor",
    "a b c d",
    "\u{6bd2}\u{836f}",
    "\u{c9}t\u{e9}",
    "stra\u{df}e",
    "\u{130}x",
    "internationalisation of all",
];

/// Parts of words, letters that look alike, marks, signs, what stands between words.
const PIECES: [&str; 44] = [
    "kill",
    "you",
    "k",
    "i",
    "l",
    "1",
    "!",
    "|",
    "he",
    "ll",
    " ",
    " ",
    " ",
    "  ",
    ".",
    ", ",
    "-",
    "\n",
    "will",
    "go",
    "caf",
    "\u{e9}",
    "e\u{301}",
    "noir",
    "\u{456}",
    "\u{43e}",
    "\u{43a}",
    "\u{442}",
    "\u{441}\u{43e}\u{440}",
    "\u{336}",
    "\u{6bd2}",
    "\u{836f}",
    "0",
    "u",
    "y0u",
    "stra\u{df}e",
    "\u{130}",
    "x",
    "@",
    "$",
    "\u{3b1}",
    "internationalisation",
    "of all",
    "\u{c9}t",
];

#[test]
fn parts_that_are_folded_give_what_whole_forms_give() {
    let mut random = Random(20_261_129);
    let (mut n_hits, mut scratch, mut hits) = (0, Scratch::default(), Hits::default());
    for case in 0..6_000 {
        let mut rules = Builder::default();
        for rule in 0..1 + random.below(5) {
            let how = if random.below(3) == 0 { Match::Substring } else { Match::Word };
            let folds = random.below(4) > 0;
            rules.pattern(rule as u32 % 3, random.of(&PATTERNS), how, folds).expect("a pattern");
        }
        if random.below(4) == 0 {
            rules.allow(random.of(&PATTERNS), Match::Word).expect("a pattern");
        }
        let rules = rules.build().expect("rules");
        for _ in 0..4 {
            let mut text = String::new();
            for _ in 0..random.below(60) {
                text.push_str(random.of(&PIECES));
            }
            let text = Canonical::new(&text).expect("a short text").text().to_owned();
            hits.clear();
            rules.scan(&text, 0, &mut scratch, &mut hits);
            let wanted = whole(&rules, &text);
            // Spelled letters are found besides.
            hits.list.retain(|hit| !is_spelled(&text[hit.start..hit.end]) || wanted.contains(hit));
            let wanted: Vec<Hit> =
                wanted.into_iter().filter(|w| hits.list.contains(w) || !covered(w, &rules, &text)).collect();
            assert_eq!(hits.list, wanted, "case {case}: {text:?}");
            n_hits += wanted.len();
        }
    }
    assert!(n_hits > 5_000, "{n_hits}");
}

/// Whether the hit is of letters that stand alone.
fn is_spelled(hit: &str) -> bool {
    let alone = |part: &str| part.chars().filter(|c| c.is_alphanumeric()).count() <= 1;
    hit.split([' ', '.', '-', '\n', ',', '_']).all(alone)
}

/// Whether a longer hit of the same rule that was spelled took its place.
fn covered(hit: &Hit, rules: &Rules, text: &str) -> bool {
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    rules.scan(text, 0, &mut scratch, &mut hits);
    hits.list.iter().any(|h| h.rule == hit.rule && h.start <= hit.start && hit.end <= h.end && h != hit)
}
