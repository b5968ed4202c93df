//! From an ONNX file's nodes to a [`Graph`]. Operators that plans lack stay in it as [`Op::Foreign`].

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;

use super::graph::{Dim, Graph, Op, Value, Vid};
use super::operators;
use super::tensor::{Data, Tensor};
use crate::model::plan::ir::{self, Kind};

/// What an ONNX node says besides its inputs.
pub(super) struct Attributes<'a>(pub &'a [pb::AttributeProto]);

impl<'a> Attributes<'a> {
    fn find(&self, name: &str) -> Option<&'a pb::AttributeProto> {
        self.0.iter().find(|a| a.name == name)
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.find(name).map(|a| a.i)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        self.find(name).map(|a| a.f)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.find(name).map(|a| &a.ints[..])
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|a| String::from_utf8_lossy(&a.s).into_owned())
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'a pb::TensorProto> {
        self.find(name)?.t.as_ref()
    }
}

/// A graph in the making.
pub(super) struct Importer {
    pub graph: Graph,
    /// Version of the default operator set.
    pub opset: i64,
    names: HashMap<String, Vid>,
    dims: HashMap<String, Dim>,
}

/// Reads a checked model.
///
/// # Errors
/// A sentence that says which tensor or node cannot be read.
pub(super) fn import(model: &pb::ModelProto, outputs: Option<&[String]>) -> Result<Graph, String> {
    let proto = model.graph.as_ref().ok_or("the file holds no graph")?;
    let opset = model.opset_import.iter().find(|o| o.domain.is_empty() || o.domain == "ai.onnx");
    let opset = opset.map_or(1, |o| o.version);
    let mut importer =
        Importer { graph: Graph::default(), opset, names: HashMap::new(), dims: HashMap::new() };
    for stored in &proto.initializer {
        let value = importer.value(&stored.name);
        importer.graph.values[value].constant = Some(tensor(stored)?);
    }
    for input in &proto.input {
        let value = importer.value(&input.name);
        if importer.graph.values[value].constant.is_none() {
            importer.input(value, input)?;
        }
    }
    for (place, node) in proto.node.iter().enumerate() {
        let name = if node.name.is_empty() { format!("{}#{place}", node.op_type) } else { node.name.clone() };
        let inputs: Vec<Option<Vid>> =
            node.input.iter().map(|n| (!n.is_empty()).then(|| importer.value(n))).collect();
        let results: Vec<Vid> = node
            .output
            .iter()
            .map(
                |n| if n.is_empty() { importer.graph.add_value(Value::default()) } else { importer.value(n) },
            )
            .collect();
        if results.iter().any(|&r| importer.graph.values[r].producer.is_some()) {
            return Err(format!("node {name:?} makes a value that another node makes, too"));
        }
        operators::translate(&mut importer, node, &name, inputs, results)?;
    }
    let listed: Vec<String> = proto.output.iter().map(|o| o.name.clone()).collect();
    for name in outputs.unwrap_or(&listed) {
        let Some(&value) = importer.names.get(name) else {
            return Err(format!("the graph has no output {name:?}"));
        };
        importer.graph.outputs.push(value);
        importer.graph.output_names.push(name.clone());
    }
    for value in &importer.graph.values {
        if value.producer.is_none()
            && value.constant.is_none()
            && value.shape.is_none()
            && !value.name.is_empty()
        {
            return Err(format!("nothing makes the value {:?}", value.name));
        }
    }
    Ok(importer.graph)
}

impl Importer {
    /// The value of this name.
    pub(super) fn value(&mut self, name: &str) -> Vid {
        if let Some(&value) = self.names.get(name) {
            return value;
        }
        let value = self.graph.add_value(Value { name: name.to_owned(), ..Value::default() });
        self.names.insert(name.to_owned(), value);
        value
    }

    fn input(&mut self, value: Vid, input: &pb::ValueInfoProto) -> Result<(), String> {
        let tensor = match input.r#type.as_ref().and_then(|t| t.value.as_ref()) {
            Some(pb::type_proto::Value::TensorType(tensor)) => tensor,
            None => return Err(format!("input {:?} has no type", input.name)),
        };
        let kind = kind(tensor.elem_type)
            .ok_or_else(|| format!("input {:?} is of element type {}", input.name, tensor.elem_type))?;
        let shape = tensor.shape.as_ref().ok_or_else(|| format!("input {:?} has no shape", input.name))?;
        let shape = shape.dim.iter().map(|d| self.size(d)).collect();
        let target = &mut self.graph.values[value];
        target.kind = Some(kind);
        target.shape = Some(shape);
        self.graph.inputs.push(value);
        Ok(())
    }

    fn size(&mut self, dim: &pb::tensor_shape_proto::Dimension) -> Dim {
        use pb::tensor_shape_proto::dimension::Value as Size;
        match &dim.value {
            Some(Size::DimValue(n)) if *n >= 0 => Dim::Known(*n),
            Some(Size::DimParam(name)) if !name.is_empty() => self.dim(name),
            _ => self.graph.symbol(),
        }
    }

    fn dim(&mut self, name: &str) -> Dim {
        if let Some(&dim) = self.dims.get(name) {
            return dim;
        }
        let dim = self.graph.symbol();
        self.dims.insert(name.to_owned(), dim);
        dim
    }

    /// A constant with a name that says whose it is.
    pub(super) fn constant(&mut self, name: &str, tensor: Tensor) -> Option<Vid> {
        Some(self.graph.add_constant(name, tensor))
    }

    /// A node that makes a new value.
    pub(super) fn plan(&mut self, name: &str, op: ir::Op, inputs: Vec<Option<Vid>>) -> Option<Vid> {
        Some(self.graph.add(name, Op::Plan(op), inputs))
    }
}

/// The kind of an ONNX element type; half precision is widened.
pub(super) fn kind(element: i32) -> Option<Kind> {
    match DataType::try_from(element).ok()? {
        DataType::Float | DataType::Float16 => Some(Kind::F32),
        DataType::Int64 => Some(Kind::I64),
        DataType::Int32 => Some(Kind::I32),
        DataType::Bool => Some(Kind::Bool),
        DataType::Uint8 => Some(Kind::U8),
        DataType::Int8 => Some(Kind::I8),
        _ => None,
    }
}

/// A stored tensor.
///
/// # Errors
/// A sentence, if its kind is none of ours or it stores another number of elements than its shape says.
pub(super) fn tensor(proto: &pb::TensorProto) -> Result<Tensor, String> {
    let wrong = |why: &str| format!("tensor {:?} {why}", proto.name);
    let element = DataType::try_from(proto.data_type).map_err(|_| wrong("is of an unknown type"))?;
    let shape: Vec<usize> = proto
        .dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| wrong("has a negative size")))
        .collect::<Result<_, _>>()?;
    let raw = &proto.raw_data[..];
    let data = match element {
        DataType::Float if raw.is_empty() => Data::F32(Arc::new(proto.float_data.clone())),
        DataType::Float => Data::F32(Arc::new(read(raw, f32::from_le_bytes))),
        DataType::Float16 if raw.is_empty() => {
            Data::F32(Arc::new(proto.int32_data.iter().map(|&x| widen(x as u16)).collect()))
        }
        DataType::Float16 => Data::F32(Arc::new(read(raw, |b| widen(u16::from_le_bytes(b))))),
        DataType::Int64 if raw.is_empty() => Data::I64(Arc::new(proto.int64_data.clone())),
        DataType::Int64 => Data::I64(Arc::new(read(raw, i64::from_le_bytes))),
        DataType::Int32 if raw.is_empty() => Data::I32(Arc::new(proto.int32_data.clone())),
        DataType::Int32 => Data::I32(Arc::new(read(raw, i32::from_le_bytes))),
        DataType::Bool if raw.is_empty() => {
            Data::Bool(Arc::new(proto.int32_data.iter().map(|&x| u8::from(x != 0)).collect()))
        }
        DataType::Bool => Data::Bool(Arc::new(raw.iter().map(|&x| u8::from(x != 0)).collect())),
        DataType::Uint8 if raw.is_empty() => {
            Data::U8(Arc::new(proto.int32_data.iter().map(|&x| x as u8).collect()))
        }
        DataType::Uint8 => Data::U8(Arc::new(raw.to_vec())),
        DataType::Int8 if raw.is_empty() => {
            Data::I8(Arc::new(proto.int32_data.iter().map(|&x| x as i8).collect()))
        }
        DataType::Int8 => Data::I8(Arc::new(raw.iter().map(|&x| x as i8).collect())),
        other => return Err(wrong(&format!("is of type {}, which plans lack", other.as_str_name()))),
    };
    let tensor = Tensor { shape, data };
    let volume = tensor.shape.iter().try_fold(1_usize, |v, &d| v.checked_mul(d));
    if volume != Some(tensor.len()) {
        return Err(wrong(&format!("of shape {:?} stores {} elements", tensor.shape, tensor.len())));
    }
    Ok(tensor)
}

fn read<const N: usize, T>(raw: &[u8], decode: impl Fn([u8; N]) -> T) -> Vec<T> {
    raw.as_chunks::<N>().0.iter().map(|&bytes| decode(bytes)).collect()
}

/// Half precision to single, exactly.
pub(super) fn widen(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let (exponent, fraction) = (u32::from(half >> 10 & 31), u32::from(half & 1023));
    match (exponent, fraction) {
        // Subnormal: fraction / 2^24.
        (0, _) => f32::from_bits(sign | (fraction as f32 / 16_777_216.0).to_bits()),
        (31, _) => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}
