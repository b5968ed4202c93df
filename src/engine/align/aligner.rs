//! An aligner pack, ready to run: tokens to states, texts to vectors.

use crate::engine::ready::Ready;
use crate::kernels::Isa;
use crate::model::backend::{Backend, Kind, Memory, Settings};
use crate::model::control::Control;
use crate::model::family::{self, AlignerEncoder};
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::tensor::Tensor;
use crate::model::tokenizer::{Encoding, Scratch, Tokenizer};
use crate::scoring::guard::window;
use crate::{Code, Error};

/// An aligner pack, ready to align. Immutable; shared by threads.
pub struct Aligner {
    ready: Ready,
    pub(super) isa: Isa,
    /// Numbers in a token's state.
    pub(super) dim: usize,
    /// The piece that is a word's start and nothing else, if the vocabulary has one.
    pub(super) start: Option<u32>,
}

/// Texts whose vectors are made at a time.
const AT_A_TIME: usize = 16;

/// What stands for a space in SentencePiece's vocabularies.
const SPACE: &str = "\u{2581}";

/// What the calls of one session use again.
#[derive(Default)]
pub struct Work {
    memory: Memory,
    tokenizer: Scratch,
    pub(super) encoding: Encoding,
    /// For each token, how far it stood from the nearest cut of the window that its state is from.
    margins: Vec<usize>,
    pub(super) words: super::words::Scratch,
}

impl Work {
    /// Gives the model's buffers back before something large is made; the next run makes them again.
    pub(super) fn let_go(&mut self) {
        self.memory = Memory::default();
    }
}

impl Aligner {
    /// Makes a pack ready: reads the tokenizer, prepares the backend, runs it once.
    ///
    /// # Errors
    /// As [`Guard::load`](crate::engine::Guard::load).
    pub fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        Self::probed(Ready::load_as(&AlignerEncoder, pack, settings)?, settings.isa)
    }

    /// An aligner over parts that were made elsewhere: a replay, for example.
    ///
    /// # Errors
    /// As [`Aligner::load`].
    pub fn from_parts(
        manifest: Manifest,
        tokenizer: Tokenizer,
        backend: Box<dyn Backend>,
        isa: Isa,
    ) -> Result<Self, Error> {
        Self::probed(Ready::from_parts_as(&AlignerEncoder, manifest, tokenizer, backend)?, isa)
    }

    /// One run on the largest token id: a model of another vocabulary is refused, and the width of a state is learnt.
    fn probed(ready: Ready, isa: Isa) -> Result<Self, Error> {
        let last = ready.last_token();
        let start = (0..=last).find(|&id| ready.tokenizer.token(id).as_deref() == Some(SPACE));
        let mut aligner = Self { ready, isa, dim: 0, start };
        let rows = aligner.window(&mut Memory::default(), &[last], &Control::unlimited())?;
        aligner.dim = rows.len() / 3;
        Ok(aligner)
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.ready.manifest
    }

    /// sha256 of the pack's manifest; empty for an aligner made from parts.
    pub fn pack_sha256(&self) -> &str {
        &self.ready.pack_sha256
    }

    /// What runs the model: the kind, why it is that one, and the plan if there is one.
    pub fn backend(&self) -> (Kind, &str, Option<&Program>) {
        (self.ready.kind, &self.ready.why, self.ready.backend.plan())
    }

    /// Numbers in a state and in a sentence's vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Refuses a text that is longer than the pack allows.
    pub(super) fn check_text(&self, bytes: usize) -> Result<(), Error> {
        self.ready.check_size("text", bytes)
    }

    /// The tokens of a text, without the special ones, in `work.encoding`.
    pub(super) fn encode(&self, work: &mut Work, text: &str, control: &Control) -> Result<(), Error> {
        self.ready.tokenizer.encode_into(text, control, &mut work.tokenizer, &mut work.encoding)
    }

    /// One window through the model: `[content + 2, dim]`, special tokens included.
    fn window(&self, memory: &mut Memory, content: &[u32], control: &Control) -> Result<Vec<f32>, Error> {
        let outputs = self.ready.run(memory, content, control)?;
        self.rows(&outputs, content.len()).map(<[f32]>::to_vec)
    }

    /// The states that a run gave for so many content tokens: `[content + 2, dim]`.
    fn rows<'a>(&self, outputs: &'a [Tensor], content: usize) -> Result<&'a [f32], Error> {
        let n = content + family::SPECIAL_TOKENS;
        let Some(states) = outputs.first() else {
            return Err(Error::new(Code::ModelMismatch, "the model gave no output"));
        };
        match (states.shape(), states.f32s()) {
            (&[1, rows, dim], Some(values)) if rows == n && dim > 0 && (self.dim == 0 || dim == self.dim) => {
                if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                    let message = format!("number {at} of the model's states is {}", values[at]);
                    return Err(Error::new(Code::InvalidModel, message));
                }
                Ok(values)
            }
            (shape, _) => Err(Error::new(
                Code::ModelMismatch,
                format!(
                    "output {:?} of pack {} has the shape {shape:?}; {n} tokens need [1, {n}, width]",
                    self.manifest().model.outputs["states"],
                    self.manifest().name,
                ),
            )),
        }
    }

    /// The state of each token, `[ids.len(), dim]`. Longer inputs than the window go through it in overlapping pieces, and
    /// each state is taken from the piece in which its token has the most text on both sides.
    pub(super) fn states(&self, work: &mut Work, ids: &[u32], control: &Control) -> Result<Vec<f32>, Error> {
        let (content, stride) = self.ready.window();
        let dim = self.dim;
        let mut states = vec![0.0; ids.len() * dim];
        work.margins.clear();
        work.margins.resize(ids.len(), 0);
        for range in window::layout(ids.len(), content, stride)? {
            control.check()?;
            let rows = self.window(&mut work.memory, &ids[range.clone()], control)?;
            for at in range.clone() {
                let margin = window::margin(&range, ids.len(), at);
                if margin > work.margins[at] {
                    work.margins[at] = margin;
                    let row = at - range.start + 1;
                    states[at * dim..][..dim].copy_from_slice(&rows[row * dim..][..dim]);
                }
            }
        }
        Ok(states)
    }

    /// Appends the unit vector of each text: the mean of its tokens' states, special ones included, over all windows. Short
    /// texts run side by side.
    ///
    /// A text without a token has the zero vector.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a text; what `control` and the backend say.
    pub(super) fn push_vectors(
        &self,
        work: &mut Work,
        texts: impl Iterator<Item = impl AsRef<str>>,
        control: &Control,
        out: &mut Vec<f32>,
    ) -> Result<(), Error> {
        self.each_sum(work, texts, control, |sum, _| {
            let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            out.extend(sum.iter().map(|x| if norm > 0.0 { (x / norm) as f32 } else { 0.0 }));
        })
    }

    /// The mean of a text's states over all windows, special tokens included.
    ///
    /// # Errors
    /// [`Code::EmptyText`] for a text without a token; as [`Aligner::push_vectors`].
    pub(in crate::engine) fn pooled(
        &self,
        work: &mut Work,
        text: &str,
        control: &Control,
    ) -> Result<Vec<f32>, Error> {
        let mut mean = Vec::new();
        self.each_sum(work, std::iter::once(text), control, |sum, rows| {
            mean.extend(sum.iter().filter(|_| rows > 0).map(|x| (x / rows as f64) as f32));
        })?;
        if mean.is_empty() {
            let message = format!("text has {} bytes and no token", text.len());
            return Err(Error::new(Code::EmptyText, message));
        }
        Ok(mean)
    }

    /// Calls `each` with the sum of a text's states over all windows and with their number, text by text.
    fn each_sum(
        &self,
        work: &mut Work,
        mut texts: impl Iterator<Item = impl AsRef<str>>,
        control: &Control,
        mut each: impl FnMut(&[f64], usize),
    ) -> Result<(), Error> {
        let (content, stride) = self.ready.window();
        loop {
            let mut ids: Vec<Vec<u32>> = Vec::with_capacity(AT_A_TIME);
            for text in texts.by_ref().take(AT_A_TIME) {
                self.check_text(text.as_ref().len())?;
                self.encode(work, text.as_ref(), control)?;
                ids.push(work.encoding.ids.clone());
            }
            if ids.is_empty() {
                return Ok(());
            }
            let (mut windows, mut text_of) = (Vec::new(), Vec::new());
            for (text, ids) in ids.iter().enumerate() {
                for range in window::layout(ids.len(), content, stride)? {
                    windows.push(&ids[range]);
                    text_of.push(text);
                }
            }
            let mut sums = vec![0.0_f64; ids.len() * self.dim];
            let mut counts = vec![0; ids.len()];
            self.ready.run_each(&mut work.memory, &windows, control, |at, outputs| {
                let sum = &mut sums[text_of[at] * self.dim..][..self.dim];
                for row in self.rows(outputs, windows[at].len())?.chunks_exact(self.dim) {
                    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
                    counts[text_of[at]] += 1;
                }
                control.check()
            })?;
            sums.chunks_exact(self.dim).zip(&counts).for_each(|(sum, rows)| each(sum, *rows));
        }
    }
}
