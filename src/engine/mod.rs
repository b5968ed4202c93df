//! Where model and scoring meet: packs become an engine, an engine gives sessions, a session gives verdicts.

pub mod align;
mod config;
pub mod correct;
pub mod deny;
pub mod filter;
mod first;
mod guard;
pub mod pipeline;
pub mod policy;
mod pooled;
pub mod provenance;
mod ready;
mod session;
mod spelling;
mod verdict;
mod views;
mod windows;
pub mod write;

pub use config::{Config, Engine, Member};
pub use guard::{Guard, GuardOptions};
pub use session::Session;
pub use verdict::{Action, CategoryScore, Reason, Span, Verdict};
