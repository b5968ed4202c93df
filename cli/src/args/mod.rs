//! What may stand on the command line.

mod align;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use trueline_core::engine::Config;
use trueline_core::kernels::Isa;
use trueline_core::model::backend::Kind;
use trueline_core::model::manifest::Role;

use crate::output::{Form, Stop};

pub use align::{AlignDocumentsArgs, AlignSentencesArgs, AlignTrainArgs, AlignWordsArgs, JoinWord};

/// Runs safety-filter and aligner models on this machine.
///
/// Exit status: 0, done; 1, some of the input could not be processed; 2, wrong usage or a pack that does not load.
#[derive(Debug, Parser)]
#[command(name = "trueline", version)]
pub struct Cli {
    /// What every subcommand understands.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every subcommand understands.
#[derive(Args, Debug)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Pack to use: a name in TRUELINE_PACKS or ./models, or the path of a folder or tar file; repeatable
    #[arg(long, global = true, value_name = "NAME|PATH")]
    pub pack: Vec<PathBuf>,
    /// What runs the models: plan, tract or ort
    #[arg(long, global = true, value_name = "NAME")]
    pub backend: Option<String>,
    /// Path of libonnxruntime, for the backend ort
    #[arg(long, global = true, value_name = "PATH")]
    pub ort_library: Option<String>,
    /// Instruction set: avx512vnni, avx512, avxvnni, avx2, i8mm, dotprod, neon or scalar
    #[arg(long, global = true, value_name = "NAME")]
    pub isa: Option<String>,
    /// A small classifier, by name or path, that looks first: what it clears, the pack's own model does not see
    #[arg(long, global = true, value_name = "PACK")]
    pub cascade: Option<PathBuf>,
    /// Threads that work on the input
    #[arg(long, global = true, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Policy file: categories, thresholds, rules and actions, for guard and calibrate
    #[arg(long, global = true, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// No progress and no remarks on standard error
    #[arg(long, global = true)]
    pub quiet: bool,
}

impl Common {
    /// Refuses words that no subcommand could use, before anything is loaded.
    pub fn check(&self) -> Result<(), Stop> {
        self.kind()?;
        match &self.isa {
            Some(name) => {
                Isa::from_name(name).map(|_| ()).map_err(|e| Stop::Usage(format!("--isa {name:?}: {e}")))
            }
            None => Ok(()),
        }
    }

    /// The backend asked for.
    pub fn kind(&self) -> Result<Kind, Stop> {
        let Some(name) = &self.backend else { return Ok(Kind::Default) };
        Kind::from_name(name).map_err(|e| Stop::Usage(format!("--backend: {}", e.message)))
    }

    /// How an engine is built, with this backend.
    pub fn config(&self, backend: Kind) -> Config {
        let (isa, ort_library) = (self.isa.clone(), self.ort_library.clone());
        Config { backend, isa, ort_library, threads: 0, first_look: None }
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge texts: action, risk, categories and spans
    Guard(GuardArgs),
    /// List the packs found
    Packs(PacksArgs),
    /// Show what runs each layer of a pack, and why
    Explain(ListArgs),
    /// Time packs and kernels on this machine
    Bench(BenchArgs),
    /// Judge whether answers are fine as they stand
    Inspect(InspectArgs),
    /// Correct answers: take out or replace what is harmful
    Correct(CorrectArgs),
    /// Make an index of texts that a policy denies copies of, for its [[deny]]
    Deny(DenyArgs),
    /// Align words, sentences or documents of two languages
    #[command(subcommand)]
    Align(Align),
    /// Score consistency, or images against texts (not built yet)
    #[command(subcommand)]
    Score(Score),
    /// Take decoding steps: a JSON object a line, `method` and its inputs
    ///
    /// A method that is not known is answered with the list of those that are, a missing input with its name.
    Decode(StepArgs),
    /// Look for a watermark
    #[command(subcommand)]
    Watermark(Watermark),
    /// Choose thresholds on labelled texts or scores, and write them as a policy
    Calibrate(CalibrateArgs),
    /// Measure how far a pack drifts from another, on the texts of standard input
    Audit(AuditArgs),
    /// Add the compiled plan to a pack, so that it loads at once
    Pack(PackArgs),
    /// Compute metrics of outputs against gold files
    #[command(subcommand)]
    Eval(Eval),
}

/// What `align` aligns.
#[derive(Debug, Subcommand)]
pub enum Align {
    /// Words of two sentences
    Words(AlignWordsArgs),
    /// Sentences of two documents
    Sentences(AlignSentencesArgs),
    /// Documents of two collections
    Documents(AlignDocumentsArgs),
    /// Train a table of words on a bitext, for `align words --table`
    Train(AlignTrainArgs),
    /// Words of a text to a recording (not built yet)
    Audio(NotBuilt),
}

/// What `eval` measures.
#[derive(Debug, Subcommand)]
pub enum Eval {
    /// Precision, recall, F1 and error rate of word alignments
    Align(EvalAlignArgs),
    /// AUROC, AUPRC and recall of scores, and error rates of actions, against labels
    Classify(EvalClassifyArgs),
}

/// `trueline eval align`.
#[derive(Args, Debug)]
pub struct EvalAlignArgs {
    /// Gold links, a sentence pair a line: Pharaoh (`i-j` sure, `ipj` possible) or a JSON object
    pub gold: PathBuf,
    /// Links to score, in the same order and forms
    pub output: PathBuf,
    /// Positions start at 1 in both files
    #[arg(long)]
    pub one_indexed: bool,
    /// Write JSON objects: one for each line that cannot be used, then the scores
    #[arg(long)]
    pub jsonl: bool,
}

/// `trueline eval classify`.
#[derive(Args, Debug)]
pub struct EvalClassifyArgs {
    /// Labels, a JSON object a line: `label` (true, false, a category, a list or an object of them) and `language`
    pub gold: PathBuf,
    /// What a filter said, in the same order: `score`, or the `risk`, `categories` and `action` of `trueline guard --jsonl`
    pub output: PathBuf,
    /// Write JSON objects
    #[arg(long)]
    pub jsonl: bool,
}

/// `trueline calibrate`, which reads a JSON object a line: `label`, and `text` or `score` or `categories`.
#[derive(Args, Debug)]
pub struct CalibrateArgs {
    /// Accepted for likeness with others: the input is JSON lines
    #[arg(long)]
    pub jsonl: bool,
    /// The category that a label of true or false is about; otherwise labels name categories
    #[arg(long, value_name = "NAME", value_parser = category)]
    pub category: Option<String>,
    /// What the threshold keeps to
    #[arg(long, value_name = "WHAT", default_value = "fpr")]
    pub method: CalibrationMethod,
    /// That share, above 0 and below 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    pub target: f64,
}

/// What a calibrated threshold keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CalibrationMethod {
    /// The share of harmless items that are flagged, on these items
    Fpr,
    /// The expected share of all items that are harmful and missed, by conformal risk control
    Miss,
}

/// `trueline audit`, which takes two packs and reads a JSON object a line: `text`, and `language` and `label` if known.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Write JSON objects
    #[arg(long)]
    pub jsonl: bool,
}

/// What `score` will score.
#[derive(Debug, Subcommand)]
pub enum Score {
    /// A claim against its context (not built yet)
    Consistency(NotBuilt),
    /// Texts against an image (not built yet)
    ImageText(NotBuilt),
}

/// What `watermark` will do.
#[derive(Debug, Subcommand)]
pub enum Watermark {
    /// Test tokens for a watermark: a JSON object a line, `tokens`, `scheme`, `key`
    Detect(StepArgs),
}

/// The arguments of a subcommand that is known and not built: whatever they are, the answer is the same.
#[derive(Args, Debug)]
pub struct NotBuilt {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

impl Command {
    /// Whether `--policy` means something to it.
    pub fn takes_policy(&self) -> bool {
        matches!(self, Self::Guard(_) | Self::Calibrate(_))
    }

    /// Whether `--cascade` means something to it.
    pub fn takes_cascade(&self) -> bool {
        matches!(self, Self::Guard(_) | Self::Calibrate(_) | Self::Audit(_) | Self::Correct(_))
    }

    /// The subcommand's name, if it is not built yet.
    pub fn not_built(&self) -> Option<&'static str> {
        match self {
            Self::Guard(_) | Self::Packs(_) | Self::Explain(_) | Self::Bench(_) | Self::Pack(_) => None,
            Self::Decode(_) | Self::Watermark(Watermark::Detect(_)) => None,
            Self::Align(Align::Words(_) | Align::Sentences(_) | Align::Documents(_) | Align::Train(_)) => {
                None
            }
            Self::Align(Align::Audio(_)) => Some("align audio"),
            Self::Score(Score::Consistency(_)) => Some("score consistency"),
            Self::Score(Score::ImageText(_)) => Some("score image-text"),
            Self::Calibrate(_) | Self::Audit(_) | Self::Eval(_) | Self::Inspect(_) | Self::Correct(_) => None,
            Self::Deny(_) => None,
        }
    }
}

/// `trueline deny`.
#[derive(Args, Debug)]
pub struct DenyArgs {
    /// The index to write
    pub output: PathBuf,
    /// Texts, UTF-8: each line is a document, and none goes on in the next
    #[arg(required = true)]
    pub texts: Vec<PathBuf>,
}

/// `trueline inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// Answers to judge; without any, each line of standard input is one
    pub answers: Vec<OsString>,
    /// Read a JSON object a line from standard input, `question` and `answer`, write one a line to standard output
    #[arg(long, conflicts_with = "answers")]
    pub jsonl: bool,
    #[command(flatten)]
    pub asked: Asked,
}

/// `trueline correct`.
#[derive(Args, Debug)]
pub struct CorrectArgs {
    /// Texts to correct; without any, each line of standard input is one
    pub texts: Vec<OsString>,
    /// Read a JSON object a line from standard input, `question` and `answer`, or `text`; write one a line to standard output
    #[arg(long, conflicts_with = "texts")]
    pub jsonl: bool,
    /// How often a correction is corrected again
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub max_rounds: usize,
    /// Of a pack that writes its corrections: texts that are searched side by side
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub beams: usize,
    #[command(flatten)]
    pub asked: Asked,
}

/// What goes with an answer.
#[derive(Args, Debug)]
pub struct Asked {
    /// What was asked
    #[arg(long, value_name = "TEXT", conflicts_with = "jsonl")]
    pub question: Option<String>,
    /// Give up on an answer after this many milliseconds: it is an error to inspect, and left as it is to correct
    #[arg(long, value_name = "N")]
    pub timeout_ms: Option<u64>,
}

impl Asked {
    /// The question, if there is one.
    pub fn question(&self) -> &str {
        self.question.as_deref().unwrap_or_default()
    }

    /// How long one answer may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }
}

/// `trueline guard`.
#[derive(Args, Debug)]
pub struct GuardArgs {
    /// Texts to judge; without any, each line of standard input is one
    pub texts: Vec<OsString>,
    /// Read a JSON object a line from standard input, write one a line to standard output
    #[arg(long, conflicts_with = "texts")]
    pub jsonl: bool,
    /// Whose text it is, where an input object does not say; without it, every category is judged
    #[arg(long, value_name = "ROLE")]
    pub role: Option<RoleWord>,
    /// Give up on a text after this many milliseconds
    #[arg(long, value_name = "N")]
    pub timeout_ms: Option<u64>,
    /// Judge each text as it was given, too, and take the larger score; with --policy, the policy says
    #[arg(long)]
    pub paranoid: bool,
    /// Judge each text alone, and not what it hides in an encoding or behind look-alikes, leetspeak and gaps
    #[arg(long)]
    pub plain: bool,
    /// The texts' language, where an input object does not say; with --policy
    #[arg(long, value_name = "TAG")]
    pub language: Option<String>,
    /// Add a record of each decision, a JSON object a line, without the text, to this file; with --policy
    #[arg(long, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// Add the text to each record
    #[arg(long)]
    pub audit_text: bool,
}

impl GuardArgs {
    /// How long one text may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }
}

/// The word for a role.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleWord {
    /// A person's request
    User,
    /// A language model's answer
    Assistant,
    /// Text that came from a tool or a document
    Tool,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::User => Self::User,
            RoleWord::Assistant => Self::Assistant,
            RoleWord::Tool => Self::Tool,
        }
    }
}

/// `trueline decode` and `trueline watermark detect`, which read and write JSON lines.
#[derive(Args, Debug)]
pub struct StepArgs {
    /// Accepted for likeness with others: these subcommands know no other form
    #[arg(long)]
    pub jsonl: bool,
}

/// `trueline packs`.
#[derive(Args, Debug)]
pub struct PacksArgs {
    /// Read every file of each pack and check its sha256
    #[arg(long)]
    pub verify: bool,
    /// How to write the list.
    #[command(flatten)]
    pub list: ListArgs,
}

/// How a list is written: what `explain` has for options, and others have too.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Write one JSON array
    #[arg(long, conflicts_with = "jsonl")]
    pub json: bool,
    /// Write one JSON object a line
    #[arg(long)]
    pub jsonl: bool,
}

impl ListArgs {
    /// The form asked for.
    pub fn form(&self) -> Form {
        match (self.json, self.jsonl) {
            (true, _) => Form::Json,
            (_, true) => Form::Jsonl,
            _ => Form::Person,
        }
    }
}

/// `trueline bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// How long to time each case
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = seconds)]
    pub seconds: f64,
    /// How to write the rows.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `trueline pack`.
#[derive(Args, Debug)]
pub struct PackArgs {
    /// Pack to compile: a name in TRUELINE_PACKS or ./models, or the path of a folder
    pub folder: PathBuf,
    /// Write the compiled pack into this folder, and leave the one given as it is
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Weights that the model file keeps in floating point
    #[arg(long, value_name = "FORM", default_value = "as-stored")]
    pub weights: WeightWord,
    /// Keep attention in f32 where the linear layers are int8
    #[arg(long)]
    pub exact_attention: bool,
    /// Compile every output of the model file: packs of the same file that are packed so share one plan and one pass
    #[arg(long)]
    pub all_outputs: bool,
    /// Leave the model file out: the compiled plan is all that is needed to run
    #[arg(long)]
    pub slim: bool,
    /// How to say what was done.
    #[command(flatten)]
    pub list: ListArgs,
}

/// The word for what becomes of weights in floating point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeightWord {
    /// They stay as they are
    AsStored,
    /// They become int8; check the pack's thresholds afterwards
    Int8,
}

/// A time for `--seconds`.
fn seconds(word: &str) -> Result<f64, String> {
    match word.parse::<f64>() {
        Ok(n) if n > 0.0 && n <= 600.0 => Ok(n),
        Ok(n) => Err(format!("{n} is not above 0 and at most 600")),
        Err(e) => Err(e.to_string()),
    }
}

/// A share for `--target`.
fn share(word: &str) -> Result<f64, String> {
    match word.parse::<f64>() {
        Ok(n) if n > 0.0 && n < 1.0 => Ok(n),
        Ok(n) => Err(format!("{n} is not above 0 and below 1")),
        Err(e) => Err(e.to_string()),
    }
}

/// A name for `--category`.
fn category(word: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !word.is_empty() && word.len() <= 32 && word.chars().all(plain) {
        return Ok(word.to_owned());
    }
    Err("a category's name is 1 to 32 lower-case letters, digits and underscores".to_owned())
}
