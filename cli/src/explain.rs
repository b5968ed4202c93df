//! `trueline explain`: what runs each layer of a pack, and why.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use trueline_core::Error;
use trueline_core::engine::Engine;
#[cfg(any(feature = "tract", feature = "ort"))]
use trueline_core::model::family::Element;
use trueline_core::model::pack::Pack;
use trueline_core::model::plan::file::PlanFile;
use trueline_core::model::plan::ir::{self, ABSENT, Form as Arithmetic, Kind, Op, Step, Weights};

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
    /// Why it is that one: for tract, which operator has no place in a plan.
    why: String,
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
    kernel: String,
    why: String,
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
    let file = file(&pack).map_err(|e| output::unusable(&what, &e))?;
    let member = engine.member(None).map_err(|e| output::unusable(&what, &e))?;
    let (kind, why, plan) = member.backend();
    let backend = kind.name();
    let mut operators = BTreeMap::new();
    let mut layers = Vec::new();
    for (op, name) in file.nodes {
        *operators.entry(op.clone()).or_insert(0) += 1;
        if plan.is_none() {
            let kernel = backend.to_owned();
            layers.push(Layer { index: layers.len(), name, op, kernel, why: String::new() });
        }
    }
    for step in plan.iter().flat_map(|program| &program.plan().steps) {
        let (op, kernel, why) = described(step, engine.isa().name());
        layers.push(Layer { index: layers.len(), name: step.name.clone(), op, kernel, why });
    }
    Ok(Explained {
        pack: pack.manifest().name.clone(),
        version: pack.manifest().version.clone(),
        path: path.display().to_string(),
        backend,
        why: why.to_owned(),
        isa: engine.isa().name(),
        opset: file.opset,
        inputs: file.inputs,
        outputs: file.outputs,
        stored_bytes: file.stored_bytes,
        operators,
        layers,
    })
}

/// One step of a plan: what it is, the kernel that runs it, and why that one.
fn described(step: &Step, isa: &str) -> (String, String, String) {
    let kernel = |name: &str| format!("{name}/{isa}");
    match &step.op {
        Op::Linear(linear) => {
            let shape = format!("Linear {}x{}", linear.k, linear.n);
            let mut with = Vec::new();
            if linear.bias != ABSENT {
                with.push("bias".to_owned());
            }
            if linear.activation != Default::default() {
                with.push(format!("{:?}", linear.activation));
            }
            if linear.residual {
                with.push("residual".to_owned());
            }
            let with = if with.is_empty() { String::new() } else { format!("; with {}", with.join(", ")) };
            match linear.weights {
                Weights::I8 { .. } => {
                    (shape, kernel("linear_i8"), format!("int8 weights by column, input by row{with}"))
                }
                Weights::F32 { .. } => {
                    (shape, kernel("linear_f32"), format!("the file keeps them in f32{with}"))
                }
            }
        }
        Op::Attention(attention) => {
            let op = format!("Attention {}x{}", attention.heads, attention.dim);
            let why = match attention.form {
                Arithmetic::I8 => "the layers around it are int8",
                Arithmetic::F32 => "the layers around it are not int8",
            };
            (op, kernel("attention"), why.to_owned())
        }
        Op::Norm(_) => ("Norm".to_owned(), kernel("norm_f32"), String::new()),
        Op::GatherRows(_) => ("GatherRows".to_owned(), "rows".to_owned(), String::new()),
        other => {
            let debug = format!("{other:?}");
            let op = debug.split([' ', '{']).next().unwrap_or_default().to_owned();
            (op, "generic".to_owned(), String::new())
        }
    }
}

/// What the model file holds, if the pack has it and this build can read it.
#[derive(Default)]
struct File {
    opset: i64,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    stored_bytes: u64,
    /// Type and name.
    nodes: Vec<(String, String)>,
}

#[cfg(any(feature = "tract", feature = "ort"))]
fn file(pack: &Pack) -> Result<File, Error> {
    use trueline_core::model::onnx;

    if pack.manifest().model.absent {
        return Ok(from_plan(pack));
    }
    let summary = onnx::inspect(pack.model()?)?;
    let port = |port: &onnx::Port| {
        let element = match port.element {
            0 => "unstated".to_owned(),
            e if e == Element::F32 as i64 => "float32".to_owned(),
            e if e == Element::I64 as i64 => "int64".to_owned(),
            e => format!("type {e}"),
        };
        Port { name: port.name.clone(), element, axes: port.axes }
    };
    let node = |node: &onnx::Node| {
        let op =
            if node.domain.is_empty() { node.op.clone() } else { format!("{}.{}", node.domain, node.op) };
        (op, node.name.clone())
    };
    Ok(File {
        opset: summary.opset,
        inputs: summary.inputs.iter().map(port).collect(),
        outputs: summary.outputs.iter().map(port).collect(),
        stored_bytes: summary.stored_bytes,
        nodes: summary.nodes.iter().map(node).collect(),
    })
}

#[cfg(not(any(feature = "tract", feature = "ort")))]
fn file(pack: &Pack) -> Result<File, Error> {
    Ok(from_plan(pack))
}

/// The inputs and outputs of the plan that the pack brings, in place of the file's.
fn from_plan(pack: &Pack) -> File {
    let Some(plan) = pack.plan().map(PlanFile::plan) else { return File::default() };
    let port = |port: &ir::Port| {
        let element = match plan.values.get(port.value as usize).map(|value| value.kind) {
            Some(Kind::F32) => "float32".to_owned(),
            Some(Kind::I64) => "int64".to_owned(),
            kind => format!("{kind:?}"),
        };
        Port { name: port.name.clone(), element, axes: None }
    };
    File {
        inputs: plan.inputs.iter().map(port).collect(),
        outputs: plan.outputs.iter().map(port).collect(),
        ..File::default()
    }
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
        ("why", pack.why.clone()),
        ("isa", pack.isa.to_owned()),
        ("opset", pack.opset.to_string()),
        ("inputs", ports(&pack.inputs)),
        ("outputs", ports(&pack.outputs)),
        ("stored", format!("{} bytes of tensors", pack.stored_bytes)),
        (
            "operators",
            format!("{} in the file: {}", pack.operators.values().sum::<usize>(), counts.join(", ")),
        ),
    ];
    for (word, value) in lines {
        writeln!(out, "{word:<10} {}", output::printable(&value))?;
    }
    writeln!(out)?;
    let row =
        |l: &Layer| vec![l.index.to_string(), l.name.clone(), l.op.clone(), l.kernel.clone(), l.why.clone()];
    let rows: Vec<Vec<String>> = pack.layers.iter().map(row).collect();
    output::table(out, &["#", "layer", "operator", "kernel", "why"], &rows, &[0])
}
