//! `trueline guard`: texts in, verdicts out, in the order of the input.
//!
//! One thread reads, some judge, the main one writes. An answer is written as soon as it is there, also while the reader
//! waits for more input, and the queues between them are short, so that memory does not grow with the input.

mod answer;
pub mod lines;
mod policy;
mod request;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use trueline_core::engine::{Engine, GuardOptions, Session, Verdict};
use trueline_core::model::manifest::Role;
use trueline_core::{Code, Error};

use crate::args::{Common, GuardArgs};
use crate::output::{self, Stop};
use crate::progress::Progress;
use crate::{guard::answer::Answer, lookup};
use lines::{Line, Lines};

/// The pack used when none is given.
pub const DEFAULT_PACK: &str = "guard-en";
/// What a line may have beside its text: braces, an `id`, fields that are ignored.
const LINE_ROOM: u64 = 1 << 20;
/// The most bytes that JSON takes for one byte of text: `\u0000`.
const ESCAPED: u64 = 6;

/// Where the texts come from.
enum Source {
    Arguments(Vec<OsString>),
    /// Lines of standard input of at most this many bytes; for a person, a carriage return belongs to the line's end.
    Input {
        most: usize,
        person: bool,
    },
}

/// One text on its way.
struct Job {
    number: usize,
    line: Line,
    reply: SyncSender<Answer>,
}

/// What the writer waits for, in the order of the input.
enum Next {
    Answer(Receiver<Answer>),
    /// Reading failed, and nothing follows.
    Failed(io::Error),
}

/// Judges every text. Exit status 1 if one of them could not be.
pub fn run(args: &GuardArgs, common: &Common) -> Result<u8, Stop> {
    if args.audit_text && args.audit_log.is_none() {
        return Err(Stop::Usage("--audit-text goes with --audit-log".into()));
    }
    match &common.policy {
        Some(path) => {
            let filter = policy::filter(path, common)?;
            let most =
                (filter.policy().max_text_bytes() as u64).saturating_mul(ESCAPED).saturating_add(LINE_ROOM);
            let make = |colour| Ok(Worker::Policy(policy::PolicyJudge::new(args, &filter, colour)));
            judge_all(args, common, most, make)
        }
        None => {
            if args.audit_log.is_some() || args.language.is_some() {
                return Err(Stop::Usage("--audit-log and --language go with --policy".into()));
            }
            run_pack(args, common)
        }
    }
}

/// Judges every text with a pack alone.
fn run_pack(args: &GuardArgs, common: &Common) -> Result<u8, Stop> {
    let paths = lookup::chosen(common, DEFAULT_PACK)?;
    let [path] = &paths[..] else {
        return Err(Stop::Usage(format!("guard takes one pack; --pack gives {}", paths.len())));
    };
    let (pack, engine, _) = lookup::engine(path, common, |engine| engine.guard(None).cloned())?;
    let most = pack.manifest().limits.max_text_bytes.saturating_mul(ESCAPED).saturating_add(LINE_ROOM);
    drop(pack);
    let engine = Arc::new(engine);
    judge_all(args, common, most, |colour| Ok(Worker::Pack(Box::new(Judge::new(args, &engine, colour)?))))
}

/// Judges every text with the judges that `make` gives, one for each thread.
fn judge_all(
    args: &GuardArgs,
    common: &Common,
    most: u64,
    make: impl Fn(bool) -> Result<Worker, Stop>,
) -> Result<u8, Stop> {
    let source = if args.texts.is_empty() {
        Source::Input { most: usize::try_from(most).unwrap_or(usize::MAX), person: !args.jsonl }
    } else {
        Source::Arguments(args.texts.clone())
    };
    let from_input = args.texts.is_empty();
    let mut audit = match &args.audit_log {
        Some(path) => Some(AuditLog::open(path)?),
        None => None,
    };
    let order = start(args, make, source, usize::from(common.threads))?;
    let wanted = from_input && !args.jsonl && !common.quiet && !io::stdout().is_terminal();
    write(&order, args.jsonl, Progress::new(wanted, None), &mut audit)
}

/// One thread's judge.
enum Worker {
    Pack(Box<Judge>),
    Policy(policy::PolicyJudge),
}

impl Worker {
    fn answer(&mut self, number: usize, line: &Line) -> Answer {
        match self {
            Self::Pack(judge) => judge.answer(number, line),
            Self::Policy(judge) => judge.answer(number, line),
        }
    }
}

/// The file that `--audit-log` adds to.
struct AuditLog {
    file: File,
    path: PathBuf,
}

impl AuditLog {
    fn open(path: &Path) -> Result<Self, Stop> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|e| Stop::Usage(format!("--audit-log {}: {e}", path.display())))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Adds a line at once: what is answered is recorded.
    fn add(&mut self, line: &[u8]) -> Result<(), Stop> {
        let added = self.file.write_all(line);
        added.map_err(|e| Stop::Failed(format!("--audit-log {}: {e}", self.path.display())))
    }
}

/// Starts the reader and the judges. They end with the process if nobody waits for their answers any more.
fn start(
    args: &GuardArgs,
    make: impl Fn(bool) -> Result<Worker, Stop>,
    source: Source,
    threads: usize,
) -> Result<Receiver<Next>, Stop> {
    let (jobs, queue) = sync_channel::<Job>(threads);
    let (order, next) = sync_channel::<Next>(2 * threads);
    let queue = Arc::new(Mutex::new(queue));
    let no_thread = |e: io::Error| Stop::Failed(format!("a thread cannot be started: {e}"));
    let colour = !args.jsonl && output::takes_colour();
    for _ in 0..threads {
        let queue = Arc::clone(&queue);
        let mut judge = make(colour)?;
        let work = move || {
            loop {
                let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(job) = job else { return };
                // The writer may be gone.
                let _ = job.reply.send(judge.answer(job.number, &job.line));
            }
        };
        thread::Builder::new().name("judge".into()).spawn(work).map_err(no_thread)?;
    }
    let read = move || read(source, &jobs, &order);
    thread::Builder::new().name("reader".into()).spawn(read).map_err(no_thread)?;
    Ok(next)
}

/// Hands on each text, until there is none, or nobody to judge it.
fn read(source: Source, jobs: &SyncSender<Job>, order: &SyncSender<Next>) {
    let mut number = 0;
    let mut hand_on = |line: Line| {
        number += 1;
        let (reply, answer) = sync_channel(1);
        order.send(Next::Answer(answer)).is_ok() && jobs.send(Job { number, line, reply }).is_ok()
    };
    match source {
        Source::Arguments(texts) => {
            let _ = texts.into_iter().all(|text| hand_on(Line::Whole(text.into_encoded_bytes())));
        }
        Source::Input { most, person } => {
            let mut lines = Lines::new(io::stdin().lock(), most, person);
            loop {
                match lines.next() {
                    Ok(Some(line)) => {
                        if !hand_on(line) {
                            return;
                        }
                    }
                    Ok(None) => return,
                    Err(error) => {
                        let _ = order.send(Next::Failed(error));
                        return;
                    }
                }
            }
        }
    }
}

/// Writes the answers in order, each as soon as it is there.
fn write(
    order: &Receiver<Next>,
    jsonl: bool,
    mut progress: Progress,
    audit: &mut Option<AuditLog>,
) -> Result<u8, Stop> {
    let mut out = io::stdout().lock();
    let mut status = output::DONE;
    let mut done = 0;
    while let Ok(next) = order.recv() {
        done += 1;
        let answer = match next {
            Next::Answer(answer) => answer.recv().unwrap_or_else(|_| Answer::lost(done, jsonl)),
            Next::Failed(error) => return Err(Stop::Failed(format!("standard input: {error}"))),
        };
        if answer.failed {
            status = output::FAILED;
        }
        if let (Some(log), Some(line)) = (audit.as_mut(), &answer.audit) {
            log.add(line)?;
        }
        out.write_all(&answer.line)?;
        out.flush()?;
        progress.show(done, "texts");
    }
    Ok(status)
}

/// One thread's session, and how it answers.
struct Judge {
    engine: Arc<Engine>,
    session: Session,
    options: GuardOptions,
    jsonl: bool,
    colour: bool,
}

impl Judge {
    fn new(args: &GuardArgs, engine: &Arc<Engine>, colour: bool) -> Result<Self, Stop> {
        let session = lookup::session(engine)?;
        let options = GuardOptions {
            role: args.role.map(Role::from),
            timeout: args.timeout(),
            cancel: None,
            paranoid: args.paranoid,
            plain: args.plain,
        };
        Ok(Self { engine: Arc::clone(engine), session, options, jsonl: args.jsonl, colour })
    }

    /// The line that answers a text, whatever it is.
    fn answer(&mut self, number: usize, line: &Line) -> Answer {
        if self.jsonl {
            let (id, request) = request::parse(line);
            let result = request.and_then(|r| {
                let verdict = self.verdict(r.text.as_bytes(), r.role)?;
                Ok((verdict, r.language))
            });
            Answer::json(id.as_deref(), &result, &self.session.pack().manifest().labels)
        } else {
            let result = match line {
                Line::Whole(text) => self.verdict(text, None),
                Line::TooLong { bytes, most, .. } => Err(lines::too_long(*bytes, *most)),
            };
            Answer::person(number, &result, &self.session.pack().manifest().labels, self.colour)
        }
    }

    fn verdict(&mut self, text: &[u8], role: Option<Role>) -> Result<Verdict, Error> {
        let options = GuardOptions { role: role.or(self.options.role), ..self.options.clone() };
        let session = &mut self.session;
        // A panic is a fault of ours; it costs this text its verdict and the others nothing.
        catch_unwind(AssertUnwindSafe(|| session.guard(text, &options))).unwrap_or_else(|_| {
            if let Ok(fresh) = Session::new(&self.engine, None) {
                self.session = fresh;
            }
            Err(Error::new(Code::Internal, "internal error (panic); please report"))
        })
    }
}
