//! Writes the operators that stand for another one.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use super::{Budget, stored};
use crate::Error;

/// Stands in the names of stored tensors that were stored in a few bits.
pub(crate) const FEW_BITS: &str = "from few bits";

/// An attribute's value.
pub(super) enum Value<'a> {
    Int(i64),
    Float(f32),
    Ints(&'a [i64]),
    Text(&'a str),
}

/// The operators and stored tensors that take the place of one operator; all names start with its own.
pub(super) struct Build<'a> {
    label: String,
    opset: i64,
    serial: usize,
    budget: &'a mut Budget,
    /// Operators, in order.
    pub(super) nodes: Vec<NodeProto>,
    /// Stored tensors.
    pub(super) stored: Vec<TensorProto>,
}

impl<'a> Build<'a> {
    /// Nothing yet, in place of the operator `label`, in a file written in `opset`.
    pub(super) fn new(label: &str, opset: i64, budget: &'a mut Budget) -> Self {
        Self { label: label.into(), opset, serial: 0, budget, nodes: Vec::new(), stored: Vec::new() }
    }

    /// Nothing yet, for a graph within one of these operators.
    pub(super) fn within(&mut self, label: &str) -> Build<'_> {
        Build::new(label, self.opset, self.budget)
    }

    fn name(&mut self, word: &str) -> String {
        self.serial += 1;
        format!("{}/{word}_{}", self.label, self.serial)
    }

    /// Adds an operator with `outputs` outputs; gives their names.
    pub(super) fn ops(
        &mut self,
        op: &str,
        inputs: &[&str],
        outputs: usize,
        attributes: &[(&str, Value<'_>)],
    ) -> Vec<String> {
        let name = self.name(op);
        let output: Vec<String> = match outputs {
            1 => vec![name.clone()],
            n => (0..n).map(|i| format!("{name}:{i}")).collect(),
        };
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&i| i.to_owned()).collect(),
            output: output.clone(),
            name,
            op_type: op.into(),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..Default::default()
        });
        output
    }

    /// Adds an operator with one output; gives its name.
    pub(super) fn op(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Value<'_>)]) -> String {
        self.ops(op, inputs, 1, attributes).swap_remove(0)
    }

    /// Adds a stored tensor of floats; gives its name.
    pub(super) fn floats(&mut self, shape: &[usize], values: &[f32]) -> Result<String, Error> {
        let name = self.name("weights");
        self.stored.push(stored::float_tensor(&name, shape, values, self.budget)?);
        Ok(name)
    }

    /// As [`Build::floats`], for what was stored in a few bits; gives a name that says so.
    pub(super) fn unpacked(&mut self, shape: &[usize], values: &[f32]) -> Result<String, Error> {
        let name = self.name(FEW_BITS);
        self.stored.push(stored::float_tensor(&name, shape, values, self.budget)?);
        Ok(name)
    }

    /// Refuses weights that would exceed the budget, before they are computed.
    pub(super) fn reserve(&self, elements: usize) -> Result<(), Error> {
        self.budget.clone().take(&self.label, elements, 4)
    }

    /// Adds a single float; gives its name.
    pub(super) fn float(&mut self, value: f32) -> Result<String, Error> {
        self.floats(&[], &[value])
    }

    /// Adds a stored vector of integers; gives its name.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let name = self.name("integers");
        self.stored.push(stored::int_tensor(&name, &[values.len()], values));
        name
    }

    /// Adds a single integer; gives its name.
    pub(super) fn int(&mut self, value: i64) -> String {
        let name = self.name("integer");
        self.stored.push(stored::int_tensor(&name, &[], &[value]));
        name
    }

    /// Adds a stored tensor as it is, under a name of its own; gives that.
    pub(super) fn tensor(&mut self, mut tensor: TensorProto) -> Result<String, Error> {
        tensor.name = self.name("weights");
        self.budget.take(&tensor.name, tensor.raw_data.len(), 1)?;
        self.stored.push(tensor);
        Ok(self.stored[self.stored.len() - 1].name.clone())
    }

    /// `x` in another element type.
    pub(super) fn cast(&mut self, x: &str, element: i64) -> String {
        self.op("Cast", &[x], &[("to", Value::Int(element))])
    }

    /// `x` with new axes.
    pub(super) fn unsqueeze(&mut self, x: &str, axes: &[i64]) -> String {
        self.axes_op("Unsqueeze", x, axes)
    }

    /// `x` without these axes.
    pub(super) fn squeeze(&mut self, x: &str, axes: &[i64]) -> String {
        self.axes_op("Squeeze", x, axes)
    }

    /// Axes became an input with operator set 13.
    fn axes_op(&mut self, op: &str, x: &str, axes: &[i64]) -> String {
        if self.opset < 13 {
            return self.op(op, &[x], &[("axes", Value::Ints(axes))]);
        }
        let axes = self.ints(axes);
        self.op(op, &[x, &axes], &[])
    }

    /// `ReduceMean` or `ReduceMax` over one axis, which stays with size 1. Axes became an input with operator set 18.
    pub(super) fn reduce(&mut self, op: &str, x: &str, axis: i64) -> String {
        let keep = ("keepdims", Value::Int(1));
        if self.opset < 18 {
            return self.op(op, &[x], &[("axes", Value::Ints(&[axis])), keep]);
        }
        let axes = self.ints(&[axis]);
        self.op(op, &[x, &axes], &[keep])
    }

    /// The sum over one axis, which goes. Axes became an input with operator set 13.
    pub(super) fn sum(&mut self, x: &str, axis: i64) -> String {
        if self.opset < 13 {
            return self.op(
                "ReduceSum",
                &[x],
                &[("axes", Value::Ints(&[axis])), ("keepdims", Value::Int(0))],
            );
        }
        let axes = self.ints(&[axis]);
        self.op("ReduceSum", &[x, &axes], &[("keepdims", Value::Int(0))])
    }

    /// The version of ONNX's own operators that the file is written in.
    pub(super) fn opset(&self) -> i64 {
        self.opset
    }

    /// `x` from `start` to before `end` along one axis.
    pub(super) fn slice(&mut self, x: &str, axis: i64, start: i64, end: i64) -> String {
        let (start, end, axis) = (self.ints(&[start]), self.ints(&[end]), self.ints(&[axis]));
        self.op("Slice", &[x, &start, &end, &axis], &[])
    }

    /// The size of one axis of `x`, which must not count from the end, as a vector of one integer.
    pub(super) fn size(&mut self, x: &str, axis: i64) -> String {
        let shape = self.op("Shape", &[x], &[]);
        self.slice(&shape, 0, axis, axis + 1)
    }

    /// Reshapes to a shape that is written down, with 0 for "as it was" and -1 for "what is left".
    pub(super) fn reshape(&mut self, x: &str, shape: &[i64]) -> String {
        let shape = self.ints(shape);
        self.op("Reshape", &[x, &shape], &[])
    }

    /// Turns axes.
    pub(super) fn transpose(&mut self, x: &str, perm: &[i64]) -> String {
        self.op("Transpose", &[x], &[("perm", Value::Ints(perm))])
    }

    /// Gives the value `from` the name `to`, which others know.
    pub(super) fn call_it(&mut self, from: &str, to: &str) {
        let name = self.name("Identity");
        self.nodes.push(NodeProto {
            input: vec![from.to_owned()],
            output: vec![to.to_owned()],
            name,
            op_type: "Identity".into(),
            ..Default::default()
        });
    }
}

/// An attribute.
pub(super) fn attribute(name: &str, value: &Value<'_>) -> AttributeProto {
    let mut out = AttributeProto { name: name.to_owned(), ..Default::default() };
    match value {
        Value::Int(v) => (out.i, out.r#type) = (*v, AttributeType::Int as i32),
        Value::Float(v) => (out.f, out.r#type) = (*v, AttributeType::Float as i32),
        Value::Ints(v) => (out.ints, out.r#type) = (v.to_vec(), AttributeType::Ints as i32),
        Value::Text(v) => (out.s, out.r#type) = (v.as_bytes().to_vec(), AttributeType::String as i32),
    }
    out
}
