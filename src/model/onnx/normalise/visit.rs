//! Sub-graphs, and the names that a graph takes from around it.

use std::collections::HashSet;

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

/// The graphs that an operator holds.
pub(super) fn subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs))
}

/// The graphs that an operator holds, to be changed.
pub(super) fn subgraphs_mut(node: &mut NodeProto) -> impl Iterator<Item = &mut GraphProto> {
    node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs))
}

/// Whether the operator holds a graph.
pub(super) fn has_subgraph(node: &NodeProto) -> bool {
    subgraphs(node).next().is_some()
}

/// Every name that an operator reads, those that its sub-graphs take from around them included.
pub(super) fn reads(node: &NodeProto) -> Vec<&str> {
    let mut out: Vec<&str> = node.input.iter().filter(|i| !i.is_empty()).map(String::as_str).collect();
    for graph in subgraphs(node) {
        out.extend(captured(graph));
    }
    out
}

/// The names that a graph reads and does not make.
pub(super) fn captured(graph: &GraphProto) -> Vec<&str> {
    let mut made: HashSet<&str> = graph.input.iter().map(|i| i.name.as_str()).collect();
    made.extend(graph.initializer.iter().map(|t| t.name.as_str()));
    for node in &graph.node {
        made.extend(node.output.iter().map(String::as_str));
    }
    let read = graph.node.iter().flat_map(reads).chain(graph.output.iter().map(|o| o.name.as_str()));
    read.filter(|name| !made.contains(name)).collect()
}

/// The attribute with this name.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|a| a.name == name)
}

/// An integer attribute, or what stands for it where it is not there.
pub(super) fn int(node: &NodeProto, name: &str, otherwise: i64) -> i64 {
    attribute(node, name).map_or(otherwise, |a| a.i)
}

/// A float attribute, or what stands for it where it is not there.
pub(super) fn float(node: &NodeProto, name: &str, otherwise: f32) -> f32 {
    attribute(node, name).map_or(otherwise, |a| a.f)
}

/// A string attribute; empty where it is not there or is not UTF-8.
pub(super) fn string<'a>(node: &'a NodeProto, name: &str) -> &'a str {
    attribute(node, name).and_then(|a| std::str::from_utf8(&a.s).ok()).unwrap_or("")
}

/// Input `i`, if it is given.
pub(super) fn input(node: &NodeProto, i: usize) -> Option<&str> {
    node.input.get(i).map(String::as_str).filter(|name| !name.is_empty())
}

/// Output `i`, if it is wanted.
pub(super) fn output(node: &NodeProto, i: usize) -> Option<&str> {
    node.output.get(i).map(String::as_str).filter(|name| !name.is_empty())
}
