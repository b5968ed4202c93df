//! Putting a compiled plan into a pack: the packed file, and the manifest that lists it.

use std::path::Path;

use crate::model::manifest::{CompiledFile, Manifest};
use crate::model::pack::Pack;
use crate::model::plan::file;
use crate::{Code, Error};

/// How a pack is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Weights that the model file keeps in floating point become int8.
    pub int8_weights: bool,
    /// Attention stays in `f32` although the linear layers are int8.
    pub exact_attention: bool,
    /// The plan has every output of the model file, not those of the pack alone: packs of the same file that are packed so
    /// share one plan in an engine, and one pass for a text.
    pub all_outputs: bool,
}

/// A pack's compiled plan, and the manifest that goes with it.
#[derive(Debug)]
pub struct Packed {
    /// The packed file.
    pub bytes: Vec<u8>,
    /// What the manifest says of it. Its name holds the first digits of its digest, so that the new file can lie beside
    /// the old one until the manifest is replaced.
    pub listed: CompiledFile,
    /// The whole manifest, as it was but for the plan.
    pub manifest: String,
}

/// Compiles a pack's model file, reads the result back and checks it.
///
/// With `slim` the new manifest says that the model file is absent. Thresholds and temperatures
/// stay as they are, also where `choice` changes what the model computes.
///
/// # Errors
/// [`Code::Unavailable`] in a build without the compiler, for a pack without its model file, or naming what stands in
/// the way of a plan; [`Code::InvalidPack`] if the manifest's text cannot be changed; [`Code::TooLarge`].
pub fn pack(pack: &Pack, choice: Choice, slim: bool) -> Result<Packed, Error> {
    let manifest = pack.manifest();
    if manifest.generator.is_some() {
        let (name, family) = (&manifest.name, &manifest.family);
        let why = format!("pack {name} is of family {family}, whose plans are made when it is loaded");
        return Err(Error::new(Code::Unavailable, why));
    }
    let bytes = compiled(pack, choice)?;
    let digest = file::hex(&file::digest_of(&bytes));
    // Of another pack's file, too, the plan is this pack's own.
    let stem = Path::new(&pack.manifest().model.file).file_stem().unwrap_or_default();
    let listed = CompiledFile {
        file: format!("{}-{}.plan", stem.to_string_lossy(), &digest[..8]),
        blake3: digest,
        bytes: bytes.len() as u64,
        layout: file::LAYOUT,
    };
    let manifest = with_plan(pack.manifest_text(), &listed, slim)?;
    Ok(Packed { bytes, listed, manifest })
}

#[cfg(feature = "tract")]
fn compiled(pack: &Pack, choice: Choice) -> Result<Vec<u8>, Error> {
    use std::sync::Arc;

    use crate::model::backend;
    use crate::model::compile::WeightForm;
    use crate::model::map::Mapped;
    use crate::model::plan::file::{PlanFile, Source, Unusable};
    use crate::model::tokenizer::Tokenizer;

    let weights = if choice.int8_weights { WeightForm::Int8 } else { WeightForm::AsStored };
    let compiled = backend::compile(pack, &outputs(pack, choice)?, weights, choice.exact_attention)?;
    let source = Source {
        model: sha256(pack.model()?),
        tokenizer: sha256(pack.tokenizer()?),
        int8_weights: choice.int8_weights,
        exact_attention: choice.exact_attention,
    };
    let vocabulary = Tokenizer::from_bytes(pack.tokenizer()?)?.packed().unwrap_or_default();
    let bytes = file::write(&compiled.plan, &vocabulary, &compiled.constants, &source)?;
    PlanFile::read(Arc::new(Mapped::copy_of(&bytes)), None).map_err(Unusable::into_error)?.program()?;
    Ok(bytes)
}

/// The graph's names of the outputs that the plan has, the pack's own first.
#[cfg(feature = "tract")]
fn outputs(pack: &Pack, choice: Choice) -> Result<Vec<String>, Error> {
    let (_, mut outputs) = crate::model::backend::graph_names(pack.manifest())?;
    if choice.all_outputs {
        for port in crate::model::onnx::inspect(pack.model()?)?.outputs {
            if !outputs.contains(&port.name) {
                outputs.push(port.name);
            }
        }
    }
    Ok(outputs)
}

#[cfg(not(feature = "tract"))]
fn compiled(pack: &Pack, _choice: Choice) -> Result<Vec<u8>, Error> {
    let name = &pack.manifest().name;
    Err(Error::new(
        Code::Unavailable,
        format!("pack {name} cannot be compiled: this build has no compiler (feature `tract`)"),
    ))
}

#[cfg(feature = "tract")]
fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// The manifest's text with this plan listed in it, and all else as it was, comments included.
///
/// # Errors
/// [`Code::InvalidPack`] if the text has no lines `[model]` and, where it has a plan, `[plan]`: tables written another way
/// are read, but not changed.
pub fn with_plan(text: &str, plan: &CompiledFile, slim: bool) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len() + 256);
    let mut table = "";
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            // A comment may follow the brackets.
            table = trimmed
                .find(']')
                .map_or("", |end| trimmed[..=end].trim_start_matches('[').trim_end_matches(']'));
            table = table.trim();
        }
        let key = trimmed.split('=').next().unwrap_or_default().trim();
        if table == "plan" || (table == "model" && key == "absent") {
            continue;
        }
        out.push_str(line);
        if table == "model" && trimmed.starts_with('[') {
            if !line.ends_with('\n') {
                out.push('\n');
            }
            if slim {
                out.push_str("absent = true\n");
            }
        }
    }
    if !out.ends_with("\n\n") {
        out.push_str(if out.ends_with('\n') { "\n" } else { "\n\n" });
    }
    out.push_str(&format!(
        "[plan]\nfile = {:?}\nblake3 = \"{}\"\nbytes = {}\nlayout = {}\n",
        plan.file, plan.blake3, plan.bytes, plan.layout
    ));
    let cannot = |why: &str| Error::new(Code::InvalidPack, format!("manifest.toml cannot be changed: {why}"));
    let manifest = Manifest::parse(&out).map_err(|e| cannot(&e.message))?;
    let written = manifest.plan.as_ref().is_some_and(|p| p.blake3 == plan.blake3 && p.file == plan.file);
    if written && manifest.model.absent == slim {
        Ok(out)
    } else {
        Err(cannot("its tables are not written as [model] and [plan]"))
    }
}
