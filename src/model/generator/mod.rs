//! Models that write: token by token, from what they wrote so far and, with an encoder, from a text.
//!
//! A graph is one step. What it carries from step to step - keys and values of attention, the state of a recurrent net -
//! is an input that comes back as an output; what an encoder made of the text is an input that stays. A compiled plan
//! keeps keys and values in caches, in place; any other graph is given them again.

mod kept;
mod net;

use kept::{Kept, gathered};
use net::{Given, Net, NetPort, own};

use crate::model::backend::Settings;
use crate::model::control::Control;
use crate::model::plan::data;
use crate::model::plan::ir::Kind;
use crate::model::plan::run::{Program, State};
use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// The most texts that go on side by side.
pub const MAX_TEXTS: usize = 64;

/// The names of a generator's inputs and outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// The step's tokens, `i64 [texts, new]`.
    pub tokens: String,
    /// The places of those tokens, `i64 [texts, new]`, if the graph wants them.
    pub positions: Option<String>,
    /// Ones for every token so far, `i64 [texts, all]`, if the graph wants them.
    pub mask: Option<String>,
    /// What the step makes of it: logits or log-probabilities, `f32 [texts, vocabulary]` or `[texts, new, vocabulary]`; or
    /// the token that the graph picks itself, `i64 [texts]`.
    pub logits: String,
    /// Each carried input with the output that it is in the next step. Empty at the start, unless `start` has it.
    pub carry: Vec<(String, String)>,
    /// Each carried input that is not empty at the start, with the encoder's output that it is then.
    pub start: Vec<(String, String)>,
    /// Each input that stays, with the encoder's output that it is.
    pub given: Vec<(String, String)>,
    /// An input that stays and is the places of the text's tokens, `f32 [1, text]`.
    pub places: Option<String>,
    /// The step takes all tokens so far, not the new ones alone.
    pub whole_prefix: bool,
    /// The encoder's.
    pub encoder: Option<EncoderPorts>,
}

/// The names of an encoder's inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncoderPorts {
    /// The text's tokens, `i64 [texts, text]`.
    pub tokens: String,
    /// Ones for every token, `i64` or `bool`, `[texts, text]`, if the graph wants them.
    pub mask: Option<String>,
    /// The numbers of tokens, `i64 [texts]`, if the graph wants them.
    pub lengths: Option<String>,
    /// What is no token, `bool [texts, text]`: false throughout, if the graph wants it.
    pub padding: Option<String>,
}

/// A model that writes. Immutable; shared by threads.
pub struct Generator {
    step: Net,
    encoder: Option<(Net, EncoderPorts, Vec<NetPort>)>,
    label: String,
    vocabulary: usize,
    whole_prefix: bool,
    /// What each input of the step is.
    roles: Vec<Role>,
    /// The step's inputs, in its order.
    inputs: Vec<NetPort>,
    /// For each output of the step: the carried value that it is, or none for the logits.
    outputs: Vec<Option<usize>>,
    /// The input behind each carried value, and the encoder's output at the start.
    carried: Vec<(usize, Option<usize>)>,
    /// The encoder's outputs that stay.
    given: Vec<usize>,
}

/// What an input of the step is.
#[derive(Clone, Copy, Debug)]
enum Role {
    Tokens,
    Positions,
    Mask,
    Carried(usize),
    Given(usize),
    Places,
}

/// Texts in the making: one or several side by side, and the memory of their steps.
#[derive(Debug, Default)]
pub struct Run {
    state: State,
    encoder: State,
    texts: usize,
    /// Tokens of each text so far.
    rows: usize,
    carried: Vec<Kept>,
    given: Vec<Kept>,
    places: Vec<f32>,
    ids: Vec<i64>,
    /// All tokens of each text, where the step takes them all.
    all: Vec<Vec<i64>>,
    positions: Vec<i64>,
    mask: Vec<i64>,
    logits: Vec<f32>,
}

impl Run {
    /// How many texts there are.
    pub fn texts(&self) -> usize {
        self.texts
    }

    /// Tokens of each text so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What the last step says of each text's next token: `[texts, vocabulary]`.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }
}

impl Generator {
    /// Compiles a step, and an encoder if there is one.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] or [`Code::TooLarge`] for a file; [`Code::ModelMismatch`] for ports that they have not, or
    /// inputs that nothing is said of; [`Code::Unavailable`] without a compiler, and for the backend ort.
    pub fn load(
        label: &str,
        step: &[u8],
        encoder: Option<&[u8]>,
        ports: &Ports,
        vocabulary: usize,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let wanted: Vec<String> =
            std::iter::once(&ports.logits).chain(ports.carry.iter().map(|(_, out)| out)).cloned().collect();
        let step = Net::load(step, &format!("the step of {label}"), &wanted, settings)?;
        let mut made = Vec::new();
        let encoder = match (encoder, &ports.encoder) {
            (Some(bytes), Some(names)) => {
                for (_, output) in ports.given.iter().chain(&ports.start) {
                    if !made.contains(output) {
                        made.push(output.clone());
                    }
                }
                let net = Net::load(bytes, &format!("the encoder of {label}"), &made, settings)?;
                let inputs = net.inputs()?;
                Some((net, names.clone(), inputs))
            }
            (None, None) => None,
            _ => {
                let why = format!("{label}: an encoder's file and its ports go together");
                return Err(Error::new(Code::ModelMismatch, why));
            }
        };
        Self::join(label, step, encoder, ports, &made, vocabulary)
    }

    fn join(
        label: &str,
        step: Net,
        encoder: Option<(Net, EncoderPorts, Vec<NetPort>)>,
        ports: &Ports,
        made: &[String],
        vocabulary: usize,
    ) -> Result<Self, Error> {
        let mismatch = |why: String| Error::new(Code::ModelMismatch, format!("{label}: {why}"));
        let of_encoder = |name: &String| {
            made.iter().position(|m| m == name).ok_or_else(|| mismatch(format!("no encoder makes {name:?}")))
        };
        let inputs = step.inputs()?;
        let mut carried = Vec::new();
        let mut given = Vec::new();
        let mut roles = Vec::with_capacity(inputs.len());
        let mut outputs_of = Vec::new();
        for (place, port) in inputs.iter().enumerate() {
            let is = |name: &Option<String>| name.as_ref() == Some(&port.name);
            let pair = |pairs: &'_ [(String, String)]| {
                pairs.iter().find(|(input, _)| *input == port.name).map(|(_, out)| out.clone())
            };
            roles.push(if port.name == ports.tokens {
                Role::Tokens
            } else if is(&ports.positions) {
                Role::Positions
            } else if is(&ports.mask) {
                Role::Mask
            } else if is(&ports.places) {
                Role::Places
            } else if let Some(output) = pair(&ports.carry) {
                let start = pair(&ports.start).map(|name| of_encoder(&name)).transpose()?;
                carried.push((place, start));
                outputs_of.push(output);
                Role::Carried(carried.len() - 1)
            } else if let Some(output) = pair(&ports.given) {
                given.push(of_encoder(&output)?);
                Role::Given(given.len() - 1)
            } else {
                return Err(mismatch(format!("nothing is said of the step's input {:?}", port.name)));
            });
        }
        if !roles.iter().any(|role| matches!(role, Role::Tokens)) {
            return Err(mismatch(format!("the step has no input {:?}", ports.tokens)));
        }
        let outputs = step.outputs().iter().map(|name| outputs_of.iter().position(|o| o == name)).collect();
        let whole_prefix = ports.whole_prefix;
        let label = label.to_owned();
        Ok(Self { step, encoder, label, vocabulary, whole_prefix, roles, inputs, outputs, carried, given })
    }

    /// Tokens of the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Whether it reads a text before it writes.
    pub fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    /// The step's plan, if it has one.
    pub fn program(&self) -> Option<&Program> {
        self.step.program()
    }

    /// Starts so many texts, all from one text for the encoder, which is empty where there is none.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for no texts or more than [`MAX_TEXTS`], and for a text where there is no encoder or none
    /// where there is one; what the encoder says.
    /// # Cost
    /// One run of the encoder.
    pub fn begin(&self, run: &mut Run, text: &[u32], texts: usize, control: &Control) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::new(Code::InvalidArgument, format!("{}: {why}", self.label)));
        if texts == 0 || texts > MAX_TEXTS {
            return refuse(format!("{texts} texts side by side; 1 to {MAX_TEXTS}"));
        }
        if self.encoder.is_none() != text.is_empty() {
            return refuse(format!("{} tokens for an encoder", text.len()));
        }
        (run.texts, run.rows) = (texts, 0);
        run.carried.clear();
        run.given.clear();
        run.logits.clear();
        run.all.clear();
        run.all.resize(if self.whole_prefix { texts } else { 0 }, Vec::new());
        run.places.clear();
        run.places.extend((0..text.len()).map(|i| i as f32));
        let mut made = Vec::new();
        if let Some((net, ports, inputs)) = &self.encoder {
            let ids: Vec<i64> = text.iter().map(|&id| i64::from(id)).collect();
            let n = text.len();
            let (ones, set, clear) = (vec![1_i64; n], vec![1_u8; n], vec![0_u8; n]);
            let (matrix, lengths) = ([1, n], [n as i64]);
            let mut given = Vec::with_capacity(inputs.len());
            for port in inputs {
                let name = Some(&port.name);
                given.push(if port.name == ports.tokens {
                    Given { shape: &matrix, data: data::Data::I64(&ids) }
                } else if ports.mask.as_ref() == name {
                    let bytes = port.kind == Kind::Bool;
                    let data = if bytes { data::Data::Bool(&set) } else { data::Data::I64(&ones) };
                    Given { shape: &matrix, data }
                } else if ports.padding.as_ref() == name {
                    Given { shape: &matrix, data: data::Data::Bool(&clear) }
                } else if ports.lengths.as_ref() == name {
                    Given { shape: &[1], data: data::Data::I64(&lengths) }
                } else {
                    let why = format!("nothing is said of the encoder's input {:?}", port.name);
                    return Err(Error::new(Code::ModelMismatch, format!("{}: {why}", self.label)));
                });
            }
            net.run(&mut run.encoder, given.into_iter(), control, |_, output| {
                made.push(own(output)?);
                Ok(())
            })?;
        }
        for &place in &self.given {
            run.given.push(Kept::repeated(&made[place], texts)?);
        }
        if let Some(program) = self.step.program() {
            run.state.begin(program, texts);
        }
        for &(input, start) in &self.carried {
            run.carried.push(match start {
                Some(place) => Kept::repeated(&made[place], texts)?,
                None => Kept { value: self.empty(&self.inputs[input], texts)?, axis: 0 },
            });
        }
        Ok(())
    }

    /// A carried value before the first step: no rows for as many texts.
    fn empty(&self, port: &NetPort, texts: usize) -> Result<Tensor, Error> {
        let size = |(axis, size): (usize, &Option<usize>)| size.unwrap_or(if axis == 0 { texts } else { 0 });
        let shape: Vec<usize> = port.shape.iter().enumerate().map(size).collect();
        if port.kind != Kind::F32 || !shape.contains(&0) {
            let why = format!("input {:?} is carried, and nothing says what it is at the start", port.name);
            return Err(Error::new(Code::ModelMismatch, format!("{}: {why}", self.label)));
        }
        Tensor::new(shape, Data::F32(Vec::new()))
    }

    /// Writes the next tokens of every text, `[texts, new]`; [`Run::logits`] then tells of what may follow.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a number of tokens that is not a multiple of the texts, or a token beyond the
    /// vocabulary; [`Code::ModelMismatch`] for logits of another shape; what the step says. After an error the texts are as
    /// they were.
    /// # Cost
    /// One run of the step. No heap call on a plan once its memory has grown to the text.
    pub fn step(&self, run: &mut Run, tokens: &[u32], control: &Control) -> Result<(), Error> {
        let texts = run.texts;
        let refuse = |why: String| Err(Error::new(Code::InvalidArgument, format!("{}: {why}", self.label)));
        if texts == 0 || tokens.is_empty() || !tokens.len().is_multiple_of(texts) {
            return refuse(format!("{} tokens for {texts} texts", tokens.len()));
        }
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= self.vocabulary) {
            return refuse(format!("token {token} of a vocabulary of {}", self.vocabulary));
        }
        let new = tokens.len() / texts;
        run.ids.clear();
        if self.whole_prefix {
            for (all, own) in run.all.iter_mut().zip(tokens.chunks_exact(new)) {
                all.truncate(run.rows);
                all.extend(own.iter().map(|&id| i64::from(id)));
                run.ids.extend_from_slice(all);
            }
        } else {
            run.ids.extend(tokens.iter().map(|&id| i64::from(id)));
        }
        run.positions.clear();
        for _ in 0..texts {
            run.positions.extend((run.rows..run.rows + new).map(|at| at as i64));
        }
        run.mask.resize(texts * (run.rows + new), 1);
        let Run { state, carried, given, places, ids, positions, mask, logits, .. } = run;
        let (width, all) = ([texts, ids.len() / texts], [texts, mask.len() / texts]);
        let (news, text) = ([texts, new], [1, places.len()]);
        let input = |role: &Role| match *role {
            Role::Tokens => Given { shape: &width, data: data::Data::I64(ids) },
            Role::Positions => Given { shape: &news, data: data::Data::I64(positions) },
            Role::Mask => Given { shape: &all, data: data::Data::I64(mask) },
            Role::Carried(at) => Given::of(&carried[at].value),
            Role::Given(at) => Given::of(&given[at].value),
            Role::Places => Given { shape: &text, data: data::Data::F32(places) },
        };
        let mut next: Vec<Option<Tensor>> = Vec::new();
        next.resize_with(carried.len(), || None);
        let (outputs, vocabulary, label) = (&self.outputs, self.vocabulary, &self.label);
        logits.clear();
        self.step.run(state, self.roles.iter().map(input), control, |place, output| {
            match outputs[place] {
                Some(at) => next[at] = Some(own(output)?),
                None => last_rows(label, output, texts, vocabulary, logits)?,
            }
            Ok(())
        })?;
        for (own, next) in carried.iter_mut().zip(next) {
            if let Some(next) = next {
                own.value = next;
            }
        }
        run.rows += new;
        Ok(())
    }

    /// Text `i` goes on from what text `from[i]` was.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a text that there is not, or another number of texts where the text of an encoder would
    /// have to be repeated.
    pub fn reorder(&self, run: &mut Run, from: &[usize]) -> Result<(), Error> {
        if from.is_empty() || from.iter().any(|&text| text >= run.texts) || from.len() > MAX_TEXTS {
            let why = format!("{}: texts {from:?} of {} are to go on", self.label, run.texts);
            return Err(Error::new(Code::InvalidArgument, why));
        }
        if self.step.program().is_some() {
            run.state.reorder(from)?;
        }
        for kept in run.carried.iter_mut().chain(&mut run.given) {
            kept.value = gathered(&kept.value, kept.axis, from)?;
        }
        if self.whole_prefix {
            run.all = from.iter().map(|&text| run.all[text].clone()).collect();
        }
        run.logits.clear();
        run.texts = from.len();
        Ok(())
    }

    /// Goes back to the first `rows` tokens of every text.
    ///
    /// # Errors
    /// [`Code::Unavailable`] where something is carried that is no cache: it cannot be taken back.
    pub fn truncate(&self, run: &mut Run, rows: usize) -> Result<(), Error> {
        if rows >= run.rows {
            return Ok(());
        }
        if !self.carried.is_empty() {
            let why =
                format!("{}: its state cannot be taken back from {} tokens to {rows}", self.label, run.rows);
            return Err(Error::new(Code::Unavailable, why));
        }
        run.state.truncate(rows);
        run.mask.truncate(run.texts * rows);
        run.rows = rows;
        run.logits.clear();
        Ok(())
    }
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generator").field("label", &self.label).field("roles", &self.roles).finish()
    }
}

/// The logits of each text's last token.
fn last_rows(
    label: &str,
    output: Given<'_>,
    texts: usize,
    vocabulary: usize,
    logits: &mut Vec<f32>,
) -> Result<(), Error> {
    let wrong = || {
        let why =
            format!("{label}: the step gives {:?} for {texts} texts of {vocabulary} tokens", output.shape);
        Error::new(Code::ModelMismatch, why)
    };
    match (output.data, output.shape) {
        (data::Data::F32(all), &[n, v]) if n == texts && v == vocabulary => logits.extend_from_slice(all),
        (data::Data::F32(all), &[n, rows, v]) if n == texts && v == vocabulary && rows > 0 => {
            for text in all.chunks_exact(rows * v) {
                logits.extend_from_slice(&text[(rows - 1) * v..]);
            }
        }
        (data::Data::I64(picked), &[n]) if n == texts => {
            for &token in picked {
                let token = usize::try_from(token).ok().filter(|&t| t < vocabulary).ok_or_else(wrong)?;
                let start = logits.len();
                logits.resize(start + vocabulary, f32::NEG_INFINITY);
                logits[start + token] = 0.0;
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}
