//! A look at an ONNX file before any backend sees it: is it whole, what does it hold, does it stay within bounds.
//!
//! Backends trust what they parse: a tensor may claim sizes that were never stored, point to a file elsewhere on the
//! disk, or unfold to gigabytes. Such a file is refused here, with a sentence, by code that allocates little.

#[cfg(feature = "tract")]
pub mod normalise;
mod wire;

use wire::{Field, Message};

use crate::model::family::{Element, TensorSpec};
use crate::model::manifest::Manifest;
use crate::{Code, Error};

/// The most operators in a graph, those of its sub-graphs included.
pub const MAX_NODES: usize = 5_000;
/// How deep sub-graphs may lie within one another.
pub const MAX_DEPTH: usize = 8;
/// The most axes of a stored tensor.
pub const MAX_AXES: usize = 8;
/// The most elements that a constant shape may ask an operator to make.
pub const MAX_MADE_ELEMENTS: i64 = 1 << 28;

/// Operators that make a tensor as large as a shape input says, with that input's position.
const MAKERS: &[(&str, usize)] = &[("ConstantOfShape", 0), ("Expand", 1), ("Tile", 1)];

/// What an ONNX file holds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Graph inputs that are not stored tensors.
    pub inputs: Vec<Port>,
    /// Graph outputs.
    pub outputs: Vec<Port>,
    /// Operators in file order: type and name.
    pub nodes: Vec<Node>,
    /// Bytes of all stored tensors.
    pub stored_bytes: u64,
    /// Version of the default operator set.
    pub opset: i64,
}

/// An input or output of a graph.
#[derive(Clone, Debug, Default)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Element type, in ONNX's numbering; 0 where the file does not say.
    pub element: i64,
    /// Number of axes, where the file says.
    pub axes: Option<usize>,
}

/// An operator.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its type: `MatMulInteger`.
    pub op: String,
    /// Its domain; empty for ONNX's own.
    pub domain: String,
    /// Its name in the file; may be empty.
    pub name: String,
    /// Names of the values it reads.
    pub inputs: Vec<String>,
}

#[derive(Default)]
struct Walk {
    summary: Summary,
    /// Names and sizes asked for of stored integer vectors: what a shape input may refer to.
    shapes: Vec<(String, i64)>,
    stored: Vec<String>,
}

/// Walks the whole file.
///
/// # Errors
/// [`Code::InvalidModel`] if it is truncated, not ONNX, refers to another file or stores less than it claims;
/// [`Code::TooLarge`] if it exceeds a bound of this module.
/// # Cost
/// One pass; stored numbers are skipped, not read, unless they can be a shape.
pub fn inspect(bytes: &[u8]) -> Result<Summary, Error> {
    let mut walk = Walk::default();
    let mut graphs = 0;
    for field in Message::new(bytes) {
        match field? {
            (7, Field::Bytes(graph)) => {
                graphs += 1;
                walk.graph(graph, 0)?;
            }
            (8, Field::Bytes(set)) => walk.opset(set)?,
            (25, Field::Bytes(function)) => walk.function(function)?,
            _ => {}
        }
    }
    if graphs != 1 {
        return Err(invalid(format!("the ONNX file holds {graphs} graphs; it must hold one")));
    }
    walk.check_makers()?;
    let stored = walk.stored;
    walk.summary.inputs.retain(|port| !stored.contains(&port.name));
    Ok(walk.summary)
}

/// Refuses a graph whose inputs and outputs are not those that the manifest declares.
///
/// # Errors
/// [`Code::ModelMismatch`] naming the tensor.
pub fn check_ports(summary: &Summary, manifest: &Manifest) -> Result<(), Error> {
    let family = crate::model::family::find(&manifest.family)?;
    let sides = [
        ("input", family.inputs().to_vec(), &manifest.model.inputs, &summary.inputs),
        ("output", family.outputs_of(manifest), &manifest.model.outputs, &summary.outputs),
    ];
    for (side, specs, names, ports) in sides {
        for spec in &specs {
            let name = &names[spec.name];
            let Some(port) = ports.iter().find(|p| p.name == *name) else {
                return Err(mismatch(
                    manifest,
                    format!("has no {side} {name:?}, which the manifest names for {}", spec.name),
                ));
            };
            check_port(manifest, side, spec, port)?;
        }
        if side == "input"
            && let Some(extra) = ports.iter().find(|p| names.values().all(|n| *n != p.name))
        {
            return Err(mismatch(
                manifest,
                format!("has an input {:?} that the manifest does not name", extra.name),
            ));
        }
    }
    Ok(())
}

fn check_port(manifest: &Manifest, side: &str, spec: &TensorSpec, port: &Port) -> Result<(), Error> {
    let wanted = spec.element as i64;
    if port.element != wanted && port.element != 0 {
        let word = |e: i64| match e {
            e if e == Element::F32 as i64 => "float32".to_owned(),
            e if e == Element::I64 as i64 => "int64".to_owned(),
            e => format!("ONNX type {e}"),
        };
        return Err(mismatch(
            manifest,
            format!(
                "{side} {:?} is {}; family {} has {}",
                port.name,
                word(port.element),
                manifest.family,
                word(wanted)
            ),
        ));
    }
    match port.axes {
        Some(axes) if axes != spec.axes.len() => Err(mismatch(
            manifest,
            format!(
                "{side} {:?} has {axes} axes; family {} has {}",
                port.name,
                manifest.family,
                spec.axes.len()
            ),
        )),
        _ => Ok(()),
    }
}

impl Walk {
    fn opset(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (mut domain, mut version) = (String::new(), 0);
        for field in Message::new(bytes) {
            match field? {
                (1, Field::Bytes(b)) => domain = text(b)?,
                (2, Field::Varint(v)) => version = v as i64,
                _ => {}
            }
        }
        if domain.is_empty() || domain == "ai.onnx" {
            self.summary.opset = version;
        }
        Ok(())
    }

    fn graph(&mut self, bytes: &[u8], depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(
                Code::TooLarge,
                format!("the ONNX file has sub-graphs {depth} deep; at most {MAX_DEPTH} are read"),
            ));
        }
        for field in Message::new(bytes) {
            match field? {
                (1, Field::Bytes(node)) => self.node(node, depth)?,
                (5, Field::Bytes(tensor)) => {
                    self.tensor(tensor)?;
                }
                (15, _) => return Err(sparse()),
                (11, Field::Bytes(value)) if depth == 0 => {
                    let port = port(value)?;
                    self.summary.inputs.push(port);
                }
                (12, Field::Bytes(value)) if depth == 0 => {
                    let port = port(value)?;
                    self.summary.outputs.push(port);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn function(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for field in Message::new(bytes) {
            if let (7, Field::Bytes(node)) = field? {
                self.node(node, 1)?;
            }
        }
        Ok(())
    }

    fn node(&mut self, bytes: &[u8], depth: usize) -> Result<(), Error> {
        if self.summary.nodes.len() == MAX_NODES {
            return Err(Error::new(
                Code::TooLarge,
                format!("the ONNX file has more than {MAX_NODES} operators; no more are read"),
            ));
        }
        let mut node = Node::default();
        let mut output = String::new();
        let mut attributes = Vec::new();
        for field in Message::new(bytes) {
            match field? {
                (1, Field::Bytes(b)) => node.inputs.push(text(b)?),
                (2, Field::Bytes(b)) => output = text(b)?,
                (3, Field::Bytes(b)) => node.name = text(b)?,
                (4, Field::Bytes(b)) => node.op = text(b)?,
                (7, Field::Bytes(b)) => node.domain = text(b)?,
                (5, Field::Bytes(b)) => attributes.push(b),
                _ => {}
            }
        }
        let is_constant = node.op == "Constant";
        self.summary.nodes.push(node);
        for attribute in attributes {
            for field in Message::new(attribute) {
                match field? {
                    (5 | 10, Field::Bytes(tensor)) => {
                        let asked = self.tensor(tensor)?;
                        if let (true, Some(asked)) = (is_constant, asked) {
                            self.shapes.push((output.clone(), asked));
                        }
                    }
                    (6 | 11, Field::Bytes(graph)) => self.graph(graph, depth + 1)?,
                    (22 | 23, _) => return Err(sparse()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Checks a stored tensor; gives the product of its values where it can be a shape.
    fn tensor(&mut self, bytes: &[u8]) -> Result<Option<i64>, Error> {
        let tensor = wire::Tensor::read(bytes)?;
        let name = &tensor.name;
        if tensor.external {
            return Err(invalid(format!("tensor {name:?} lies in another file; a pack's model is one file")));
        }
        if tensor.dims.len() > MAX_AXES {
            return Err(Error::new(
                Code::TooLarge,
                format!("tensor {name:?} has {} axes; at most {MAX_AXES} are read", tensor.dims.len()),
            ));
        }
        let volume =
            tensor.dims.iter().try_fold(1_u64, |v, &d| u64::try_from(d).ok().and_then(|d| v.checked_mul(d)));
        let stored = tensor.stored_elements();
        if volume != stored {
            let dims = &tensor.dims;
            return Err(invalid(format!(
                "tensor {name:?} claims the shape {dims:?} but stores {} elements",
                stored.map_or("no whole number of".to_owned(), |n| n.to_string())
            )));
        }
        self.summary.stored_bytes += tensor.payload_bytes as u64;
        self.stored.push(name.clone());
        let asked = tensor.as_shape();
        if let Some(asked) = asked {
            self.shapes.push((name.clone(), asked));
        }
        Ok(asked)
    }

    fn check_makers(&self) -> Result<(), Error> {
        for node in &self.summary.nodes {
            let Some((_, at)) = MAKERS.iter().find(|(op, _)| *op == node.op) else { continue };
            let Some(shape) = node.inputs.get(*at) else { continue };
            let asked = self.shapes.iter().filter(|(name, _)| name == shape).map(|(_, n)| *n).max();
            if let Some(asked) = asked.filter(|&n| n > MAX_MADE_ELEMENTS) {
                return Err(Error::new(
                    Code::TooLarge,
                    format!(
                        "operator {} {:?} makes {asked} elements; at most {MAX_MADE_ELEMENTS} are allowed",
                        node.op, node.name
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn port(bytes: &[u8]) -> Result<Port, Error> {
    let mut out = Port::default();
    for field in Message::new(bytes) {
        match field? {
            (1, Field::Bytes(b)) => out.name = text(b)?,
            (2, Field::Bytes(kind)) => {
                for field in Message::new(kind) {
                    if let (1, Field::Bytes(tensor)) = field? {
                        tensor_type(tensor, &mut out)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(out)
}

fn tensor_type(bytes: &[u8], out: &mut Port) -> Result<(), Error> {
    for field in Message::new(bytes) {
        match field? {
            (1, Field::Varint(v)) => out.element = v as i64,
            (2, Field::Bytes(shape)) => {
                let mut axes = 0;
                for field in Message::new(shape) {
                    if let (1, _) = field? {
                        axes += 1;
                    }
                }
                out.axes = Some(axes);
            }
            _ => {}
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<String, Error> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| invalid("the ONNX file has a name that is not UTF-8".into()))
}

fn mismatch(manifest: &Manifest, what: String) -> Error {
    Error::new(Code::ModelMismatch, format!("{} of pack {} {what}", manifest.model.file, manifest.name))
}

fn sparse() -> Error {
    invalid("the ONNX file stores a sparse tensor; no backend here runs one".into())
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidModel, message)
}
