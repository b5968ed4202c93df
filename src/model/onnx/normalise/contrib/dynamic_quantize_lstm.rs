//! `DynamicQuantizeLSTM`: an LSTM whose weights are bytes, and whose inputs are turned into bytes as it runs: all of `X`
//! with one scale, the hidden state of each step with one of its own.
//!
//! The products with `X` are one `MatMulInteger`, and the steps are a `Scan`. With peepholes, given lengths or other
//! activations it becomes an `LSTM` with weights in `f32`.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, type_proto,
};

use super::super::build::{Build, Value};
use super::super::rewrite::Scope;
use super::super::visit::{attribute, input, int, output, string};
use super::super::{invalid, stored};
use crate::Error;

/// Inputs: X, W `[directions, input, 4 hidden]`, R `[directions, hidden, 4 hidden]`, then as in LSTM up to P, then
/// scales and zero points of W and of R, `[directions]` or `[directions, 4 hidden]`.
pub(super) fn rule(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (w, r) = (Weights::read(scope, node, 1, 8)?, Weights::read(scope, node, 2, 10)?);
    let reverse: &[bool] = match string(node, "direction") {
        "" | "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(invalid(format!("operator {:?} has direction {other:?}", node.name))),
    };
    let fits =
        r.k.checked_mul(4) == Some(r.n) && r.n == w.n && [w.directions, r.directions] == [reverse.len(); 2];
    if !fits {
        return Err(invalid(format!("operator {:?}: its weights do not fit each other", node.name)));
    }
    let plain = ["activations", "clip"].iter().all(|name| attribute(node, name).is_none());
    if plain
        && input(node, 4).or(input(node, 7)).is_none()
        && int(node, "input_forget", 0) == 0
        && int(node, "layout", 0) == 0
    {
        steps(scope, node, build, &w, &r, reverse)?;
        return Ok(true);
    }
    let (w, r) = (w.floats(build)?, r.floats(build)?);
    let given = |i: usize| input(node, i).unwrap_or_default();
    let inputs = [given(0), &w, &r, given(3), given(4), given(5), given(6), given(7)];
    let used = inputs.iter().rposition(|name| !name.is_empty()).map_or(0, |i| i + 1);
    build.ops("LSTM", &inputs[..used], 1, &[]);
    if let Some(made) = build.nodes.last_mut() {
        made.attribute.clone_from(&node.attribute);
        made.output = (0..3).map(|i| output(node, i).unwrap_or_default().to_owned()).collect();
    }
    Ok(true)
}

/// Bytes `[directions, k, n]`, and a scale and a zero point for each direction or each of its columns.
struct Weights {
    directions: usize,
    k: usize,
    n: usize,
    element: i32,
    bytes: Vec<i64>,
    scales: Vec<f32>,
    zeros: Vec<i64>,
    /// Scales of a direction.
    columns: usize,
}

impl Weights {
    fn read(scope: &Scope<'_>, node: &NodeProto, at: usize, scale_at: usize) -> Result<Self, Error> {
        let wrong = || {
            invalid(format!(
                "operator {} {:?}: input {at} has a form that is not known",
                node.op_type, node.name
            ))
        };
        let tensor = stored::weight(scope.graph, node, at)?;
        let bytes =
            stored::integers(tensor).filter(|_| matches!(tensor.data_type, 2 | 3)).ok_or_else(wrong)?;
        let scales = stored::floats(stored::weight(scope.graph, node, scale_at)?).ok_or_else(wrong)?;
        let zeros = match input(node, scale_at + 1) {
            Some(_) => {
                stored::integers(stored::weight(scope.graph, node, scale_at + 1)?).ok_or_else(wrong)?
            }
            None => vec![0; scales.len()],
        };
        let &[directions, k, n] = tensor.dims.as_slice() else { return Err(wrong()) };
        let (directions, k, n) = (directions as usize, k as usize, n as usize);
        let columns = match scales.len() {
            len if len == directions => 1,
            len if len == directions * n => n,
            _ => return Err(wrong()),
        };
        if zeros.len() != scales.len() || bytes.is_empty() {
            return Err(wrong());
        }
        Ok(Self { directions, k, n, element: tensor.data_type, bytes, scales, zeros, columns })
    }

    /// As LSTM has them: `[directions, n, k]`.
    fn floats(&self, build: &mut Build<'_>) -> Result<String, Error> {
        build.reserve(self.bytes.len())?;
        let mut out = vec![0.0_f32; self.bytes.len()];
        for (i, byte) in self.bytes.iter().enumerate() {
            let (direction, row, column) = (i / (self.k * self.n), i / self.n % self.k, i % self.n);
            let scale = direction * self.columns + if self.columns == 1 { 0 } else { column };
            out[(direction * self.n + column) * self.k + row] =
                (byte - self.zeros[scale]) as f32 * self.scales[scale];
        }
        build.floats(&[self.directions, self.n, self.k], &out)
    }

    /// One direction's bytes `[k, n]`, scales and zero points, stored.
    fn direction(&self, i: usize, build: &mut Build<'_>) -> Result<[String; 3], Error> {
        let shape = if self.columns == 1 { vec![] } else { vec![self.n as i64] };
        let part = i * self.columns..(i + 1) * self.columns;
        let as_bytes = |values: &[i64], dims: Vec<i64>| TensorProto {
            dims,
            data_type: self.element,
            raw_data: values.iter().map(|&v| v as u8).collect(),
            ..Default::default()
        };
        let own = &self.bytes[i * self.k * self.n..(i + 1) * self.k * self.n];
        let bytes = build.tensor(as_bytes(own, vec![self.k as i64, self.n as i64]))?;
        let zeros = build.tensor(as_bytes(&self.zeros[part.clone()], shape.clone()))?;
        let scales: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
        let scales = build.floats(&scales, &self.scales[part])?;
        Ok([bytes, scales, zeros])
    }
}

/// `x` as bytes, times the weights of one direction.
fn product(build: &mut Build<'_>, x: &str, [bytes, scales, zeros]: &[String; 3]) -> String {
    let x = build.ops("DynamicQuantizeLinear", &[x], 3, &[]);
    let sums = build.op("MatMulInteger", &[&x[0], bytes, &x[2], zeros], &[]);
    let sums = build.cast(&sums, 1);
    let scale = build.op("Mul", &[&x[1], scales], &[]);
    build.op("Mul", &[&sums, &scale], &[])
}

fn steps(
    scope: &Scope<'_>,
    node: &NodeProto,
    build: &mut Build<'_>,
    w: &Weights,
    r: &Weights,
    reverse: &[bool],
) -> Result<(), Error> {
    let Some(x) = input(node, 0) else {
        return Err(invalid(format!("operator {:?} has no input", node.name)));
    };
    let hidden = r.k;
    let bias = match input(node, 3) {
        Some(_) => stored::floats(stored::weight(scope.graph, node, 3)?).unwrap_or_default(),
        None => vec![0.0; reverse.len() * 2 * r.n],
    };
    if bias.len() != reverse.len() * 2 * r.n {
        return Err(invalid(format!("operator {:?}: its bias does not fit its weights", node.name)));
    }
    let mut ends: [Vec<String>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    for (i, &reverse) in reverse.iter().enumerate() {
        let own = w.direction(i, build)?;
        let gates = product(build, x, &own);
        let (of_w, of_r) = bias[i * 2 * r.n..(i + 1) * 2 * r.n].split_at(r.n);
        let sum: Vec<f32> = of_w.iter().zip(of_r).map(|(a, b)| a + b).collect();
        let sum = build.floats(&[r.n], &sum)?;
        let gates = build.op("Add", &[&gates, &sum], &[]);
        let mut states = Vec::new();
        for at in [5, 6] {
            states.push(match input(node, at) {
                Some(given) => {
                    let one = build.slice(given, 0, i as i64, i as i64 + 1);
                    build.squeeze(&one, &[0])
                }
                None => zeros(build, &gates, hidden),
            });
        }
        let out = scan(build, &states, &gates, r, i, reverse)?;
        ends[0].push(build.unsqueeze(&out[2], &[1]));
        ends[1].push(build.unsqueeze(&out[0], &[0]));
        ends[2].push(build.unsqueeze(&out[1], &[0]));
    }
    for (i, parts) in ends.iter().enumerate() {
        if let Some(wanted) = output(node, i) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let joined = build.op("Concat", &parts, &[("axis", Value::Int(i64::from(i == 0)))]);
            build.call_it(&joined, wanted);
        }
    }
    Ok(())
}

/// A first state of zeros, `[batch, hidden]`, for gates `[steps, batch, 4 hidden]`.
fn zeros(build: &mut Build<'_>, gates: &str, hidden: usize) -> String {
    let (batch, hidden) = (build.size(gates, 1), build.ints(&[hidden as i64]));
    let shape = build.op("Concat", &[&batch, &hidden], &[("axis", Value::Int(0))]);
    build.op("ConstantOfShape", &[&shape], &[])
}

/// The steps of one direction: last hidden state, last cell, all hidden states.
fn scan(
    build: &mut Build<'_>,
    states: &[String],
    gates: &str,
    r: &Weights,
    i: usize,
    reverse: bool,
) -> Result<Vec<String>, Error> {
    let way = i64::from(reverse);
    let scanned = build.ops(
        "Scan",
        &[&states[0], &states[1], gates],
        3,
        &[
            ("num_scan_inputs", Value::Int(1)),
            ("scan_input_directions", Value::Ints(&[way])),
            ("scan_output_directions", Value::Ints(&[way])),
        ],
    );
    let label = scanned[0].trim_end_matches(":0").to_owned();
    let names = ["hidden", "cell", "gates"].map(|word| format!("{label}/{word}"));
    let mut body = build.within(&format!("{label}/body"));
    let own = r.direction(i, &mut body)?;
    let product = product(&mut body, &names[0], &own);
    let sums = body.op("Add", &[&product, &names[2]], &[]);
    let hidden = r.k as i64;
    // ONNX's order of gates: input, output, forget, cell.
    let mut gate = |at: i64, op: &str| {
        let part = body.slice(&sums, 1, at * hidden, (at + 1) * hidden);
        body.op(op, &[&part], &[])
    };
    let (input, output) = (gate(0, "Sigmoid"), gate(1, "Sigmoid"));
    let (forget, fresh) = (gate(2, "Sigmoid"), gate(3, "Tanh"));
    let kept = body.op("Mul", &[&forget, &names[1]], &[]);
    let fresh = body.op("Mul", &[&input, &fresh], &[]);
    let cell = body.op("Add", &[&kept, &fresh], &[]);
    let shown = body.op("Tanh", &[&cell], &[]);
    let next = body.op("Mul", &[&output, &shown], &[]);
    let given = body.op("Identity", &[&next], &[]);
    let (node, initializer) = (std::mem::take(&mut body.nodes), std::mem::take(&mut body.stored));
    let graph = GraphProto {
        node,
        initializer,
        name: format!("{label}/body"),
        input: names.iter().map(|name| port(name)).collect(),
        output: [next, cell, given].iter().map(|name| port(name)).collect(),
        ..Default::default()
    };
    if let Some(node) = build.nodes.last_mut() {
        node.attribute.push(AttributeProto {
            name: "body".into(),
            g: Some(graph),
            r#type: AttributeType::Graph as i32,
            ..Default::default()
        });
    }
    Ok(scanned)
}

/// A float input or output of a body, of a shape that is not written down.
fn port(name: &str) -> ValueInfoProto {
    let kind = type_proto::Value::TensorType(type_proto::Tensor { elem_type: 1, shape: None });
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value: Some(kind), ..Default::default() }),
        ..Default::default()
    }
}
