//! A pack made ready to run: manifest, tokenizer and backend, of whatever family.

use crate::engine::correct::Work;
use crate::model::backend::{self, Backend, Kind, Loaded, Memory, Settings};
use crate::model::control::Control;
use crate::model::family::{self, Family, SPECIAL_TOKENS};
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::tensor::Tensor;
use crate::model::tokenizer::Tokenizer;
use crate::{Code, Error};

/// Tokens of windows that run side by side: with more, reading the weights is a small part of a run.
const MOST_ROWS: usize = 64;
/// Windows that run side by side: each has buffers of its own.
const MOST_TOGETHER: usize = 16;

/// What every kind of pack has once it is loaded. Immutable.
pub(super) struct Ready {
    pub(super) manifest: Manifest,
    /// sha256 of the pack's manifest; empty if it was made from parts.
    pub(super) pack_sha256: String,
    pub(super) tokenizer: Tokenizer,
    pub(super) backend: Box<dyn Backend>,
    pub(super) kind: Kind,
    /// Why it is that backend.
    pub(super) why: String,
    family: &'static dyn Family,
}

impl Ready {
    /// Reads the tokenizer and prepares the backend.
    ///
    /// # Errors
    /// [`Code::InvalidModel`], [`Code::TooLarge`] or [`Code::ModelMismatch`] for the model file;
    /// [`Code::InvalidTokenizer`] for the tokenizer file or one that is not the manifest's;
    /// [`Code::Unavailable`] for a backend that is not there.
    pub(super) fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        let tokenizer = Tokenizer::of(pack)?;
        let Loaded { backend, kind, why } = backend::load(settings, pack)?;
        let ready = Self::from_parts(pack.manifest().clone(), tokenizer, backend)?;
        Ok(Self { pack_sha256: pack.sha256().to_owned(), kind, why, ..ready })
    }

    /// As [`Ready::load`], of a pack that must be of one family.
    ///
    /// # Errors
    /// [`Code::Unavailable`] for another family; as [`Ready::load`].
    pub(super) fn load_as(family: &dyn Family, pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        family::refuse_unless(family, pack.manifest())?;
        Self::load(pack, settings)
    }

    /// As [`Ready::from_parts`], of a manifest that must be of one family.
    ///
    /// # Errors
    /// [`Code::Unavailable`] for another family; as [`Ready::from_parts`].
    pub(super) fn from_parts_as(
        family: &dyn Family,
        manifest: Manifest,
        tokenizer: Tokenizer,
        backend: Box<dyn Backend>,
    ) -> Result<Self, Error> {
        family::refuse_unless(family, &manifest)?;
        Self::from_parts(manifest, tokenizer, backend)
    }

    /// The same over parts that were made elsewhere.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if the tokenizer is not the manifest's.
    pub(super) fn from_parts(
        manifest: Manifest,
        tokenizer: Tokenizer,
        backend: Box<dyn Backend>,
    ) -> Result<Self, Error> {
        let family = family::find(&manifest.family)?;
        check_tokenizer(&manifest, &tokenizer)?;
        let (kind, why) = (Kind::Default, "made from parts".to_owned());
        Ok(Self { manifest, pack_sha256: String::new(), tokenizer, backend, kind, why, family })
    }

    /// Where a run gives the output of this name, if the pack has it.
    pub(super) fn place_of(&self, output: &str) -> Option<usize> {
        self.family.outputs_of(&self.manifest).iter().position(|spec| spec.name == output)
    }

    /// One window through the model: the family's outputs.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a window longer than the manifest allows; what the backend says.
    pub(super) fn run(
        &self,
        memory: &mut Memory,
        content: &[u32],
        control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        let inputs = self.family.encode(&self.manifest, content)?;
        self.backend.run(memory, &inputs, control)
    }

    /// As [`Ready::run`], with tensors that are used again.
    ///
    /// # Errors
    /// As [`Ready::run`].
    pub(super) fn run_into(
        &self,
        memory: &mut Memory,
        content: &[u32],
        control: &Control,
        (inputs, outputs): (&mut Vec<Tensor>, &mut Vec<Tensor>),
    ) -> Result<(), Error> {
        self.family.encode_into(&self.manifest, content, inputs)?;
        self.backend.run_into(memory, inputs, control, outputs)
    }

    /// Many windows through the model, in order: `each` gets a window's number and its outputs, which are those of a run of
    /// its own. Short ones next to each other run side by side, with a compiled plan.
    ///
    /// # Errors
    /// As [`Ready::run`]; those of `each`.
    pub(super) fn run_each(
        &self,
        memory: &mut Memory,
        windows: &[&[u32]],
        control: &Control,
        mut each: impl FnMut(usize, &[Tensor]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut first = 0;
        while first < windows.len() {
            let group = &windows[first..][..side_by_side(&windows[first..])];
            let encode = |content: &&[u32]| self.family.encode(&self.manifest, content);
            let inputs = group.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
            for (i, outputs) in self.backend.run_together(memory, &inputs, control)?.iter().enumerate() {
                each(first + i, outputs)?;
            }
            first += group.len();
        }
        Ok(())
    }

    /// Refuses a text, by the name of its argument, that is longer than the pack allows.
    pub(super) fn check_size(&self, what: &str, bytes: usize) -> Result<(), Error> {
        let (name, most) = (&self.manifest.name, self.manifest.limits.max_text_bytes);
        if bytes as u64 > most {
            let message = format!("{what} has {bytes} bytes; pack {name} takes at most {most}");
            return Err(Error::new(Code::TooLarge, message));
        }
        Ok(())
    }

    /// The tokens of a text's canonical form, which stays in `work`.
    pub(super) fn encode(&self, work: &mut Work, text: &str, control: &Control) -> Result<(), Error> {
        let canonical = &mut work.judging.canonical;
        canonical.assign(text)?;
        self.tokenizer.encode_into(canonical.text(), control, &mut work.tokenizer, &mut work.encoding)
    }

    /// The most content tokens of a window, and how far the next one begins after it.
    pub(super) fn window(&self) -> (usize, usize) {
        let limits = &self.manifest.limits;
        (limits.max_tokens - SPECIAL_TOKENS, limits.stride)
    }

    /// The largest token id: a model of another vocabulary is refused by a run on it.
    pub(super) fn last_token(&self) -> u32 {
        self.manifest.tokenizer.vocabulary - 1
    }
}

/// How many of the first windows run side by side: as many as have few tokens between them, or the first alone.
fn side_by_side(windows: &[&[u32]]) -> usize {
    let mut rows = 0;
    let fits = windows.iter().take(MOST_TOGETHER).take_while(|window| {
        rows += window.len() + SPECIAL_TOKENS;
        rows <= MOST_ROWS
    });
    fits.count().max(1)
}

fn check_tokenizer(manifest: &Manifest, tokenizer: &Tokenizer) -> Result<(), Error> {
    let stated = &manifest.tokenizer;
    let found = tokenizer.vocabulary();
    if found as u64 != u64::from(stated.vocabulary) || found == 0 {
        return Err(Error::new(
            Code::InvalidTokenizer,
            format!(
                "{} has {found} tokens; the manifest of {} states {}",
                stated.file, manifest.name, stated.vocabulary
            ),
        ));
    }
    for (word, id) in [("cls", stated.cls), ("sep", stated.sep), ("pad", stated.pad)] {
        if tokenizer.token(id).is_none() {
            return Err(Error::new(
                Code::InvalidTokenizer,
                format!(
                    "{} has no token {id}, which the manifest of {} gives for {word}",
                    stated.file, manifest.name
                ),
            ));
        }
    }
    Ok(())
}
