//! One graph of a generator: a compiled plan whose state keeps what grows, or any graph by its ports.

use heapless::Vec as Few;

use crate::model::backend::Settings;
use crate::model::control::Control;
use crate::model::plan::data;
use crate::model::plan::ir::Kind;
use crate::model::plan::run::{Input, Program, State};
use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// The most inputs of a graph.
pub(super) const MAX_INPUTS: usize = 128;

/// What runs a graph of a generator.
#[cfg_attr(not(feature = "tract"), expect(dead_code, reason = "without a compiler none is made"))]
pub(super) enum Net {
    /// A plan; its caches are no inputs and no outputs.
    Plan { program: Box<Program>, settings: Settings },
    /// tract.
    #[cfg(feature = "tract")]
    Graph(Box<crate::model::graph::Graph>),
}

/// An input, as the graph declares it.
#[derive(Clone, Debug)]
pub(super) struct NetPort {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// One size an axis; `None` is free, or not known.
    pub(super) shape: Vec<Option<usize>>,
}

/// A value that a run is given: its shape and its numbers, wherever they lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) shape: &'a [usize],
    pub(super) data: data::Data<'a>,
}

impl<'a> Given<'a> {
    pub(super) fn of(tensor: &'a Tensor) -> Self {
        Self { shape: tensor.shape(), data: borrow(tensor.data()) }
    }
}

impl Net {
    /// Compiles a graph for these outputs; with a cache for each carried value that is keys or values of attention.
    ///
    /// # Errors
    /// As [`Graph::load`](crate::model::graph::Graph::load); [`Code::Unavailable`] without a compiler.
    #[cfg(feature = "tract")]
    pub(super) fn load(
        bytes: &[u8],
        label: &str,
        outputs: &[String],
        settings: &Settings,
    ) -> Result<Self, Error> {
        use crate::model::backend::Kind as Backend;
        use crate::model::compile::{Options, compile};
        use crate::model::graph::{Graph, GraphOptions, Runner};
        use crate::model::plan::arena::Constants;

        crate::model::onnx::inspect(bytes)?;
        if settings.kind == Backend::Ort {
            let why = format!("{label}: generators run on plans and on tract, not on ort");
            return Err(Error::new(Code::Unavailable, why));
        }
        if settings.kind != Backend::Tract {
            let options = Options { outputs: Some(outputs.to_vec()), caches: true, ..Options::default() };
            match compile(bytes, &options) {
                Ok(compiled) => {
                    let program = Program::new(compiled.plan, Constants::copy_of(&compiled.constants))?;
                    return Ok(Self::Plan { program: Box::new(program), settings: settings.clone() });
                }
                Err(why) if settings.kind == Backend::Plan => {
                    return Err(Error::new(Code::Unavailable, format!("{label} has no plan: {why}")));
                }
                Err(why) => log::info!("{label} runs on tract: {why}"),
            }
        }
        let options = GraphOptions {
            label: label.to_owned(),
            outputs: Some(outputs.to_vec()),
            runner: Some(Runner::Tract),
            ..GraphOptions::default()
        };
        Ok(Self::Graph(Box::new(Graph::load(bytes, &options)?)))
    }

    /// Without a compiler there is none.
    ///
    /// # Errors
    /// [`Code::Unavailable`].
    #[cfg(not(feature = "tract"))]
    pub(super) fn load(
        bytes: &[u8],
        label: &str,
        _outputs: &[String],
        _settings: &Settings,
    ) -> Result<Self, Error> {
        Err(Error::new(
            Code::Unavailable,
            format!("{label}, {} bytes: this build has no compiler (feature `tract`)", bytes.len()),
        ))
    }

    /// The plan, if there is one.
    pub(super) fn program(&self) -> Option<&Program> {
        match self {
            Self::Plan { program, .. } => Some(program),
            #[cfg(feature = "tract")]
            Self::Graph(_) => None,
        }
    }

    /// What a run is given, in its order.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] for an input whose kind is not known, and too many.
    pub(super) fn inputs(&self) -> Result<Vec<NetPort>, Error> {
        let found: Vec<NetPort> = match self {
            Self::Plan { program, .. } => {
                let plan = program.plan();
                let port = |port: &crate::model::plan::ir::Port| NetPort {
                    name: port.name.clone(),
                    kind: plan.values[port.value as usize].kind,
                    shape: Vec::new(),
                };
                plan.inputs.iter().map(port).collect()
            }
            #[cfg(feature = "tract")]
            Self::Graph(graph) => {
                use crate::model::graph::Size;

                let size = |size: &Size| match size {
                    Size::Fixed(n) => Some(*n),
                    Size::Free(_) => None,
                };
                let port = |port: &crate::model::graph::Port| {
                    let unknown = || {
                        let why = format!("input {:?} is of a kind that cannot be given", port.name);
                        Error::new(Code::InvalidModel, why)
                    };
                    let shape = port.shape.iter().flatten().map(size).collect();
                    Ok(NetPort { name: port.name.clone(), kind: port.kind.ok_or_else(unknown)?, shape })
                };
                graph.inputs().iter().map(port).collect::<Result<_, Error>>()?
            }
        };
        if found.len() > MAX_INPUTS {
            let why = format!("{} inputs; at most {MAX_INPUTS} are taken", found.len());
            return Err(Error::new(Code::InvalidModel, why));
        }
        Ok(found)
    }

    /// The names of what a run gives, in its order.
    pub(super) fn outputs(&self) -> Vec<String> {
        match self {
            Self::Plan { program, .. } => program.plan().outputs.iter().map(|p| p.name.clone()).collect(),
            #[cfg(feature = "tract")]
            Self::Graph(graph) => graph.outputs().iter().map(|p| p.name.clone()).collect(),
        }
    }

    /// Runs the graph; `each` gets every output with its place.
    ///
    /// # Errors
    /// As [`Program::run`] or [`Graph::run`](crate::model::graph::Graph::run).
    pub(super) fn run<'a>(
        &self,
        state: &mut State,
        given: impl Iterator<Item = Given<'a>>,
        control: &Control,
        mut each: impl FnMut(usize, Given<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Plan { program, settings } => {
                let inputs: Few<Input<'_>, MAX_INPUTS> =
                    given.map(|g| Input { shape: g.shape, data: g.data }).collect();
                program.run(state, settings.isa, &settings.threads, &inputs, control)?;
                for i in 0..program.plan().outputs.len() {
                    let view = state.output(program, i)?;
                    each(i, Given { shape: &view.shape, data: view.data })?;
                }
            }
            #[cfg(feature = "tract")]
            Self::Graph(graph) => {
                let tensors = given.map(own).collect::<Result<Vec<_>, _>>()?;
                let outputs = graph.run_in_order(&tensors.iter().collect::<Vec<_>>(), control)?;
                for (i, output) in outputs.iter().enumerate() {
                    each(i, Given::of(output))?;
                }
            }
        }
        Ok(())
    }
}

fn borrow(data: &Data) -> data::Data<'_> {
    match data {
        Data::I64(v) => data::Data::I64(v),
        Data::F32(v) => data::Data::F32(v),
        Data::I32(v) => data::Data::I32(v),
        Data::Bool(v) => data::Data::Bool(bytemuck::cast_slice(v)),
        Data::U8(v) => data::Data::U8(v),
        Data::I8(v) => data::Data::I8(v),
    }
}

/// A copy.
///
/// # Errors
/// None that a run's own values have.
pub(super) fn own(given: Given<'_>) -> Result<Tensor, Error> {
    let data = match given.data {
        data::Data::F32(v) => Data::F32(v.to_vec()),
        data::Data::I64(v) => Data::I64(v.to_vec()),
        data::Data::I32(v) => Data::I32(v.to_vec()),
        data::Data::Bool(v) => Data::Bool(v.iter().map(|&byte| byte != 0).collect()),
        data::Data::U8(v) => Data::U8(v.to_vec()),
        data::Data::I8(v) => Data::I8(v.to_vec()),
    };
    Tensor::new(given.shape.to_vec(), data)
}
