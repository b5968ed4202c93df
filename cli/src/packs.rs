//! `trueline packs`: the packs found, and what they are for.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use trueline_core::Error;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::pack::{self, MANIFEST, Pack};

use crate::args::{Common, PacksArgs};
use crate::lookup;
use crate::output::{self, Form, Stop};

/// Digits of a sha256 that a person gets to see.
const SHORT: usize = 12;

/// One line of the list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Found {
    /// A pack.
    Good(Box<Good>),
    /// A folder that would be one.
    Bad { name: String, path: String, error: Fault },
}

/// A pack whose manifest is in order.
#[derive(Debug, Serialize)]
struct Good {
    name: String,
    family: String,
    version: String,
    /// Bytes of all files, the manifest included.
    size: u64,
    /// Of the manifest, which lists every other file's.
    sha256: String,
    licence: String,
    summary: String,
    language: Vec<String>,
    path: String,
    /// Whether every file was read and has its sha256.
    verified: bool,
}

/// What is wrong with a pack.
#[derive(Debug, Serialize)]
struct Fault {
    code: &'static str,
    message: String,
}

/// Lists the packs of the lookup folders and those given. Exit status 1 if one of them is broken.
pub fn run(args: &PacksArgs, common: &Common) -> Result<u8, Stop> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for given in &common.pack {
        add(&mut paths, lookup::find(given)?);
    }
    let folders = lookup::folders();
    for folder in &folders {
        inside(folder).into_iter().for_each(|path| add(&mut paths, path));
    }
    let found: Vec<Found> = paths.iter().map(|path| look(path, args.verify)).collect();
    let mut out = io::stdout().lock();
    match args.list.form() {
        Form::Person => person(&mut out, &found)?,
        form => form.write(&mut out, &found)?,
    }
    if found.is_empty() && !common.quiet {
        let places: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        output::complain(&format!("no pack is in {}; set TRUELINE_PACKS", places.join(", ")));
    }
    let broken = found.iter().any(|f| matches!(f, Found::Bad { .. }));
    Ok(if broken { output::FAILED } else { output::DONE })
}

/// Adds a pack, unless the same folder is there by another name.
fn add(paths: &mut Vec<PathBuf>, path: PathBuf) {
    let real = |p: &Path| p.canonicalize().unwrap_or_else(|_| p.to_owned());
    if !paths.iter().any(|known| real(known) == real(&path)) {
        paths.push(path);
    }
}

/// The packs of a lookup folder, by name.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| lookup::is_pack(p)).collect();
    found.sort();
    found
}

fn look(path: &Path, verify: bool) -> Found {
    let result = if verify || path.is_file() { whole(path) } else { manifest_alone(path) };
    let shown = path.display().to_string();
    match result {
        Ok((manifest, sha256, manifest_bytes)) => Found::Good(Box::new(Good {
            size: manifest_bytes + manifest.bytes(),
            name: manifest.name,
            family: manifest.family,
            version: manifest.version,
            sha256,
            licence: manifest.licence,
            summary: manifest.summary,
            language: manifest.language,
            path: shown,
            verified: verify,
        })),
        Err(e) => Found::Bad {
            name: path.file_name().map_or_else(|| shown.clone(), |n| n.to_string_lossy().into_owned()),
            path: shown,
            error: Fault { code: e.code.name(), message: e.message },
        },
    }
}

/// The manifest of a folder, its sha256 and its size.
fn manifest_alone(path: &Path) -> Result<(Manifest, String, u64), Error> {
    let manifest = pack::read_manifest(path)?;
    let bytes = fs::read(path.join(MANIFEST))
        .map_err(|e| Error::new(trueline_core::Code::Io, format!("{}: {e}", path.display())))?;
    Ok((manifest, pack::sha256(&bytes), bytes.len() as u64))
}

/// The same, after reading every file. A tar file's manifest counts as 0 bytes: its size is not kept.
fn whole(path: &Path) -> Result<(Manifest, String, u64), Error> {
    let pack = Pack::open(path)?;
    if !pack.manifest().model.absent {
        pack.model()?;
    }
    pack.tokenizer()?;
    let bytes = fs::metadata(path.join(MANIFEST)).map_or(0, |about| about.len());
    Ok((pack.manifest().clone(), pack.sha256().to_owned(), bytes))
}

fn person(out: &mut impl Write, found: &[Found]) -> Result<(), Stop> {
    let good: Vec<Vec<String>> = found.iter().filter_map(row).collect();
    if !good.is_empty() {
        let header = ["name", "family", "version", "size", "sha256", "licence", "what it is for"];
        output::table(out, &header, &good, &[3])?;
    }
    for bad in found {
        if let Found::Bad { path, error, .. } = bad {
            let line = format!("{path}: {} ({})", error.message, error.code);
            writeln!(out, "broken: {}", output::printable(&line))?;
        }
    }
    Ok(out.flush()?)
}

fn row(found: &Found) -> Option<Vec<String>> {
    let Found::Good(g) = found else { return None };
    let short = g.sha256.chars().take(SHORT).collect();
    let cells = [&g.name, &g.family, &g.version, &output::size(g.size), &short, &g.licence, &g.summary];
    Some(cells.into_iter().cloned().collect())
}
