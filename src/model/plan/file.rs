//! The packed file: a plan, its constants and its vocabulary as they are used, so that loading is mapping and checking.
//!
//! Little-endian throughout. Each section starts at a multiple of 64; what lies between is zero.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..8 | [`MAGIC`] |
//! | 8..12 | byte-order mark, `04 03 02 01` |
//! | 12..16 | [`LAYOUT`] |
//! | 16..24 | length of the file |
//! | 24..72 | offset and length of the sections: plan, vocabulary (length 0: none), constants |
//! | 72..76 | how it was compiled: bit 0, weights to int8; bit 1, attention in `f32` |
//! | 80..112 | sha256 of the ONNX file |
//! | 112..144 | sha256 of the tokenizer file |
//! | 192.. | sections, in that order |
//! | last 32 | BLAKE3 of all bytes before (`head -c -32 model.plan \| b3sum`) |

use std::ops::Range;
use std::sync::Arc;

use crate::model::map::Mapped;
use crate::model::plan::arena::Constants;
use crate::model::plan::ir::{ALIGN, Plan};
use crate::model::plan::run::Program;
use crate::{Code, Error};

/// The first bytes of a packed file.
pub const MAGIC: [u8; 8] = *b"\x89TLPLAN\n";
/// The layout that this version writes and reads: of the file, of a plan's description, of the vocabulary, and of the
/// weights as the kernels read them. A change to any of them makes it another number.
pub const LAYOUT: u32 = 3;
/// The largest packed file, in bytes.
pub const MAX_BYTES: u64 = 1 << 30;

const ORDER: u32 = 0x0102_0304;
const HEADER: usize = 192;
const DIGEST: usize = 32;
const INT8_WEIGHTS: u32 = 1;
const EXACT_ATTENTION: u32 = 2;

/// BLAKE3 of a packed file, less its last 32 bytes, which are that.
pub type Digest = [u8; DIGEST];

/// What a plan was made from, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// sha256 of the ONNX file.
    pub model: [u8; 32],
    /// sha256 of the tokenizer file.
    pub tokenizer: [u8; 32],
    /// Weights that the ONNX file keeps in floating point became int8.
    pub int8_weights: bool,
    /// Attention is in `f32` although the linear layers are int8.
    pub exact_attention: bool,
}

/// Why a packed file is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It was made for this other layout: the ONNX file can be compiled again.
    Layout(u32),
    /// It is not what it should be.
    Broken(Error),
}

impl Unusable {
    /// As an error, for where there is nothing to compile again.
    pub fn into_error(self) -> Error {
        match self {
            Self::Layout(found) => Error::new(
                Code::InvalidPack,
                format!("the compiled plan has layout {found}; this library reads layout {LAYOUT}"),
            ),
            Self::Broken(error) => error,
        }
    }
}

/// Bytes that stay where they are for as long as they are held.
pub type Holder = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A packed file that was read and has its digest. Clones share the bytes.
#[derive(Clone)]
pub struct PlanFile {
    holder: Holder,
    plan: Plan,
    vocabulary: Range<usize>,
    constants: Range<usize>,
    source: Source,
    digest: Digest,
}

impl PlanFile {
    /// Reads a packed file.
    ///
    /// The plan itself is not checked: [`PlanFile::program`] does that.
    ///
    /// # Errors
    /// [`Unusable::Layout`] for a file of another layout. Otherwise [`Code::InvalidPack`] if it is no packed file,
    /// truncated, of the other byte order, or not laid out as this module says; [`Code::HashMismatch`] if its digest is
    /// not that of its bytes, or not `expected`; [`Code::Unavailable`] on a big-endian machine.
    /// # Cost
    /// One BLAKE3 pass; the plan's description is decoded, nothing else is copied.
    pub fn read(holder: Holder, expected: Option<&Digest>) -> Result<Self, Unusable> {
        let bytes = (*holder).as_ref();
        let header = Header::read(bytes)?;
        let found = *blake3::hash(&bytes[..bytes.len() - DIGEST]).as_bytes();
        Self::checked(holder, header, found, expected)
    }

    /// As [`PlanFile::read`], from a map whose pages stay out of memory until a run needs them.
    ///
    /// # Errors
    /// As [`PlanFile::read`].
    /// # Cost
    /// As [`PlanFile::read`].
    pub fn of_map(map: Arc<Mapped>, expected: Option<&Digest>) -> Result<Self, Unusable> {
        let header = Header::read((*map).as_ref())?;
        let mut hasher = blake3::Hasher::new();
        let mut left = (*map).as_ref().len() - DIGEST;
        map.scan(|part| {
            let part = &part[..part.len().min(left)];
            hasher.update(part);
            left -= part.len();
        });
        Self::checked(map, header, *hasher.finalize().as_bytes(), expected)
    }

    /// What `read` does once the header is known, and that `found` is the digest of all but the last bytes.
    fn checked(
        holder: Holder,
        header: Header,
        found: Digest,
        expected: Option<&Digest>,
    ) -> Result<Self, Unusable> {
        let bytes = (*holder).as_ref();
        let digest = &bytes[bytes.len() - DIGEST..];
        if found != digest || expected.is_some_and(|expected| *expected != found) {
            let stated = expected.map_or_else(|| hex(digest), |expected| hex(expected));
            return Err(Unusable::Broken(Error::new(
                Code::HashMismatch,
                format!("the compiled plan has BLAKE3 {}; {stated} is stated", hex(&found)),
            )));
        }
        let [description, vocabulary, constants] = header.sections;
        if !bytes[constants.clone()].is_empty() && bytes[constants.clone()].as_ptr().align_offset(ALIGN) != 0
        {
            return Err(broken(format!("the compiled plan does not lie at a multiple of {ALIGN} in memory")));
        }
        let (plan, rest) = postcard::take_from_bytes::<Plan>(&bytes[description])
            .map_err(|e| broken(format!("the compiled plan's description cannot be read: {e}")))?;
        if !rest.is_empty() {
            return Err(broken(format!("the compiled plan's description ends {} bytes early", rest.len())));
        }
        Ok(Self { plan, vocabulary, constants, source: header.source, digest: found, holder })
    }

    /// The plan. Nothing of it was checked but that it can be read.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The bytes of the plan's constants, shared and not copied.
    ///
    /// # Errors
    /// As [`Constants::new`]; [`PlanFile::read`] has refused what would be refused here.
    pub fn constants(&self) -> Result<Constants, Error> {
        Constants::new(Part { holder: Arc::clone(&self.holder), range: self.constants.clone() })
    }

    /// The vocabulary as `words` keeps it, if there is one; shared and not copied.
    pub fn vocabulary(&self) -> Option<Part> {
        let range = self.vocabulary.clone();
        (!range.is_empty()).then(|| Part { holder: Arc::clone(&self.holder), range })
    }

    /// The plan ready to run, on the shared constants.
    ///
    /// # Errors
    /// What [`Plan::check`] finds.
    pub fn program(&self) -> Result<Program, Error> {
        Program::new(self.plan.clone(), self.constants()?)
    }

    /// What it was made from, and how.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// BLAKE3 of the file.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Bytes of the file.
    pub fn len(&self) -> usize {
        (*self.holder).as_ref().len()
    }

    /// Whether there are none, which no packed file is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for PlanFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlanFile({} bytes, BLAKE3 {})", self.len(), hex(&self.digest))
    }
}

/// Some of the bytes of a holder, which it keeps alive.
#[derive(Clone)]
pub struct Part {
    holder: Holder,
    /// Within the holder's bytes.
    range: Range<usize>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &(*self.holder).as_ref()[self.range.clone()]
    }
}

/// The bytes of a packed file.
///
/// `vocabulary` is what `words` made of the tokenizer, or empty.
///
/// # Errors
/// [`Code::TooLarge`] past [`MAX_BYTES`]; [`Code::Internal`] if the plan cannot be written.
pub fn write(plan: &Plan, vocabulary: &[u8], constants: &[u8], source: &Source) -> Result<Vec<u8>, Error> {
    let description = postcard::to_allocvec(plan)
        .map_err(|e| Error::new(Code::Internal, format!("the plan cannot be written: {e}")))?;
    let size = HEADER + description.len() + vocabulary.len() + constants.len() + 3 * ALIGN + DIGEST;
    if size as u64 > MAX_BYTES {
        return Err(Error::new(
            Code::TooLarge,
            format!("the packed file would have {size} bytes; at most {MAX_BYTES} are read"),
        ));
    }
    let mut out = Vec::with_capacity(size);
    out.resize(HEADER, 0);
    let sections = [&description[..], vocabulary, constants].map(|section| {
        out.resize(out.len().next_multiple_of(ALIGN), 0);
        let start = out.len();
        out.extend_from_slice(section);
        start..out.len()
    });
    let total = out.len() + DIGEST;
    out[..8].copy_from_slice(&MAGIC);
    out[8..12].copy_from_slice(&ORDER.to_le_bytes());
    out[12..16].copy_from_slice(&LAYOUT.to_le_bytes());
    out[16..24].copy_from_slice(&(total as u64).to_le_bytes());
    for (at, section) in sections.iter().enumerate() {
        out[24 + 16 * at..][..8].copy_from_slice(&(section.start as u64).to_le_bytes());
        out[32 + 16 * at..][..8].copy_from_slice(&(section.len() as u64).to_le_bytes());
    }
    let flag = |set: bool, bit: u32| if set { bit } else { 0 };
    let flags = flag(source.int8_weights, INT8_WEIGHTS) | flag(source.exact_attention, EXACT_ATTENTION);
    out[72..76].copy_from_slice(&flags.to_le_bytes());
    out[80..112].copy_from_slice(&source.model);
    out[112..144].copy_from_slice(&source.tokenizer);
    Ok(seal(out))
}

/// Ends the body of a packed file with its digest.
pub fn seal(mut body: Vec<u8>) -> Vec<u8> {
    let digest = blake3::hash(&body);
    body.extend_from_slice(digest.as_bytes());
    body
}

/// The last 32 bytes, where a packed file has its digest; zeros if there are fewer.
pub fn digest_of(file: &[u8]) -> Digest {
    file.last_chunk().copied().unwrap_or_default()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What the first bytes say, with every section within the file.
struct Header {
    sections: [Range<usize>; 3],
    source: Source,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Unusable> {
        if cfg!(target_endian = "big") {
            return Err(Unusable::Broken(Error::new(
                Code::Unavailable,
                "compiled plans are little-endian; this machine is not",
            )));
        }
        let truncated = |needed: u64| {
            broken(format!("the compiled plan is truncated: {} bytes of {needed}", bytes.len()))
        };
        if !bytes.starts_with(&MAGIC) {
            return Err(broken(
                "the file is no compiled plan: it does not start with its magic bytes".to_owned(),
            ));
        }
        if bytes.len() < HEADER + DIGEST {
            return Err(truncated((HEADER + DIGEST) as u64));
        }
        match word(bytes, 8) {
            ORDER => {}
            order if order == ORDER.swap_bytes() => {
                return Err(broken("the compiled plan is big-endian; plans are little-endian".to_owned()));
            }
            order => return Err(broken(format!("the compiled plan's byte-order mark is {order:#010x}"))),
        }
        match word(bytes, 12) {
            LAYOUT => {}
            layout => return Err(Unusable::Layout(layout)),
        }
        let stated = long(bytes, 16);
        if (bytes.len() as u64) < stated {
            return Err(truncated(stated));
        }
        if bytes.len() as u64 != stated {
            return Err(broken(format!(
                "the compiled plan has {} bytes; its header states {stated}",
                bytes.len()
            )));
        }
        let body = (bytes.len() - DIGEST) as u64;
        let mut free = HEADER as u64;
        let mut sections = [0..0, 0..0, 0..0];
        for (at, (name, section)) in ["plan", "vocabulary", "constants"].iter().zip(&mut sections).enumerate()
        {
            let (start, len) = (long(bytes, 24 + 16 * at), long(bytes, 32 + 16 * at));
            let end = start.checked_add(len).filter(|&end| end <= body);
            let Some(end) = end.filter(|_| start >= free && start % ALIGN as u64 == 0) else {
                return Err(broken(format!(
                    "the compiled plan's section {name:?} is {len} bytes at {start}; it lies at a multiple of \
                     {ALIGN} in {free}..{body}"
                )));
            };
            // Within the file, whose length is a usize.
            *section = start as usize..end as usize;
            free = end;
        }
        let flags = word(bytes, 72);
        if flags & !(INT8_WEIGHTS | EXACT_ATTENTION) != 0 {
            return Err(broken(format!("the compiled plan's flags {flags:#x} are not known")));
        }
        let mut source = Source {
            int8_weights: flags & INT8_WEIGHTS != 0,
            exact_attention: flags & EXACT_ATTENTION != 0,
            ..Source::default()
        };
        source.model.copy_from_slice(&bytes[80..112]);
        source.tokenizer.copy_from_slice(&bytes[112..144]);
        Ok(Self { sections, source })
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
}

fn broken(message: String) -> Unusable {
    Unusable::Broken(Error::new(Code::InvalidPack, message))
}
