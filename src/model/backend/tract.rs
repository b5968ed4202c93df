//! tract: any ONNX file, in pure Rust.

use std::collections::BTreeMap;

use crate::model::backend::{Backend, Memory, graph_names};
use crate::model::control::Control;
use crate::model::family::{self, Axis, Element};
use crate::model::graph::{Fixed, Graph, GraphOptions, InputSpec, Runner, Size};
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::plan::ir::Kind;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

/// The name of the axis that runs over a window's tokens.
const SEQUENCE: &str = "S";

/// A model as tract runs it, for windows of any length.
pub(super) struct Tract {
    graph: Graph,
    /// For each of the graph's inputs, its place among the family's.
    places: Vec<usize>,
}

impl Tract {
    pub(super) fn new(pack: &Pack, outputs: &[String], label: &str) -> Result<Self, Error> {
        let manifest = pack.manifest();
        let (inputs, _) = graph_names(manifest)?;
        let options = GraphOptions {
            label: format!("the model of pack {label}"),
            fixed: Fixed { inputs: specs(manifest)?, ..Fixed::default() },
            outputs: Some(outputs.to_vec()),
            runner: Some(Runner::Tract),
            longest: BTreeMap::from([(SEQUENCE.to_owned(), manifest.limits.max_tokens)]),
            ..GraphOptions::default()
        };
        let graph = Graph::load(super::model(pack)?, &options)?;
        let place = |name: &String| {
            inputs.iter().position(|input| input == name).ok_or_else(|| {
                Error::new(
                    Code::ModelMismatch,
                    format!("no input of pack {} is called {name:?}", manifest.name),
                )
            })
        };
        let places = graph.inputs().iter().map(|port| place(&port.name)).collect::<Result<_, _>>()?;
        Ok(Self { graph, places })
    }
}

impl Backend for Tract {
    fn run(&self, _memory: &mut Memory, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        let ordered: Vec<&Tensor> = self.places.iter().filter_map(|&place| inputs.get(place)).collect();
        self.graph.run_in_order(&ordered, control)
    }
}

/// The family's inputs under the graph's names for them.
pub(super) fn specs(manifest: &Manifest) -> Result<BTreeMap<String, InputSpec>, Error> {
    let family = family::find(&manifest.family)?;
    let size = |axis: &Axis| match axis {
        Axis::Fixed(n) => Size::Fixed(*n),
        Axis::Labels => Size::Fixed(manifest.labels.len()),
        Axis::Sequence => Size::Free(SEQUENCE.to_owned()),
        Axis::Width => Size::Free("width".to_owned()),
    };
    let spec = |input: &family::TensorSpec| {
        let kind = match input.element {
            Element::F32 => Kind::F32,
            Element::I64 => Kind::I64,
        };
        let spec = InputSpec { kind: Some(kind), shape: input.axes.iter().map(size).collect() };
        (manifest.model.inputs[input.name].clone(), spec)
    };
    Ok(family.inputs().iter().map(spec).collect())
}
