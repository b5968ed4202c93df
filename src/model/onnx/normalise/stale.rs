//! Forgets what an exporter wrote about values in between: after a rewrite, or another tool's pass, such shapes
//! contradict the graph, and every compiler finds them again.

use tract_onnx::pb::GraphProto;

use super::visit::subgraphs_mut;

/// Forgets the shapes of values between inputs and outputs, and those of outputs, in this graph and those in it.
pub(super) fn forget(graph: &mut GraphProto) {
    graph.value_info.clear();
    graph.quantization_annotation.clear();
    for output in &mut graph.output {
        output.r#type = None;
    }
    for node in &mut graph.node {
        node.doc_string.clear();
        for inner in subgraphs_mut(node) {
            forget(inner);
        }
    }
}
