//! `trueline explain`: what runs each layer of a pack, and why.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use trueline_core::engine::Engine;
use trueline_core::model::backend::Kind;
use trueline_core::model::family::Element;
use trueline_core::model::onnx;

use crate::args::{Common, ListArgs};
use crate::guard::DEFAULT_PACK;
use crate::lookup;
use crate::output::{self, Form, Stop};

/// A pack and its layers.
#[derive(Debug, Serialize)]
struct Explained {
    pack: String,
    version: String,
    path: String,
    backend: &'static str,
    isa: &'static str,
    opset: i64,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// Bytes of all stored tensors.
    stored_bytes: u64,
    /// How many operators there are of each type.
    operators: BTreeMap<String, usize>,
    layers: Vec<Layer>,
}

/// An input or output of the graph.
#[derive(Debug, Serialize)]
struct Port {
    name: String,
    element: String,
    axes: Option<usize>,
}

/// One operator, in the file's order.
#[derive(Debug, Serialize)]
struct Layer {
    index: usize,
    name: String,
    op: String,
    /// What runs it.
    kernel: &'static str,
    why: &'static str,
}

/// Explains each pack given, or the default one.
pub fn run(args: &ListArgs, common: &Common) -> Result<u8, Stop> {
    let paths = lookup::chosen(common, DEFAULT_PACK)?;
    let explained: Vec<Explained> =
        paths.iter().map(|path| explain(path, common)).collect::<Result<_, _>>()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.form() {
        Form::Person => {
            for (index, pack) in explained.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                person(&mut out, pack)?;
            }
            out.flush()?;
        }
        form => form.write(&mut out, &explained)?,
    }
    Ok(output::DONE)
}

/// Loads the pack as `guard` would, so that what is said to run it is known to.
fn explain(path: &Path, common: &Common) -> Result<Explained, Stop> {
    let pack = lookup::open(path)?;
    let what = format!("pack {}", path.display());
    let kind = common.kind()?;
    let engine = Engine::new(&common.config(kind), &[&pack]).map_err(|e| output::unusable(&what, &e))?;
    let summary = onnx::inspect(pack.model()).map_err(|e| output::unusable(&what, &e))?;
    let (backend, why) = match kind {
        Kind::Default | Kind::Tract => (Kind::Tract.name(), "compiled plans are not built yet"),
        Kind::Ort => (Kind::Ort.name(), "--backend ort was given"),
    };
    let mut operators = BTreeMap::new();
    let mut layers = Vec::with_capacity(summary.nodes.len());
    for (index, node) in summary.nodes.iter().enumerate() {
        let op =
            if node.domain.is_empty() { node.op.clone() } else { format!("{}.{}", node.domain, node.op) };
        *operators.entry(op.clone()).or_insert(0) += 1;
        layers.push(Layer { index, name: node.name.clone(), op, kernel: backend, why });
    }
    Ok(Explained {
        pack: pack.manifest().name.clone(),
        version: pack.manifest().version.clone(),
        path: path.display().to_string(),
        backend,
        isa: engine.isa().name(),
        opset: summary.opset,
        inputs: summary.inputs.iter().map(port).collect(),
        outputs: summary.outputs.iter().map(port).collect(),
        stored_bytes: summary.stored_bytes,
        operators,
        layers,
    })
}

fn port(port: &onnx::Port) -> Port {
    let element = match port.element {
        0 => "unstated".to_owned(),
        e if e == Element::F32 as i64 => "float32".to_owned(),
        e if e == Element::I64 as i64 => "int64".to_owned(),
        e => format!("type {e}"),
    };
    Port { name: port.name.clone(), element, axes: port.axes }
}

fn person(out: &mut impl Write, pack: &Explained) -> Result<(), Stop> {
    let ports = |ports: &[Port]| {
        let shown = |p: &Port| match p.axes {
            Some(axes) => format!("{} ({}, {axes} axes)", p.name, p.element),
            None => format!("{} ({})", p.name, p.element),
        };
        ports.iter().map(shown).collect::<Vec<_>>().join(", ")
    };
    let mut counts: Vec<(&String, &usize)> = pack.operators.iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(*count));
    let counts: Vec<String> = counts.iter().map(|(op, count)| format!("{op} {count}")).collect();
    let lines = [
        ("pack", format!("{} {} ({})", pack.pack, pack.version, pack.path)),
        ("backend", pack.backend.to_owned()),
        // The backends choose their own instructions; this one is for what the engine computes itself.
        ("isa", format!("{} (scoring; {} chooses its own)", pack.isa, pack.backend)),
        ("opset", pack.opset.to_string()),
        ("inputs", ports(&pack.inputs)),
        ("outputs", ports(&pack.outputs)),
        ("stored", format!("{} bytes of tensors", pack.stored_bytes)),
        ("operators", format!("{}: {}", pack.layers.len(), counts.join(", "))),
    ];
    for (word, value) in lines {
        writeln!(out, "{word:<10} {}", output::printable(&value))?;
    }
    writeln!(out)?;
    let row = |l: &Layer| {
        vec![l.index.to_string(), l.name.clone(), l.op.clone(), l.kernel.to_owned(), l.why.to_owned()]
    };
    let rows: Vec<Vec<String>> = pack.layers.iter().map(row).collect();
    output::table(out, &["#", "layer", "operator", "kernel", "why"], &rows, &[0])
}
