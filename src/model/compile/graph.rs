//! A graph while it is being rewritten.

use std::collections::HashMap;

use super::cache::Cache;
use super::dense::Dense;
use super::expand::Whole;
use super::tensor::Tensor;
use crate::model::plan::ir::{self, Kind};

/// A value, by its place in [`Graph::values`].
pub(super) type Vid = usize;
/// A node, by its place in [`Graph::nodes`].
pub(super) type Nid = usize;

/// A size, or an element of a shape: known, or a number that two values share without its being known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dim {
    Known(i64),
    Symbol(u32),
}

impl Dim {
    pub(super) fn known(self) -> Option<usize> {
        match self {
            Self::Known(n) => usize::try_from(n).ok(),
            Self::Symbol(_) => None,
        }
    }
}

/// What is known of a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Value {
    pub name: String,
    pub kind: Option<Kind>,
    pub shape: Option<Vec<Dim>>,
    /// The elements of a small integer value, such as a shape.
    pub content: Option<Vec<Dim>>,
    pub constant: Option<Tensor>,
    pub producer: Option<Nid>,
}

/// What a node does: an operator that plans have, or one that only graphs have and a rewrite must take away.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Plan(ir::Op),
    /// `x -> bytes, scale, zero point`.
    DynamicQuantizeLinear,
    /// `a, b, zero point of a, zero point of b -> i32`.
    MatMulInteger,
    /// Single elements, by an index for each axis.
    GatherNd,
    /// Inputs: `x`, how often each axis is repeated.
    Tile,
    /// Attention as one operator.
    WholeAttention(Whole),
    /// A product with constant weights that are not packed yet. Inputs: `x`, and the residual if it says so.
    Dense(Dense),
    /// Another operator: its type, with its domain if that is not ONNX's own.
    Foreign(String),
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub op: Op,
    pub inputs: Vec<Option<Vid>>,
    pub outputs: Vec<Vid>,
    pub name: String,
}

/// A graph: nodes in any order, found from the outputs.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    pub values: Vec<Value>,
    pub inputs: Vec<Vid>,
    pub outputs: Vec<Vid>,
    /// The file's names for the outputs.
    pub output_names: Vec<String>,
    /// What a state keeps from run to run.
    pub caches: Vec<Cache>,
    /// Bytes of what was computed from constants so far.
    pub folded: usize,
    symbols: u32,
    /// Sizes computed from sizes: the same sum of the same symbols is the same symbol.
    computed: HashMap<(ir::Binary, Dim, Dim), Dim>,
}

impl Graph {
    /// A size of which nothing is known.
    pub(super) fn symbol(&mut self) -> Dim {
        self.symbols += 1;
        Dim::Symbol(self.symbols)
    }

    /// A size computed from two others.
    pub(super) fn compute(&mut self, op: ir::Binary, a: Dim, b: Dim) -> Dim {
        use ir::Binary::{Add, Div, Equal, Greater, Less, Max, Min, Mul, Sub};
        if let (Dim::Known(a), Dim::Known(b)) = (a, b) {
            let result = match op {
                Add => a.checked_add(b),
                Sub => a.checked_sub(b),
                Mul => a.checked_mul(b),
                Div => a.checked_div(b),
                Min => Some(a.min(b)),
                Max => Some(a.max(b)),
                Equal => Some(i64::from(a == b)),
                Less => Some(i64::from(a < b)),
                Greater => Some(i64::from(a > b)),
                _ => None,
            };
            if let Some(result) = result {
                return Dim::Known(result);
            }
        }
        match (op, a, b) {
            (Mul, Dim::Known(1), x) | (Mul | Div, x, Dim::Known(1)) => return x,
            (Add, Dim::Known(0), x) | (Add | Sub, x, Dim::Known(0)) => return x,
            (Mul, Dim::Known(0), _) | (Mul, _, Dim::Known(0)) => return Dim::Known(0),
            (Sub, a, b) if a == b => return Dim::Known(0),
            // Symbols are sizes, and so not negative.
            (Equal, Dim::Known(n), Dim::Symbol(_)) | (Equal, Dim::Symbol(_), Dim::Known(n)) if n < 0 => {
                return Dim::Known(0);
            }
            (Equal, a, b) if a == b => return Dim::Known(1),
            _ => {}
        }
        let turned = match (a, b) {
            (Dim::Known(_), _) => true,
            (Dim::Symbol(a), Dim::Symbol(b)) => a > b,
            _ => false,
        };
        let (a, b) = if matches!(op, Add | Mul) && turned { (b, a) } else { (a, b) };
        if let Some(&known) = self.computed.get(&(op, a, b)) {
            return known;
        }
        let fresh = self.symbol();
        self.computed.insert((op, a, b), fresh);
        fresh
    }

    pub(super) fn add_value(&mut self, value: Value) -> Vid {
        self.values.push(value);
        self.values.len() - 1
    }

    pub(super) fn add_constant(&mut self, name: &str, tensor: Tensor) -> Vid {
        let value = Value { name: name.to_owned(), constant: Some(tensor), ..Value::default() };
        self.add_value(value)
    }

    /// A node that makes a new value.
    pub(super) fn add(&mut self, name: &str, op: Op, inputs: Vec<Option<Vid>>) -> Vid {
        let output = self.add_value(Value { name: name.to_owned(), ..Value::default() });
        self.place(name, op, inputs, vec![output]);
        output
    }

    /// A node that makes these values, in place of whatever made them.
    pub(super) fn place(&mut self, name: &str, op: Op, inputs: Vec<Option<Vid>>, outputs: Vec<Vid>) -> Nid {
        let node = self.nodes.len();
        for &output in &outputs {
            self.values[output].producer = Some(node);
            self.values[output].constant = None;
        }
        self.nodes.push(Node { op, inputs, outputs, name: name.to_owned() });
        node
    }

    /// The node that makes a value.
    pub(super) fn producer(&self, value: Vid) -> Option<&Node> {
        self.values[value].producer.map(|node| &self.nodes[node])
    }

    /// The plan operator that makes a value, with its inputs.
    pub(super) fn made_by(&self, value: Vid) -> Option<(&ir::Op, &[Option<Vid>])> {
        match self.producer(value)? {
            Node { op: Op::Plan(op), inputs, .. } => Some((op, inputs)),
            _ => None,
        }
    }

    pub(super) fn constant(&self, value: Vid) -> Option<&Tensor> {
        self.values[value].constant.as_ref()
    }

    pub(super) fn scalar(&self, value: Vid) -> Option<f32> {
        self.constant(value)?.scalar_f32()
    }

    pub(super) fn rank(&self, value: Vid) -> Option<usize> {
        self.values[value].shape.as_ref().map(Vec::len)
    }

    /// The last size of a value, if it is known.
    pub(super) fn last(&self, value: Vid) -> Option<usize> {
        self.values[value].shape.as_ref()?.last()?.known()
    }

    /// How many nodes and graph outputs read each value, of the nodes that count.
    pub(super) fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.values.len()];
        for node in self.order().unwrap_or_default() {
            for input in self.nodes[node].inputs.iter().flatten() {
                uses[*input] += 1;
            }
        }
        for &output in &self.outputs {
            uses[output] += 1;
        }
        uses
    }

    /// The nodes that the outputs hang on, each after those that it hangs on; `None` if they go round in a circle.
    pub(super) fn order(&self) -> Option<Vec<Nid>> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.nodes.len()];
        let mut order = Vec::new();
        for &output in &self.outputs {
            let mut stack: Vec<(Nid, usize)> =
                self.values[output].producer.map(|n| (n, 0)).into_iter().collect();
            while let Some((node, next)) = stack.pop() {
                if marks[node] == Mark::Done {
                    continue;
                }
                if next == 0 && marks[node] == Mark::Open {
                    return None;
                }
                marks[node] = Mark::Open;
                let inputs = &self.nodes[node].inputs;
                let found = (next..inputs.len()).find_map(|i| {
                    let value = &self.values[inputs[i]?];
                    let producer = value.producer.filter(|_| value.constant.is_none())?;
                    (marks[producer] != Mark::Done).then_some((i, producer))
                });
                match found {
                    Some((_, producer)) if marks[producer] == Mark::Open => return None,
                    Some((i, producer)) => {
                        stack.push((node, i + 1));
                        stack.push((producer, 0));
                    }
                    None => {
                        marks[node] = Mark::Done;
                        order.push(node);
                    }
                }
            }
        }
        Some(order)
    }
}
