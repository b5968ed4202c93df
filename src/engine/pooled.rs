//! The mean state of a text, for audits: what a guard's labels are read from.

use crate::engine::correct::Work;
use crate::engine::guard::nothing_left;
use crate::engine::ready::Ready;
use crate::model::control::Control;
use crate::model::family::{POOLED, SPECIAL_TOKENS};
use crate::model::tensor::Tensor;
use crate::scoring::guard::window;
use crate::{Code, Error};

/// The mean state of a text's tokens over all windows, as the model's head reads it; special tokens and what two windows share
/// count in each.
///
/// # Errors
/// [`Code::Unavailable`] for a pack without that output, [`Code::TooLarge`] and [`Code::EmptyText`] for the text,
/// [`Code::ModelMismatch`] for an output that is no row of numbers or changes its width, [`Code::InvalidModel`] for a number
/// that is not finite; what `control` and the backend say.
pub(super) fn mean_state(
    ready: &Ready,
    work: &mut Work,
    text: &str,
    control: &Control,
) -> Result<Vec<f32>, Error> {
    let Some(place) = ready.place_of(POOLED) else {
        let has: Vec<&str> = ready.manifest.model.outputs.keys().map(String::as_str).collect();
        return Err(Error::new(
            Code::Unavailable,
            format!("pack {} has no output {POOLED:?}; it has {}", ready.manifest.name, has.join(", ")),
        ));
    };
    ready.check_size("text", text.len())?;
    ready.encode(work, text, control)?;
    let ids = work.encoding.ids.clone();
    let (content, stride) = ready.window();
    let (mut sum, mut rows) = (Vec::<f64>::new(), 0);
    for range in window::layout(ids.len(), content, stride)? {
        let n = range.len() + SPECIAL_TOKENS;
        let outputs = ready.run(&mut work.judging.memory, &ids[range], control)?;
        let mean = row(ready, outputs.get(place), sum.len())?;
        sum.resize(mean.len(), 0.0);
        sum.iter_mut().zip(mean).for_each(|(sum, x)| *sum += n as f64 * f64::from(*x));
        rows += n;
    }
    if rows == 0 {
        return Err(nothing_left(text.len()));
    }
    Ok(sum.iter().map(|sum| (sum / rows as f64) as f32).collect())
}

/// The numbers of one window's output; as many as the window before had, if there was one.
fn row<'a>(ready: &Ready, output: Option<&'a Tensor>, before: usize) -> Result<&'a [f32], Error> {
    match output.map(|t| (t.shape(), t.f32s())) {
        Some((&[1, width], Some(values))) if width > 0 && (before == 0 || width == before) => {
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let message = format!("number {at} of the model's mean state is {}", values[at]);
                return Err(Error::new(Code::InvalidModel, message));
            }
            Ok(values)
        }
        found => Err(Error::new(
            Code::ModelMismatch,
            format!(
                "output {:?} of pack {} has the shape {:?}; {}",
                ready.manifest.model.outputs[POOLED],
                ready.manifest.name,
                found.map(|(shape, _)| shape.to_vec()).unwrap_or_default(),
                if before == 0 {
                    "a mean state is [1, width]".to_owned()
                } else {
                    format!("the window before had [1, {before}]")
                }
            ),
        )),
    }
}
