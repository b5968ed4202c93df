//! The engine: packs made ready to run, immutable, shared by threads.

use std::sync::Arc;

use crate::kernels::Isa;

use crate::engine::guard::Guard;
use crate::model::backend::{Kind, Settings};
use crate::model::pack::Pack;
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
}

/// Packs made ready to run. Immutable; share it freely between threads.
pub struct Engine {
    isa: Isa,
    guards: Vec<Arc<Guard>>,
}

impl Engine {
    /// Makes packs ready to run.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] without a pack, for two packs of one name, or for an instruction set that is not
    /// known; [`Code::Unavailable`] for one that this CPU lacks; otherwise as [`Guard::load`].
    /// # Cost
    /// Each model is parsed, optimised and run once on a short input.
    pub fn new(config: &Config, packs: &[&Pack]) -> Result<Self, Error> {
        let isa = choose_isa(config.isa.clone().or_else(|| environment("TRUELINE_ISA")))?;
        let ort_library = config.ort_library.clone().or_else(|| environment("TRUELINE_ORT_LIBRARY"));
        let threads = if config.threads > 1 { Threads::new(config.threads)? } else { Threads::none() };
        let settings = Settings { kind: config.backend, isa, threads: Arc::new(threads), ort_library };
        let mut guards: Vec<Arc<Guard>> = Vec::with_capacity(packs.len());
        for pack in packs {
            let name = &pack.manifest().name;
            if guards.iter().any(|g| g.manifest().name == *name) {
                return Err(Error::new(Code::InvalidArgument, format!("two packs are named {name}")));
            }
            let guard = Guard::load(pack, &settings)?;
            log::info!(
                "pack {name} is ready: backend {}, instruction set {}",
                guard.backend().0.name(),
                isa.name()
            );
            guards.push(Arc::new(guard));
        }
        Self::from_guards(isa, guards)
    }

    /// An engine over guards that were made elsewhere, over a replay for example.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] without a guard.
    pub fn from_guards(isa: Isa, guards: Vec<Arc<Guard>>) -> Result<Self, Error> {
        if guards.is_empty() {
            return Err(Error::new(Code::InvalidArgument, "an engine needs at least one pack; 0 were given"));
        }
        Ok(Self { isa, guards })
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The guard of this pack, or of the first pack for `None`.
    ///
    /// # Errors
    /// [`Code::Unavailable`] listing the packs that the engine has.
    pub fn guard(&self, pack: Option<&str>) -> Result<&Arc<Guard>, Error> {
        let found = match pack {
            None => self.guards.first(),
            Some(name) => self.guards.iter().find(|g| g.manifest().name == name),
        };
        found.ok_or_else(|| {
            let known: Vec<&str> = self.guards.iter().map(|g| g.manifest().name.as_str()).collect();
            let name = pack.unwrap_or_default();
            Error::new(
                Code::Unavailable,
                format!("the engine has no pack {name:?}; it has {}", known.join(", ")),
            )
        })
    }
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
