//! A policy at work: rules and, if there is one, a pack's model; one text at a time or a stream of bytes.

mod decision;
mod front;
mod model;
mod record;
mod stream;

pub use decision::{CategoryDecision, Decision, DecisionSpan};
pub use record::{MAX_RECORDED, RECORD_BYTES, Record, RecordedCategory};
pub use stream::{Progress, Stream};

use std::sync::Arc;
use std::time::Duration;

use crate::engine::guard::Guard;
use crate::engine::policy::Policy;
use crate::model::backend::Memory;
use crate::model::control::{CancelToken, Control};
use crate::model::manifest::Role;
use crate::scoring::guard::language;
use crate::{Code, Error};

/// How sure a guess at the language must be to choose a threshold.
const SURE: f64 = 0.8;

/// A policy bound to the pack that scores for it. Immutable; share it freely between threads.
pub struct Filter {
    policy: Arc<Policy>,
    guard: Option<Arc<Guard>>,
    /// For each category, the labels of the pack that give its score.
    labels: Vec<Vec<usize>>,
}

/// How one text is judged.
#[derive(Clone, Debug, Default)]
pub struct FilterOptions {
    /// Whose text it is; `None` judges every category.
    pub role: Option<Role>,
    /// Its language, as a tag; `None`: a guess from its script, and the strictest thresholds where that is not sure.
    pub language: Option<String>,
    /// Judging takes no longer than this; then it fails with [`Code::DeadlineExceeded`]. For a stream: each call.
    pub timeout: Option<Duration>,
    /// Judging fails with [`Code::Cancelled`] once this is set.
    pub cancel: Option<Arc<CancelToken>>,
    /// Models judge the text alone, and not what it hides in an encoding or behind look-alikes, leetspeak and gaps. What rules
    /// find is the policy's.
    pub plain: bool,
}

impl FilterOptions {
    fn control(&self) -> Control {
        Control::new(self.timeout, self.cancel.clone())
    }
}

impl Filter {
    /// Binds a policy to a pack, or to none.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a category that neither a rule nor a label of the pack can find, a label that the pack
    /// does not have, and for a policy whose `packs` do not list this one; [`Code::Unavailable`] if the policy needs a pack
    /// and none is given.
    pub fn new(policy: Arc<Policy>, guard: Option<Arc<Guard>>) -> Result<Self, Error> {
        let pack = guard.as_ref().map(|g| g.manifest());
        let name = policy.name();
        if !policy.packs().is_empty() {
            let listed = policy.packs().join(", ");
            match pack {
                None => {
                    let message = format!("policy {name} needs the pack {listed}; none was given");
                    return Err(Error::new(Code::Unavailable, message));
                }
                Some(pack) if !policy.packs().contains(&pack.name) => {
                    let message = format!("policy {name} is for the pack {listed}, not for {}", pack.name);
                    return Err(Error::new(Code::InvalidArgument, message));
                }
                Some(_) => {}
            }
        }
        let mut labels = Vec::with_capacity(policy.categories().len());
        for category in policy.categories() {
            let position = |label: &str| pack.and_then(|p| p.labels.iter().position(|l| l.name == label));
            let mut found = Vec::new();
            for label in &category.labels {
                found.push(position(label).ok_or_else(|| {
                    let message = format!(
                        "category {} of policy {name} takes its score from the label {label:?}, which {} does not have",
                        category.name,
                        pack.map_or("no pack".to_owned(), |p| format!("pack {}", p.name)),
                    );
                    Error::new(Code::InvalidArgument, message)
                })?);
            }
            if category.labels.is_empty() {
                found.extend(position(&category.name));
            }
            if found.is_empty() && !category.has_rules {
                let provider = pack.map_or("no pack is given".to_owned(), |p| {
                    format!("pack {} has no label of that name", p.name)
                });
                let message = format!(
                    "nothing finds the category {} of policy {name}: it has no rule, and {provider}",
                    category.name
                );
                return Err(Error::new(Code::InvalidArgument, message));
            }
            labels.push(found);
        }
        Ok(Self { policy, guard, labels })
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The pack, if there is one.
    pub fn pack(&self) -> Option<&Arc<Guard>> {
        self.guard.as_ref()
    }

    /// Judges one text: what a [`Stream`] of all its bytes ends with. There is always a decision; where the text could not
    /// be judged it is the policy's `on_failure`, with the error.
    ///
    /// # Cost
    /// Linear in the text; one model run for each window and sentence that differs from the others.
    pub fn judge(filter: &Arc<Self>, text: &[u8], options: &FilterOptions) -> Decision {
        Self::judge_with(filter, &mut Memory::default(), text, options)
    }

    /// As [`Filter::judge`], with memory that is used again.
    pub(super) fn judge_with(
        filter: &Arc<Self>,
        memory: &mut Memory,
        text: &[u8],
        options: &FilterOptions,
    ) -> Decision {
        let mut stream = Stream::one_shot(Arc::clone(filter), options.clone());
        stream.swap_memory(memory);
        let decision = stream.judge(text);
        stream.swap_memory(memory);
        decision
    }

    /// The threshold that a category's scores are held against.
    fn threshold(&self, category: usize, language: Option<&str>) -> f64 {
        let own = self.labels[category].first().zip(self.guard.as_ref());
        let own = own.map_or(1.0, |(label, guard)| guard.manifest().labels[*label].threshold);
        self.policy.categories()[category].threshold_for(language, own)
    }

    /// For each label of the pack, the least threshold of the categories that take their score from it.
    fn floors(&self, language: Option<&str>) -> Vec<f64> {
        let n = self.guard.as_ref().map_or(0, |guard| guard.manifest().labels.len());
        let mut floors = vec![f64::INFINITY; n];
        for (category, labels) in self.labels.iter().enumerate() {
            let threshold = self.threshold(category, language);
            labels.iter().for_each(|&label| floors[label] = floors[label].min(threshold));
        }
        floors
    }

    /// Whether any category has a model's score.
    fn scores(&self) -> Option<&Arc<Guard>> {
        self.guard.as_ref().filter(|_| self.labels.iter().any(|labels| !labels.is_empty()))
    }

    /// The longest text that is judged.
    fn max_text_bytes(&self) -> usize {
        let most = self.policy.max_text_bytes();
        self.scores().map_or(most, |g| most.min(g.manifest().limits.max_text_bytes as usize))
    }
}

/// The language that thresholds go by: what the host said, or a guess that is sure.
fn chosen_language(options: &FilterOptions, text: &str) -> Option<String> {
    let given = options.language.clone().filter(|tag| tag != "und" && !tag.is_empty());
    given.or_else(|| language::guess(text).filter(|g| g.confidence >= SURE).map(|g| g.tag.to_owned()))
}
