//! Puts the branch that an `If` takes in its place, where it is known which one that is.
//!
//! Exporters write `If` around a squeeze (is that axis of size 1?), or to hold one model for each of two sample rates.
//! Compilers need one shape for each value, so they cannot run such a graph before the choice is made.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::visit::{attribute, input, reads, subgraphs_mut};
use super::{dead, invalid, stored};
use crate::Error;

/// Replaces each `If` of the outermost graph whose condition is known by the branch that it takes, until none is left
/// that is known. Gives the names of those that stay.
///
/// A condition is known if it is a stored tensor, or if `decide` says so for a model that computes it from the inputs.
/// The file's operators must be sorted.
///
/// # Errors
/// [`crate::Code::InvalidModel`] for an `If` without a branch or with one of another number of outputs; whatever
/// `decide` refuses.
/// # Cost
/// One call of `decide` a condition.
pub fn resolve(
    proto: &mut ModelProto,
    decide: &mut dyn FnMut(&ModelProto) -> Result<Option<bool>, Error>,
) -> Result<Vec<String>, Error> {
    let mut known: HashMap<String, Option<bool>> = HashMap::new();
    let mut left = Vec::new();
    let mut at = 0;
    loop {
        let Some(graph) = proto.graph.as_ref() else { return Ok(left) };
        let Some(node) = graph.node.get(at) else { break };
        let condition = (node.op_type == "If").then(|| input(node, 0)).flatten().map(str::to_owned);
        let Some(condition) = condition else {
            at += 1;
            continue;
        };
        let answer = match known.get(&condition) {
            Some(answer) => *answer,
            None => match stored::find(graph, &condition).and_then(stored::integers) {
                Some(value) => value.first().map(|&v| v != 0),
                None => decide(&question(proto, at, &condition))?,
            },
        };
        known.insert(condition, answer);
        let Some(graph) = proto.graph.as_mut() else { return Ok(left) };
        match answer {
            Some(answer) => put(graph, at, answer)?,
            None => {
                left.push(graph.node[at].name.clone());
                at += 1;
            }
        }
    }
    if let Some(graph) = proto.graph.as_mut() {
        dead::drop_unused(graph);
    }
    Ok(left)
}

/// The model that computes `condition` from the inputs, with operators before `end` alone.
fn question(proto: &ModelProto, end: usize, condition: &str) -> ModelProto {
    let mut out = ModelProto {
        ir_version: proto.ir_version,
        opset_import: proto.opset_import.clone(),
        ..Default::default()
    };
    let Some(graph) = proto.graph.as_ref() else { return out };
    let mut needed: HashSet<&str> = HashSet::from([condition]);
    let mut nodes: Vec<NodeProto> = Vec::new();
    for node in graph.node[..end].iter().rev() {
        if node.output.iter().any(|o| needed.contains(o.as_str())) {
            needed.extend(reads(node));
            nodes.push(node.clone());
        }
    }
    nodes.reverse();
    out.graph = Some(GraphProto {
        node: nodes,
        name: graph.name.clone(),
        initializer: graph.initializer.iter().filter(|t| needed.contains(t.name.as_str())).cloned().collect(),
        input: graph.input.iter().filter(|i| needed.contains(i.name.as_str())).cloned().collect(),
        output: vec![tract_onnx::pb::ValueInfoProto { name: condition.to_owned(), ..Default::default() }],
        ..Default::default()
    });
    out
}

/// Replaces operator `at`, an `If`, by one of its branches.
fn put(graph: &mut GraphProto, at: usize, answer: bool) -> Result<(), Error> {
    let node = graph.node.remove(at);
    let word = if answer { "then_branch" } else { "else_branch" };
    let branch = attribute(&node, word).and_then(|a| a.g.clone());
    let mut branch = branch.filter(|b| b.output.len() >= node.output.len()).ok_or_else(|| {
        invalid(format!("operator If {:?} has no {word} with {} outputs", node.name, node.output.len()))
    })?;
    let made = branch.node.iter().flat_map(|n| &n.output).chain(branch.initializer.iter().map(|t| &t.name));
    let names: HashMap<String, String> =
        made.filter(|n| !n.is_empty()).map(|n| (n.clone(), format!("{}/{n}", node.name))).collect();
    for tensor in &mut branch.initializer {
        rename(&mut tensor.name, &names);
    }
    rename_values(&mut branch.node, &names);
    let end = node.output.iter().zip(&branch.output).filter(|(wanted, _)| !wanted.is_empty());
    let end: Vec<NodeProto> = end
        .map(|(wanted, given)| NodeProto {
            input: vec![names.get(&given.name).unwrap_or(&given.name).clone()],
            output: vec![wanted.clone()],
            name: format!("{}/{wanted}", node.name),
            op_type: "Identity".into(),
            ..Default::default()
        })
        .collect();
    graph.initializer.append(&mut branch.initializer);
    graph.node.splice(at..at, branch.node.into_iter().chain(end));
    Ok(())
}

fn rename_values(nodes: &mut [NodeProto], names: &HashMap<String, String>) {
    for node in nodes {
        for name in node.input.iter_mut().chain(&mut node.output) {
            rename(name, names);
        }
        for graph in subgraphs_mut(node) {
            graph.output.iter_mut().for_each(|o| rename(&mut o.name, names));
            rename_values(&mut graph.node, names);
        }
    }
}

fn rename(name: &mut String, names: &HashMap<String, String>) {
    if let Some(new) = names.get(name) {
        name.clone_from(new);
    }
}
