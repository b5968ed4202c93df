//! Instruction sets as proofs: holding a value means that this CPU was asked, and said yes.

use core::fmt;

/// Proof that AVX2 may be executed; only [`Isa::available`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

/// Proof that AVX2 and AVX-VNNI, the int8 dot products in its encoding, may be executed; only [`Isa::available`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvxVnni(());

/// Proof that AVX-512 F, BW, VL and DQ may be executed; only [`Isa::available`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

/// Proof that AVX-512 F, BW, VL, DQ and VNNI may be executed; only [`Isa::available`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512Vnni(());

/// Proof that NEON may be executed; only [`Isa::available`] makes one.
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neon(());

/// Proof that NEON and its int8 dot products may be executed; only [`Isa::available`] makes one.
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dotprod(());

/// Proof that NEON, its int8 dot products and its int8 matrix products may be executed; only [`Isa::available`] makes one.
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I8mm(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl AvxVnni {
    fn detect() -> Option<Self> {
        let vnni = std::arch::is_x86_feature_detected!("avxvnni");
        Avx2::detect().filter(|_| vnni).map(|_| Self(()))
    }

    /// The lesser proof: AVX-VNNI is detected only where AVX2 is.
    pub(crate) fn avx2(self) -> Avx2 {
        Avx2(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    fn detect() -> Option<Self> {
        let found = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512dq");
        Avx2::detect().filter(|_| found).map(|_| Self(()))
    }

    /// The lesser proof: AVX-512 is detected only where AVX2 is.
    pub(crate) fn avx2(self) -> Avx2 {
        Avx2(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx512Vnni {
    fn detect() -> Option<Self> {
        let vnni = std::arch::is_x86_feature_detected!("avx512vnni");
        Avx512::detect().filter(|_| vnni).map(|_| Self(()))
    }

    /// The lesser proof: VNNI is detected only where the rest of AVX-512 is.
    pub(crate) fn avx512(self) -> Avx512 {
        Avx512(())
    }
}

#[cfg(target_arch = "aarch64")]
impl Neon {
    fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

#[cfg(target_arch = "aarch64")]
impl Dotprod {
    fn detect() -> Option<Self> {
        let dotprod = std::arch::is_aarch64_feature_detected!("dotprod");
        Neon::detect().filter(|_| dotprod).map(|_| Self(()))
    }

    /// The lesser proof: dot products are detected only where NEON is.
    pub(crate) fn neon(self) -> Neon {
        Neon(())
    }
}

#[cfg(target_arch = "aarch64")]
impl I8mm {
    fn detect() -> Option<Self> {
        let i8mm = std::arch::is_aarch64_feature_detected!("i8mm");
        Dotprod::detect().filter(|_| i8mm).map(|_| Self(()))
    }

    /// The lesser proof: matrix products are detected only where dot products are.
    pub(crate) fn dotprod(self) -> Dotprod {
        Dotprod(())
    }

    /// The least proof.
    pub(crate) fn neon(self) -> Neon {
        Neon(())
    }
}

/// An instruction set this process may use. `Scalar` is always there, and is the reference for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What every CPU of the target has, without detection.
    Scalar,
    /// AVX2: 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX2 with AVX-VNNI, the int8 dot products of CPUs without AVX-512.
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    /// AVX-512 F, BW, VL and DQ: 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// AVX-512 with VNNI, the int8 dot products.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    /// NEON: 128 bits.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// NEON with the int8 dot products of Armv8.2.
    #[cfg(target_arch = "aarch64")]
    Dotprod(Dotprod),
    /// NEON with the int8 dot products and the int8 matrix products of Armv8.6.
    #[cfg(target_arch = "aarch64")]
    I8mm(I8mm),
}

/// Why a word does not name a usable instruction set. Displayed, it is a sentence that lists the words that would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsaError {
    /// The word names no instruction set, on any machine.
    Unknown,
    /// The word is right, but this build or this CPU lacks the instruction set.
    Unavailable,
}

impl Isa {
    /// Every word that [`Isa::from_name`] knows, on whatever machine.
    pub const NAMES: [&str; 8] =
        ["avx512vnni", "avx512", "avxvnni", "avx2", "i8mm", "dotprod", "neon", "scalar"];

    /// What this CPU has, best first; `Scalar` is always there, and last.
    pub fn available() -> impl Iterator<Item = Isa> {
        #[cfg(target_arch = "x86_64")]
        let found = [
            Avx512Vnni::detect().map(Isa::Avx512Vnni),
            Avx512::detect().map(Isa::Avx512),
            AvxVnni::detect().map(Isa::AvxVnni),
            Avx2::detect().map(Isa::Avx2),
        ];
        #[cfg(target_arch = "aarch64")]
        let found = [
            I8mm::detect().map(Isa::I8mm),
            Dotprod::detect().map(Isa::Dotprod),
            Neon::detect().map(Isa::Neon),
        ];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let found = [None::<Isa>];
        found.into_iter().flatten().chain([Isa::Scalar])
    }

    /// The best that this CPU has.
    pub fn best() -> Isa {
        Isa::available().next().unwrap_or(Isa::Scalar)
    }

    /// The word used by benches, logs and the override.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni(_) => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni(_) => "avx512vnni",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(_) => "neon",
            #[cfg(target_arch = "aarch64")]
            Isa::Dotprod(_) => "dotprod",
            #[cfg(target_arch = "aarch64")]
            Isa::I8mm(_) => "i8mm",
        }
    }

    /// The available instruction set of this name.
    ///
    /// # Errors
    /// [`IsaError::Unknown`] if the word is not in [`Isa::NAMES`]; [`IsaError::Unavailable`] if it is, but this machine
    /// lacks it.
    pub fn from_name(name: &str) -> Result<Isa, IsaError> {
        let missing = if Isa::NAMES.contains(&name) { IsaError::Unavailable } else { IsaError::Unknown };
        Isa::available().find(|isa| isa.name() == name).ok_or(missing)
    }
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IsaError::Unknown => f.write_str("no such instruction set; this machine has")?,
            IsaError::Unavailable => f.write_str("instruction set not available; this machine has")?,
        }
        for (i, isa) in Isa::available().enumerate() {
            write!(f, "{} {}", if i == 0 { "" } else { "," }, isa.name())?;
        }
        Ok(())
    }
}

impl core::error::Error for IsaError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn names_are_unique_known_and_read_back() {
        let available: Vec<Isa> = Isa::available().collect();
        assert_eq!(available.last(), Some(&Isa::Scalar));
        assert_eq!(available.first(), Some(&Isa::best()));
        for isa in &available {
            assert!(Isa::NAMES.contains(&isa.name()));
            assert_eq!(Isa::from_name(isa.name()), Ok(*isa));
        }
    }

    #[test]
    fn a_wrong_word_and_a_missing_set_differ() {
        let missing = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
        assert_eq!(Isa::from_name("AVX2"), Err(IsaError::Unknown));
        assert_eq!(Isa::from_name(""), Err(IsaError::Unknown));
        assert_eq!(Isa::from_name(missing), Err(IsaError::Unavailable));
        assert!(IsaError::Unknown.to_string().ends_with("scalar"));
    }
}
