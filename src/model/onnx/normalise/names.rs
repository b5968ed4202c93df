//! Gives every operator a name, so that messages can name it, and checks that values are made once and before use.

use std::collections::HashSet;

use tract_onnx::pb::GraphProto;

use super::invalid;
use super::visit::{reads, subgraphs_mut};
use crate::Error;

/// Names operators that have none after what they make, and sorts operators so that each follows what it reads.
///
/// # Errors
/// [`crate::Code::InvalidModel`] naming a value that is made twice, or that nothing makes.
pub(super) fn give(graph: &mut GraphProto) -> Result<(), Error> {
    check(graph, &HashSet::new())?;
    let mut taken = HashSet::new();
    name(graph, &mut taken);
    Ok(())
}

fn name(graph: &mut GraphProto, taken: &mut HashSet<String>) {
    for node in &mut graph.node {
        if node.name.is_empty() {
            node.name = node.output.iter().find(|o| !o.is_empty()).unwrap_or(&node.op_type).clone();
        }
        if !taken.insert(node.name.clone()) {
            let free = (1..).map(|n| format!("{}_{n}", node.name)).find(|name| !taken.contains(name));
            node.name = free.unwrap_or_default();
            taken.insert(node.name.clone());
        }
        for inner in subgraphs_mut(node) {
            name(inner, taken);
        }
    }
}

fn check(graph: &mut GraphProto, around: &HashSet<String>) -> Result<(), Error> {
    let mut known = around.clone();
    let mut here = HashSet::new();
    let stored = graph.initializer.iter().map(|t| &t.name);
    for name in graph.input.iter().map(|i| &i.name) {
        if !here.insert(name.clone()) {
            return Err(twice(name));
        }
    }
    // A stored tensor may give an input its default.
    here.extend(stored.cloned());
    for name in graph.node.iter().flat_map(|n| &n.output).filter(|o| !o.is_empty()) {
        if !here.insert(name.clone()) {
            return Err(twice(name));
        }
    }
    let made: HashSet<&str> = graph.node.iter().flat_map(|n| &n.output).map(String::as_str).collect();
    known.extend(here.iter().filter(|name| !made.contains(name.as_str())).cloned());
    sort(graph, &mut known)?;
    if let Some(output) = graph.output.iter().find(|o| !known.contains(&o.name)) {
        return Err(unmade("the graph's outputs", &output.name));
    }
    Ok(())
}

/// Puts operators in the order of their values, and checks the graphs in them against what is known there.
fn sort(graph: &mut GraphProto, known: &mut HashSet<String>) -> Result<(), Error> {
    let mut waiting = std::mem::take(&mut graph.node);
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for mut node in waiting {
            if reads(&node).iter().all(|name| known.contains(*name)) {
                for inner in subgraphs_mut(&mut node) {
                    check(inner, known)?;
                }
                known.extend(node.output.iter().filter(|o| !o.is_empty()).cloned());
                graph.node.push(node);
            } else {
                later.push(node);
            }
        }
        if later.len() == before {
            let node = &later[0];
            let missing = reads(node).into_iter().find(|name| !known.contains(*name)).unwrap_or_default();
            let label = if node.name.is_empty() { &node.op_type } else { &node.name };
            return Err(unmade(&format!("operator {label:?}"), missing));
        }
        waiting = later;
    }
    Ok(())
}

fn twice(name: &str) -> Error {
    invalid(format!("the ONNX file makes the value {name:?} twice"))
}

fn unmade(reader: &str, name: &str) -> Error {
    invalid(format!("the ONNX file makes no value {name:?}, which {reader} needs, or needs it to make it"))
}
