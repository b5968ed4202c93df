//! One unit of text through all rules, in each of its forms.

use std::ops::Range;

use super::words::{Lone, SEED, Word, split, step};
use super::{ALLOWED, Hit, Hits, Kind, LONGEST_SPELLED, Rules, SHORTEST_SPELLED, pii};
use crate::scoring::guard::fold::{
    Fold, Folded, Spelled, changed, folded, has_one, is_latin, spelled, widened,
};

/// What the searches of one thread use again.
#[derive(Debug, Default)]
pub struct Scratch {
    form: Folded,
    part: Folded,
    words: Vec<Word>,
    lone: Lone,
    /// Parts of the text that are searched in a form beyond its case.
    disguised: Vec<Range<usize>>,
    in_form: Hits,
    allowed: Vec<(usize, usize)>,
}

impl Rules {
    /// Pushes every match in `text`, a canonical text or a part of it, from the byte `from` on.
    ///
    /// What lies before `from` is context for the bounds of words. A hit inside a match of an allow list is left out; so
    /// is one inside another of the same rule. Hits come out in order of rule and place.
    ///
    /// # Cost
    /// Linear in the text: one pass for each form of it that differs, one for each regular expression, one for personal
    /// data. No allocation once `scratch` has room, but for runs of spelled letters.
    pub fn scan(&self, text: &str, from: usize, scratch: &mut Scratch, hits: &mut Hits) {
        if self.is_empty() {
            return;
        }
        let first = hits.list.len();
        scratch.allowed.clear();
        self.forms(text, scratch, hits);
        for (regex, rule) in &self.regexes {
            let mut at = text.floor_char_boundary(from);
            while let Some(found) = regex.find_at(text, at) {
                hits.push(Hit { rule: *rule, start: found.start(), end: found.end() });
                if hits.truncated {
                    break;
                }
                at = found.end().max(at + 1);
                at = text.ceil_char_boundary(at.min(text.len()));
                if at >= text.len() {
                    break;
                }
            }
        }
        if self.pii.iter().any(Option::is_some) {
            pii::scan(
                text,
                |kind| self.pii[kind as usize].is_some(),
                |kind, start, end| {
                    if let Some(rule) = self.pii[kind as usize] {
                        hits.push(Hit { rule, start, end });
                    }
                },
            );
        }
        if let (Some(secrets), Some(rule)) = (&self.secrets, self.pii[Kind::Key as usize]) {
            secrets.scan(text, |start, end| hits.push(Hit { rule, start, end }));
        }
        let allowed = &scratch.allowed;
        let mut place = 0;
        hits.list.retain(|hit| {
            place += 1;
            place <= first
                || (hit.end > from
                    && !allowed.iter().any(|(start, end)| *start <= hit.start && hit.end <= *end))
        });
        tidy(&mut hits.list, first);
    }

    fn forms(&self, text: &str, scratch: &mut Scratch, hits: &mut Hits) {
        if self.words.is_empty() && self.substrings.is_none() {
            return;
        }
        let Scratch { form, words, lone, in_form, allowed, .. } = scratch;
        form.assign(text, Fold::Case);
        self.form(form, false, words, lone, in_form);
        keep(form, 0, in_form, allowed, hits);
        if !self.folds {
            return;
        }
        for run in &lone.runs {
            // A letter with a mark is no word of one letter, and may begin or end what is spelled.
            let first = words[run.start.saturating_sub(1)].start as usize;
            let last = words[run.end.min(words.len() - 1)].end as usize;
            for mut run in spelled(&form.text()[first..last]) {
                run.bytes.iter_mut().for_each(|b| *b = first + b.start..first + b.end);
                self.spelled_run(&run, form, hits);
            }
        }
        self.disguised(text, scratch, hits);
    }

    /// Searches the forms beyond the text's case. They differ from it in some words only, and what is found elsewhere in
    /// them is found without them: so only those words are folded, and what stands around those that a pattern has.
    fn disguised(&self, text: &str, scratch: &mut Scratch, hits: &mut Hits) {
        let Scratch { part, words, lone, disguised, in_form, allowed, .. } = scratch;
        disguised.clear();
        let is_latin = text.is_ascii() || is_latin(text);
        let (around, letters) = (self.words.longest_folding().saturating_sub(1), self.longest_substring);
        changed(text, |run| {
            let run_text = &text[run.clone()];
            let counts = self.longest_substring > 0
                || forms_of(run_text).iter().any(|fold| {
                    part.assign_part(run_text, *fold, is_latin);
                    split(part.text(), words, lone);
                    // A run that is gone lets what stands around it meet.
                    words.is_empty() || self.words.may_fold(part.text(), words)
                });
            if counts {
                let wide = widened(text, run, around, letters);
                match disguised.last_mut() {
                    Some(last) if wide.start <= last.end => last.end = last.end.max(wide.end),
                    _ => disguised.push(wide),
                }
            }
        });
        for wide in disguised.iter() {
            let wide_text = &text[wide.clone()];
            for fold in forms_of(wide_text) {
                part.assign_part(wide_text, *fold, is_latin);
                self.form(part, true, words, lone, in_form);
                keep(part, wide.start, in_form, allowed, hits);
            }
        }
    }

    /// Searches one form.
    fn form(
        &self,
        form: &Folded,
        beyond_case: bool,
        words: &mut Vec<Word>,
        lone: &mut Lone,
        in_form: &mut Hits,
    ) {
        in_form.clear();
        split(form.text(), words, lone);
        self.words.find(form.text(), words, beyond_case, in_form);
        if let Some(substrings) = &self.substrings {
            substrings.find(form.text(), beyond_case, in_form);
        }
    }

    /// Looks for words within a run of spelled letters, each of four letters or more, or the whole run of three.
    fn spelled_run(&self, run: &Spelled, form_of_text: &Folded, hits: &mut Hits) {
        let n = run.bytes.len();
        let skeletons = [Fold::Skeleton, Fold::SkeletonL].map(|fold| folded(&run.letters, fold));
        let mut forms = vec![run.letters.as_str()];
        forms.extend(skeletons.iter().map(String::as_str));
        forms.dedup();
        for form in forms {
            let ends: Vec<usize> = form.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
            // Letters that fold to several, or to none, have no place to come back to.
            if ends.len() != n {
                continue;
            }
            for first in 0..n {
                let start = if first == 0 { 0 } else { ends[first - 1] };
                let mut hash = SEED;
                let mut hashed = start;
                for last in first..n.min(first + LONGEST_SPELLED) {
                    for &b in &form.as_bytes()[hashed..ends[last]] {
                        hash = step(hash, b);
                    }
                    hashed = ends[last];
                    let letters = last + 1 - first;
                    if letters < SHORTEST_SPELLED && !(letters == n && n + 1 == SHORTEST_SPELLED) {
                        continue;
                    }
                    for (word, rule) in self.spelled.get(&hash).into_iter().flatten() {
                        if **word == form[start..ends[last]] {
                            let bytes = run.bytes[first].start..run.bytes[last].end;
                            let original = form_of_text.original(bytes);
                            hits.push(Hit { rule: *rule, start: original.start, end: original.end });
                        }
                    }
                }
            }
        }
    }
}

/// The forms beyond its case in which a text is searched.
fn forms_of(text: &str) -> &'static [Fold] {
    if has_one(text) { &[Fold::Skeleton, Fold::SkeletonL] } else { &[Fold::Skeleton] }
}

/// Takes what was found in a form to where it lies in the text; the form is that of the text from `start` on.
fn keep(form: &Folded, start: usize, in_form: &Hits, allowed: &mut Vec<(usize, usize)>, hits: &mut Hits) {
    hits.truncated |= in_form.truncated;
    for hit in &in_form.list {
        let original = form.original(hit.start..hit.end);
        let (first, last) = (start + original.start, start + original.end);
        if hit.rule == ALLOWED {
            allowed.push((first, last));
        } else {
            hits.push(Hit { rule: hit.rule, start: first, end: last });
        }
    }
}

/// Puts the hits from `first` on in order, and leaves out those inside another of the same rule.
pub(super) fn tidy(hits: &mut Vec<Hit>, first: usize) {
    hits[first..].sort_unstable_by_key(|hit| (hit.rule, hit.start, usize::MAX - hit.end));
    let mut kept = first;
    for at in first..hits.len() {
        let hit = hits[at];
        let inside = kept > first && hits[kept - 1].rule == hit.rule && hit.end <= hits[kept - 1].end;
        if !inside {
            hits[kept] = hit;
            kept += 1;
        }
    }
    hits.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::super::{Builder, Match};
    use super::*;

    fn rules() -> Rules {
        let mut rules = Builder::default();
        for (rule, pattern, how, folds) in [
            (0, "kill you", Match::Word, true),
            (0, "idiot", Match::Word, true),
            (1, "poison", Match::Substring, true),
            (2, "exact", Match::Word, false),
            (1, "\u{6bd2}\u{836f}", Match::Word, true),
        ] {
            rules.pattern(rule, pattern, how, folds).expect("a pattern");
        }
        rules.regex(3, r"(?i)order\s+\d{4,6}\b").expect("an expression");
        rules.pii(4, Kind::Email).expect("once");
        rules.pii(5, Kind::Key).expect("once");
        rules.allow("antipoison", Match::Word).expect("a pattern");
        rules.build().expect("good rules")
    }

    fn found<'a>(rules: &Rules, text: &'a str) -> Vec<(u32, &'a str)> {
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        rules.scan(text, 0, &mut scratch, &mut hits);
        hits.list.iter().map(|h| (h.rule, &text[h.start..h.end])).collect()
    }

    #[test]
    fn each_kind_of_rule_finds_its_own() {
        let rules = rules();
        assert_eq!(found(&rules, "Kill You idiots"), [(0, "Kill You")]);
        assert_eq!(found(&rules, "an \u{456}d1ot k1ll y0u"), [(0, "\u{456}d1ot"), (0, "k1ll y0u")]);
        assert_eq!(found(&rules, "poisonous"), [(1, "poison")]);
        assert_eq!(found(&rules, "antipoison poison"), [(1, "poison")]);
        assert_eq!(found(&rules, "3xact exact"), [(2, "exact")]);
        assert_eq!(found(&rules, "\u{559d}\u{6bd2}\u{836f}\u{5427}"), [(1, "\u{6bd2}\u{836f}")]);
        assert_eq!(found(&rules, "Order 12345, order 1234567"), [(3, "Order 12345")]);
        assert_eq!(found(&rules, "mail a@b.org"), [(4, "a@b.org")]);
        assert_eq!(found(&rules, ""), []);
    }

    #[test]
    fn spelled_words_are_found_within_their_run() {
        let rules = rules();
        assert_eq!(found(&rules, "you i d i o t !"), [(0, "i d i o t")]);
        assert_eq!(found(&rules, "so p.o.i.s.o.n"), [(1, "p.o.i.s.o.n")]);
        assert_eq!(found(&rules, "x k i l l y o u"), [(0, "k i l l y o u")]);
        assert_eq!(found(&rules, "i d 1 0 t"), [(0, "i d 1 0 t")]);
        assert_eq!(found(&rules, "e x a c t"), []);
    }

    #[test]
    fn context_counts_for_the_bounds_of_words_and_not_for_hits() {
        let rules = rules();
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        rules.scan("idiot anidiot idiot", 7, &mut scratch, &mut hits);
        assert_eq!(hits.list, [Hit { rule: 0, start: 14, end: 19 }]);
    }

    #[test]
    fn a_flood_of_hits_is_cut_and_said() {
        let rules = rules();
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        rules.scan(&"idiot poison a@b.org ".repeat(20_000), 0, &mut scratch, &mut hits);
        assert!(hits.truncated && hits.list.len() <= super::super::MAX_HITS);
    }
}
