//! Walks the operators of a graph and puts others in the place of some.

use tract_onnx::pb::{GraphProto, NodeProto};

use super::Budget;
use super::build::Build;
use super::visit::subgraphs_mut;
use crate::Error;

/// What may stand in an operator's place: `Ok(true)` if the build holds it, `Ok(false)` to leave the operator be.
pub(super) type Rule = fn(&Scope<'_>, &NodeProto, &mut Build<'_>) -> Result<bool, Error>;

/// What a rule may look at.
pub(super) struct Scope<'a> {
    /// The graph that holds the operator.
    pub(super) graph: &'a GraphProto,
}

/// Puts what `rule` builds in the place of each operator that it knows, in this graph and those in it.
///
/// # Errors
/// Whatever the rule refuses; [`crate::Code::TooLarge`] if constants exceed the budget.
pub(super) fn each(
    graph: &mut GraphProto,
    opset: i64,
    budget: &mut Budget,
    rule: fn(&NodeProto) -> Option<Rule>,
) -> Result<(), Error> {
    for node in &mut graph.node {
        for inner in subgraphs_mut(node) {
            each(inner, opset, budget, rule)?;
        }
    }
    if !graph.node.iter().any(|node| rule(node).is_some()) {
        return Ok(());
    }
    let mut nodes = Vec::with_capacity(graph.node.len());
    let mut stored = Vec::new();
    for node in &graph.node {
        if let Some(rule) = rule(node) {
            let mut build = Build::new(&node.name, opset, budget);
            if rule(&Scope { graph }, node, &mut build)? {
                nodes.append(&mut build.nodes);
                stored.append(&mut build.stored);
                continue;
            }
        }
        nodes.push(node.clone());
    }
    graph.node = nodes;
    graph.initializer.append(&mut stored);
    Ok(())
}
