//! A request on its way through everything: filter, rewriter, the host's own model, filter again, inspectors, correctors,
//! filter at last. Every stage may be absent; every one leaves a line in the trace.

mod trace;

pub use trace::{Outcome, Stage, TraceStep};

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::correct::{AnyCorrector, Checks, CorrectOptions, Inspector, Reason, Work};
use crate::engine::filter::{Decision, Filter, FilterOptions, Stream};
use crate::engine::verdict::Action;
use crate::engine::write::{WriteOptions, Writer};
use crate::model::control::{CancelToken, Control};
use crate::model::manifest::{Manifest, Role};
use crate::scoring::correct::prompt::{rewrite_prompt, rewritten};
use crate::scoring::correct::squad::{self, Order, Squad};
use crate::{Code, Error};

/// An answer is aligned from this probability up, unless something else is asked for.
pub const ALIGNED_FROM: f64 = 0.5;

/// What a pipeline is made of. Empty is nothing at all: the host's answer as it is.
#[derive(Clone, Default)]
pub struct Stages {
    /// Judges requests and answers.
    pub filter: Option<Arc<Filter>>,
    /// Rewrites requests, after P-Aligner.
    pub rewriter: Option<Arc<Writer>>,
    /// Correctors, in order. One with an inspector runs where that finds the answer wanting, the worst first; one without runs
    /// after those, on every answer.
    pub correctors: Vec<(Option<Arc<Inspector>>, AnyCorrector)>,
}

/// How a request is taken through.
#[derive(Clone, Debug)]
pub struct PipelineOptions {
    /// The language of request and answer, as a tag.
    pub language: Option<String>,
    /// From which probability an inspector's answer is aligned.
    pub aligned_from: f64,
    /// Each stage takes no longer than this; the host's own model is not timed.
    pub timeout: Option<Duration>,
    /// Every stage ends once this is set.
    pub cancel: Option<Arc<CancelToken>>,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self { language: None, aligned_from: ALIGNED_FROM, timeout: None, cancel: None }
    }
}

/// What the host's model writes into.
pub struct Sink<'a> {
    stream: Option<Stream>,
    answer: Vec<u8>,
    most: usize,
    show: Option<&'a mut dyn FnMut(&str)>,
    failed: Option<Error>,
}

impl Sink<'_> {
    /// Takes the next bytes of the answer, cut anywhere. False: nothing more will be shown of it, so the model may stop.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        if self.failed.is_some() {
            return false;
        }
        if self.answer.len() + bytes.len() > self.most {
            let message = format!("the answer has more than {} bytes", self.most);
            self.failed = Some(Error::new(Code::TooLarge, message));
            return false;
        }
        self.answer.extend_from_slice(bytes);
        let Some(stream) = &mut self.stream else { return true };
        match stream.push(bytes) {
            Ok(progress) => {
                if let Some(show) = &mut self.show {
                    let text = stream.take();
                    if !text.is_empty() {
                        show(&text);
                    }
                }
                !(progress.blocked && stream.is_latched())
            }
            Err(error) => {
                self.failed = Some(error);
                false
            }
        }
    }
}

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Everything that stands around a host's language model. One thread's at a time.
pub struct Pipeline {
    stages: Stages,
    work: Work,
}

impl Pipeline {
    /// A pipeline of these stages.
    ///
    /// # Errors
    /// [`Code::Unavailable`] for a rewriter that is a corrector's: it reads another prompt.
    pub fn new(stages: Stages) -> Result<Self, Error> {
        if let Some(rewriter) = stages.rewriter.as_ref().filter(|writer| writer.corrects()) {
            let manifest = rewriter.manifest();
            let (name, family) = (&manifest.name, &manifest.family);
            let message =
                format!("pack {name} of family {family} corrects answers; a rewriter reads a request");
            return Err(Error::new(Code::Unavailable, message));
        }
        Ok(Self { stages, work: Work::default() })
    }

    /// Takes a request through everything. `generate` gets the request, as it may be redacted and rewritten, and writes the
    /// answer into the sink; `show` gets of the answer what may be shown while it is written, where no corrector can change it
    /// any more.
    ///
    /// A filter that fails blocks. A rewriter, an inspector or a corrector that fails leaves the text as it is, and the filter
    /// still judges that.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for the options; [`Code::Host`] if `generate` fails, with its sentence. Nothing is shown then.
    /// # Cost
    /// That of the stages.
    pub fn run(
        &mut self,
        request: &str,
        options: &PipelineOptions,
        generate: &mut dyn FnMut(&str, &mut Sink<'_>) -> Result<(), String>,
        show: Option<&mut dyn FnMut(&str)>,
    ) -> Result<Outcome, Error> {
        check(options)?;
        let mut trace = Vec::new();
        let mut asked = request.to_owned();
        if let Some(filter) = self.stages.filter.clone() {
            let decision = judge(
                (&filter, &mut self.work),
                Stage::RequestFilter,
                Role::User,
                request,
                options,
                &mut trace,
            );
            match passed(&filter, request, &decision) {
                Some(text) => asked = text,
                None => return Ok(Outcome::stopped(stop(decision.action), trace)),
            }
        }
        if let Some(rewriter) = self.stages.rewriter.clone() {
            asked = self.rewrite(&rewriter, asked, options, &mut trace);
        }
        let language = options.language.clone();
        let filter_options = FilterOptions { role: Some(Role::Assistant), language, ..times(options) };
        let mut stream =
            self.stages.filter.clone().map(|filter| Stream::new(filter, filter_options)).transpose()?;
        if let Some(stream) = &mut stream {
            stream.swap_memory(&mut self.work.judging.memory);
        }
        let show = show.filter(|_| self.stages.correctors.is_empty());
        let mut sink = Sink { stream, answer: Vec::new(), most: MAX_ANSWER_BYTES, show, failed: None };
        let started = Instant::now();
        let written = generate(&asked, &mut sink);
        if let (Some(stream), Err(_)) = (&mut sink.stream, &written) {
            stream.swap_memory(&mut self.work.judging.memory);
        }
        let generated = |decision, error| TraceStep {
            stage: Stage::Generate,
            decision,
            score: None,
            who: String::new(),
            time: started.elapsed(),
            error,
        };
        if let Err(why) = written {
            return Err(Error::new(Code::Host, format!("the host's model failed: {why}")));
        }
        trace.push(generated("ok", None));
        let Sink { stream, answer, show, failed, .. } = sink;
        let started = Instant::now();
        let decision = match (stream, failed) {
            (Some(mut stream), _) => {
                let decision = stream.finish().clone();
                stream.swap_memory(&mut self.work.judging.memory);
                if let Some(show) = show {
                    let rest = stream.take();
                    if !rest.is_empty() {
                        show(&rest);
                    }
                }
                let latched = stream.is_latched();
                trace.push(filtered(Stage::AnswerFilter, stream.filter(), &decision, started.elapsed()));
                if latched {
                    return Ok(Outcome::stopped(stop(decision.action), trace));
                }
                Some(decision)
            }
            (None, Some(error)) => return Err(error),
            (None, None) => None,
        };
        let answer = String::from_utf8(answer).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            Error::new(Code::Utf8, format!("the answer is not UTF-8 at byte {at}"))
        });
        match (answer, decision) {
            (Ok(answer), decision) => self.settle(request, answer, decision, options, trace),
            // The filter has refused it already.
            (Err(_), Some(decision)) => Ok(Outcome::stopped(stop(decision.action), trace)),
            (Err(error), None) => Err(error),
        }
    }

    /// The part after generation, for an answer that is there already: filter, inspectors, correctors, filter.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for the options.
    pub fn answer(
        &mut self,
        request: &str,
        answer: &str,
        options: &PipelineOptions,
    ) -> Result<Outcome, Error> {
        check(options)?;
        let mut trace = Vec::new();
        let decision = self.stages.filter.clone().map(|filter| {
            judge(
                (&filter, &mut self.work),
                Stage::AnswerFilter,
                Role::Assistant,
                answer,
                options,
                &mut trace,
            )
        });
        self.settle(request, answer.to_owned(), decision, options, trace)
    }

    /// The request that the rewriter makes of this one, if the filter lets it pass.
    fn rewrite(
        &mut self,
        rewriter: &Writer,
        request: String,
        options: &PipelineOptions,
        trace: &mut Vec<TraceStep>,
    ) -> String {
        let started = Instant::now();
        let write = WriteOptions {
            timeout: options.timeout,
            cancel: options.cancel.clone(),
            ..WriteOptions::default()
        };
        let made = rewriter.write(&mut self.work, &rewrite_prompt(&request), &write, &mut |_| true);
        let (text, decision, error) = match &made {
            Ok(written) => match rewritten(&written.text) {
                Some(text) => (Some(text.to_owned()), "rewritten", None),
                None => (None, "parse_failed", None),
            },
            Err(error) => (None, "failed", Some(error.code)),
        };
        trace.push(TraceStep {
            stage: Stage::Rewriter,
            decision,
            score: None,
            who: who(rewriter.manifest()),
            time: started.elapsed(),
            error,
        });
        let Some(text) = text else { return request };
        let Some(filter) = self.stages.filter.clone() else { return text };
        let decision =
            judge((&filter, &mut self.work), Stage::RewriteFilter, Role::User, &text, options, trace);
        passed(&filter, &text, &decision).unwrap_or(request)
    }

    /// Inspectors, correctors and the last filter.
    fn settle(
        &mut self,
        request: &str,
        answer: String,
        decision: Option<Decision>,
        options: &PipelineOptions,
        mut trace: Vec<TraceStep>,
    ) -> Result<Outcome, Error> {
        let action = decision.as_ref().map_or(Action::Allow, |decision| decision.action);
        if !matches!(action, Action::Allow | Action::Redact | Action::Correct) {
            return Ok(Outcome::stopped(stop(action), trace));
        }
        let mut text = answer.clone();
        if !answer.trim().is_empty() {
            self.correct(request, &mut text, options, &mut trace);
        }
        let corrected = text != answer;
        let Some(filter) = self.stages.filter.clone() else {
            return Ok(Outcome { action, text, corrected, trace });
        };
        let decision = match decision.filter(|_| !corrected) {
            Some(decision) => decision,
            None => judge(
                (&filter, &mut self.work),
                Stage::FinalFilter,
                Role::Assistant,
                &text,
                options,
                &mut trace,
            ),
        };
        Ok(match passed(&filter, &text, &decision) {
            Some(text) => Outcome { action: decision.action, text, corrected, trace },
            None => Outcome { corrected, ..Outcome::stopped(stop(decision.action), trace) },
        })
    }

    /// Runs the correctors that an answer needs. What fails leaves it as it is.
    fn correct(
        &mut self,
        request: &str,
        text: &mut String,
        options: &PipelineOptions,
        trace: &mut Vec<TraceStep>,
    ) {
        let gated: Vec<(Arc<Inspector>, AnyCorrector)> = self
            .stages
            .correctors
            .iter()
            .filter_map(|(inspector, corrector)| Some((Arc::clone(inspector.as_ref()?), corrector.clone())))
            .collect();
        if !gated.is_empty() {
            let work = &mut self.work;
            let mut run = Running { gated: &gated, work, request, text, options, trace };
            // What stopped the squad is in the trace; the text is as far as it came.
            let _ = squad::run(&mut run, 1, options.aligned_from, Order::Item);
        }
        let others: Vec<AnyCorrector> =
            self.stages.correctors.iter().filter(|(i, _)| i.is_none()).map(|(_, c)| c.clone()).collect();
        for corrector in &others {
            apply(corrector, &mut self.work, None, request, text, options, trace);
        }
    }
}

/// A squad at work on one answer.
struct Running<'a> {
    gated: &'a [(Arc<Inspector>, AnyCorrector)],
    work: &'a mut Work,
    request: &'a str,
    text: &'a mut String,
    options: &'a PipelineOptions,
    trace: &'a mut Vec<TraceStep>,
}

impl Squad for Running<'_> {
    fn scores(&mut self, _item: usize) -> Result<Vec<f64>, Error> {
        let mut scores = Vec::with_capacity(self.gated.len());
        for (inspector, _) in self.gated {
            let started = Instant::now();
            let control = Control::new(self.options.timeout, self.options.cancel.clone());
            let found = inspector.inspect(self.work, self.request, self.text, &control);
            let aligned = found.as_ref().is_ok_and(|&score| score >= self.options.aligned_from);
            self.trace.push(TraceStep {
                stage: Stage::Inspector,
                decision: match &found {
                    Err(_) => "failed",
                    Ok(_) if aligned => "aligned",
                    Ok(_) => "misaligned",
                },
                score: found.as_ref().ok().copied(),
                who: who(inspector.manifest()),
                time: started.elapsed(),
                error: found.as_ref().err().map(|e| e.code),
            });
            scores.push(found?);
        }
        Ok(scores)
    }

    fn correct(&mut self, criterion: usize, _item: usize) -> Result<(), Error> {
        let (inspector, corrector) = &self.gated[criterion];
        apply(corrector, self.work, Some(inspector), self.request, self.text, self.options, self.trace);
        Ok(())
    }
}

/// One corrector on the text; a correction that its inspector finds worse is not taken.
fn apply(
    corrector: &AnyCorrector,
    work: &mut Work,
    inspector: Option<&Arc<Inspector>>,
    request: &str,
    text: &mut String,
    options: &PipelineOptions,
    trace: &mut Vec<TraceStep>,
) {
    let started = Instant::now();
    let correct = CorrectOptions {
        timeout: options.timeout,
        cancel: options.cancel.clone(),
        ..CorrectOptions::default()
    };
    // The last filter judges what comes of it.
    let checks = Checks { guard: None, inspector: inspector.map(|i| &**i) };
    let found = corrector.correct(work, request, text, checks, &correct);
    let (decision, score, error) = match &found {
        Ok(correction) => {
            let error = match correction.reason {
                Reason::Failed(code) => Some(code),
                _ => None,
            };
            (correction.reason.name(), correction.copy_ratio, error)
        }
        Err(error) => ("failed", None, Some(error.code)),
    };
    trace.push(TraceStep {
        stage: Stage::Corrector,
        decision,
        score,
        who: who(corrector.manifest()),
        time: started.elapsed(),
        error,
    });
    if let Ok(correction) = found {
        *text = correction.text;
    }
}

fn check(options: &PipelineOptions) -> Result<(), Error> {
    if (0.0..=1.0).contains(&options.aligned_from) {
        return Ok(());
    }
    let message = format!("aligned_from is {}; it lies in [0, 1]", options.aligned_from);
    Err(Error::new(Code::InvalidArgument, message))
}

fn times(options: &PipelineOptions) -> FilterOptions {
    FilterOptions { timeout: options.timeout, cancel: options.cancel.clone(), ..FilterOptions::default() }
}

fn judge(
    (filter, work): (&Arc<Filter>, &mut Work),
    stage: Stage,
    role: Role,
    text: &str,
    options: &PipelineOptions,
    trace: &mut Vec<TraceStep>,
) -> Decision {
    let started = Instant::now();
    let asked = FilterOptions { role: Some(role), language: options.language.clone(), ..times(options) };
    let decision = Filter::judge_with(filter, &mut work.judging.memory, text.as_bytes(), &asked);
    trace.push(filtered(stage, filter, &decision, started.elapsed()));
    decision
}

fn filtered(stage: Stage, filter: &Filter, decision: &Decision, time: Duration) -> TraceStep {
    let pack = filter.pack().map(|guard| format!(" with {}", who(guard.manifest()))).unwrap_or_default();
    TraceStep {
        stage,
        decision: decision.action.name(),
        score: Some(f64::from(decision.risk)),
        who: format!("{} {}{pack}", filter.policy().name(), &filter.policy().sha256()[..8]),
        time,
        error: decision.error.as_ref().map(|e| e.code),
    }
}

/// The text as it may go on, redacted where the policy says so; `None` if it may not.
fn passed(filter: &Filter, text: &str, decision: &Decision) -> Option<String> {
    match decision.action {
        Action::Allow => Some(text.to_owned()),
        Action::Redact => filter.redact(text, decision).ok(),
        _ => None,
    }
}

/// What stops a text: what the filter said, or to block it where it asked for a correction that there is not.
fn stop(action: Action) -> Action {
    match action {
        Action::Review => Action::Review,
        _ => Action::Block,
    }
}

fn who(manifest: &Manifest) -> String {
    format!("{} {}", manifest.name, manifest.version)
}
