//! A cascade: a small classifier looks at each window first, and only what it does not clear goes to the large one.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::engine::guard::Guard;
use crate::model::backend::Memory;
use crate::model::control::Control;
use crate::model::manifest::Manifest;
use crate::scoring::guard::window;
use crate::{Code, Error};

/// The share of a label's own threshold that a cleared window's score stays under.
const AT_MOST: f64 = 0.5;

/// A guard that looks first, and what it takes from it to clear a window.
pub(super) struct FirstLook {
    guard: Arc<Guard>,
    /// For each label of the first guard, the probability below which it is clear.
    below: Vec<f64>,
    /// The probability of harm of any kind below which it is clear.
    gate: f64,
    /// For each label of the second guard, its place in the first.
    places: Vec<usize>,
}

impl FirstLook {
    /// Lets `first` look before the model of `second`.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if the first pack's band was not chosen for the second's model, or if it lacks one of its
    /// labels.
    pub(super) fn new(first: Arc<Guard>, second: &Manifest) -> Result<Self, Error> {
        let own = first.manifest();
        let (name, other) = (&own.name, &second.name);
        let refuse =
            |why: String| Error::new(Code::InvalidArgument, format!("pack {name} cannot look first: {why}"));
        let Some(band) = &own.first_look else {
            return Err(refuse("its manifest has no first_look".to_owned()));
        };
        if band.model_sha256 != second.model.sha256 {
            return Err(refuse(format!(
                "its band was chosen for the model {} of pack {}; pack {other} has the model {}",
                band.model_sha256, band.pack, second.model.sha256
            )));
        }
        let place = |label: &str| own.labels.iter().position(|l| l.name == label);
        let places = second.labels.iter().map(|l| {
            place(&l.name)
                .ok_or_else(|| refuse(format!("it has no label {:?}, which pack {other} has", l.name)))
        });
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let below = own.labels.iter().map(|l| l.clear_below.unwrap_or(0.0)).collect();
        let gate = band.gate.map_or(f64::INFINITY, |gate| gate.clear_below);
        Ok(Self { guard: first, below, gate, places })
    }

    /// The scores of a window that is clear, one for each label of the second pack, none above half its threshold; `None` if
    /// the second pack must look.
    ///
    /// # Errors
    /// What `control` says.
    pub(super) fn clear(
        &self,
        second: &Manifest,
        memory: &mut Memory,
        text: &str,
        control: &Control,
    ) -> Result<Option<Vec<f64>>, Error> {
        let tokens = self.guard.encode(text, control)?;
        let (content, stride) = self.guard.window();
        let mut most = vec![0.0_f64; self.below.len()];
        for span in window::layout(tokens.ids.len(), content, stride)? {
            let scored = self.guard.own_scores(memory, &tokens.ids[span], control)?;
            // A score that is no number is not below anything.
            let is_below = |score: f64, below: f64| score.partial_cmp(&below) == Some(Ordering::Less);
            if scored.gate.is_some_and(|score| !is_below(score, self.gate)) {
                return Ok(None);
            }
            for ((most, score), below) in most.iter_mut().zip(scored.labels).zip(&self.below) {
                if !is_below(score, *below) {
                    return Ok(None);
                }
                *most = most.max(score);
            }
        }
        let scores = self.places.iter().zip(&second.labels).map(|(&place, label)| {
            let below = self.below[place];
            if below > 0.0 { most[place] / below * AT_MOST * label.threshold } else { 0.0 }
        });
        Ok(Some(scores.collect()))
    }
}
