//! `trueline pack`: a pack with an ONNX file becomes the same pack with its compiled plan.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use trueline_core::model::pack::{MANIFEST, Pack};
use trueline_core::model::packing::{self, Choice, Packed};

use crate::args::{Common, PackArgs, WeightWord};
use crate::lookup;
use crate::output::{self, Form, Stop};

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    pack: String,
    path: String,
    /// The packed file's name in the pack.
    plan: String,
    bytes: u64,
    blake3: String,
    layout: u32,
    weights: &'static str,
    exact_attention: bool,
    /// Whether the pack still holds the model file.
    model: bool,
    /// Of the new manifest.
    sha256: String,
}

/// Compiles a pack and writes the plan into it, or into a copy.
pub fn run(args: &PackArgs, common: &Common) -> Result<u8, Stop> {
    let from = lookup::find(&args.folder)?;
    let what = format!("pack {}", from.display());
    if !from.is_dir() {
        return Err(Stop::Usage(format!("{what} is no folder; unpack it first")));
    }
    let pack = lookup::open(&from)?;
    let into = args.output.clone().unwrap_or_else(|| from.clone());
    if pack.manifest().model_beside().is_some() && args.output.is_some() && !args.slim {
        let file = &pack.manifest().model.file;
        return Err(Stop::Usage(format!(
            "{what} has its model in {file}; --output goes with --slim here, or pack it in place"
        )));
    }
    let choice = Choice {
        int8_weights: args.weights == WeightWord::Int8,
        exact_attention: args.exact_attention,
        all_outputs: args.all_outputs,
    };
    let packed = packing::pack(&pack, choice, args.slim).map_err(|e| output::unusable(&what, &e))?;
    install(&pack, &packed, &from, &into, args.slim)?;
    if choice.int8_weights && !common.quiet {
        output::complain("int8 weights move scores: check the thresholds on your own texts");
    }
    let done = Done {
        pack: pack.manifest().name.clone(),
        path: into.display().to_string(),
        plan: packed.listed.file,
        bytes: packed.listed.bytes,
        blake3: packed.listed.blake3,
        layout: packed.listed.layout,
        weights: if choice.int8_weights { "int8" } else { "as-stored" },
        exact_attention: choice.exact_attention,
        model: !args.slim,
        sha256: trueline_core::model::pack::sha256(packed.manifest.as_bytes()),
    };
    let mut out = io::stdout().lock();
    match args.list.form() {
        Form::Person => {
            let model = if done.model { "kept" } else { "left out" };
            let line = format!(
                "{}: {} ({}), {} {model}",
                done.path,
                done.plan,
                output::size(done.bytes),
                pack.manifest().model.file
            );
            writeln!(out, "{}", output::printable(&line))?;
            out.flush()?;
        }
        form => form.write(&mut out, &[done])?,
    }
    Ok(output::DONE)
}

/// Puts the files in place. The manifest comes last and by renaming: until then the pack is the old one, from then on the
/// new one. A plan that other processes have mapped is never written into.
fn install(pack: &Pack, packed: &Packed, from: &Path, into: &Path, slim: bool) -> Result<(), Stop> {
    fs::create_dir_all(into).map_err(|e| failed(into, &e))?;
    let manifest = pack.manifest();
    let in_place = match (from.canonicalize(), into.canonicalize()) {
        (Ok(from), Ok(into)) => from == into,
        _ => false,
    };
    let old = old_plan(into, in_place.then_some(pack));
    if !in_place {
        for listed in manifest.listed().filter(|l| !(slim && l.file == manifest.model.file)) {
            let bytes = fs::read(from.join(listed.file)).map_err(|e| failed(&from.join(listed.file), &e))?;
            replace(&into.join(listed.file), &bytes)?;
        }
    }
    replace(&into.join(&packed.listed.file), &packed.bytes)?;
    replace(&into.join(MANIFEST), packed.manifest.as_bytes())?;
    // Another pack's file stays.
    let model = (slim && manifest.model_beside().is_none()).then(|| into.join(&manifest.model.file));
    let old = old.filter(|name| *name != packed.listed.file).map(|name| into.join(name));
    for path in [model, old].into_iter().flatten() {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&path, &e)),
            _ => {}
        }
    }
    Ok(())
}

/// The name of the plan that a folder's manifest lists now.
fn old_plan(folder: &Path, pack: Option<&Pack>) -> Option<String> {
    let manifest = match pack {
        Some(pack) => pack.manifest().clone(),
        None => trueline_core::model::pack::read_manifest(folder).ok()?,
    };
    manifest.plan.map(|plan| plan.file)
}

/// Writes a file beside its place and renames it: whoever reads the old one goes on doing so.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside: PathBuf = path.with_file_name(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    }
    let write = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&beside);
        failed(path, &e)
    })
}

fn failed(path: &Path, error: &io::Error) -> Stop {
    Stop::Failed(format!("{}: {error}", path.display()))
}
