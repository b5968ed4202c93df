//! The engine: packs made ready to run, immutable, shared by threads.

use std::sync::Arc;

use crate::kernels::Isa;

use crate::engine::align::Aligner;
use crate::engine::correct::{AnyCorrector, Corrector, Inspector, Rewriter};
use crate::engine::guard::Guard;
use crate::engine::write::Writer;
use crate::model::backend::{Kind, Settings, Sharing};
use crate::model::family::{
    AlignerEncoder, AnswerInspector, CausalLm, EditTagger, EncoderDecoder, Family, GuardEncoder, wrong_family,
};
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::plan::threads::Threads;
use crate::{Code, Error};

/// How an engine is built. Empty is the default everywhere.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What runs the models.
    pub backend: Kind,
    /// Instruction set by name; `None` is the environment variable `TRUELINE_ISA`, else the best that the CPU has.
    pub isa: Option<String>,
    /// Path of libonnxruntime for [`Kind::Ort`]; `None` is the environment variable `TRUELINE_ORT_LIBRARY`.
    pub ort_library: Option<String>,
    /// Threads that share one model run, the caller's among them; 0 and 1 are the caller's alone. More are started, and
    /// owned by the engine; they sleep between runs.
    pub threads: usize,
    /// The pack, one of the engine's, that looks first for every other classifier of the engine: what it clears, the larger
    /// model does not see.
    pub first_look: Option<String>,
}

/// Packs made ready to run. Immutable; share it freely between threads.
pub struct Engine {
    isa: Isa,
    members: Vec<Member>,
}

/// A pack made ready, by what it does.
#[derive(Clone)]
pub enum Member {
    /// Judges texts.
    Guard(Arc<Guard>),
    /// Aligns texts.
    Aligner(Arc<Aligner>),
    /// Judges answers to questions.
    Inspector(Arc<Inspector>),
    /// Corrects texts.
    Corrector(Arc<Corrector>),
    /// Writes texts.
    Writer(Arc<Writer>),
}

impl Member {
    fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        let family = &pack.manifest().family;
        let is = |other: &dyn Family| *family == other.name();
        Ok(if pack.manifest().generator.is_some() {
            Self::Writer(Arc::new(Writer::load(pack, settings)?))
        } else if is(&AlignerEncoder) {
            Self::Aligner(Arc::new(Aligner::load(pack, settings)?))
        } else if is(&AnswerInspector) {
            Self::Inspector(Arc::new(Inspector::load(pack, settings)?))
        } else if is(&EditTagger) {
            Self::Corrector(Arc::new(Corrector::load(pack, settings)?))
        } else {
            Self::Guard(Arc::new(Guard::load(pack, settings)?))
        })
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        match self {
            Self::Guard(guard) => guard.manifest(),
            Self::Aligner(aligner) => aligner.manifest(),
            Self::Inspector(inspector) => inspector.manifest(),
            Self::Corrector(corrector) => corrector.manifest(),
            Self::Writer(writer) => writer.manifest(),
        }
    }

    /// What runs the model: the kind, why it is that one, and the plan if there is one.
    pub fn backend(&self) -> (Kind, &str, Option<&Program>) {
        match self {
            Self::Guard(guard) => guard.backend(),
            Self::Aligner(aligner) => aligner.backend(),
            Self::Inspector(inspector) => inspector.backend(),
            Self::Corrector(corrector) => corrector.backend(),
            Self::Writer(writer) => writer.backend(),
        }
    }

    /// The guard that it is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if it is none.
    pub fn guard(&self) -> Result<&Arc<Guard>, Error> {
        match self {
            Self::Guard(guard) => Ok(guard),
            _ => Err(wrong_family(&GuardEncoder, self.manifest())),
        }
    }

    /// The aligner that it is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if it is none.
    pub fn aligner(&self) -> Result<&Arc<Aligner>, Error> {
        match self {
            Self::Aligner(aligner) => Ok(aligner),
            _ => Err(wrong_family(&AlignerEncoder, self.manifest())),
        }
    }

    /// The inspector that it is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if it is none.
    pub fn inspector(&self) -> Result<&Arc<Inspector>, Error> {
        match self {
            Self::Inspector(inspector) => Ok(inspector),
            _ => Err(wrong_family(&AnswerInspector, self.manifest())),
        }
    }

    /// The pack that writes that it is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if it is none.
    pub fn writer(&self) -> Result<&Arc<Writer>, Error> {
        match self {
            Self::Writer(writer) => Ok(writer),
            _ => Err(wrong_family(&CausalLm, self.manifest())),
        }
    }

    /// The corrector that it is if it writes: an encoder-decoder, or a language model with a corrector's prompt.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if it is none; as [`Rewriter::new`].
    pub fn rewriter(&self) -> Result<Rewriter, Error> {
        match self {
            Self::Writer(writer) if writer.corrects() => Rewriter::new(Arc::clone(writer)),
            _ => Err(wrong_family(&EncoderDecoder, self.manifest())),
        }
    }

    /// The corrector that it is, of either kind.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if it is none.
    pub fn any_corrector(&self) -> Result<AnyCorrector, Error> {
        match self {
            Self::Corrector(corrector) => Ok(AnyCorrector::Tagger(Arc::clone(corrector))),
            Self::Writer(_) => Ok(AnyCorrector::Rewriter(self.rewriter()?)),
            _ => Err(wrong_family(&EditTagger, self.manifest())),
        }
    }

    /// The corrector that it is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if it is none.
    pub fn corrector(&self) -> Result<&Arc<Corrector>, Error> {
        match self {
            Self::Corrector(corrector) => Ok(corrector),
            _ => Err(wrong_family(&EditTagger, self.manifest())),
        }
    }
}

impl Engine {
    /// Makes packs ready to run.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] without a pack, for two packs of one name, or for an instruction set that is not
    /// known; [`Code::Unavailable`] for one that this CPU lacks; otherwise as [`Guard::load`].
    /// # Cost
    /// Each model is parsed, optimised and run once on a short input. Packs that name the same model file share one.
    pub fn new(config: &Config, packs: &[&Pack]) -> Result<Self, Error> {
        let isa = choose_isa(config.isa.clone().or_else(|| environment("TRUELINE_ISA")))?;
        let ort_library = config.ort_library.clone().or_else(|| environment("TRUELINE_ORT_LIBRARY"));
        let threads = if config.threads > 1 { Threads::new(config.threads)? } else { Threads::none() };
        let sharing = Arc::new(Sharing::among(packs, config.backend));
        let settings =
            Settings { kind: config.backend, isa, threads: Arc::new(threads), ort_library, sharing };
        let mut members: Vec<Member> = Vec::with_capacity(packs.len());
        for pack in packs {
            let name = &pack.manifest().name;
            if members.iter().any(|m| m.manifest().name == *name) {
                return Err(Error::new(Code::InvalidArgument, format!("two packs are named {name}")));
            }
            let member = Member::load(pack, &settings)?;
            log::info!(
                "pack {name} is ready: backend {}, instruction set {}",
                member.backend().0.name(),
                isa.name()
            );
            members.push(member);
        }
        if let Some(name) = &config.first_look {
            look_first(&mut members, name)?;
        }
        Self::from_members(isa, members)
    }

    /// An engine over packs that were made ready elsewhere, over a replay for example.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] without one.
    pub fn from_members(isa: Isa, members: Vec<Member>) -> Result<Self, Error> {
        if members.is_empty() {
            return Err(Error::new(Code::InvalidArgument, "an engine needs at least one pack; 0 were given"));
        }
        Ok(Self { isa, members })
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// This pack, or the first one for `None`.
    ///
    /// # Errors
    /// [`Code::Unavailable`] listing the packs that the engine has.
    pub fn member(&self, pack: Option<&str>) -> Result<&Member, Error> {
        pick(&self.members, pack)
    }

    /// Every pack, in the order in which they were given.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The guard of this pack, or of the first pack for `None`.
    ///
    /// # Errors
    /// As [`Engine::member`] and [`Member::guard`].
    pub fn guard(&self, pack: Option<&str>) -> Result<&Arc<Guard>, Error> {
        self.member(pack)?.guard()
    }

    /// The aligner of this pack, or of the first pack for `None`.
    ///
    /// # Errors
    /// As [`Engine::member`] and [`Member::aligner`].
    pub fn aligner(&self, pack: Option<&str>) -> Result<&Arc<Aligner>, Error> {
        self.member(pack)?.aligner()
    }
}

/// The pack of this name, or the first one for `None`.
///
/// # Errors
/// [`Code::Unavailable`] listing the packs that there are.
pub(super) fn pick<'a>(members: &'a [Member], pack: Option<&str>) -> Result<&'a Member, Error> {
    let found = match pack {
        None => members.first(),
        Some(name) => members.iter().find(|m| m.manifest().name == name),
    };
    found.ok_or_else(|| {
        let known: Vec<&str> = members.iter().map(|m| m.manifest().name.as_str()).collect();
        let name = pack.unwrap_or_default();
        Error::new(Code::Unavailable, format!("the engine has no pack {name:?}; it has {}", known.join(", ")))
    })
}

/// Puts the guard of this name before every other one.
fn look_first(members: &mut [Member], name: &str) -> Result<(), Error> {
    let first = members.iter().find(|m| m.manifest().name == name);
    let first = first.ok_or_else(|| {
        Error::new(
            Code::Unavailable,
            format!("first_look is {name:?}, which is not one of the engine's packs"),
        )
    })?;
    let first = Arc::clone(first.guard()?);
    let mut looked_for = 0;
    for member in members.iter_mut().filter(|m| m.manifest().name != name) {
        let pack = member.manifest().name.clone();
        let Member::Guard(guard) = member else { continue };
        let guard = Arc::get_mut(guard).ok_or_else(|| {
            Error::new(Code::Internal, format!("the guard {pack} is shared before the engine is made"))
        })?;
        guard.set_first_look(&first)?;
        looked_for += 1;
    }
    if looked_for == 0 {
        let message = format!("first_look is {name:?}, and no other pack of the engine judges texts");
        return Err(Error::new(Code::InvalidArgument, message));
    }
    Ok(())
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn choose_isa(name: Option<String>) -> Result<Isa, Error> {
    let Some(name) = name else { return Ok(Isa::best()) };
    Isa::from_name(&name).map_err(|e| {
        let code = match e {
            crate::kernels::IsaError::Unknown => Code::InvalidArgument,
            crate::kernels::IsaError::Unavailable => Code::Unavailable,
        };
        Error::new(code, format!("instruction set {name:?}: {e}"))
    })
}
