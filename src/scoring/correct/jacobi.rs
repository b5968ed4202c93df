//! A draft refined as a whole: every position predicted at once, until nothing changes.

use crate::Error;
use crate::scoring::refuse::invalid;

/// What a refinement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refined {
    /// How often the model ran.
    pub calls: usize,
    /// Whether the answer is known to be the model's greedy one of that length: the last run changed nothing, or there were
    /// as many as tokens.
    pub converged: bool,
}

/// Refines a draft in place by up to `max_rounds + 1` runs of a model.
///
/// `predict` gets prompt and draft, and writes the likeliest token after each of them, of equals the lowest.
///
/// # Shapes
/// `tokens`: the prompt of `n_prompt` tokens, then the draft.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the prompt is empty or longer than `tokens`; else whatever
/// stopped the model.
/// # Cost
/// One run of the model on all tokens a round.
/// # Source
/// Chen et al. 2025, DiffPO; golden file `diffpo_jacobi.json`.
pub fn refine(
    tokens: &mut [u32],
    n_prompt: usize,
    max_rounds: usize,
    mut predict: impl FnMut(&[u32], &mut [u32]) -> Result<(), Error>,
) -> Result<Refined, Error> {
    let n = tokens.len();
    if n_prompt == 0 || n_prompt > n {
        return Err(invalid(format!("a prompt of {n_prompt} of {n} tokens; at least 1, at most all")));
    }
    let mut refined = Refined { calls: 0, converged: n_prompt == n };
    let mut next = vec![0; n];
    while !refined.converged && refined.calls <= max_rounds {
        predict(tokens, &mut next)?;
        refined.calls += 1;
        let new = &next[n_prompt - 1..n - 1];
        refined.converged = tokens[n_prompt..] == *new;
        if refined.converged {
            break;
        }
        tokens[n_prompt..].copy_from_slice(new);
    }
    // One more leading token is right after each run.
    refined.converged |= refined.calls >= n - n_prompt;
    Ok(refined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counting_model_counts_on() {
        let count = |tokens: &[u32], next: &mut [u32]| {
            next.iter_mut().zip(tokens).for_each(|(next, token)| *next = token + 1);
            Ok(())
        };
        let mut tokens = [5, 0, 0, 0];
        assert_eq!(refine(&mut tokens, 1, 10, count), Ok(Refined { calls: 4, converged: true }));
        assert_eq!(tokens, [5, 6, 7, 8]);
        let mut tokens = [5, 0, 0, 0];
        assert_eq!(refine(&mut tokens, 1, 0, count), Ok(Refined { calls: 1, converged: false }));
        assert_eq!(refine(&mut [5], 1, 9, count), Ok(Refined { calls: 0, converged: true }));
        assert!(refine(&mut [5], 0, 9, count).is_err() && refine(&mut [5], 2, 9, count).is_err());
        let stop = |_: &[u32], _: &mut [u32]| Err(invalid("stop"));
        assert!(refine(&mut [1, 2], 1, 9, stop).is_err());
    }
}
