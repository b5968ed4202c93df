//! What a graph takes and gives, and whether a caller gives that.

use std::collections::BTreeMap;

use tract_onnx::pb;

use super::options::Size;
use super::{Port, values};
use crate::model::onnx::{self, normalise};
use crate::model::tensor::Tensor;
use crate::{Code, Error};

/// The inputs of a normalised file, and its outputs as the file itself declares them.
pub(super) fn of(proto: &pb::ModelProto, summary: &onnx::Summary) -> (Vec<Port>, Vec<Port>) {
    let Some(graph) = &proto.graph else { return (Vec::new(), Vec::new()) };
    let input = |value: &pb::ValueInfoProto| {
        let found = normalise::declared(value);
        Port { name: found.name, kind: values::kind_of(found.element), shape: found.shape }
    };
    let output = |value: &pb::ValueInfoProto| {
        let port = summary.outputs.iter().find(|p| p.name == value.name);
        let element = port.and_then(|p| i32::try_from(p.element).ok()).unwrap_or(0);
        Port { name: value.name.clone(), kind: values::kind_of(element), shape: None }
    };
    (graph.input.iter().map(input).collect(), graph.output.iter().map(output).collect())
}

/// Refuses an input of another kind or shape than the graph's.
///
/// # Errors
/// [`Code::InvalidArgument`] naming input and graph.
pub(super) fn check(label: &str, port: &Port, tensor: &Tensor) -> Result<(), Error> {
    let refuse = |what: String| {
        Err(Error::new(Code::InvalidArgument, format!("input {:?} of {label} {what}", port.name)))
    };
    let given = tensor.data().kind();
    if port.kind != Some(given) {
        let wanted = port.kind.map_or("of a type that cannot be given".into(), |k| format!("{k:?}"));
        return refuse(format!("is {wanted}; it was given {given:?}"));
    }
    let Some(shape) = &port.shape else { return Ok(()) };
    let fits = |(size, n): (&Size, &usize)| match size {
        Size::Fixed(fixed) => fixed == n,
        Size::Free(_) => true,
    };
    if shape.len() != tensor.shape().len() || !shape.iter().zip(tensor.shape()).all(fits) {
        let shown = shape.iter().map(|size| match size {
            Size::Fixed(n) => n.to_string(),
            Size::Free(name) => name.clone(),
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        return refuse(format!("has the shape [{shown}]; it was given {:?}", tensor.shape()));
    }
    Ok(())
}

/// The sizes of free axes in a run, by name.
///
/// # Errors
/// [`Code::InvalidArgument`] naming an axis that has two sizes.
pub(super) fn agreeing_sizes(
    label: &str,
    ports: &[Port],
    inputs: &[&Tensor],
) -> Result<BTreeMap<String, usize>, Error> {
    free_sizes(ports, inputs).map_err(|name| {
        Error::new(Code::InvalidArgument, format!("axis {name:?} of {label} was given two sizes in one run"))
    })
}

/// The sizes of free axes in a run, by name; the name of one that has two sizes otherwise.
pub(super) fn free_sizes(ports: &[Port], inputs: &[&Tensor]) -> Result<BTreeMap<String, usize>, String> {
    let mut out = BTreeMap::new();
    for (port, tensor) in ports.iter().zip(inputs) {
        for (size, &n) in port.shape.iter().flatten().zip(tensor.shape()) {
            if let Size::Free(name) = size
                && out.insert(name.clone(), n).is_some_and(|before| before != n)
            {
                return Err(name.clone());
            }
        }
    }
    Ok(out)
}
