//! A pack: a folder, or a tar archive of one, with `manifest.toml` at its top.
//!
//! Reading is strict. Nothing outside the folder is opened, nothing over its budget is read, and no byte is handed on
//! before its sha256 is the one that the manifest states.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::model::manifest::{self, Listed, MAX_MANIFEST_BYTES, Manifest};
use crate::{Code, Error};

/// The file name of the manifest.
pub const MANIFEST: &str = "manifest.toml";
/// The most entries that an archive may have.
const MAX_ENTRIES: usize = 1024;

/// A pack that was read whole: every file that the manifest lists is there and has the stated size and sha256.
#[derive(Debug)]
pub struct Pack {
    manifest: Manifest,
    manifest_sha256: String,
    model: Vec<u8>,
    tokenizer: Vec<u8>,
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
        let budget = manifest::MAX_MODEL_BYTES + manifest::MAX_TOKENIZER_BYTES;
        if about.len() > budget {
            return Err(too_large(&path.display().to_string(), about.len(), budget));
        }
        Self::from_archive(&fs::read(path).map_err(|e| io(path, &e))?)
    }

    /// Reads a pack from the bytes of a tar archive (`tar -cf guard-en.tar -C models/guard-en .`).
    ///
    /// # Errors
    /// [`Code::InvalidPack`] for an archive or a manifest that breaks a rule or a file that is missing;
    /// [`Code::TooLarge`] for a size over its budget; [`Code::HashMismatch`] for a file of the right size with other
    /// bytes; [`Code::ModelMismatch`] if the tensors are not the family's.
    /// # Cost
    /// One copy of every listed file, one sha256 pass over each.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(&Archive::new(bytes)?)
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// sha256 of the manifest: since that lists every file's, it names the pack's whole content.
    pub fn sha256(&self) -> &str {
        &self.manifest_sha256
    }

    /// The bytes of the model file.
    pub fn model(&self) -> &[u8] {
        &self.model
    }

    /// The bytes of the tokenizer file.
    pub fn tokenizer(&self) -> &[u8] {
        &self.tokenizer
    }

    fn read(files: &dyn Files) -> Result<Self, Error> {
        let text = files.read(MANIFEST, None, MAX_MANIFEST_BYTES)?;
        let manifest_sha256 = sha256(&text);
        let text = String::from_utf8(text).map_err(|e| {
            invalid(format!("manifest.toml is not UTF-8 at byte {}", e.utf8_error().valid_up_to()))
        })?;
        let manifest = Manifest::parse(&text)?;
        let mut model = Vec::new();
        let mut tokenizer = Vec::new();
        for listed in manifest.listed() {
            let bytes = checked(files, listed)?;
            if listed.file == manifest.model.file {
                model = bytes;
            } else if listed.file == manifest.tokenizer.file {
                tokenizer = bytes;
            }
        }
        Ok(Self { manifest, manifest_sha256, model, tokenizer })
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

fn checked(files: &dyn Files, listed: Listed<'_>) -> Result<Vec<u8>, Error> {
    let bytes = files.read(listed.file, Some(listed.bytes), listed.budget)?;
    if bytes.len() as u64 != listed.bytes {
        return Err(invalid(format!(
            "{} has {} bytes; the manifest states {}",
            listed.file,
            bytes.len(),
            listed.bytes
        )));
    }
    let found = sha256(&bytes);
    if found != listed.sha256 {
        return Err(Error::new(
            Code::HashMismatch,
            format!("{} has sha256 {found}; the manifest states {}", listed.file, listed.sha256),
        ));
    }
    Ok(bytes)
}

/// Where a pack's files come from.
trait Files {
    /// The bytes of `name`, never more than `budget`. `stated` is the size that the manifest gives, where it does.
    fn read(&self, name: &str, stated: Option<u64>, budget: u64) -> Result<Vec<u8>, Error>;
}

struct Folder {
    root: PathBuf,
}

impl Folder {
    fn new(path: &Path) -> Result<Self, Error> {
        Ok(Self { root: path.canonicalize().map_err(|e| io(path, &e))? })
    }
}

impl Files for Folder {
    fn read(&self, name: &str, stated: Option<u64>, budget: u64) -> Result<Vec<u8>, Error> {
        let path = self.root.join(name);
        let real = path.canonicalize().map_err(|e| io(&path, &e))?;
        if !real.starts_with(&self.root) {
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
        let file = fs::File::open(&real).map_err(|e| io(&path, &e))?;
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
        // `take`: the file may grow between the check above and the read.
        file.take(budget + 1).read_to_end(&mut bytes).map_err(|e| io(&path, &e))?;
        if bytes.len() as u64 > budget {
            return Err(too_large(name, bytes.len() as u64, budget));
        }
        Ok(bytes)
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

impl Files for Archive<'_> {
    fn read(&self, name: &str, _stated: Option<u64>, budget: u64) -> Result<Vec<u8>, Error> {
        let Some(&(start, end)) = self.files.get(name) else {
            return Err(invalid(format!("the archive holds no {name}")));
        };
        let size = (end - start) as u64;
        if size > budget { Err(too_large(name, size, budget)) } else { Ok(self.bytes[start..end].to_vec()) }
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
