//! What a text goes through before any model: UTF-8, canonical form, hidden texts, rules; piece by piece.
//!
//! The canonical text is searched in units whose bounds the text alone decides, so that it does not matter how its bytes
//! came: the hits of a stream are those of the whole text.

use std::ops::Range;

use crate::engine::deny::Scan;
use crate::engine::policy::Policy;
use crate::scoring::guard::canonical::Canonical;
use crate::scoring::guard::hidden::{self, Encoding, Hidden};
use crate::scoring::guard::rules::{Hits, MAX_MATCH_BYTES, Scratch};
use crate::{Code, Error};

/// Bytes of canonical text in a unit, at most.
const UNIT: usize = 16 << 10;
/// How far before a unit's end a space is looked for, to end it there.
const SPACE_WITHIN: usize = 1024;
/// Bytes after a unit that tell whether a match at its end goes on.
const AHEAD: usize = 64;

/// A rule's match in the text as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) rule: u32,
    pub(super) start: usize,
    pub(super) end: usize,
    /// How it was hidden, if it was.
    pub(super) hidden: Option<Encoding>,
}

/// A text on its way to the models.
#[derive(Debug, Default)]
pub(super) struct Front {
    /// The first bytes of a character whose rest has not come yet.
    cut: Vec<u8>,
    pub(super) original: String,
    pub(super) canonical: Canonical,
    /// Where the first unit that is not searched for good begins, in the canonical and in the given text.
    unit: (usize, usize),
    /// Matches in the units before it.
    pub(super) findings: Vec<Finding>,
    /// Matches in what came after it, so far.
    pub(super) open: Vec<Finding>,
    /// Canonical start of the first match that what comes may change.
    unsettled: usize,
    /// Whether more was found than is kept.
    pub(super) truncated: bool,
    /// The text's way past each deny corpus.
    denied: Vec<Scan>,
    scratch: Scratch,
    hits: Hits,
}

impl Front {
    /// Forgets the text and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.cut.clear();
        self.original.clear();
        self.canonical.begin();
        self.unit = (0, 0);
        self.findings.clear();
        self.open.clear();
        self.unsettled = usize::MAX;
        self.denied.clear();
        self.truncated = false;
    }

    /// Takes the next bytes, cut anywhere.
    pub(super) fn push(&mut self, most: usize, bytes: &[u8]) -> Result<(), Error> {
        let total = self.original.len() + self.cut.len() + bytes.len();
        if total > most {
            return Err(Error::new(
                Code::TooLarge,
                format!("text has {total} bytes or more; at most {most} are judged"),
            ));
        }
        let mut rest = bytes;
        while let [first, after @ ..] = rest
            && !self.cut.is_empty()
        {
            self.cut.push(*first);
            rest = after;
            match str::from_utf8(&self.cut) {
                Ok(text) => {
                    self.canonical.push_str(text)?;
                    self.original.push_str(text);
                    self.cut.clear();
                }
                Err(e) if e.error_len().is_some() => return Err(self.broken()),
                Err(_) => {}
            }
        }
        let (good, broken) = match str::from_utf8(rest) {
            Ok(text) => (text, false),
            Err(e) => {
                let (good, cut) = rest.split_at(e.valid_up_to());
                if e.error_len().is_none() {
                    self.cut.extend_from_slice(cut);
                }
                (str::from_utf8(good).unwrap_or_default(), e.error_len().is_some())
            }
        };
        self.canonical.push_str(good)?;
        self.original.push_str(good);
        if broken { Err(self.broken()) } else { Ok(()) }
    }

    fn broken(&self) -> Error {
        Error::new(Code::Utf8, format!("text is not UTF-8 at byte {}", self.original.len()))
    }

    /// Ends the text.
    pub(super) fn finish(&mut self, policy: &Policy) -> Result<(), Error> {
        if !self.cut.is_empty() {
            return Err(Error::new(
                Code::Utf8,
                format!("text ends within a character, at byte {}", self.original.len()),
            ));
        }
        self.canonical.finish();
        self.search_units(policy)?;
        let (start, end) = (self.unit.0, self.canonical.text().len());
        self.open.clear();
        let mut found = std::mem::take(&mut self.findings);
        let searched = self.search(policy, start..end, true, &mut found);
        self.findings = found;
        searched?;
        let mut found = std::mem::take(&mut self.findings);
        let denied = self.deny(policy, true, &mut found);
        self.findings = found;
        denied?;
        self.unit = (end, self.original.len());
        self.unsettled = usize::MAX;
        tidy(&mut self.findings);
        Ok(())
    }

    /// Searches every whole unit for good.
    pub(super) fn search_units(&mut self, policy: &Policy) -> Result<(), Error> {
        while let Some(end) = unit_end(self.canonical.text(), self.unit.0) {
            let mut found = std::mem::take(&mut self.findings);
            let searched = self.search(policy, self.unit.0..end, false, &mut found);
            self.findings = found;
            searched?;
            self.unit = (end, self.original_at(end)?);
        }
        Ok(())
    }

    /// Searches what follows the whole units, for now.
    pub(super) fn search_rest(&mut self, policy: &Policy) -> Result<(), Error> {
        let mut found = std::mem::take(&mut self.open);
        found.clear();
        let truncated = self.truncated;
        let searched = self.search(policy, self.unit.0..self.canonical.text().len(), false, &mut found);
        // All of it will be searched again.
        self.truncated = truncated;
        let denied = self.deny(policy, false, &mut found);
        self.open = found;
        searched.and(denied)
    }

    /// Reads on past the deny corpora, and tells of everything that was found there.
    fn deny(&mut self, policy: &Policy, last: bool, found: &mut Vec<Finding>) -> Result<(), Error> {
        self.denied.resize_with(policy.deny().len(), Scan::default);
        for (denied, scan) in policy.deny().iter().zip(&mut self.denied) {
            scan.read(&denied.index, denied.bounds, self.canonical.text(), last);
            for span in &scan.found {
                let Range { start, end } = self.canonical.original_span(span.clone())?;
                found.push(Finding { rule: denied.rule, start, end, hidden: None });
            }
        }
        Ok(())
    }

    /// Searches a unit with as much of the text before it as a match may have. Unless it is the last, matches that reach
    /// the end of what is there are only noted as unsettled.
    fn search(
        &mut self,
        policy: &Policy,
        unit: Range<usize>,
        last: bool,
        found: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let Self { canonical, scratch, hits, .. } = self;
        let canonical = &*canonical;
        let text = canonical.text();
        let (before, after) = context(text, &unit);
        let part = &text[before..after];
        hits.clear();
        policy.rules().scan(part, unit.start.saturating_sub(MAX_MATCH_BYTES + before), scratch, hits);
        self.truncated |= hits.truncated;
        self.unsettled = usize::MAX;
        for hit in &hits.list {
            let (start, end) = (before + hit.start, before + hit.end);
            // What the context cut in two was whole in the unit before.
            let cut = start == before && before > 0 && !text[..before].ends_with([' ', '\n']);
            if end == after && !last {
                self.unsettled = self.unsettled.min(start);
            } else if !cut {
                let Range { start, end } = canonical.original_span(start..end)?;
                found.push(Finding { rule: hit.rule, start, end, hidden: None });
            }
        }
        if policy.decode().is_some() {
            self.search_hidden(policy, unit, last, found)?;
        }
        Ok(())
    }

    /// Decodes what the unit hides, and searches that.
    fn search_hidden(
        &mut self,
        policy: &Policy,
        unit: Range<usize>,
        last: bool,
        found: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let Some(bounds) = policy.decode() else { return Ok(()) };
        let at_end = unit.end == self.canonical.text().len();
        let end = if last || at_end { self.original.len() } else { self.original_at(unit.end)? };
        let start = self.unit.1.min(end);
        let given = self.original.get(start..end).unwrap_or_default();
        let mut texts: Vec<Hidden> = Vec::new();
        let canonical = &self.canonical;
        let part = &canonical.text()[unit.clone()];
        let original = |span: Range<usize>| {
            let span = canonical.original_span(unit.start + span.start..unit.start + span.end)?;
            Ok(span.start.saturating_sub(start)..span.end.saturating_sub(start))
        };
        let whole = hidden::nested(given, part, bounds, original, &mut texts)?;
        texts.iter_mut().for_each(|text| text.span = start + text.span.start..start + text.span.end);
        // A flood of hidden texts is no reason to let the rest through.
        self.truncated |= !whole;
        for text in texts {
            let canonical = Canonical::new(&text.text)?;
            self.hits.clear();
            policy.rules().scan(canonical.text(), 0, &mut self.scratch, &mut self.hits);
            self.truncated |= self.hits.truncated;
            let Range { start, end } = text.span;
            let of_hit = |hit: &crate::scoring::guard::rules::Hit| Finding {
                rule: hit.rule,
                start,
                end,
                hidden: Some(text.encoding),
            };
            found.extend(self.hits.list.iter().map(of_hit));
            for denied in policy.deny() {
                let mut scan = Scan::default();
                scan.read(&denied.index, denied.bounds, canonical.text(), true);
                if !scan.found.is_empty() {
                    found.push(Finding { rule: denied.rule, start, end, hidden: Some(text.encoding) });
                }
            }
        }
        Ok(())
    }

    /// The canonical place up to which no match can begin that ends in what is still to come.
    pub(super) fn settled(&self, policy: &Policy) -> usize {
        let text = self.canonical.text();
        let held = policy.stream().hold_back_bytes;
        let denied = self.denied.iter().map(Scan::settled).min().unwrap_or(usize::MAX);
        if held == 0 && policy.decode().is_none() {
            return text.len().min(denied);
        }
        let at = text.floor_char_boundary(text.len().saturating_sub(held)).min(self.unsettled);
        // A word, address, key or encoded run that is not over yet.
        let tail = text.floor_char_boundary(text.len().saturating_sub(MAX_MATCH_BYTES));
        let open = text[tail..].rfind([' ', '\n']).map_or(tail, |space| tail + space + 1);
        at.min(open).min(denied)
    }

    /// The part of the given text that a span of the canonical one stands for, from the beginning of the encoded run or the word
    /// that it may begin in, and with what of the text was left out around it.
    pub(super) fn given(&self, span: Range<usize>) -> Result<&str, Error> {
        let original = self.original.as_str();
        let start = self.original_at(span.start)?;
        let first = original.floor_char_boundary(start.saturating_sub(MAX_MATCH_BYTES));
        let start = original[first..start].rfind([' ', '\n']).map_or(first, |space| first + space);
        let end = if span.end >= self.canonical.text().len() {
            original.len()
        } else {
            self.original_at(span.end)?
        };
        Ok(original.get(start..end.max(start)).unwrap_or_default())
    }

    /// Where in the given text the canonical place lies: after what came before it.
    pub(super) fn original_at(&self, at: usize) -> Result<usize, Error> {
        if at == 0 {
            return Ok(0);
        }
        let last = self.canonical.text().floor_char_boundary(at - 1);
        Ok(self.canonical.original_span(last..at)?.end)
    }
}

/// Where the unit that begins at `start` ends, if enough text is there to tell.
fn unit_end(text: &str, start: usize) -> Option<usize> {
    let most = start + UNIT;
    if text.len() < most + AHEAD {
        return None;
    }
    let most = text.floor_char_boundary(most);
    let window = text.floor_char_boundary(most - SPACE_WITHIN);
    Some(text[window..most].rfind([' ', '\n']).map_or(most, |space| window + space + 1))
}

/// The text that a unit is searched with: as much as a match may have before it, and a little after it.
fn context(text: &str, unit: &Range<usize>) -> (usize, usize) {
    let before = text.floor_char_boundary(unit.start.saturating_sub(MAX_MATCH_BYTES + AHEAD));
    let space = text[before..unit.start].find([' ', '\n']).filter(|at| *at < AHEAD);
    let before = if before == 0 { 0 } else { space.map_or(before, |at| before + at + 1) };
    (before, text.ceil_char_boundary(text.len().min(unit.end + AHEAD)))
}

/// Each finding once, without those inside another of the same rule.
pub(super) fn tidy(findings: &mut Vec<Finding>) {
    findings.sort_unstable_by_key(|f| (f.rule, f.start, usize::MAX - f.end, f.hidden));
    let mut last: Option<Finding> = None;
    findings.retain(|f| {
        let inside = last.is_some_and(|l| l.rule == f.rule && f.end <= l.end);
        if !inside {
            last = Some(*f);
        }
        !inside
    });
}
