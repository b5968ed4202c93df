//! A pack: a folder, or a tar archive of one, with `manifest.toml` at its top.
//!
//! Reading is strict. Nothing outside the folder is opened, nothing over its budget is read, and no byte is handed on
//! before its sha256 is the one that the manifest states.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::model::manifest::{self, Listed, MAX_MANIFEST_BYTES, Manifest, shared};
use crate::model::map::Mapped;
use crate::model::plan::file::{self, PlanFile, Unusable};
use crate::{Code, Error};

/// The file name of the manifest.
pub const MANIFEST: &str = "manifest.toml";
/// The most entries that an archive may have.
const MAX_ENTRIES: usize = 1024;

/// A pack that was read: every file that the manifest lists is there and has the stated size, and what was read has the
/// stated digest.
///
/// The compiled plan is mapped, if the pack brings one that this version can use. The files that it was made from are
/// then read when they are asked for, and not before; without one, everything is read at once.
#[derive(Debug)]
pub struct Pack {
    manifest: Manifest,
    manifest_text: String,
    manifest_sha256: String,
    model: Late,
    encoder: Option<Late>,
    tokenizer: Late,
    plan: Option<PlanFile>,
    /// The layout of a plan that cannot be used.
    stale: Option<u32>,
}

impl Pack {
    /// Reads a pack from a folder, or from a tar file.
    ///
    /// # Errors
    /// [`Code::Io`] if something cannot be read; otherwise as [`Pack::from_archive`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let about = fs::metadata(path).map_err(|e| io(path, &e))?;
        if about.is_dir() {
            return Self::read(&Folder::new(path)?);
        }
        if !about.is_file() {
            // A pipe would wait for its writer.
            return Err(invalid(format!("{} is not a plain file or a folder", path.display())));
        }
        let budget = manifest::MAX_MODEL_BYTES + file::MAX_BYTES + manifest::MAX_TOKENIZER_BYTES;
        if about.len() > budget {
            return Err(too_large(&path.display().to_string(), about.len(), budget));
        }
        Self::from_archive(&fs::read(path).map_err(|e| io(path, &e))?)
    }

    /// Reads a pack from the bytes of a tar archive (`tar -cf guard-en.tar -C models/guard-en .`).
    ///
    /// # Errors
    /// [`Code::InvalidPack`] for an archive or a manifest that breaks a rule, a file that is missing, or a compiled plan
    /// that is broken, made from other files, or of another layout where the model file is absent;
    /// [`Code::TooLarge`] for a size over its budget; [`Code::HashMismatch`] for a file of the right size with other
    /// bytes; [`Code::ModelMismatch`] if the tensors are not the family's.
    /// # Cost
    /// One copy of every listed file, one sha256 pass over each that is read at once, one BLAKE3 pass over the plan.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(&Archive::new(bytes)?)
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest as it is written.
    pub fn manifest_text(&self) -> &str {
        &self.manifest_text
    }

    /// sha256 of the manifest: since that lists every file's digest, it names the pack's whole content.
    pub fn sha256(&self) -> &str {
        &self.manifest_sha256
    }

    /// The bytes of the model file, which are read now if that was put off.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if the pack holds a compiled plan alone; [`Code::Io`], [`Code::InvalidPack`] or
    /// [`Code::HashMismatch`] if the file is not the one that was there when the pack was opened.
    pub fn model(&self) -> Result<&[u8], Error> {
        if self.manifest.model.absent {
            return Err(Error::new(
                Code::Unavailable,
                format!(
                    "pack {} has no {}: it brings the compiled plan alone",
                    self.manifest.name, self.manifest.model.file
                ),
            ));
        }
        self.model.bytes(self.manifest.listed_model())
    }

    /// The bytes of the encoder of a pack that writes, if it has one.
    ///
    /// # Errors
    /// As [`Pack::model`].
    pub fn encoder(&self) -> Result<Option<&[u8]>, Error> {
        match (&self.encoder, self.manifest.listed_encoder()) {
            (Some(late), Some(listed)) => late.bytes(listed).map(Some),
            _ => Ok(None),
        }
    }

    /// The bytes of the tokenizer file, which are read now if that was put off.
    ///
    /// # Errors
    /// As [`Pack::model`].
    pub fn tokenizer(&self) -> Result<&[u8], Error> {
        self.tokenizer.bytes(self.manifest.listed_tokenizer())
    }

    /// The compiled plan that the pack brings, if it can be used.
    pub fn plan(&self) -> Option<&PlanFile> {
        self.plan.as_ref()
    }

    /// Why the compiled plan that the pack brings is not used: it was made for another version of this library. The
    /// model file is there, to be compiled again.
    pub fn plan_refusal(&self) -> Option<String> {
        self.stale.map(|layout| file::Unusable::Layout(layout).into_error().message)
    }

    fn read(files: &dyn Files) -> Result<Self, Error> {
        let text = files.read(MANIFEST, None, MAX_MANIFEST_BYTES)?;
        let manifest_sha256 = sha256(&text);
        let text = String::from_utf8(text).map_err(|e| {
            invalid(format!("manifest.toml is not UTF-8 at byte {}", e.utf8_error().valid_up_to()))
        })?;
        let manifest = Manifest::parse(&text)?;
        let (plan, stale) = read_plan(files, &manifest)?;
        let has_vocabulary = plan.as_ref().is_some_and(|plan| plan.vocabulary().is_some());
        let model = if manifest.model.absent {
            Late::new(Origin::Nowhere)
        } else {
            Late::read(files, manifest.listed_model(), plan.is_some())?
        };
        let encoder = manifest.listed_encoder().map(|listed| Late::read(files, listed, false)).transpose()?;
        let tokenizer = Late::read(files, manifest.listed_tokenizer(), has_vocabulary)?;
        for listed in manifest.listed_others() {
            checked(files.read(listed.file, Some(listed.bytes), listed.budget)?, listed)?;
        }
        Ok(Self { manifest, manifest_text: text, manifest_sha256, model, encoder, tokenizer, plan, stale })
    }
}

/// The plan that a pack brings, or the layout of one that cannot be used.
fn read_plan(files: &dyn Files, manifest: &Manifest) -> Result<(Option<PlanFile>, Option<u32>), Error> {
    let Some(stated) = &manifest.plan else { return Ok((None, None)) };
    let found = match stated.layout {
        file::LAYOUT => {
            let bytes = files.map(&stated.file, stated.bytes)?;
            PlanFile::of_map(Arc::new(bytes), stated.digest().as_ref())
        }
        other => Err(Unusable::Layout(other)),
    };
    let about = |why: &str| format!("{} of pack {}: {why}", stated.file, manifest.name);
    match found {
        Ok(plan) => {
            let source = plan.source();
            let made_from = [(source.model, &manifest.model.sha256, &manifest.model.file)].into_iter().chain(
                plan.vocabulary()
                    .map(|_| (source.tokenizer, &manifest.tokenizer.sha256, &manifest.tokenizer.file)),
            );
            for (found, stated, file) in made_from {
                if file::hex(&found) != *stated {
                    let found = file::hex(&found);
                    return Err(invalid(about(&format!(
                        "it was made from a {file} with sha256 {found}; the manifest states {stated}"
                    ))));
                }
            }
            Ok((Some(plan), None))
        }
        Err(Unusable::Layout(layout)) if !manifest.model.absent => Ok((None, Some(layout))),
        Err(Unusable::Layout(layout)) => Err(invalid(about(&format!(
            "its layout is {layout}; this library reads layout {}, and {}, from which it could be compiled again, is \
             not in the pack",
            file::LAYOUT,
            manifest.model.file
        )))),
        Err(Unusable::Broken(error)) => Err(Error::new(error.code, about(&error.message))),
    }
}

/// A file's bytes, read at once or when they are first asked for.
#[derive(Debug)]
struct Late {
    origin: Origin,
    bytes: OnceLock<Result<Vec<u8>, Error>>,
}

/// Where bytes are that were not read yet.
#[derive(Debug)]
enum Origin {
    Folder(Folder),
    /// A copy of what an archive holds.
    Copy(Vec<u8>),
    Nowhere,
}

impl Late {
    fn new(origin: Origin) -> Self {
        Self { origin, bytes: OnceLock::new() }
    }

    /// Reads the file now, or only looks whether it is there.
    fn read(files: &dyn Files, listed: Listed<'_>, later: bool) -> Result<Self, Error> {
        if later {
            return Ok(Self::new(files.later(listed)?));
        }
        let bytes = checked(files.read(listed.file, Some(listed.bytes), listed.budget)?, listed)?;
        Ok(Self { origin: Origin::Nowhere, bytes: OnceLock::from(Ok(bytes)) })
    }

    fn bytes(&self, listed: Listed<'_>) -> Result<&[u8], Error> {
        let read = || match &self.origin {
            Origin::Folder(folder) => {
                checked(folder.read(listed.file, Some(listed.bytes), listed.budget)?, listed)
            }
            Origin::Copy(bytes) => checked(bytes.clone(), listed),
            Origin::Nowhere => Err(Error::new(Code::Internal, format!("{} was never there", listed.file))),
        };
        self.bytes.get_or_init(read).as_deref().map_err(Error::clone)
    }
}

/// Reads and checks the manifest alone: for listings, where no model is run.
///
/// # Errors
/// As [`Pack::open`], less what concerns the other files.
pub fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let text = Folder::new(folder)?.read(MANIFEST, None, MAX_MANIFEST_BYTES)?;
    let text = String::from_utf8(text).map_err(|_| invalid("manifest.toml is not UTF-8".into()))?;
    Manifest::parse(&text)
}

/// Lower-case hexadecimal sha256 of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// These bytes, if they are the file that the manifest lists.
fn checked(bytes: Vec<u8>, listed: Listed<'_>) -> Result<Vec<u8>, Error> {
    same_size(&bytes, listed)?;
    let found = sha256(&bytes);
    if found != listed.sha256 {
        return Err(Error::new(
            Code::HashMismatch,
            format!("{} has sha256 {found}; the manifest states {}", listed.file, listed.sha256),
        ));
    }
    Ok(bytes)
}

fn same_size(bytes: &[u8], listed: Listed<'_>) -> Result<(), Error> {
    if bytes.len() as u64 == listed.bytes {
        return Ok(());
    }
    Err(invalid(format!("{} has {} bytes; the manifest states {}", listed.file, bytes.len(), listed.bytes)))
}

/// Where a pack's files come from.
trait Files {
    /// The bytes of `name`, never more than `budget`. `stated` is the size that the manifest gives, where it does.
    fn read(&self, name: &str, stated: Option<u64>, budget: u64) -> Result<Vec<u8>, Error>;
    /// A way to the bytes of a file that is there, without reading them.
    fn later(&self, listed: Listed<'_>) -> Result<Origin, Error>;
    /// The bytes of a packed file, which has so many: mapped, where there is a file to map.
    fn map(&self, name: &str, stated: u64) -> Result<Mapped, Error>;
}

#[derive(Clone, Debug)]
struct Folder {
    root: PathBuf,
}

impl Folder {
    fn new(path: &Path) -> Result<Self, Error> {
        Ok(Self { root: path.canonicalize().map_err(|e| io(path, &e))? })
    }

    /// The path and size of a plain file within the folder, of the stated size if one is.
    fn find(&self, name: &str, stated: Option<u64>, budget: u64) -> Result<(PathBuf, u64), Error> {
        let path = self.root.join(name);
        let real = path.canonicalize().map_err(|e| io(&path, &e))?;
        // A model of another pack, `../NAME/FILE`: the manifest was checked, and names one for no other file.
        let beside = shared(name).and_then(|(pack, _)| Some(self.root.parent()?.join(pack)));
        if !real.starts_with(beside.as_ref().unwrap_or(&self.root)) {
            return Err(invalid(format!("{name} is a link that leaves the pack's folder")));
        }
        // Before it is opened: to open a pipe is to wait for its writer.
        let about = fs::metadata(&real).map_err(|e| io(&path, &e))?;
        if !about.is_file() {
            return Err(invalid(format!("{name} is not a plain file")));
        }
        if about.len() > budget {
            return Err(too_large(name, about.len(), budget));
        }
        if stated.is_some_and(|stated| stated != about.len()) {
            return Err(invalid(format!(
                "{name} has {} bytes; the manifest states {}",
                about.len(),
                stated.unwrap_or(0)
            )));
        }
        Ok((real, about.len()))
    }
}

impl Files for Folder {
    fn read(&self, name: &str, stated: Option<u64>, budget: u64) -> Result<Vec<u8>, Error> {
        let (path, len) = self.find(name, stated, budget)?;
        let file = fs::File::open(&path).map_err(|e| io(&path, &e))?;
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        // `take`: the file may grow between the check above and the read.
        file.take(budget + 1).read_to_end(&mut bytes).map_err(|e| io(&path, &e))?;
        if bytes.len() as u64 > budget {
            return Err(too_large(name, bytes.len() as u64, budget));
        }
        Ok(bytes)
    }

    fn later(&self, listed: Listed<'_>) -> Result<Origin, Error> {
        self.find(listed.file, Some(listed.bytes), listed.budget)?;
        Ok(Origin::Folder(self.clone()))
    }

    fn map(&self, name: &str, stated: u64) -> Result<Mapped, Error> {
        let (path, len) = self.find(name, Some(stated), file::MAX_BYTES)?;
        let file = fs::File::open(&path).map_err(|e| io(&path, &e))?;
        let len = usize::try_from(len).map_err(|_| too_large(name, len, usize::MAX as u64))?;
        Mapped::new(&file, len).map_err(|e| Error::new(e.code, format!("{name}: {}", e.message)))
    }
}

/// The plain files of a tar archive, by name, as ranges of its bytes.
struct Archive<'a> {
    bytes: &'a [u8],
    files: BTreeMap<String, (usize, usize)>,
}

impl<'a> Archive<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let broken =
            |e: &dyn std::fmt::Display| invalid(format!("the pack is not a readable tar archive: {e}"));
        let mut files = BTreeMap::new();
        let mut archive = tar::Archive::new(bytes);
        for (index, entry) in archive.entries().map_err(|e| broken(&e))?.enumerate() {
            let entry = entry.map_err(|e| broken(&e))?;
            if index == MAX_ENTRIES {
                return Err(Error::new(
                    Code::TooLarge,
                    format!("the archive has more than {MAX_ENTRIES} entries; no more are read"),
                ));
            }
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path().map_err(|e| broken(&e))?;
            let name = path.to_str().ok_or_else(|| broken(&"a name that is not UTF-8"))?;
            let name = name.strip_prefix("./").unwrap_or(name).to_owned();
            manifest::check_path(&name)?;
            let start = usize::try_from(entry.raw_file_position()).map_err(|e| broken(&e))?;
            let size = usize::try_from(entry.size()).map_err(|e| broken(&e))?;
            let end = start.checked_add(size).filter(|end| *end <= bytes.len());
            let end = end.ok_or_else(|| broken(&format!("{name} ends after the archive does")))?;
            if files.insert(name.clone(), (start, end)).is_some() {
                return Err(invalid(format!("the archive holds {name} twice")));
            }
        }
        if files.is_empty() {
            return Err(broken(&"it holds no file"));
        }
        Ok(Self { bytes, files })
    }
}

impl Archive<'_> {
    fn find(&self, name: &str, budget: u64) -> Result<&[u8], Error> {
        let Some(&(start, end)) = self.files.get(name) else {
            return Err(invalid(format!("the archive holds no {name}")));
        };
        let size = (end - start) as u64;
        if size > budget { Err(too_large(name, size, budget)) } else { Ok(&self.bytes[start..end]) }
    }
}

impl Files for Archive<'_> {
    fn read(&self, name: &str, _stated: Option<u64>, budget: u64) -> Result<Vec<u8>, Error> {
        Ok(self.find(name, budget)?.to_vec())
    }

    fn later(&self, listed: Listed<'_>) -> Result<Origin, Error> {
        let bytes = self.find(listed.file, listed.budget)?;
        same_size(bytes, listed)?;
        Ok(Origin::Copy(bytes.to_vec()))
    }

    fn map(&self, name: &str, stated: u64) -> Result<Mapped, Error> {
        let bytes = self.find(name, file::MAX_BYTES)?;
        if bytes.len() as u64 != stated {
            return Err(invalid(format!("{name} has {} bytes; the manifest states {stated}", bytes.len())));
        }
        Ok(Mapped::copy_of(bytes))
    }
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Io, format!("{}: {error}", path.display()))
}

fn too_large(name: &str, found: u64, budget: u64) -> Error {
    Error::new(Code::TooLarge, format!("{name} has {found} bytes; at most {budget} are read"))
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidPack, message)
}
