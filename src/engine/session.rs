//! A session: one thread's use of an engine, with the memory that its calls use again.

use crate::Error;
use crate::engine::align;
use crate::engine::config::{self, Engine, Member};
use crate::engine::correct::{self, Checks, CorrectOptions, Correction};
use crate::engine::guard::GuardOptions;
use crate::engine::pooled;
use crate::engine::verdict::Verdict;
#[cfg(doc)]
use crate::engine::write::Writer;
use crate::engine::write::{WriteOptions, Written};
use crate::model::control::Control;
use crate::scoring::align::vecalign;

/// One thread's use of an engine. Keeps the engine's pack alive.
pub struct Session {
    member: Member,
    /// Every pack of the engine: what judges a correction is looked for among them.
    members: Vec<Member>,
    work: correct::Work,
    aligning: align::Work,
}

impl Session {
    /// A session with this pack of the engine, or with its first for `None`.
    ///
    /// # Errors
    /// As [`Engine::member`].
    pub fn new(engine: &Engine, pack: Option<&str>) -> Result<Self, Error> {
        let member = engine.member(pack)?.clone();
        let members = engine.members().to_vec();
        Ok(Self { member, members, work: Default::default(), aligning: Default::default() })
    }

    /// Goes on with another pack of the engine, or with its first for `None`. What the session remembers stays: a text that a
    /// guard has read costs a corrector that shares its model no further pass.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] listing the packs that the engine has; the session then stays with the pack that it had.
    pub fn select(&mut self, pack: Option<&str>) -> Result<(), Error> {
        self.member = config::pick(&self.members, pack)?.clone();
        Ok(())
    }

    /// The engine's packs, in the order in which they were given.
    pub fn packs(&self) -> &[Member] {
        &self.members
    }

    /// Runs of models that several packs share: how many were made, and how many were not needed because the last ones are
    /// remembered.
    pub fn passes(&self) -> (u64, u64) {
        self.work.judging.memory.passes()
    }

    /// The pack in use.
    pub fn pack(&self) -> &Member {
        &self.member
    }

    /// Judges one text. One that is empty or white space alone is clear.
    ///
    /// # Errors
    /// [`crate::Code::Utf8`], [`crate::Code::TooLarge`] for the text; [`crate::Code::EmptyText`] for one that has characters, and
    /// none that the pack reads; the deadline and
    /// the cancel token of `options`, looked at between the model's operators; what the backend says. Whoever gets
    /// an error must treat the text as blocked.
    /// # Cost
    /// Linear in the text; one model run a window.
    pub fn guard(&mut self, text: &[u8], options: &GuardOptions) -> Result<Verdict, Error> {
        self.member.guard()?.judge(&mut self.work.judging, text, options, &options.control())
    }

    /// As [`Session::guard`], into a verdict whose memory is used again: with a compiled plan or a table of n-grams and no
    /// pack that looks first, the second call for a text makes no heap call. On failure the verdict blocks.
    ///
    /// # Errors
    /// As [`Session::guard`].
    pub fn guard_into(
        &mut self,
        text: &[u8],
        options: &GuardOptions,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        // A session without a guard gives no verdict either.
        verdict.clear();
        self.member.guard()?.judge_into(&mut self.work.judging, text, options, &options.control(), verdict)
    }

    /// Judges several texts, each as if it were alone: a verdict does not depend on its neighbours.
    ///
    /// One deadline holds for the whole batch; the texts that it leaves unjudged get its error.
    pub fn guard_batch(&mut self, texts: &[&[u8]], options: &GuardOptions) -> Vec<Result<Verdict, Error>> {
        let control = options.control();
        match self.member.guard() {
            Ok(guard) => guard.judge_each(&mut self.work.judging, texts, options, &control),
            Err(error) => texts.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// The mean state of a text's tokens in the model's last layer, as many numbers as the model is wide: of a guard whose pack
    /// has the output `pooled`, of the canonical text; of an aligner, of the text as it is. Over all windows, special tokens
    /// included; what two windows share counts in both.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] for any other pack; [`crate::Code::EmptyText`] for a text without a token; else as
    /// [`Session::guard`].
    /// # Cost
    /// One model run a window.
    pub fn pooled(&mut self, text: &str, control: &Control) -> Result<Vec<f32>, Error> {
        match self.member.guard() {
            Ok(guard) => pooled::mean_state(guard.ready(), &mut self.work, text, control),
            Err(no_guard) => match self.member.aligner() {
                Ok(aligner) => aligner.pooled(&mut self.aligning, text, control),
                Err(_) => Err(no_guard),
            },
        }
    }

    /// The probability that an answer is fine as it stands.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] if the session's pack is no inspector; as
    /// [`Inspector::inspect`](correct::Inspector::inspect).
    pub fn inspect(&mut self, question: &str, answer: &str, control: &Control) -> Result<f64, Error> {
        self.member.inspector()?.inspect(&mut self.work, question, answer, control)
    }

    /// Corrects a text, the answer to a question if there is one. The engine's first guard and its first inspector, where
    /// it has them, judge the correction.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] if the session's pack is no corrector; as
    /// [`Corrector::correct`](correct::Corrector::correct).
    pub fn correct(
        &mut self,
        question: &str,
        text: &str,
        options: &CorrectOptions,
    ) -> Result<Correction, Error> {
        let guard = self.members.iter().find_map(|m| m.guard().ok());
        let inspector = self.members.iter().find_map(|m| m.inspector().ok());
        let checks = Checks { guard: guard.map(|g| &**g), inspector: inspector.map(|i| &**i) };
        self.member.any_corrector()?.correct(&mut self.work, question, text, checks, options)
    }

    /// Writes a text after a prompt, or from what the pack's encoder reads; `each` gets its pieces, and ends it by `false`.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] if the session's pack does not write; as [`Writer::write`].
    pub fn write(
        &mut self,
        prompt: &str,
        options: &WriteOptions,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Written, Error> {
        self.member.writer()?.write(&mut self.work, prompt, options, each)
    }

    /// Aligns the words of two sentences.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] if the session's pack is no aligner; as [`Aligner::words`](align::Aligner::words).
    pub fn align_words(
        &mut self,
        source: align::Side,
        target: align::Side,
        options: &align::WordOptions,
    ) -> Result<align::WordAlignment, Error> {
        self.member.aligner()?.words(&mut self.aligning, source, target, options)
    }

    /// Aligns the sentences of two documents, in order.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] if the session's pack is no aligner; as
    /// [`Aligner::sentences`](align::Aligner::sentences).
    pub fn align_sentences(
        &mut self,
        source: &[&str],
        target: &[&str],
        options: vecalign::Options,
        control: &Control,
    ) -> Result<Vec<align::SentencePair>, Error> {
        self.member.aligner()?.sentences(&mut self.aligning, source, target, options, control)
    }

    /// Pairs documents by the sentences that they share.
    ///
    /// # Errors
    /// [`crate::Code::Unavailable`] if the session's pack is no aligner; as
    /// [`Aligner::documents`](align::Aligner::documents).
    pub fn align_documents(
        &mut self,
        source: &[Vec<&str>],
        target: &[Vec<&str>],
        control: &Control,
    ) -> Result<Vec<align::DocumentLink>, Error> {
        self.member.aligner()?.documents(&mut self.aligning, source, target, control)
    }
}
