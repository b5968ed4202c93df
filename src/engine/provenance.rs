//! Prov-Decode: tokens that would copy a deny corpus are vetoed while a text is written.
//!
//! A deny corpus is held in words, and a language model writes tokens: the bytes of the tokens are put together, and a run is
//! judged as if the text ended after the candidate.

use std::sync::Arc;

use crate::engine::deny::{Bounds, DenyIndex, MAX_RUN, each_word};
use crate::scoring::decode::heal::Vocabulary;
use crate::scoring::guard::canonical::Canonical;
use crate::scoring::guard::deny::{BeamChoice, Corpus, Interval};
use crate::scoring::order;
use crate::scoring::refuse::invalid;
use crate::{Code, Error};

/// Bytes of a word that is followed; a longer one ends every run.
const LONGEST_WORD: usize = 4096;

/// A text that is written past an index. One thread's at a time; no heap call for a step once its memory is there, but for words
/// with letters beyond ASCII.
pub struct Provenance {
    index: Arc<DenyIndex>,
    vocabulary: Arc<Vocabulary>,
    bounds: Bounds,
    run: Run,
    /// What was written since the last word that is surely over, with the first bytes of a character at its end, perhaps.
    tail: Vec<u8>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    canonical: Canonical,
    run: Run,
    piece: Vec<u8>,
    words: Vec<u32>,
}

/// The longest run at the end of the text that the corpus has.
#[derive(Clone, Debug, Default)]
struct Run {
    words: Vec<u32>,
    surprises: Vec<f64>,
    interval: Option<Interval>,
}

impl Run {
    fn clear(&mut self) {
        self.words.clear();
        self.surprises.clear();
        self.interval = None;
    }

    fn copy(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
        self.surprises.clone_from(&other.surprises);
        self.interval = other.interval;
    }

    /// Goes on with a word: the longest run that ends with it.
    fn push(&mut self, index: &DenyIndex, corpus: &Corpus<'_>, word: u32) {
        let with = |run: &[u32], interval: Option<Interval>| {
            let before = interval.or_else(|| corpus.find(run))?;
            corpus.extend(before, word)
        };
        let keep = self.words.len().min(MAX_RUN - 1);
        let whole = self.interval.filter(|_| keep == self.words.len());
        let longest = with(&self.words[self.words.len() - keep..], whole);
        let (from, interval) = match longest {
            Some(interval) => (self.words.len() - keep, Some(interval)),
            None => {
                // What a run is part of, its end is part of, too.
                let mut ends = 1..keep.max(1);
                let first = self.words.len() - keep;
                while !ends.is_empty() {
                    let middle = ends.start + ends.len() / 2;
                    match with(&self.words[first + middle..], None) {
                        Some(_) => ends.end = middle,
                        None => ends.start = middle + 1,
                    }
                }
                let from = first + ends.start.min(keep);
                (from, with(&self.words[from..], None))
            }
        };
        self.words.drain(..from);
        self.surprises.drain(..from);
        self.interval = interval;
        if interval.is_some() {
            self.words.push(word);
            self.surprises.push(index.surprise(word));
        } else {
            self.clear();
        }
    }

    fn bci(&self, bounds: Bounds) -> f64 {
        if self.words.len() < bounds.min_words { 0.0 } else { self.surprises.iter().sum() }
    }
}

impl Provenance {
    /// An empty text, of tokens with these bytes.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a threshold that is not a finite number of 0 or more, or no words at least.
    pub fn new(index: Arc<DenyIndex>, vocabulary: Arc<Vocabulary>, bounds: Bounds) -> Result<Self, Error> {
        check(bounds)?;
        let (run, tail, scratch) = (Run::default(), Vec::new(), Scratch::default());
        Ok(Self { index, vocabulary, bounds, run, tail, scratch })
    }

    /// Starts anew after a text: a prompt, or nothing.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for 256 MiB or more.
    pub fn start(&mut self, text: &str) -> Result<(), Error> {
        self.run.clear();
        self.tail.clear();
        self.take(text.as_bytes())
    }

    /// Goes on with a token.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a token beyond the vocabulary.
    pub fn advance(&mut self, token: u32) -> Result<(), Error> {
        let vocabulary = Arc::clone(&self.vocabulary);
        self.take(vocabulary.of(token)?)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Scratch { canonical, piece, words, .. } = &mut self.scratch;
        piece.clear();
        piece.extend_from_slice(&self.tail);
        piece.extend_from_slice(bytes);
        // In every canonical text these bytes stand between words.
        let over = piece.iter().rposition(|byte| byte.is_ascii_whitespace() || byte.is_ascii_punctuation());
        let (over, tail) = piece.split_at(over.map_or(0, |at| at + 1));
        canonical.assign(whole_characters(over).0)?;
        words.clear();
        each_word(canonical.text(), 0, true, |word, _| words.push(word));
        let corpus = self.index.corpus();
        for &word in words.iter() {
            self.run.push(&self.index, &corpus, word);
        }
        self.tail.clear();
        self.tail.extend_from_slice(tail);
        if self.tail.len() > LONGEST_WORD {
            self.run.clear();
            self.tail.clear();
        }
        Ok(())
    }

    /// Writes each candidate's index: the largest of the runs that it makes, as if the text ended after it; 0 if it makes none.
    ///
    /// # Shapes
    /// `risks`: as many as candidates.
    /// # Errors
    /// [`Code::InvalidArgument`] for a candidate beyond the vocabulary, or another number of places.
    /// # Cost
    /// A search of the index for each word of each candidate.
    /// # Source
    /// The form of decoding.md, section 12, in words.
    pub fn risks(&mut self, candidates: &[u32], risks: &mut [f64]) -> Result<(), Error> {
        crate::scoring::refuse::same_length(("candidates", candidates.len()), ("risks", risks.len()))?;
        let corpus = self.index.corpus();
        let Scratch { canonical, run, piece, words } = &mut self.scratch;
        for (&candidate, risk) in candidates.iter().zip(risks) {
            let bytes = self.vocabulary.of(candidate)?;
            *risk = 0.0;
            if bytes.is_empty() {
                continue;
            }
            piece.clear();
            piece.extend_from_slice(&self.tail);
            piece.extend_from_slice(bytes);
            canonical.assign(whole_characters(piece).0)?;
            words.clear();
            each_word(canonical.text(), 0, true, |word, _| words.push(word));
            run.copy(&self.run);
            for &word in words.iter() {
                run.push(&self.index, &corpus, word);
                *risk = risk.max(run.bci(self.bounds));
            }
        }
        Ok(())
    }

    /// Masks the candidates whose index is above the threshold, or takes `penalty` from their logits. Returns how many there are.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for another number of logits than the vocabulary has, a candidate beyond it, or a penalty that
    /// is not finite; no logit is changed then.
    /// # Cost
    /// As [`Provenance::risks`].
    pub fn veto(
        &mut self,
        candidates: &[u32],
        penalty: Option<f32>,
        risks: &mut Vec<f64>,
        logits: &mut [f32],
    ) -> Result<usize, Error> {
        crate::scoring::refuse::same_length(("logits", logits.len()), ("tokens", self.vocabulary.len()))?;
        crate::scoring::refuse::all_finite("penalty", penalty.map(f64::from))?;
        risks.clear();
        risks.resize(candidates.len(), 0.0);
        self.risks(candidates, risks)?;
        let mut vetoed = 0;
        for (&candidate, &risk) in candidates.iter().zip(&*risks) {
            if risk > self.bounds.tau {
                let logit = &mut logits[candidate as usize];
                *logit = penalty.map_or(f32::NEG_INFINITY, |penalty| *logit - penalty);
                vetoed += 1;
            }
        }
        Ok(vetoed)
    }
}

/// The largest index of any run of a text.
///
/// # Errors
/// [`Code::InvalidArgument`] for the bounds; [`Code::TooLarge`] for 256 MiB or more.
pub fn risk_of(index: &DenyIndex, bounds: Bounds, text: &str) -> Result<f64, Error> {
    check(bounds)?;
    let canonical = Canonical::new(text)?;
    let (corpus, mut run, mut most) = (index.corpus(), Run::default(), 0.0_f64);
    each_word(canonical.text(), 0, true, |word, _| {
        run.push(index, &corpus, word);
        most = most.max(run.bci(bounds));
    });
    Ok(most)
}

/// Ranks texts by score without those that copy too much; if all do, the one that copies least is left.
///
/// # Errors
/// As [`risk_of`]; [`Code::InvalidArgument`] for a score that is NaN; [`Code::NoCandidate`] without a text.
/// # Source
/// The beam form of decoding.md, section 12, in words.
pub fn rank(index: &DenyIndex, bounds: Bounds, texts: &[&str], scores: &[f64]) -> Result<BeamChoice, Error> {
    crate::scoring::refuse::same_length(("texts", texts.len()), ("scores", scores.len()))?;
    if let Some(at) = scores.iter().position(|score| score.is_nan()) {
        return Err(invalid(format!("score {at} is NaN; a number")));
    }
    if texts.is_empty() {
        return Err(Error::new(Code::NoCandidate, "0 texts; at least one"));
    }
    let mut choice = BeamChoice::default();
    for text in texts {
        choice.max_bci.push(risk_of(index, bounds, text)?);
    }
    (choice.order, choice.vetoed) = (0..texts.len()).partition(|&text| choice.max_bci[text] <= bounds.tau);
    order::places(&mut choice.order, &mut |a, b| scores[b].total_cmp(&scores[a]));
    choice.all_vetoed = choice.order.is_empty();
    if choice.all_vetoed {
        let least = (0..texts.len()).min_by(|a, b| choice.max_bci[*a].total_cmp(&choice.max_bci[*b]));
        choice.order.extend(least);
    }
    Ok(choice)
}

fn check(bounds: Bounds) -> Result<(), Error> {
    let Bounds { tau, min_words } = bounds;
    if !(tau.is_finite() && tau >= 0.0) || min_words == 0 || min_words > MAX_RUN {
        return Err(invalid(format!(
            "tau {tau} and min_words {min_words}; a finite number of 0 or more, and 1 to {MAX_RUN}"
        )));
    }
    Ok(())
}

/// The text that bytes hold, and the first bytes of a character at their end. Bytes that are none of any character are cut out
/// with what stands before them.
fn whole_characters(bytes: &[u8]) -> (&str, &[u8]) {
    let mut rest = bytes;
    loop {
        match str::from_utf8(rest) {
            Ok(text) => return (text, &[]),
            Err(e) => {
                let (good, bad) = rest.split_at(e.valid_up_to());
                match e.error_len() {
                    None => return (str::from_utf8(good).unwrap_or_default(), bad),
                    Some(n) => rest = &bad[n..],
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::deny::index;

    const DOCUMENTS: [&str; 2] = [
        "The quick brown fox jumps over the lazy dog, and runs away.",
        "brown fox jumps over five dozen boxes",
    ];

    fn deny() -> Arc<DenyIndex> {
        let bytes = index(DOCUMENTS.into_iter()).expect("words");
        Arc::new(DenyIndex::from_bytes(&bytes).expect("an index"))
    }

    fn words(words: &[&str]) -> Arc<Vocabulary> {
        let bytes = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        Arc::new(Vocabulary::new(bytes).expect("few tokens"))
    }

    #[test]
    fn a_word_is_judged_as_it_stands() {
        let vocabulary = words(&["the qu", "ick", " brown", " fo", "x", " jum", "ps", " ran", "es", ""]);
        let bounds = Bounds { tau: 5.0, min_words: 4 };
        let mut text = Provenance::new(deny(), vocabulary, bounds).expect("bounds");
        text.start("See: ").expect("a start");
        for token in [0, 1, 2, 3] {
            text.advance(token).expect("a token");
        }
        let mut risks = [9.0; 4];
        // "fox" is the fourth word of the run; "fo ran" and "foes" are none.
        text.risks(&[4, 7, 8, 9], &mut risks).expect("candidates");
        assert!(risks[0] > 5.0, "{risks:?}");
        assert_eq!(risks[1..], [0.0; 3]);
        let deny = deny();
        let whole = risk_of(&deny, bounds, "See: the quick brown fox").expect("a text");
        assert_eq!(whole.to_bits(), risks[0].to_bits());
        let mut logits = [1.0; 10];
        let mut scratch = Vec::new();
        assert_eq!(text.veto(&[4, 7], None, &mut scratch, &mut logits).expect("tokens"), 1);
        assert_eq!((logits[4], logits[7], logits[8]), (f32::NEG_INFINITY, 1.0, 1.0));
        assert_eq!(text.veto(&[4, 7], Some(0.5), &mut scratch, &mut [1.0; 10]).expect("tokens"), 1);
        assert!(text.veto(&[10], None, &mut scratch, &mut logits).is_err());
        assert!(text.veto(&[4], None, &mut scratch, &mut logits[..4]).is_err());
        assert!(text.veto(&[4], Some(f32::NAN), &mut scratch, &mut logits).is_err());
        // A word of the corpus that does not go on with the run begins another.
        text.advance(4).and_then(|()| text.advance(7)).expect("tokens");
        text.risks(&[6], &mut risks[..1]).expect("candidates");
        assert_eq!(risks[0], 0.0);
    }

    #[test]
    fn runs_are_those_of_the_whole_text_wherever_it_is_cut() {
        let (deny, bounds) = (deny(), Bounds { tau: 1.0, min_words: 2 });
        let text = "So the QUICK brown fox jumps over five dozen bo\u{301}xes, na\u{ef}ve fox jumps over the lazy dog";
        let wanted = risk_of(&deny, bounds, text).expect("a text");
        assert!(wanted > 10.0);
        for cut in 1..9 {
            // Tokens may end within a character.
            let tokens: Vec<Vec<u8>> = text.as_bytes().chunks(cut).map(<[u8]>::to_vec).collect();
            let n = tokens.len() as u32;
            let vocabulary = Arc::new(Vocabulary::new(tokens).expect("few tokens"));
            let mut run = Provenance::new(Arc::clone(&deny), vocabulary, bounds).expect("bounds");
            run.start("").expect("a start");
            let (mut most, mut risk) = (0.0_f64, [0.0]);
            for token in 0..n {
                run.risks(&[token], &mut risk).expect("a token");
                most = most.max(risk[0]);
                run.advance(token).expect("a token");
            }
            assert!(most >= wanted, "{cut}: {most} {wanted}");
        }
    }

    #[test]
    fn texts_are_ranked_and_the_least_copy_is_left() {
        let (deny, bounds) = (deny(), Bounds { tau: 5.0, min_words: 3 });
        let texts = ["the quick brown fox", "a new text", "lazy dog and runs away", "another"];
        let found = rank(&deny, bounds, &texts, &[9.0, 1.0, 8.0, 2.0]).expect("texts");
        assert_eq!((&found.order[..], &found.vetoed[..]), (&[3, 1][..], &[0, 2][..]));
        assert!(!found.all_vetoed);
        let found = rank(&deny, bounds, &texts[..1], &[9.0]).expect("texts");
        assert!(found.all_vetoed && found.order == [0]);
        assert!(rank(&deny, bounds, &texts[..1], &[f64::NAN]).is_err());
        assert!(rank(&deny, bounds, &[], &[]).is_err());
        assert!(risk_of(&deny, Bounds { tau: f64::NAN, min_words: 3 }, "").is_err());
        assert!(risk_of(&deny, Bounds { tau: 1.0, min_words: 0 }, "").is_err());
    }

    #[test]
    fn bytes_of_no_character_end_what_stands_before() {
        assert_eq!(whole_characters(b"ab\xffcd\xe2\x82"), ("cd", &b"\xe2\x82"[..]));
        assert_eq!(whole_characters("n\u{e9}".as_bytes()), ("n\u{e9}", &[][..]));
    }
}
