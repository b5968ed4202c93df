//! Puts the bodies of a file's own functions where they are called, as exporters of the newer kind write them.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};

use super::visit::{subgraphs, subgraphs_mut};
use super::{Budget, invalid};
use crate::model::onnx::{MAX_DEPTH, MAX_NODES};
use crate::{Code, Error};

/// Replaces every call of a function that the file holds by the function's operators.
///
/// # Errors
/// [`Code::TooLarge`] if that makes more than [`MAX_NODES`] operators, calls lie deeper than [`MAX_DEPTH`] or copies of
/// constants exceed the budget; [`Code::InvalidModel`] for a call that gives more than the function takes, or leaves out
/// an attribute that has a default.
pub(super) fn inline(proto: &mut ModelProto, budget: &mut Budget) -> Result<(), Error> {
    let functions: HashMap<(String, String), FunctionProto> = std::mem::take(&mut proto.functions)
        .into_iter()
        .map(|f| {
            let name = f.name.clone().unwrap_or_default();
            ((domain(f.domain.as_deref().unwrap_or_default()).to_owned(), name), f)
        })
        .collect();
    let Some(graph) = proto.graph.as_mut().filter(|_| !functions.is_empty()) else { return Ok(()) };
    Inlining { functions, budget, made: 0 }.graph(graph, 0)
}

/// Functions by domain and name, and what may still be made of them.
struct Inlining<'a> {
    functions: HashMap<(String, String), FunctionProto>,
    budget: &'a mut Budget,
    made: usize,
}

/// ONNX's own domain has two spellings.
fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

impl Inlining<'_> {
    fn graph(&mut self, graph: &mut GraphProto, depth: usize) -> Result<(), Error> {
        graph.node = self.nodes(std::mem::take(&mut graph.node), depth)?;
        Ok(())
    }

    fn nodes(&mut self, nodes: Vec<NodeProto>, depth: usize) -> Result<Vec<NodeProto>, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(
                Code::TooLarge,
                format!("the ONNX file has functions {depth} deep; at most {MAX_DEPTH} are read"),
            ));
        }
        let mut out = Vec::new();
        for mut node in nodes {
            self.made += 1;
            if self.made > MAX_NODES {
                return Err(Error::new(
                    Code::TooLarge,
                    format!("the ONNX file has more than {MAX_NODES} operators; no more are read"),
                ));
            }
            for inner in subgraphs_mut(&mut node) {
                self.graph(inner, depth + 1)?;
            }
            let key = (domain(&node.domain).to_owned(), node.op_type.clone());
            let Some(function) = self.functions.get(&key) else {
                out.push(node);
                continue;
            };
            self.budget.take(&node.name, function.node.iter().map(constant_bytes).sum(), 1)?;
            let body = body(function, &node, self.made)?;
            out.extend(self.nodes(body, depth + 1)?);
        }
        Ok(out)
    }
}

/// What the constants in an operator take.
fn constant_bytes(node: &NodeProto) -> usize {
    let own: usize = node
        .attribute
        .iter()
        .flat_map(|a| a.t.iter().chain(&a.tensors))
        .map(|t| {
            t.raw_data.len()
                + 8 * (t.float_data.len() + t.int32_data.len() + t.int64_data.len() + t.double_data.len())
        })
        .sum();
    let stored = |g: &GraphProto| {
        g.initializer.iter().map(|t| t.raw_data.len()).sum::<usize>()
            + g.node.iter().map(constant_bytes).sum::<usize>()
    };
    own + subgraphs(node).map(stored).sum::<usize>()
}

/// The operators of `function` with the names and attributes of this call.
fn body(function: &FunctionProto, call: &NodeProto, serial: usize) -> Result<Vec<NodeProto>, Error> {
    let given = (call.input.len(), call.output.len());
    if given.0 > function.input.len() || given.1 > function.output.len() {
        return Err(invalid(format!(
            "operator {:?} calls function {} with {} inputs and {} outputs; it has {} and {}",
            call.name,
            call.op_type,
            given.0,
            given.1,
            function.input.len(),
            function.output.len()
        )));
    }
    let label = if call.name.is_empty() { &call.op_type } else { &call.name };
    let mut names: HashMap<String, String> = HashMap::new();
    for (i, input) in function.input.iter().enumerate() {
        names.insert(input.clone(), call.input.get(i).cloned().unwrap_or_default());
    }
    let mut passed = Vec::new();
    for (i, output) in function.output.iter().enumerate() {
        let Some(wanted) = call.output.get(i).filter(|name| !name.is_empty()) else { continue };
        if let Some(input) = names.get(output) {
            // An output that is an input, or that is given out twice.
            passed.push(NodeProto {
                input: vec![input.clone()],
                output: vec![wanted.clone()],
                name: format!("{label}/{wanted}"),
                op_type: "Identity".into(),
                ..Default::default()
            });
        } else {
            names.insert(output.clone(), wanted.clone());
        }
    }
    let mut out: Vec<NodeProto> = Vec::with_capacity(function.node.len());
    for node in &function.node {
        let mut node = node.clone();
        settle(&mut node, &mut names, call, function, &format!("{label}/{serial}"))?;
        out.push(node);
    }
    out.extend(passed);
    Ok(out)
}

/// Gives an operator of a function's body the call's names and attributes.
fn settle(
    node: &mut NodeProto,
    names: &mut HashMap<String, String>,
    call: &NodeProto,
    function: &FunctionProto,
    label: &str,
) -> Result<(), Error> {
    let rename = |name: &mut String, names: &mut HashMap<String, String>| {
        if !name.is_empty() {
            *name = names.entry(name.clone()).or_insert_with(|| format!("{label}/{name}")).clone();
        }
    };
    node.input.iter_mut().for_each(|name| rename(name, names));
    node.output.iter_mut().for_each(|name| rename(name, names));
    node.name = format!("{label}/{}", if node.name.is_empty() { &node.op_type } else { &node.name });
    let attributes = std::mem::take(&mut node.attribute);
    for own in attributes {
        node.attribute.extend(attribute(own, call, function)?);
    }
    for graph in subgraphs_mut(node) {
        // A sub-graph's own names shadow nothing: they get the call's label as well.
        for value in graph.input.iter_mut().chain(&mut graph.output) {
            rename(&mut value.name, names);
        }
        for tensor in &mut graph.initializer {
            rename(&mut tensor.name, names);
        }
        for inner in &mut graph.node {
            settle(inner, names, call, function, label)?;
        }
    }
    Ok(())
}

/// The attribute with the value that the call gives it; `None` if it leaves it out.
fn attribute(
    own: AttributeProto,
    call: &NodeProto,
    function: &FunctionProto,
) -> Result<Option<AttributeProto>, Error> {
    if own.ref_attr_name.is_empty() {
        return Ok(Some(own));
    }
    if let Some(given) = call.attribute.iter().find(|a| a.name == own.ref_attr_name) {
        return Ok(Some(AttributeProto { name: own.name, ..given.clone() }));
    }
    if function.attribute.contains(&own.ref_attr_name) {
        return Ok(None);
    }
    // Its default lies in a field that the parser passes over.
    Err(invalid(format!(
        "operator {:?} leaves out attribute {:?} of function {}, whose default is not read",
        call.name, own.ref_attr_name, call.op_type
    )))
}
