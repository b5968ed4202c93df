//! ONNX files, written field by field, so that a test can write what no exporter would.

/// Element types, in ONNX's numbering.
pub const F32: u64 = 1;
/// 64-bit signed integer.
pub const I64: u64 = 7;

/// A protocol-buffer message under construction.
#[derive(Clone, Debug, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Appends an integer field.
    pub fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    /// Appends a field of bytes: a string or a message.
    pub fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.as_ref().len() as u64);
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    /// Appends one such field for each.
    pub fn each(self, field: u64, all: &[impl AsRef<[u8]>]) -> Self {
        all.iter().fold(self, |message, one| message.bytes(field, one))
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An attribute that is an integer.
pub fn int(name: &str, value: i64) -> Message {
    Message::default().bytes(1, name).int(3, value).int(20, 2)
}

/// An attribute that is a list of integers.
pub fn ints(name: &str, values: &[i64]) -> Message {
    values.iter().fold(Message::default().bytes(1, name), |m, &v| m.int(8, v)).int(20, 7)
}

/// An attribute that is a tensor.
pub fn tensor_attribute(name: &str, tensor: &Message) -> Message {
    Message::default().bytes(1, name).bytes(5, tensor).int(20, 4)
}

/// An attribute that is a graph.
pub fn graph_attribute(name: &str, graph: &Message) -> Message {
    Message::default().bytes(1, name).bytes(6, graph).int(20, 5)
}

/// An operator with one output, which is also its name.
pub fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let message = Message::default().each(1, inputs).bytes(2, output).bytes(3, output).bytes(4, op);
    message.each(5, attributes)
}

/// A stored tensor that claims these dimensions, whatever its bytes are.
pub fn tensor(name: &str, element: u64, dims: &[i64], raw: &[u8]) -> Message {
    let message = dims.iter().fold(Message::default(), |m, &d| m.int(1, d));
    message.int(2, element as i64).bytes(8, name).bytes(9, raw)
}

/// A stored tensor of floats.
pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> Message {
    tensor(name, F32, dims, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
}

/// A stored vector of integers.
pub fn shape(name: &str, values: &[i64]) -> Message {
    let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    tensor(name, I64, &[values.len() as i64], &raw)
}

/// A graph's input or output; an axis of -1 is free.
pub fn port(name: &str, element: u64, axes: &[i64]) -> Message {
    let dims = axes.iter().fold(Message::default(), |m, &axis| {
        let dim = Message::default();
        m.bytes(1, if axis < 0 { dim.bytes(2, "sequence") } else { dim.int(1, axis) })
    });
    let kind = Message::default().int(1, element as i64).bytes(2, dims);
    Message::default().bytes(1, name).bytes(2, Message::default().bytes(1, kind))
}

/// A graph.
pub fn graph(nodes: &[Message], stored: &[Message], inputs: &[Message], outputs: &[Message]) -> Message {
    Message::default().each(1, nodes).bytes(2, "graph").each(5, stored).each(11, inputs).each(12, outputs)
}

/// A file with this graph.
pub fn file(graph: &Message) -> Vec<u8> {
    let opset = Message::default().bytes(1, "").int(2, 13);
    Message::default().int(1, 8).bytes(7, graph).bytes(8, opset).0
}

/// The three inputs of the family.
pub fn inputs() -> [Message; 3] {
    ["ids", "mask", "types"].map(|name| port(name, I64, &[1, -1]))
}

/// The family's output, for three labels.
pub fn output() -> Message {
    port("logits", F32, &[1, 3])
}

/// The operators of a small classifier that ends in the value `end`, `[1, 3]`.
pub fn body(end: &str) -> Vec<Message> {
    vec![
        node("Gather", &["table", "ids"], "rows", &[int("axis", 0)]),
        node("Cast", &["mask"], "kept", &[int("to", F32 as i64)]),
        node("Unsqueeze", &["kept", "last"], "column", &[]),
        node("Mul", &["rows", "column"], "masked", &[]),
        node("ReduceMean", &["masked"], end, &[ints("axes", &[1]), int("keepdims", 0)]),
    ]
}

/// What [`body`] needs; every word piece pulls the labels its own way.
pub fn stored() -> Vec<Message> {
    stored_as(|i| ((i * 37 % 101) as f32 - 50.0) / 10.0)
}

/// The same with other weights.
pub fn stored_as(weight: impl Fn(usize) -> f32) -> Vec<Message> {
    let rows = super::pack::VOCABULARY;
    let table: Vec<f32> = (0..rows * 3).map(weight).collect();
    vec![floats("table", &[rows as i64, 3], &table), shape("last", &[2])]
}

/// The small classifier.
pub fn classifier() -> Vec<u8> {
    file(&graph(&body("logits"), &stored(), &inputs(), &[output()]))
}

/// The small classifier with more operators between its own last value, `end`, and the output.
pub fn classifier_and(more: &[Message], more_stored: &[Message]) -> Vec<u8> {
    let nodes = [&body("end"), more].concat();
    file(&graph(&nodes, &[&stored(), more_stored].concat(), &inputs(), &[output()]))
}
