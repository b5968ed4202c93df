//! Texts in the making, whose tokens the caller picks.

use std::sync::Arc;

use crate::engine::correct::Work;
use crate::engine::write::Writer;
use crate::model::control::Control;
use crate::model::generator::Run;
use crate::{Code, Error};

/// One text, or several side by side from one prompt, of a pack that writes: it tells what may follow, and the caller picks.
/// Used by one thread at a time.
pub struct Draft {
    writer: Arc<Writer>,
    run: Run,
    work: Work,
}

impl Draft {
    /// A draft without a text.
    pub fn new(writer: Arc<Writer>) -> Self {
        Self { writer, run: Run::default(), work: Work::default() }
    }

    /// What writes.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Starts anew after a prompt, or from what the encoder reads; so many texts.
    ///
    /// # Errors
    /// As [`Writer::tokens`] and [`Writer::begin`]; there is no text then.
    pub fn begin(&mut self, prompt: &str, texts: usize, control: &Control) -> Result<(), Error> {
        let tokens = self.writer.tokens(&mut self.work, prompt, control)?;
        self.writer.begin(&mut self.run, &tokens, texts, control)
    }

    /// What may follow: `[texts, vocabulary]`.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] before a text was started, and after one was cut.
    pub fn logits(&self) -> Result<&[f32], Error> {
        match self.run.logits() {
            [] => Err(Error::new(
                Code::InvalidArgument,
                "no text was started, or none was gone on with since a cut",
            )),
            logits => Ok(logits),
        }
    }

    /// Tokens of each text so far, those before it among them.
    pub fn rows(&self) -> usize {
        self.run.rows()
    }

    /// How many texts there are.
    pub fn texts(&self) -> usize {
        self.run.texts()
    }

    /// Adds tokens to every text: `[texts, new]`.
    ///
    /// # Errors
    /// As [`Writer::step`].
    pub fn step(&mut self, tokens: &[u32], control: &Control) -> Result<(), Error> {
        self.writer.step(&mut self.run, tokens, control)
    }

    /// Adds a text, cut into tokens by itself, to every text: what comes after a prompt that is kept.
    ///
    /// # Errors
    /// [`Code::EmptyText`] for a text without a token; as [`Writer::tokens`] and [`Writer::step`].
    pub fn append(&mut self, text: &str, control: &Control) -> Result<(), Error> {
        let tokens = self.writer.tokens(&mut self.work, text, control)?;
        if tokens.is_empty() {
            let message =
                format!("a text of {} bytes has no token; there is nothing to go on with", text.len());
            return Err(Error::new(Code::EmptyText, message));
        }
        let tokens = tokens.repeat(self.run.texts());
        self.writer.step(&mut self.run, &tokens, control)
    }

    /// Text `i` goes on from what text `from[i]` was; a step has to follow before there are logits again.
    ///
    /// # Errors
    /// As [`Writer::reorder`].
    pub fn reorder(&mut self, from: &[usize]) -> Result<(), Error> {
        self.writer.reorder(&mut self.run, from)
    }

    /// Goes back to the first `rows` tokens of every text; a step has to follow before there are logits again.
    ///
    /// # Errors
    /// As [`Writer::truncate`].
    pub fn truncate(&mut self, rows: usize) -> Result<(), Error> {
        self.writer.truncate(&mut self.run, rows)
    }
}
