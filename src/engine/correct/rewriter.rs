//! A corrector that writes the correction anew: for what editing words cannot do.

use std::sync::Arc;

use crate::engine::correct::correction::{Made, settle};
use crate::engine::correct::{Checks, CorrectOptions, Correction, Corrector, Reason, Work};
use crate::engine::guard::GuardOptions;
use crate::engine::verdict::CategoryScore;
use crate::engine::write::{WriteOptions, Writer};
use crate::model::control::Control;
use crate::model::manifest::Manifest;
use crate::scoring::correct::accept;
use crate::scoring::correct::prompt::{Template, neutralise, restore};
use crate::{Code, Error};

/// A pack that writes, used as a corrector. Shared by threads.
#[derive(Clone, Debug)]
pub struct Rewriter {
    writer: Arc<Writer>,
    template: Option<Template>,
}

impl Rewriter {
    /// A corrector of this writer, with the prompt that it was trained with.
    ///
    /// # Errors
    /// [`Code::InvalidPack`] for a template that is not known.
    pub fn new(writer: Arc<Writer>) -> Result<Self, Error> {
        let of = |name: &str| {
            Template::from_name(name).map_err(|e| {
                let pack = &writer.manifest().name;
                Error::new(Code::InvalidPack, format!("manifest.toml of {pack}: {}", e.message))
            })
        };
        let template = writer.template().map(of).transpose()?;
        Ok(Self { writer, template })
    }

    /// Corrects a text, the answer to a question if there is one.
    ///
    /// Markers of the prompt in question and answer are broken by U+200B first, which is taken out again. If the corrector
    /// fails, or writes without an end, the original stands.
    ///
    /// # Errors
    /// As [`Corrector::correct`](crate::engine::correct::Corrector::correct).
    /// # Cost
    /// In each round one run of the encoder, if there is one, and one of the step for each token of the text.
    pub fn correct(
        &self,
        work: &mut Work,
        question: &str,
        text: &str,
        checks: Checks<'_>,
        options: &CorrectOptions,
    ) -> Result<Correction, Error> {
        options.check()?;
        if text.trim().is_empty() {
            let message = format!("text has {} bytes but no word; there is nothing to correct", text.len());
            return Err(Error::new(Code::EmptyText, message));
        }
        let most = self.writer.manifest().limits.max_text_bytes;
        if text.len() as u64 > most {
            let name = &self.writer.manifest().name;
            let message = format!("text has {} bytes; pack {name} takes at most {most}", text.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        let control = Control::new(options.timeout, options.cancel.clone());
        let harm = self.harm(work, text, checks, &control)?;
        if self.writer.gate().is_some_and(|gate| harm < gate.share) {
            return Ok(Correction::kept(text, Reason::Unchanged, [harm; 2]));
        }
        let mut now = text.to_owned();
        for _ in 0..options.max_rounds {
            let made = match self.round(work, question, &now, options) {
                Ok(Some(made)) => made,
                // Without an end it is no correction.
                Ok(None) => return Ok(Correction::kept(text, Reason::Declined, [harm; 2])),
                Err(error) => {
                    log::warn!("pack {} corrects nothing: {}", self.writer.manifest().name, error.message);
                    return Ok(Correction::kept(text, Reason::Failed(error.code), [harm; 2]));
                }
            };
            let same = made == now;
            now = made;
            if same || now.trim().is_empty() {
                break;
            }
        }
        if now == text {
            return Ok(Correction::kept(text, Reason::Unchanged, [harm; 2]));
        }
        let made = Made { text: now, harm: [harm, f64::NAN], blocked: [false; 2] };
        settle(work, (question, text), made, checks, options.margin, &control)
    }

    /// How harmful a text is by the guard, in the labels of the gate: the largest share of a threshold. NaN without a guard that
    /// has one of them.
    fn harm(&self, work: &mut Work, text: &str, checks: Checks<'_>, control: &Control) -> Result<f64, Error> {
        let (Some(gate), Some(guard)) = (self.writer.gate(), checks.guard) else { return Ok(f64::NAN) };
        let options = GuardOptions::default();
        let verdict = guard.judge(&mut work.judging, text.as_bytes(), &options, control)?;
        let labels = &guard.manifest().labels;
        let of = |c: &CategoryScore| gate.labels.contains(&labels[c.label].name);
        let shares =
            verdict.categories.iter().filter(|c| of(c)).map(|c| f64::from(c.score) / f64::from(c.threshold));
        Ok(shares.fold(f64::NAN, f64::max))
    }

    /// One correction, empty if the writer gave none; `None` if it came to no end.
    fn round(
        &self,
        work: &mut Work,
        question: &str,
        text: &str,
        options: &CorrectOptions,
    ) -> Result<Option<String>, Error> {
        let markers = self.template.map_or(&[][..], Template::markers);
        let prompt = match self.template {
            Some(template) => template.render(&neutralise(question, markers), &neutralise(text, markers)),
            None => text.to_owned(),
        };
        let options = WriteOptions {
            timeout: options.timeout,
            cancel: options.cancel.clone(),
            beams: options.beams,
            ..WriteOptions::default()
        };
        // What is longer than the rules of acceptance allow need not be written to its end.
        let mut size = 0;
        let written = self.writer.write(work, &prompt, &options, &mut |piece| {
            size += piece.len();
            size <= accept::most_bytes(text)
        })?;
        if !written.ended && size <= accept::most_bytes(text) {
            return Ok(None);
        }
        let whole = match self.template {
            // A squad's corrector is read with its prompt before what it wrote.
            Some(Template::Squad) => {
                Template::Squad.correction(&[&prompt, written.text.as_str()].concat()).map(str::to_owned)
            }
            Some(template) => template.correction(&written.text).map(str::to_owned),
            None => Some(written.text.trim_start_matches(' ').to_owned()),
        };
        Ok(Some(restore(&whole.unwrap_or_default(), markers).into_owned()))
    }
}

/// A corrector of either kind. Shared by threads.
#[derive(Clone)]
pub enum AnyCorrector {
    /// It keeps, deletes and replaces words.
    Tagger(Arc<Corrector>),
    /// It writes the text anew.
    Rewriter(Rewriter),
}

impl AnyCorrector {
    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        match self {
            Self::Tagger(corrector) => corrector.manifest(),
            Self::Rewriter(rewriter) => rewriter.writer.manifest(),
        }
    }

    /// Corrects a text, the answer to a question if there is one.
    ///
    /// # Errors
    /// As [`Corrector::correct`].
    pub fn correct(
        &self,
        work: &mut Work,
        question: &str,
        text: &str,
        checks: Checks<'_>,
        options: &CorrectOptions,
    ) -> Result<Correction, Error> {
        match self {
            Self::Tagger(corrector) => corrector.correct(work, question, text, checks, options),
            Self::Rewriter(rewriter) => rewriter.correct(work, question, text, checks, options),
        }
    }
}
