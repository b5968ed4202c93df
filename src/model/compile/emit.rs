//! From a rewritten graph to a plan: an order, packed weights, and a place for each value.

use std::collections::HashMap;

use super::Refusal;
use super::dense::{Dense, Rows, Weights};
use super::graph::{Dim, Graph, Nid, Op, Vid};
use super::tensor::{Data, Tensor};
use crate::kernels::{linear_f32, linear_i8};
use crate::model::plan::ir::{self, ABSENT, ALIGN, Id, Kind, Op as Plan, Place};

/// A plan with the bytes of its constants.
pub(super) fn emit(graph: &Graph) -> Result<(ir::Plan, Vec<u8>), Refusal> {
    let order = graph.order().ok_or_else(|| Refusal::invalid("the graph's nodes go round in a circle"))?;
    let mut emitter = Emitter {
        graph,
        plan: ir::Plan::default(),
        bytes: Vec::new(),
        ids: HashMap::new(),
        last: last_reads(graph, &order),
        free: Vec::new(),
    };
    for &input in &graph.inputs {
        let place = Place::Input(emitter.plan.inputs.len() as u32);
        let id = emitter.value(input, place)?;
        emitter.plan.inputs.push(ir::Port { name: graph.values[input].name.clone(), value: id });
    }
    for cache in &graph.caches {
        let place = Place::Cache(emitter.plan.caches.len() as u32);
        let past = emitter.value(cache.past, place)?;
        emitter.plan.caches.push(ir::Cache {
            name: graph.values[cache.past].name.clone(),
            output: cache.output.clone(),
            past,
            heads: cache.heads,
            dim: cache.dim,
        });
    }
    for (at, &node) in order.iter().enumerate() {
        emitter.step(node, at)?;
    }
    for (&output, name) in graph.outputs.iter().zip(&graph.output_names) {
        let id = emitter.id(output)?;
        let id = if emitter.is_given(id) { emitter.copy(id, name) } else { id };
        emitter.plan.outputs.push(ir::Port { name: name.clone(), value: id });
    }
    Ok((emitter.plan, emitter.bytes))
}

struct Emitter<'a> {
    graph: &'a Graph,
    plan: ir::Plan,
    bytes: Vec<u8>,
    ids: HashMap<Vid, Id>,
    /// For each value that is no view, the last step that reads it or a view of it.
    last: HashMap<Vid, usize>,
    /// Slots to be had from a step on, with the size of what they held.
    free: Vec<(u32, usize, Size)>,
}

/// What a value takes, as far as it is known: bytes of an element, and sizes.
type Size = (usize, Option<Vec<Dim>>);

impl Emitter<'_> {
    fn value(&mut self, vid: Vid, place: Place) -> Result<Id, Refusal> {
        let value = &self.graph.values[vid];
        let kind = value
            .kind
            .ok_or_else(|| Refusal::invalid(format!("the kind of {:?} is not known", value.name)))?;
        let id = self.plan.values.len() as Id;
        self.plan.values.push(ir::Value { kind, place });
        self.ids.insert(vid, id);
        Ok(id)
    }

    /// The number of a value that is an input, a constant or made already.
    fn id(&mut self, vid: Vid) -> Result<Id, Refusal> {
        if let Some(&id) = self.ids.get(&vid) {
            return Ok(id);
        }
        let value = &self.graph.values[vid];
        let Some(tensor) = &value.constant else {
            return Err(Refusal::invalid(format!("nothing makes the value {:?}", value.name)));
        };
        let id = self.constant(tensor.kind(), &tensor.shape, &tensor.bytes());
        self.ids.insert(vid, id);
        Ok(id)
    }

    fn constant(&mut self, kind: Kind, shape: &[usize], bytes: &[u8]) -> Id {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        let place = Place::Constant(self.plan.constants.len() as u32);
        let shape = shape.iter().map(|&d| d as u64).collect();
        self.plan.constants.push(ir::Constant { kind, shape, offset });
        self.plan.values.push(ir::Value { kind, place });
        self.plan.values.len() as Id - 1
    }

    fn vector(&mut self, values: &[f32]) -> Id {
        let tensor = Tensor::f32(&[values.len()], values.to_vec());
        self.constant(Kind::F32, &tensor.shape, &tensor.bytes())
    }

    fn step(&mut self, node: Nid, at: usize) -> Result<(), Refusal> {
        let this = &self.graph.nodes[node];
        self.check(node)?;
        let op = match &this.op {
            Op::Plan(op) => self.constants_of(op)?,
            Op::Dense(dense) => Plan::Linear(self.pack(dense)),
            Op::DynamicQuantizeLinear => return Err(Refusal::operator("DynamicQuantizeLinear", &this.name)),
            Op::GatherNd => return Err(Refusal::operator("GatherND", &this.name)),
            Op::Tile => return Err(Refusal::operator("Tile", &this.name)),
            Op::WholeAttention(_) => return Err(Refusal::operator("Attention", &this.name)),
            Op::MatMulInteger => return Err(Refusal::operator("MatMulInteger", &this.name)),
            Op::Foreign(op) => return Err(Refusal::operator(op, &this.name)),
        };
        let mut inputs = Vec::with_capacity(this.inputs.len());
        for input in &this.inputs {
            inputs.push(match input {
                Some(vid) => self.id(*vid)?,
                None => ABSENT,
            });
        }
        let mut outputs = Vec::with_capacity(this.outputs.len());
        for &output in &this.outputs {
            let place = self.place(node, output, at);
            outputs.push(self.value(output, place)?);
        }
        self.plan.steps.push(ir::Step { op, inputs, outputs, name: this.name.clone() });
        Ok(())
    }

    /// Refuses what a plan's operator would take for something else, or what has no meaning.
    fn check(&self, node: Nid) -> Result<(), Refusal> {
        let this = &self.graph.nodes[node];
        let input = |i: usize| this.inputs.get(i).copied().flatten();
        let whole = |v: Vid| {
            let row = input(0).and_then(|x| self.graph.values[x].shape.as_ref()?.last().copied());
            self.graph.values[v]
                .shape
                .as_ref()
                .is_some_and(|s| row.is_some() && s[..] == [row.unwrap_or(Dim::Known(0))])
        };
        match &this.op {
            // A weight may be single, or have more axes, in ONNX.
            Op::Plan(Plan::Norm(_)) if ![input(1), input(2)].into_iter().flatten().all(whole) => {
                Err(Refusal::operator("normalisation whose weight is not as long as a row", &this.name))
            }
            // What rounding by no number gives, each runtime decides for itself.
            Op::Plan(Plan::Quantise { .. })
                if input(1)
                    .and_then(|s| self.graph.constant(s)?.f32s())
                    .is_some_and(|s| s.iter().any(|s| !s.is_finite())) =>
            {
                Err(Refusal::operator("QuantizeLinear by a scale that is not finite", &this.name))
            }
            _ => Ok(()),
        }
    }

    /// Operators that name constants: by the plan's numbers in place of the graph's.
    fn constants_of(&mut self, op: &Plan) -> Result<Plan, Refusal> {
        Ok(match op {
            Plan::GatherRows(form) if form.scales != ABSENT => {
                let scales = self.id(form.scales as Vid)?;
                Plan::GatherRows(ir::Dequantise { scales, zero: form.zero })
            }
            other => other.clone(),
        })
    }

    fn pack(&mut self, dense: &Dense) -> ir::Linear {
        let (k, n) = (dense.k, dense.n);
        let weights = match &dense.weights {
            Weights::F32(weights) => {
                let mut packed = vec![0.0; linear_f32::packed_len(k, n)];
                linear_f32::pack(weights, [k, n], &mut packed);
                ir::Weights::F32 { packed: self.vector(&packed) }
            }
            Weights::I8 { bytes, scales, rows } => {
                let mut packed = vec![0; linear_i8::packed_len(k, n)];
                let mut sums = vec![0; n];
                linear_i8::pack(bytes, [k, n], &mut packed, &mut sums);
                let bytes: Vec<u8> = packed.iter().map(|&b| b as u8).collect();
                let packed = self.constant(Kind::I8, &[bytes.len()], &bytes);
                let sums = Tensor { shape: vec![n], data: Data::I32(sums.into()) };
                let sums = self.constant(Kind::I32, &[n], &sums.bytes());
                let rows = match rows {
                    Rows::Dynamic { factors: None } => ir::Rows::Dynamic { factors: ABSENT },
                    Rows::Dynamic { factors: Some(factors) } => {
                        ir::Rows::Dynamic { factors: self.vector(factors) }
                    }
                    Rows::Whole => ir::Rows::Whole,
                    Rows::Static { scale, zero, signed } => {
                        ir::Rows::Static { scale: *scale, zero: *zero, signed: *signed }
                    }
                };
                ir::Weights::I8 { packed, scales: self.vector(scales), sums, rows }
            }
        };
        let bias = dense.bias.as_ref().map_or(ABSENT, |bias| self.vector(bias));
        let (k, n) = (k as u32, n as u32);
        ir::Linear { k, n, weights, bias, activation: dense.activation, residual: dense.residual }
    }

    /// Whether a value is an input of the plan as it stands, or a view of one.
    fn is_given(&self, mut id: Id) -> bool {
        loop {
            match self.plan.values[id as usize].place {
                Place::View(of) => id = of,
                place => return matches!(place, Place::Input(_)),
            }
        }
    }

    /// A copy of a value, in a buffer of its own.
    fn copy(&mut self, id: Id, name: &str) -> Id {
        let (kind, place) = (self.plan.values[id as usize].kind, Place::Slot(self.plan.slots));
        let copied = self.plan.values.len() as Id;
        self.plan.slots += 1;
        self.plan.values.push(ir::Value { kind, place });
        let (inputs, outputs) = (vec![id], vec![copied]);
        self.plan.steps.push(ir::Step { op: Plan::Identity, inputs, outputs, name: name.to_owned() });
        copied
    }

    /// A view where the operator allows one, else the slot that fits best.
    fn place(&mut self, node: Nid, output: Vid, at: usize) -> Place {
        if let Some(source) = view_of(self.graph, node)
            && let Ok(id) = self.id(source)
        {
            return Place::View(id);
        }
        if let Op::Plan(Plan::Append { cache }) = self.graph.nodes[node].op {
            return Place::Cache(cache);
        }
        let value = &self.graph.values[output];
        let size: Size = (value.kind.map_or(0, Kind::size), value.shape.clone());
        let fit = self.free.iter().position(|(_, from, held)| *from <= at && *held == size);
        let fit = fit.or_else(|| self.free.iter().position(|(_, from, _)| *from <= at));
        let slot = match fit {
            Some(i) => self.free.swap_remove(i).0,
            None => {
                self.plan.slots += 1;
                self.plan.slots - 1
            }
        };
        // When it is free again is known already: one step after its last reader.
        if let Some(&last) = self.last.get(&output) {
            self.free.push((slot, last.max(at) + 1, size));
        }
        Place::Slot(slot)
    }
}

/// What a node's output may be a view of.
fn view_of(graph: &Graph, node: Nid) -> Option<Vid> {
    let this = &graph.nodes[node];
    let Op::Plan(op) = &this.op else { return None };
    let source = (*this.inputs.first()?)?;
    if !op.is_view() {
        return None;
    }
    if *op == Plan::Slice {
        let integers = |i: usize| graph.constant((*this.inputs.get(i)?)?)?.integers();
        let shape = graph.values[source].shape.as_ref()?;
        let axis = match this.inputs.get(3).copied().flatten() {
            Some(_) => integers(3)?,
            None => vec![0],
        };
        let [axis] = axis[..] else { return None };
        let axis = super::infer::normal(axis as i32, shape.len())?;
        let step = this.inputs.get(4).copied().flatten().is_none() || integers(4)? == [1];
        let one = graph.values[this.inputs.get(1).copied()??].shape.as_deref() == Some(&[Dim::Known(1)]);
        let leading = shape[..axis].iter().all(|&d| d == Dim::Known(1));
        return (step && one && leading).then_some(source);
    }
    Some(source)
}

/// For each value that keeps its own place, the last step at which it is needed; none if it is needed for good.
fn last_reads(graph: &Graph, order: &[Nid]) -> HashMap<Vid, usize> {
    let mut roots: HashMap<Vid, Vid> = HashMap::new();
    let mut last: HashMap<Vid, usize> = HashMap::new();
    for (at, &node) in order.iter().enumerate() {
        for &input in graph.nodes[node].inputs.iter().flatten() {
            let root = *roots.get(&input).unwrap_or(&input);
            last.insert(root, at);
        }
        if let Some(source) = view_of(graph, node) {
            let root = *roots.get(&source).unwrap_or(&source);
            roots.insert(graph.nodes[node].outputs[0], root);
        } else {
            for &output in &graph.nodes[node].outputs {
                last.insert(output, at);
            }
        }
    }
    for output in &graph.outputs {
        last.remove(roots.get(output).unwrap_or(output));
    }
    last
}
