//! Drops what no output needs.

use std::collections::HashSet;

use tract_onnx::pb::GraphProto;

use super::invalid;
use super::visit::reads;
use crate::Error;

/// Keeps these outputs alone, in this order.
///
/// # Errors
/// [`crate::Code::InvalidModel`] if the graph has no such output.
pub(super) fn select(graph: &mut GraphProto, outputs: &[String]) -> Result<(), Error> {
    let find = |name: &String| {
        let found = graph.output.iter().find(|o| o.name == *name);
        found.cloned().ok_or_else(|| invalid(format!("the ONNX file has no output {name:?}")))
    };
    graph.output = outputs.iter().map(find).collect::<Result<_, _>>()?;
    Ok(())
}

/// Drops operators and stored tensors of the outermost graph that no output needs. Inputs stay.
///
/// Operators stand in the order of their values, as ONNX asks; one pass from the end finds what is needed.
pub(super) fn drop_unused(graph: &mut GraphProto) {
    let mut needed: HashSet<String> = graph.output.iter().map(|o| o.name.clone()).collect();
    let mut keep = vec![false; graph.node.len()];
    for (node, keep) in graph.node.iter().zip(&mut keep).rev() {
        *keep = node.output.iter().any(|o| needed.contains(o));
        if *keep {
            needed.extend(reads(node).into_iter().map(str::to_owned));
        }
    }
    let mut keep = keep.into_iter();
    graph.node.retain(|_| keep.next().unwrap_or(true));
    graph.initializer.retain(|t| needed.contains(&t.name));
    let kept: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let made: HashSet<&str> = graph.node.iter().flat_map(|n| &n.output).map(String::as_str).collect();
    // An input that only gave an optional tensor its default is no input of what is left.
    graph.input.retain(|i| {
        needed.contains(&i.name) || !kept.contains(i.name.as_str()) && !made.contains(i.name.as_str())
    });
}
