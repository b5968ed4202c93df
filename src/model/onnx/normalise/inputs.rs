//! Fixes inputs as the caller says: sizes, whole shapes, or values; and names every axis that stays free.

use std::collections::{BTreeMap, HashSet};

use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};
use tract_onnx::pb::{GraphProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto};

use super::{Half, invalid, stored};
use crate::model::plan::ir::Kind;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

/// The size of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Size {
    /// This many.
    Fixed(usize),
    /// Known in a run; the same for every axis with this name.
    Free(String),
}

/// What an input is, where the caller knows better than the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Its elements, if not as the file says.
    pub kind: Option<Kind>,
    /// One size per axis.
    pub shape: Vec<Size>,
}

/// What a caller fixes before a graph is compiled.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// Sizes of axes, by the file's name for them.
    pub sizes: BTreeMap<String, usize>,
    /// Inputs that are not as the file says, by name. Names of free axes are the caller's own.
    pub inputs: BTreeMap<String, InputSpec>,
    /// Inputs that always have one value; the graph has no such input then.
    pub constants: BTreeMap<String, Tensor>,
    /// What becomes of half precision.
    pub half: Half,
}

/// An input or output as the graph declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Element type in ONNX's numbering; 0 where the file does not say.
    pub element: i32,
    /// One size per axis, where the file says.
    pub shape: Option<Vec<Size>>,
}

/// What a graph's input is declared to be.
pub fn declared(value: &ValueInfoProto) -> Declared {
    let tensor = value.r#type.as_ref().and_then(|t| t.value.as_ref()).map(|t| {
        let type_proto::Value::TensorType(t) = t;
        t
    });
    let size = |(axis, dim): (usize, &Dimension)| match &dim.value {
        Some(Value::DimValue(n)) if *n >= 0 => Size::Fixed(*n as usize),
        Some(Value::DimParam(name)) if is_name(name) => Size::Free(name.clone()),
        // No name, or an expression: a name of its own.
        _ => Size::Free(own_name(&value.name, axis)),
    };
    Declared {
        name: value.name.clone(),
        element: tensor.map_or(0, |t| t.elem_type),
        shape: tensor.and_then(|t| t.shape.as_ref()).map(|s| s.dim.iter().enumerate().map(size).collect()),
    }
}

/// Whether compilers take this for the name of one size, and not for an expression.
fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn own_name(input: &str, axis: usize) -> String {
    let letters = input.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    format!("axis_{axis}_of_{}", letters.collect::<String>())
}

/// Writes into the graph what the caller fixes.
///
/// # Errors
/// [`Code::InvalidArgument`] for an input that the graph has not; [`Code::InvalidModel`] for one without a type.
pub fn fix(graph: &mut GraphProto, fixed: &Fixed) -> Result<(), Error> {
    let stored: HashSet<String> = graph.initializer.iter().map(|t| t.name.clone()).collect();
    for name in fixed.inputs.keys().chain(fixed.constants.keys()) {
        if !graph.input.iter().any(|i| i.name == *name) {
            return Err(Error::new(Code::InvalidArgument, format!("the ONNX file has no input {name:?}")));
        }
    }
    // Files of before 2019 list stored tensors as inputs, too.
    graph.input.retain(|i| !stored.contains(&i.name));
    for (name, value) in &fixed.constants {
        let declared = graph.input.iter().find(|i| i.name == *name).map_or(0, |i| declared(i).element);
        graph.initializer.push(stored::tensor_as(name, declared, value)?);
    }
    graph.input.retain(|i| !fixed.constants.contains_key(&i.name));
    for input in &mut graph.input {
        let mut found = declared(input);
        if let Some(spec) = fixed.inputs.get(&input.name) {
            found.shape = Some(spec.shape.clone());
            found.element = spec.kind.map_or(found.element, stored::element);
        }
        if found.element == 0 {
            return Err(invalid(format!("the ONNX file gives its input {:?} no element type", input.name)));
        }
        for size in found.shape.iter_mut().flatten() {
            if let Size::Free(name) = size
                && let Some(n) = fixed.sizes.get(name)
            {
                *size = Size::Fixed(*n);
            }
        }
        input.r#type = Some(type_of(&found));
    }
    Ok(())
}

/// Makes inputs of these element types `f32` ones; gives their names.
pub(super) fn widen_types(graph: &mut GraphProto, elements: &[i32]) -> Vec<String> {
    let mut widened = Vec::new();
    for input in &mut graph.input {
        if let Some(type_proto::Value::TensorType(t)) = input.r#type.as_mut().and_then(|t| t.value.as_mut())
            && elements.contains(&t.elem_type)
        {
            t.elem_type = 1;
            widened.push(input.name.clone());
        }
    }
    widened
}

/// Makes an input that is one integer or truth value this one; the graph has no such input then.
///
/// # Errors
/// [`Code::InvalidArgument`] for an input that the graph has not, or that is no integer.
pub fn fix_integer(graph: &mut GraphProto, name: &str, value: i64) -> Result<(), Error> {
    let found = graph.input.iter().find(|i| i.name == name).map(declared);
    let shape: Option<Vec<i64>> = found.as_ref().and_then(|f| f.shape.as_ref()).map(|s| vec![1; s.len()]);
    let tensor =
        found.zip(shape).and_then(|(found, dims)| stored::integer_as(name, dims, found.element, value));
    let Some(tensor) = tensor else {
        return Err(Error::new(
            Code::InvalidArgument,
            format!("the ONNX file has no integer input {name:?}"),
        ));
    };
    graph.input.retain(|i| i.name != name);
    graph.initializer.push(tensor);
    Ok(())
}

fn type_of(declared: &Declared) -> TypeProto {
    let dim = |size: &Size| {
        let value = match size {
            Size::Fixed(n) => Value::DimValue(*n as i64),
            Size::Free(name) => Value::DimParam(name.clone()),
        };
        Dimension { value: Some(value), ..Default::default() }
    };
    let shape = declared.shape.as_ref().map(|s| TensorShapeProto { dim: s.iter().map(dim).collect() });
    TypeProto {
        value: Some(type_proto::Value::TensorType(type_proto::Tensor { elem_type: declared.element, shape })),
        ..Default::default()
    }
}
