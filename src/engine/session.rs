//! A session: one thread's use of an engine, with the memory that its calls use again.

use std::sync::Arc;

use crate::Error;
use crate::engine::config::Engine;
use crate::engine::guard::{Guard, GuardOptions, Work};
use crate::engine::verdict::Verdict;

/// One thread's use of an engine. Keeps the engine's pack alive.
pub struct Session {
    guard: Arc<Guard>,
    work: Work,
}

impl Session {
    /// A session with this pack of the engine, or with its first for `None`.
    ///
    /// # Errors
    /// As [`Engine::guard`].
    pub fn new(engine: &Engine, pack: Option<&str>) -> Result<Self, Error> {
        Ok(Self { guard: Arc::clone(engine.guard(pack)?), work: Work::default() })
    }

    /// The pack in use.
    pub fn pack(&self) -> &Guard {
        &self.guard
    }

    /// Judges one text.
    ///
    /// # Errors
    /// [`crate::Code::Utf8`], [`crate::Code::EmptyText`], [`crate::Code::TooLarge`] for the text; the deadline and
    /// the cancel token of `options`, looked at between the model's operators; what the backend says. Whoever gets
    /// an error must treat the text as blocked.
    /// # Cost
    /// Linear in the text; one model run a window.
    pub fn guard(&mut self, text: &[u8], options: &GuardOptions) -> Result<Verdict, Error> {
        self.guard.judge(&mut self.work, text, options, &options.control())
    }

    /// Judges several texts, each as if it were alone: a verdict does not depend on its neighbours.
    ///
    /// One deadline holds for the whole batch; the texts that it leaves unjudged get its error.
    pub fn guard_batch(&mut self, texts: &[&[u8]], options: &GuardOptions) -> Vec<Result<Verdict, Error>> {
        let control = options.control();
        texts.iter().map(|text| self.guard.judge(&mut self.work, text, options, &control)).collect()
    }
}
