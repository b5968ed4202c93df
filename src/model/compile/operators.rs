//! What each ONNX operator is in terms of a plan's.

use tract_onnx::pb;

use super::expand::Whole;
use super::graph::{Op, Vid};
use super::import::{Attributes, Importer, kind, tensor};
use super::tensor::Tensor;
use crate::model::plan::ir::{Activation, Binary, Kind, Norm, Op as Plan, Reduce, Unary};

/// One ONNX node as nodes of the graph.
///
/// # Errors
/// A sentence, for a stored tensor that cannot be read.
pub(super) fn translate(
    importer: &mut Importer,
    node: &pb::NodeProto,
    name: &str,
    inputs: Vec<Option<Vid>>,
    outputs: Vec<Vid>,
) -> Result<(), String> {
    let onnx = matches!(node.domain.as_str(), "" | "ai.onnx");
    let microsoft = node.domain == "com.microsoft";
    let mut task = Task {
        importer,
        attributes: Attributes(&node.attribute),
        name,
        inputs: inputs.clone(),
        outputs: outputs.clone(),
    };
    let known = if onnx {
        task.onnx(&node.op_type)?
    } else if microsoft {
        task.microsoft(&node.op_type)
    } else {
        None
    };
    if known.is_none() {
        let op = if onnx { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
        importer.graph.place(name, Op::Foreign(op), inputs, outputs);
    }
    Ok(())
}

struct Task<'a> {
    importer: &'a mut Importer,
    attributes: Attributes<'a>,
    name: &'a str,
    inputs: Vec<Option<Vid>>,
    outputs: Vec<Vid>,
}

impl Task<'_> {
    /// `None` if plans have no such operator, or not with these attributes.
    fn onnx(&mut self, op: &str) -> Result<Option<()>, String> {
        if op == "Constant" || op == "ConstantOfShape" {
            return self.constant(op);
        }
        Ok(self
            .elementwise(op)
            .or_else(|| self.movement(op))
            .or_else(|| self.along_an_axis(op))
            .or_else(|| self.product(op)))
    }

    fn constant(&mut self, op: &str) -> Result<Option<()>, String> {
        let stored = self.attributes.tensor("value").map(tensor).transpose()?;
        if op == "ConstantOfShape" {
            let fill = stored.unwrap_or_else(|| Tensor::f32(&[1], vec![0.0]));
            let fill = self.importer.constant(self.name, fill);
            let shape = self.inputs.first().copied().flatten();
            return Ok(self.make(Plan::ConstantOfShape, vec![shape, fill]));
        }
        let a = &self.attributes;
        let value = stored
            .or_else(|| a.float("value_float").map(|x| Tensor::f32(&[], vec![x])))
            .or_else(|| a.int("value_int").map(|x| Tensor::i64(&[], vec![x])))
            .or_else(|| a.ints("value_ints").map(|x| Tensor::i64(&[x.len()], x.to_vec())));
        let (Some(value), [output]) = (value, &self.outputs[..]) else { return Ok(None) };
        self.importer.graph.values[*output].constant = Some(value);
        Ok(Some(()))
    }

    fn elementwise(&mut self, op: &str) -> Option<()> {
        let unary = match op {
            "Neg" => Unary::Neg,
            "Abs" => Unary::Abs,
            "Sign" => Unary::Sign,
            "Sqrt" => Unary::Sqrt,
            "Reciprocal" => Unary::Reciprocal,
            "Exp" => Unary::Exp,
            "Log" => Unary::Log,
            "Erf" => Unary::Erf,
            "Sin" => Unary::Sin,
            "Cos" => Unary::Cos,
            "Floor" => Unary::Floor,
            "Ceil" => Unary::Ceil,
            "Round" => Unary::Round,
            "Not" => Unary::Not,
            "IsNaN" => Unary::IsNan,
            "Relu" => Unary::Activation(Activation::Relu),
            "Tanh" => Unary::Activation(Activation::Tanh),
            "Sigmoid" => Unary::Activation(Activation::Sigmoid),
            "Gelu" if self.attributes.text("approximate").is_some_and(|t| t == "tanh") => {
                Unary::Activation(Activation::GeluTanh)
            }
            "Gelu" => Unary::Activation(Activation::Gelu),
            "LeakyRelu" => return self.leaky(),
            _ => return self.pairwise(op),
        };
        self.arity(1)?;
        self.make(Plan::Unary(unary), self.inputs.clone())
    }

    /// `max(x, 0) + alpha * min(x, 0)`.
    fn leaky(&mut self) -> Option<()> {
        self.arity(1)?;
        let x = self.inputs[0];
        let [zero, alpha] = [0.0, self.attributes.float("alpha").unwrap_or(0.01)]
            .map(|value| self.importer.constant(self.name, Tensor::f32(&[], vec![value])));
        let above = self.importer.plan(self.name, Plan::Binary(Binary::Max), vec![x, zero]);
        let below = self.importer.plan(self.name, Plan::Binary(Binary::Min), vec![x, zero]);
        let below = self.importer.plan(self.name, Plan::Binary(Binary::Mul), vec![below, alpha]);
        self.make(Plan::Binary(Binary::Add), vec![above, below])
    }

    fn pairwise(&mut self, op: &str) -> Option<()> {
        let binary = match op {
            "Add" | "Sum" => Binary::Add,
            "Sub" => Binary::Sub,
            "Mul" => Binary::Mul,
            "Div" => Binary::Div,
            "Pow" => Binary::Pow,
            "Min" => Binary::Min,
            "Max" => Binary::Max,
            "Mod" => Binary::Mod,
            "And" => Binary::And,
            "Or" => Binary::Or,
            "Equal" => Binary::Equal,
            "Less" => Binary::Less,
            "LessOrEqual" => Binary::LessOrEqual,
            "Greater" => Binary::Greater,
            "GreaterOrEqual" => Binary::GreaterOrEqual,
            "Where" => return self.make(Plan::Where, self.inputs.clone()),
            "Clip" => return self.clip(),
            "Cast" => {
                let to = kind(self.attributes.int("to")? as i32)?;
                self.arity(1)?;
                self.make(Plan::Cast, self.inputs.clone())?;
                self.importer.graph.values[self.outputs[0]].kind = Some(to);
                return Some(());
            }
            "Identity" => return self.make(Plan::Identity, self.inputs.clone()),
            "Dropout" if self.outputs.len() == 1 => {
                // At inference the input goes through; a ratio, or that it is no training, changes nothing.
                let training = self.inputs.get(2).copied().flatten();
                let off = training.is_none_or(|v| {
                    self.importer.graph.constant(v).and_then(Tensor::integers).is_some_and(|x| x == [0])
                });
                return if off { self.make(Plan::Identity, vec![self.inputs[0]]) } else { None };
            }
            _ => return None,
        };
        let variadic = matches!(op, "Sum" | "Min" | "Max");
        if !variadic {
            self.arity(2)?;
        }
        let (first, rest) = self.inputs.split_first()?;
        let (first, rest) = (*first, rest.to_vec());
        let Some((last, middle)) = rest.split_last() else {
            return self.make(Plan::Identity, vec![first]);
        };
        let mut sum = first;
        for &next in middle {
            sum = self.importer.plan(self.name, Plan::Binary(binary), vec![sum, next]);
        }
        self.make(Plan::Binary(binary), vec![sum, *last])
    }

    fn clip(&mut self) -> Option<()> {
        let mut bounds = [None, None];
        for (i, name) in ["min", "max"].into_iter().enumerate() {
            bounds[i] = match self.attributes.float(name) {
                Some(bound) => self.importer.constant(self.name, Tensor::f32(&[], vec![bound])),
                None => self.inputs.get(i + 1).copied().flatten(),
            };
        }
        let x = *self.inputs.first()?;
        match bounds {
            [None, None] => self.make(Plan::Identity, vec![x]),
            [Some(low), None] => self.make(Plan::Binary(Binary::Max), vec![x, Some(low)]),
            [None, Some(high)] => self.make(Plan::Binary(Binary::Min), vec![x, Some(high)]),
            [low, high] => {
                let above = self.importer.plan(self.name, Plan::Binary(Binary::Max), vec![x, low]);
                self.make(Plan::Binary(Binary::Min), vec![above, high])
            }
        }
    }

    fn movement(&mut self, op: &str) -> Option<()> {
        let axis = |default: i64| self.attributes.int("axis").unwrap_or(default) as i32;
        let plan = match op {
            "Shape" => Plan::Shape {
                start: self.attributes.int("start").unwrap_or(0) as i32,
                end: self.attributes.int("end").map_or(i32::MAX, |n| n as i32),
            },
            "Size" => {
                let shape = self.importer.plan(
                    self.name,
                    Plan::Shape { start: 0, end: i32::MAX },
                    self.inputs.clone(),
                );
                let product = Plan::Reduce { reduce: Reduce::Prod, keep: false, noop_if_empty: false };
                return self.make(product, vec![shape, None]);
            }
            "Reshape" => {
                self.arity(2)?;
                Plan::Reshape { allow_zero: self.attributes.int("allowzero") == Some(1) }
            }
            "Flatten" => Plan::Flatten { axis: axis(1) },
            "Transpose" => {
                // Without a permutation: all axes reversed; filled in once the rank is known.
                let perm = self.attributes.ints("perm").unwrap_or_default();
                Plan::Transpose { perm: perm.iter().map(|&p| u32::try_from(p).ok()).collect::<Option<_>>()? }
            }
            "Unsqueeze" | "Squeeze" => {
                self.axes_as_input(1)?;
                if op == "Unsqueeze" { Plan::Unsqueeze } else { Plan::Squeeze }
            }
            "Expand" => Plan::Expand,
            "Concat" => Plan::Concat { axis: axis(0) },
            "Slice" => {
                self.slice_inputs()?;
                Plan::Slice
            }
            "Split" => {
                if let Some(sizes) = self.attributes.ints("split") {
                    let sizes = Tensor::i64(&[sizes.len()], sizes.to_vec());
                    let sizes = self.importer.constant(self.name, sizes);
                    self.inputs.push(sizes);
                }
                let axis = self.attributes.int("axis").unwrap_or(0) as i32;
                let (split, outputs) = (Op::Plan(Plan::Split { axis }), self.outputs.clone());
                self.importer.graph.place(self.name, split, self.inputs.clone(), outputs);
                return Some(());
            }
            "Gather" => Plan::Gather { axis: axis(0) },
            "GatherElements" => Plan::GatherElements { axis: axis(0) },
            "Range" => Plan::Range,
            "Tile" => {
                self.arity(2)?;
                return self.graph_only(Op::Tile);
            }
            "Trilu" => Plan::Trilu { upper: self.attributes.int("upper") != Some(0) },
            _ => return None,
        };
        self.make(plan, self.inputs.clone())
    }

    /// Axes that older operator sets give as an attribute become the input that newer ones have.
    fn axes_as_input(&mut self, place: usize) -> Option<()> {
        if let Some(axes) = self.attributes.ints("axes") {
            let axes = self.importer.constant(self.name, Tensor::i64(&[axes.len()], axes.to_vec()));
            self.inputs.resize(place, None);
            self.inputs.push(axes);
        }
        self.inputs.resize(place + 1, None);
        Some(())
    }

    fn slice_inputs(&mut self) -> Option<()> {
        if let Some(starts) = self.attributes.ints("starts") {
            let ends = self.attributes.ints("ends")?;
            for list in [Some(starts), Some(ends), self.attributes.ints("axes")] {
                let list = list.map(|l| Tensor::i64(&[l.len()], l.to_vec()));
                let list = list.and_then(|l| self.importer.constant(self.name, l));
                self.inputs.push(list);
            }
        }
        self.inputs.resize(5, None);
        Some(())
    }

    fn along_an_axis(&mut self, op: &str) -> Option<()> {
        let reduce = match op {
            "ReduceMean" => Reduce::Mean,
            "ReduceSum" => Reduce::Sum,
            "ReduceMax" => Reduce::Max,
            "ReduceMin" => Reduce::Min,
            "ReduceProd" => Reduce::Prod,
            "ReduceL2" => Reduce::L2,
            "ReduceSumSquare" => Reduce::SumSquare,
            "Softmax" | "LogSoftmax" => {
                // Before set 13 the axes from this one on were one; only for the last axis is that the same.
                let default = if self.importer.opset < 13 { 1 } else { -1 };
                let axis = self.attributes.int("axis").unwrap_or(default) as i32;
                let log = op == "LogSoftmax";
                if self.importer.opset < 13 && axis != -1 {
                    let (op, outputs) =
                        (Op::Foreign(format!("{op} before set 13, axis {axis}")), &self.outputs);
                    self.importer.graph.place(self.name, op, self.inputs.clone(), outputs.clone());
                    return Some(());
                }
                return self.make(Plan::Softmax { axis, log }, self.inputs.clone());
            }
            "ArgMax" if self.attributes.int("select_last_index").unwrap_or(0) == 0 => {
                let axis = self.attributes.int("axis").unwrap_or(0) as i32;
                let keep = self.attributes.int("keepdims") != Some(0);
                return self.make(Plan::ArgMax { axis, keep }, self.inputs.clone());
            }
            "CumSum" => {
                let exclusive = self.attributes.int("exclusive") == Some(1);
                let reverse = self.attributes.int("reverse") == Some(1);
                return self.make(Plan::CumSum { exclusive, reverse }, self.inputs.clone());
            }
            _ => return None,
        };
        self.axes_as_input(1)?;
        let keep = self.attributes.int("keepdims") != Some(0);
        let noop_if_empty = self.attributes.int("noop_with_empty_axes") == Some(1);
        self.make(Plan::Reduce { reduce, keep, noop_if_empty }, self.inputs.clone())
    }

    fn product(&mut self, op: &str) -> Option<()> {
        match op {
            "MatMul" => {
                self.arity(2)?;
                self.make(Plan::MatMul, self.inputs.clone())
            }
            "Gemm" => self.gemm(),
            "LayerNormalization" => {
                let axis = self.attributes.int("axis").unwrap_or(-1);
                self.norm(true, axis)
            }
            "RMSNormalization" | "SimplifiedLayerNormalization" => {
                let axis = self.attributes.int("axis").unwrap_or(-1);
                self.norm(false, axis)
            }
            "QuantizeLinear" | "DequantizeLinear" => {
                if self.attributes.int("block_size").unwrap_or(0) != 0 {
                    return None;
                }
                self.inputs.resize(3, None);
                let axis = self.attributes.int("axis").unwrap_or(1) as i32;
                if op == "DequantizeLinear" {
                    return self.make(Plan::Dequantise { axis }, self.inputs.clone());
                }
                self.make(Plan::Quantise { axis }, self.inputs.clone())
            }
            "GatherND" if self.attributes.int("batch_dims").unwrap_or(0) == 0 => {
                self.arity(2)?;
                self.graph_only(Op::GatherNd)
            }
            "Attention" => {
                let plain = self.attributes.int("is_causal").unwrap_or(0) == 0
                    && self.attributes.float("softcap").unwrap_or(0.0) == 0.0
                    && self.attributes.int("qk_matmul_output_mode").unwrap_or(0) == 0;
                let whole = Whole { scale: self.attributes.float("scale") };
                if plain { self.graph_only(Op::WholeAttention(whole)) } else { None }
            }
            "QLinearMatMul" => self.qlinear_matmul(),
            "DynamicQuantizeLinear" => self.graph_only(Op::DynamicQuantizeLinear),
            "MatMulInteger" => {
                self.inputs.resize(4, None);
                self.graph_only(Op::MatMulInteger)
            }
            _ => None,
        }
    }

    /// Bytes times bytes to bytes: the same as their numbers, rounded.
    fn qlinear_matmul(&mut self) -> Option<()> {
        self.arity(8)?;
        let &[a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero] = &self.inputs[..] else {
            return None;
        };
        let a = self.importer.plan(self.name, Plan::Dequantise { axis: -2 }, vec![a, a_scale, a_zero]);
        let b = self.importer.plan(self.name, Plan::Dequantise { axis: -1 }, vec![b, b_scale, b_zero]);
        let product = self.importer.plan(self.name, Plan::MatMul, vec![a, b]);
        self.make(Plan::Quantise { axis: -1 }, vec![product, y_scale, y_zero])
    }

    fn gemm(&mut self) -> Option<()> {
        if self.attributes.int("transA") == Some(1) {
            return None;
        }
        let (a, mut b) = (*self.inputs.first()?, *self.inputs.get(1)?);
        if self.attributes.int("transB") == Some(1) {
            b = self.importer.plan(self.name, Plan::Transpose { perm: vec![1, 0] }, vec![b]);
        }
        let c = self.inputs.get(2).copied().flatten();
        let (alpha, beta) =
            (self.attributes.float("alpha").unwrap_or(1.0), self.attributes.float("beta").unwrap_or(1.0));
        if c.is_none() && alpha == 1.0 {
            return self.make(Plan::MatMul, vec![a, b]);
        }
        let mut product = self.importer.plan(self.name, Plan::MatMul, vec![a, b]);
        if alpha != 1.0 {
            let alpha = self.importer.constant(self.name, Tensor::f32(&[], vec![alpha]));
            if c.is_none() {
                return self.make(Plan::Binary(Binary::Mul), vec![product, alpha]);
            }
            product = self.importer.plan(self.name, Plan::Binary(Binary::Mul), vec![product, alpha]);
        }
        let mut c = c;
        if beta != 1.0 {
            let beta = self.importer.constant(self.name, Tensor::f32(&[], vec![beta]));
            c = self.importer.plan(self.name, Plan::Binary(Binary::Mul), vec![c, beta]);
        }
        self.make(Plan::Binary(Binary::Add), vec![product, c])
    }

    fn norm(&mut self, centred: bool, axis: i64) -> Option<()> {
        // Other axes than the last are left as they are: a plan normalises rows.
        if axis != -1 && !self.is_last(axis) || self.outputs.len() > 1 {
            return None;
        }
        let epsilon = self.attributes.float("epsilon").unwrap_or(1e-5);
        self.inputs.resize(3, None);
        let inputs = vec![self.inputs[0], self.inputs[1], self.inputs[2], None];
        self.make(Plan::Norm(Norm { centred, epsilon }), inputs)
    }

    /// Whether this is surely the last axis of the first input: the weight's only axis says how many there are.
    fn is_last(&self, axis: i64) -> bool {
        let rank = |v: Vid| self.importer.graph.values[v].shape.as_ref().map(Vec::len);
        self.inputs[0].and_then(rank).is_some_and(|r| axis + 1 == r as i64)
    }

    fn microsoft(&mut self, op: &str) -> Option<()> {
        match op {
            "Gelu" | "QuickGelu" if op == "Gelu" => self.elementwise("Gelu"),
            "SimplifiedLayerNormalization" => self.product(op),
            "QuantizeLinear" | "DequantizeLinear" => self.product(op),
            _ => None,
        }
    }

    fn graph_only(&mut self, op: Op) -> Option<()> {
        self.importer.graph.place(self.name, op, self.inputs.clone(), self.outputs.clone());
        Some(())
    }

    fn arity(&self, n: usize) -> Option<()> {
        (self.inputs.len() == n && self.inputs.iter().all(Option::is_some)).then_some(())
    }

    /// The node makes the first output; others must not be asked for.
    fn make(&mut self, op: Plan, inputs: Vec<Option<Vid>>) -> Option<()> {
        let &[output] = &self.outputs[..] else { return None };
        self.importer.graph.place(self.name, Op::Plan(op), inputs, vec![output]);
        Some(())
    }
}

/// The kinds that a graph-only operator makes.
pub(super) fn graph_only_kinds(op: &Op, inputs: &[Option<Kind>]) -> Option<Vec<Kind>> {
    match op {
        Op::DynamicQuantizeLinear if inputs.first() == Some(&Some(Kind::F32)) => {
            Some(vec![Kind::U8, Kind::F32, Kind::U8])
        }
        Op::MatMulInteger => Some(vec![Kind::I32]),
        _ => None,
    }
}
