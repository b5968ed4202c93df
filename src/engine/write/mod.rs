//! Packs that write: language models and encoder-decoders, token by token or whole texts.

mod draft;
mod text;

use std::sync::Arc;
use std::time::Duration;

use crate::engine::correct::Work;
use crate::model::backend::{Kind, Settings};
use crate::model::control::{CancelToken, Control};
use crate::model::generator::{EncoderPorts, Generator, MAX_TEXTS, Ports, Run};
use crate::model::manifest::{Gate, Generating, MAX_NEW_TOKENS, Manifest};
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::tokenizer::Tokenizer;
use crate::scoring::decode::beam::Search;
use crate::scoring::score::softmax::argmax;
use crate::{Code, Error};

pub use draft::Draft;
pub use text::Text;

/// A pack that writes, ready. Immutable; shared by threads.
pub struct Writer {
    manifest: Manifest,
    spec: Generating,
    tokenizer: Tokenizer,
    generator: Generator,
    /// The bytes of each token; none for special ones.
    spellings: Vec<Vec<u8>>,
    kind: Kind,
    why: String,
}

/// How a whole text is written.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// The most tokens; `None` is the pack's own.
    pub max_new_tokens: Option<usize>,
    /// Texts that are searched side by side; 1 takes the likeliest token each time.
    pub beams: usize,
    /// Of a search: the power of the number of tokens by which a text's score is divided.
    pub length_alpha: f64,
    /// Writing fails with [`Code::DeadlineExceeded`] if it takes longer.
    pub timeout: Option<Duration>,
    /// Writing fails with [`Code::Cancelled`] once this is set.
    pub cancel: Option<Arc<CancelToken>>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { max_new_tokens: None, beams: 1, length_alpha: 1.0, timeout: None, cancel: None }
    }
}

/// A text that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Its tokens, the end not among them.
    pub tokens: usize,
    /// Whether it came to its end, and not to the most tokens or to the callback's.
    pub ended: bool,
}

impl Writer {
    /// Makes a pack ready: reads the tokenizer, compiles the graphs, writes a first token.
    ///
    /// # Errors
    /// [`Code::Unavailable`] for a pack that does not write, a build without a compiler, and the backend ort;
    /// [`Code::InvalidTokenizer`] for a tokenizer that is not the manifest's or whose tokens have no bytes of their own;
    /// as [`Generator::load`].
    pub fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        let manifest = pack.manifest().clone();
        let Some(spec) = manifest.generator.clone() else {
            let (name, family) = (&manifest.name, &manifest.family);
            return Err(Error::new(
                Code::Unavailable,
                format!("pack {name} is of family {family}; this needs one that writes"),
            ));
        };
        let tokenizer = Tokenizer::of(pack)?;
        let vocabulary = manifest.tokenizer.vocabulary as usize;
        if tokenizer.vocabulary() != vocabulary {
            return Err(Error::new(
                Code::InvalidTokenizer,
                format!(
                    "{} has {} tokens; the manifest of {} states {vocabulary}",
                    manifest.tokenizer.file,
                    tokenizer.vocabulary(),
                    manifest.name
                ),
            ));
        }
        let spellings = tokenizer.spellings()?;
        let pairs = |map: &std::collections::BTreeMap<String, String>| {
            map.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
        };
        let input = |name: &str| manifest.model.inputs.get(name).cloned();
        let encoder = spec.encoder.as_ref().map(|encoder| EncoderPorts {
            tokens: encoder.inputs["input_ids"].clone(),
            mask: encoder.inputs.get("attention_mask").cloned(),
            lengths: encoder.inputs.get("lengths").cloned(),
            padding: encoder.inputs.get("padding").cloned(),
        });
        let ports = Ports {
            tokens: input("input_ids").unwrap_or_default(),
            positions: input("position_ids"),
            mask: input("attention_mask"),
            logits: manifest.model.outputs["logits"].clone(),
            carry: pairs(&spec.carry),
            start: pairs(&spec.start),
            given: pairs(&spec.given),
            places: None,
            whole_prefix: spec.whole_prefix,
            encoder,
        };
        let label = format!("pack {}", manifest.name);
        let generator =
            Generator::load(&label, pack.model()?, pack.encoder()?, &ports, vocabulary, settings)?;
        let (kind, why) = match generator.program() {
            Some(_) => (Kind::Plan, "the whole step has a plan".to_owned()),
            None => (Kind::Tract, "the step has no plan".to_owned()),
        };
        let writer = Self { manifest, spec, tokenizer, generator, spellings, kind, why };
        let mut run = Run::default();
        let text = writer.spec.end[..1].to_vec();
        writer.begin(&mut run, &text, 1, &Control::unlimited())?;
        Ok(writer)
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What runs the step: the kind, why it is that one, and the plan if there is one.
    pub fn backend(&self) -> (Kind, &str, Option<&Program>) {
        (self.kind, &self.why, self.generator.program())
    }

    /// Tokens of the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.generator.vocabulary()
    }

    /// The bytes that a token stands for; none for special tokens and beyond the vocabulary.
    pub fn spelling(&self, token: u32) -> &[u8] {
        self.spellings.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether a token ends a text.
    pub fn is_end(&self, token: u32) -> bool {
        self.spec.end.contains(&token)
    }

    /// The name of the prompt that the pack was trained with; none: the text itself.
    pub fn template(&self) -> Option<&str> {
        self.spec.template.as_deref()
    }

    /// Which texts a corrector leaves as they are.
    pub fn gate(&self) -> Option<&Gate> {
        self.spec.gate.as_ref()
    }

    /// Whether it is made to correct texts: it reads one and writes it anew, or has a corrector's prompt.
    pub fn corrects(&self) -> bool {
        self.generator.has_encoder() || self.spec.template.is_some()
    }

    /// The tokens of a text, not canonical: as it is.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for more bytes or tokens than the pack takes.
    pub fn tokens(&self, work: &mut Work, text: &str, control: &Control) -> Result<Vec<u32>, Error> {
        let limits = &self.manifest.limits;
        let name = &self.manifest.name;
        let too_large = |what: &str, n: u64, most: u64| {
            Err(Error::new(
                Code::TooLarge,
                format!("the text has {n} {what}; pack {name} takes at most {most}"),
            ))
        };
        if text.len() as u64 > limits.max_text_bytes {
            return too_large("bytes", text.len() as u64, limits.max_text_bytes);
        }
        self.tokenizer.encode_into(text, control, &mut work.tokenizer, &mut work.encoding)?;
        let (n, most) = (work.encoding.ids.len(), self.room());
        if n > most { too_large("tokens", n as u64, most as u64) } else { Ok(work.encoding.ids.clone()) }
    }

    /// The most tokens of a text that is read.
    fn room(&self) -> usize {
        let begin = if self.generator.has_encoder() { 0 } else { self.spec.begin.len() };
        self.manifest.limits.max_tokens.saturating_sub(begin)
    }

    /// Starts `texts` texts from the tokens of a prompt, or of what an encoder reads; [`Run::logits`] then tells what the first
    /// token may be. The pack's own first tokens come before.
    ///
    /// # Errors
    /// [`Code::EmptyText`] for no tokens where there is an encoder; [`Code::TooLarge`] for more tokens than the pack takes;
    /// as [`Generator::begin`] and [`Generator::step`].
    /// # Cost
    /// One run of the encoder, if there is one, and one of the step.
    pub fn begin(&self, run: &mut Run, text: &[u32], texts: usize, control: &Control) -> Result<(), Error> {
        let (name, room) = (&self.manifest.name, self.room());
        if text.len() > room {
            let message = format!("{} tokens for pack {name}, which takes at most {room}", text.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        let mut first = self.spec.begin.clone();
        if self.generator.has_encoder() {
            if text.is_empty() {
                let message = format!("a text without a token for pack {name}; there is nothing to read");
                return Err(Error::new(Code::EmptyText, message));
            }
            self.generator.begin(run, text, texts, control)?;
        } else {
            self.generator.begin(run, &[], texts, control)?;
            first.extend_from_slice(text);
        }
        self.generator.step(run, &first.repeat(texts), control)
    }

    /// Writes a token of every text, or several: `[texts, new]`.
    ///
    /// # Errors
    /// [`Code::TooLarge`] beyond the tokens that the pack takes; as [`Generator::step`].
    pub fn step(&self, run: &mut Run, tokens: &[u32], control: &Control) -> Result<(), Error> {
        let most = self.manifest.limits.max_tokens;
        let new = tokens.len().checked_div(run.texts()).unwrap_or(0);
        if run.rows() + new > most {
            let message = format!(
                "token {} for pack {}, which takes at most {most}",
                run.rows() + new,
                self.manifest.name
            );
            return Err(Error::new(Code::TooLarge, message));
        }
        self.generator.step(run, tokens, control)
    }

    /// Text `i` goes on from what text `from[i]` was.
    ///
    /// # Errors
    /// As [`Generator::reorder`].
    pub fn reorder(&self, run: &mut Run, from: &[usize]) -> Result<(), Error> {
        self.generator.reorder(run, from)
    }

    /// Goes back to the first `rows` tokens of every text; a step has to follow before there are logits again.
    ///
    /// # Errors
    /// As [`Generator::truncate`].
    pub fn truncate(&self, run: &mut Run, rows: usize) -> Result<(), Error> {
        self.generator.truncate(run, rows)
    }

    /// Writes a text after a prompt, or from what an encoder reads.
    ///
    /// `each` gets every piece of it as it is written, always whole characters, and ends it by `false`; with a search it gets
    /// the whole at the end. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for the options; as [`Writer::tokens`] and [`Writer::begin`]; what `control` says.
    /// # Cost
    /// One run of the step for each token; a search has [`WriteOptions::beams`] texts in it.
    pub fn write(
        &self,
        work: &mut Work,
        prompt: &str,
        options: &WriteOptions,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Written, Error> {
        let most = options.max_new_tokens.unwrap_or(self.spec.max_new_tokens);
        let refuse = |message: String| Err(Error::new(Code::InvalidArgument, message));
        if most == 0 || most > MAX_NEW_TOKENS {
            return refuse(format!("max_new_tokens is {most}; it lies in 1..={MAX_NEW_TOKENS}"));
        }
        if options.beams == 0 || options.beams > MAX_TEXTS {
            return refuse(format!("beams is {}; it lies in 1..={MAX_TEXTS}", options.beams));
        }
        if !options.length_alpha.is_finite() {
            return refuse(format!("length_alpha is {}; it is a finite number", options.length_alpha));
        }
        let control = Control::new(options.timeout, options.cancel.clone());
        let tokens = self.tokens(work, prompt, &control)?;
        let mut run = std::mem::take(&mut work.run);
        let written = self.begin(&mut run, &tokens, 1, &control).and_then(|()| {
            let most = most.min(self.manifest.limits.max_tokens.saturating_sub(run.rows()) + 1);
            match options.beams {
                1 => self.greedy(&mut run, most, &control, each),
                _ => self.search(&mut run, most, options, &control, each),
            }
        });
        work.run = run;
        written
    }

    fn greedy(
        &self,
        run: &mut Run,
        most: usize,
        control: &Control,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Written, Error> {
        let mut text = Text::default();
        for n in 0..most {
            let token = argmax(run.logits())? as u32;
            let ended = self.is_end(token);
            if ended || !each(text.push(self.spelling(token))) {
                each(text.finish());
                return Ok(Written { text: text.into_string(), tokens: n + usize::from(!ended), ended });
            }
            if n + 1 < most {
                self.step(run, &[token], control)?;
            }
        }
        each(text.finish());
        Ok(Written { text: text.into_string(), tokens: most, ended: false })
    }

    fn search(
        &self,
        run: &mut Run,
        most: usize,
        options: &WriteOptions,
        control: &Control,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Written, Error> {
        let mut search = Search::new(options.beams, &self.spec.end, 0)?;
        let (mut next, mut from, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..most {
            search.step(run.logits(), self.vocabulary(), &mut next)?;
            if next.is_empty() || n + 1 == most {
                break;
            }
            from.clear();
            from.extend(next.iter().map(|&(row, _)| row));
            tokens.clear();
            tokens.extend(next.iter().map(|&(_, token)| token));
            self.reorder(run, &from)?;
            self.step(run, &tokens, control)?;
        }
        let mut text = Text::default();
        let best = search.best(options.length_alpha);
        let (tokens, ended) = best.map_or((&[][..], false), |b| (b.tokens.as_slice(), b.ended));
        for &token in tokens {
            text.push(self.spelling(token));
        }
        text.finish();
        each(text.as_str());
        Ok(Written { text: text.into_string(), tokens: tokens.len() - usize::from(ended), ended })
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("pack", &self.manifest.name).finish()
    }
}
