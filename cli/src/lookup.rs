//! Where packs are found: by name in the lookup folders, by path as they are given.

use std::path::{Component, Path, PathBuf};

use trueline_core::Error;
use trueline_core::engine::{Engine, Session};
use trueline_core::model::pack::{MANIFEST, Pack};

use crate::args::Common;
use crate::output::{self, Stop};

/// The folders in which a pack's name is looked up, in order; some may not exist.
///
/// `TRUELINE_PACKS` if it is set, else `./models` and what lies beside the executable.
pub fn folders() -> Vec<PathBuf> {
    if let Some(list) = std::env::var_os("TRUELINE_PACKS").filter(|v| !v.is_empty()) {
        return std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect();
    }
    let mut found = vec![PathBuf::from("models")];
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        found.push(folder.join("../share/trueline/models"));
        found.push(folder.join("../models"));
    }
    found
}

/// The folder or tar file that `--pack` means.
pub fn find(given: &Path) -> Result<PathBuf, Stop> {
    let is_name =
        matches!(given.components().next(), Some(Component::Normal(first)) if first == given.as_os_str());
    if !is_name || given.exists() {
        return Ok(given.to_owned());
    }
    let folders = folders();
    if let Some(found) = folders.iter().map(|f| f.join(given)).find(|p| is_pack(p)) {
        return Ok(found);
    }
    let places: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    Err(Stop::Usage(format!(
        "pack {:?} is not in {}; give its path, or set TRUELINE_PACKS",
        given.display().to_string(),
        places.join(", ")
    )))
}

/// Whether a folder claims to be a pack: it has a manifest, be it a broken one.
pub fn is_pack(folder: &Path) -> bool {
    folder.join(MANIFEST).symlink_metadata().is_ok()
}

/// Reads a pack whole.
pub fn open(path: &Path) -> Result<Pack, Stop> {
    Pack::open(path).map_err(|e| output::unusable(&format!("pack {}", path.display()), &e))
}

/// The paths of the packs that `--pack` gives, or of the default one.
pub fn chosen(common: &Common, default: &str) -> Result<Vec<PathBuf>, Stop> {
    if common.pack.is_empty() {
        return Ok(vec![find(Path::new(default))?]);
    }
    common.pack.iter().map(|given| find(given)).collect()
}

/// Packs, and an engine over them; with `--cascade`, one more that looks first.
pub fn engine_of(paths: &[PathBuf], common: &Common) -> Result<(Vec<Pack>, Engine), Stop> {
    let mut packs = paths.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
    let mut config = common.config(common.kind()?);
    if let Some(given) = &common.cascade {
        let first = open(&find(given)?)?;
        config.first_look = Some(first.manifest().name.clone());
        packs.push(first);
    }
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let live: Vec<&Pack> = packs.iter().collect();
    let engine = Engine::new(&config, &live)
        .map_err(|e| output::unusable(&format!("pack {}", names.join(", ")), &e))?;
    Ok((packs, engine))
}

/// A pack, an engine over it alone, and what `wanted` asks the engine for.
pub fn engine<T>(
    path: &Path,
    common: &Common,
    wanted: impl FnOnce(&Engine) -> Result<T, Error>,
) -> Result<(Pack, Engine, T), Stop> {
    let what = format!("pack {}", path.display());
    let unusable = |e: Error| output::unusable(&what, &e);
    let (mut packs, engine) = engine_of(&[path.to_owned()], common)?;
    let found = wanted(&engine).map_err(unusable)?;
    Ok((packs.swap_remove(0), engine, found))
}

/// A session of an engine's only pack.
pub fn session(engine: &Engine) -> Result<Session, Stop> {
    Session::new(engine, None).map_err(|e| output::unusable("the engine", &e))
}
