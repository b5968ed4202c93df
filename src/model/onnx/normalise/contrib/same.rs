//! Operators that ONNX has under the same name, with the same meaning.

use tract_onnx::pb::NodeProto;

use super::super::build::Build;
use super::super::rewrite::Scope;
use crate::Error;

/// The operator, of ONNX's own domain.
pub(super) fn rule(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    build.nodes.push(NodeProto { domain: String::new(), ..node.clone() });
    Ok(true)
}
