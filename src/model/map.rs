//! Files as memory: mapped where the system can, read where it cannot.
//!
//! The one place in `src` that is not safe Rust. A mapped file costs no copy, and the system keeps one for all processes.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use memmap2::MmapOptions;
#[cfg(target_os = "linux")]
use memmap2::{Advice, UncheckedAdvice};

use crate::model::plan::arena::Buffer;
use crate::{Code, Error};

/// Bytes that [`Mapped::scan`] shows at a time: little beside what a model takes, and still in the cache when it is shown.
#[cfg(target_os = "linux")]
const SCANNED: usize = 1 << 20;

/// The bytes of a file. Their first is at a multiple of 64; they do not move.
#[derive(Debug)]
pub enum Mapped {
    /// The system's own pages.
    Map(memmap2::Mmap),
    /// A copy, where the system maps no such file.
    Copy(Buffer),
}

impl Mapped {
    /// The first `len` bytes of a file, for reading.
    ///
    /// While a file is mapped, nothing may shorten it or write into it: bytes that are gone end the process, and bytes
    /// that change are not checked again. Put another file in its place by renaming, which leaves the mapped one as it
    /// is; `trueline pack` does.
    ///
    /// # Errors
    /// [`Code::Io`] if the file can neither be mapped nor read; [`Code::InvalidPack`] if it has fewer bytes.
    pub fn new(mut file: &File, len: usize) -> Result<Self, Error> {
        let io = |e: std::io::Error| Error::new(Code::Io, e.to_string());
        let has = file.metadata().map_err(io)?.len();
        if has < len as u64 {
            return Err(Error::new(Code::InvalidPack, format!("{has} bytes where {len} are stated")));
        }
        // SAFETY: private and read-only, so no write of this process reaches it; the file had `len` bytes just now, and
        // whoever installs packs was told above and in models/README.md not to shorten or rewrite one in use.
        let mapped = unsafe { MmapOptions::new().len(len).map(file) };
        match mapped {
            Ok(map) => Ok(Self::Map(map)),
            Err(error) => {
                log::debug!("a file is read, not mapped: {error}");
                let mut copy = Buffer::default();
                file.read_exact(copy.room(len)?).map_err(io)?;
                Ok(Self::Copy(copy))
            }
        }
    }

    /// An aligned copy of bytes that are in memory already: a file of an archive.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::Copy(Buffer::copy_of(bytes))
    }

    /// Shows `see` all bytes from the first to the last, some at a time, and leaves none of them in this process's memory:
    /// of a vocabulary's rows, say, most are never used. Pages that a run needs are mapped again when it touches them.
    pub fn scan(&self, mut see: impl FnMut(&[u8])) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Map(map) => {
                for (n, part) in map.chunks(SCANNED).enumerate() {
                    let start = n * SCANNED;
                    // One call instead of a fault for every few pages; kernels before 5.14 do not know it.
                    let _ = map.advise_range(Advice::PopulateRead, start, part.len());
                    see(part);
                    // SAFETY: the map is read-only, so no page of it was changed; one that is dropped is read from the file
                    // again, which is what the map stands for. A kernel that refuses keeps the pages.
                    let _ =
                        unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, part.len()) };
                }
            }
            _ => see(self.as_ref()),
        }
    }

    /// Whether it is the system's own pages, which all processes share.
    pub fn is_mapped(&self) -> bool {
        matches!(self, Self::Map(_))
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Copy(copy) => copy.bytes(),
        }
    }
}

/// Writes a file beside its place and renames it there, so that a mapped one stays as it is.
///
/// # Errors
/// [`Code::Io`].
pub fn save(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let io = |e: std::io::Error| Error::new(Code::Io, format!("{}: {e}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = File::create(&part).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
    std::fs::rename(&part, path).map_err(io)
}
