//! Calls that transport: plans between the words of two sentences from the caller's own costs, and soft permutations.

use trueline_core::scoring::align::transport::{
    Problem, Stop, balanced, balanced_into, partial, unbalanced, unbalanced_into,
};
use trueline_core::scoring::align::{Matrix, flow};
use trueline_core::scoring::graph::sinkhorn::soft_permutation;
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::pointer::{Out, Sized32, cells, cleared, put, sized, span};
use crate::status::tl_status;

/// Masses may be missed, at a price of `tau` times the divergence; the default.
pub const TL_TRANSPORT_UNBALANCED: u32 = 0;
/// Rows and columns sum to the masses, each side's scaled to 1 first.
pub const TL_TRANSPORT_BALANCED: u32 = 1;
/// `mass` in all; rows and columns sum to at most the masses.
pub const TL_TRANSPORT_PARTIAL: u32 = 2;
/// `mass` in all at the least cost, without entropy.
pub const TL_TRANSPORT_EXACT: u32 = 3;

/// How mass is transported. In every field 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_transport_options {
    /// Set by TL_TRANSPORT_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_TRANSPORT_UNBALANCED, ...
    pub method: u32,
    /// The most rounds; 0: 10,000.
    pub rounds: u32,
    /// 0; no flag is known.
    pub flags: u32,
    /// The weight of entropy, relative to the all-ones measure, above 0; 0: 0.1.
    pub epsilon: f64,
    /// What a missed mass costs, above 0; 0: 0.5.
    pub tau: f64,
    /// What partial and exact transport move in all; 0: all that both sides have.
    pub mass: f64,
    /// The relative change of a round that counts as none, above 0; 0: 1e-9.
    pub change: f64,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_transport_options {
    const NAME: &'static str = "tl_transport_options";
    const INIT: &'static str = "TL_TRANSPORT_OPTIONS_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        method: 0,
        rounds: 0,
        flags: 0,
        epsilon: 0.0,
        tau: 0.0,
        mass: 0.0,
        change: 0.0,
    };
}

/// The plan of least cost between two sides, with or without entropy. For links give it to tl_align_extract.
///
/// @param options      may be NULL: every default.
/// @param cost         `n_source` x `n_target`, row-major; may be NULL if it has no entry.
/// @param source_mass  `n_source` masses above 0; NULL: 1 of each.
/// @param target_mass  `n_target` likewise.
/// @param out_plan     gets `n_source` x `n_target` numbers; untouched after a failure.
/// @param out_cost     gets the sum of cost times plan; may be NULL.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, or a shape that no memory can
///         hold; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. At most two exponentials for each pair and round, or the pivots
///         of a network simplex.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; as many numbers as stated lie at `cost` and, unless they are NULL, at
/// the masses; there is room for as many at `out_plan`; `out_cost` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_transport_plan(
    options: *const tl_transport_options,
    cost: *const f64,
    n_source: usize,
    n_target: usize,
    source_mass: *const f64,
    target_mass: *const f64,
    out_plan: *mut f64,
    out_cost: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let options = unsafe { sized(options) }?;
        // SAFETY: that many numbers lie there, by this function's contract.
        let cost = unsafe { span(cost, cells("cost", n_source, n_target)?, "cost") }?;
        if options.flags != 0 {
            return Err(invalid(format!("flags is {:#x}; no flag is known", options.flags)));
        }
        let masses = |given: *const f64, n: usize, name: &str| -> Result<Vec<f64>, Error> {
            if given.is_null() {
                return Ok(vec![1.0; n]);
            }
            // SAFETY: that many numbers lie there, by this function's contract.
            Ok(unsafe { span(given, n, name) }?.to_vec())
        };
        let total = |plan: &[f64]| plan.iter().zip(cost).map(|(p, c)| p * c).sum::<f64>();
        let mut paid = 0.0;
        // Without a pair there is nothing to weigh, however many positions the other side has.
        if !cost.is_empty() {
            let source = masses(source_mass, n_source, "source_mass")?;
            let target = masses(target_mass, n_target, "target_mass")?;
            let problem = Problem::new(Matrix::new(cost, n_source, n_target)?, &source, &target)?;
            let how = How::new(&options, source.iter().sum::<f64>().min(target.iter().sum()))?;
            let (of_cost, of_plan) = (cost.as_ptr_range(), out_plan.cast_const());
            let apart = of_plan >= of_cost.end || of_plan.wrapping_add(cost.len()) <= of_cost.start;
            if apart && how.writes_in_place() {
                // SAFETY: room for that many, by this function's contract; what is read lies elsewhere: the costs as checked above,
                // and of the masses there are copies.
                let plan = unsafe { cleared(out_plan, cost.len(), "out_plan") }?;
                how.solve_into(problem, plan)?;
                paid = if out_cost.is_null() { 0.0 } else { total(plan) };
            } else {
                let plan = how.solve(problem)?;
                paid = if out_cost.is_null() { 0.0 } else { total(&plan) };
                // SAFETY: room for that many, by this function's contract.
                unsafe { put(out_plan, &plan, "out_plan") }?;
            }
        }
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_cost, "out_cost") } {
            out.set(paid);
        }
        Ok(())
    })
}

/// The options of a plan, with their defaults filled in.
struct How {
    method: u32,
    epsilon: f64,
    tau: f64,
    mass: f64,
    stop: Stop,
}

impl How {
    fn new(options: &tl_transport_options, most: f64) -> Result<Self, Error> {
        let or = |given: f64, default: f64| if given == 0.0 { default } else { given };
        let change = or(options.change, Stop::default().change);
        if !(change > 0.0 && change.is_finite()) {
            return Err(invalid(format!("change is {change}; a finite number above 0")));
        }
        let rounds = if options.rounds == 0 { Stop::default().rounds } else { options.rounds as usize };
        Ok(Self {
            method: options.method,
            epsilon: or(options.epsilon, 0.1),
            tau: or(options.tau, 0.5),
            mass: or(options.mass, most),
            stop: Stop { change, rounds },
        })
    }

    /// Whether [`How::solve_into`] makes the plan, and will not refuse.
    fn writes_in_place(&self) -> bool {
        let fine = |weight: f64| weight > 0.0 && weight.is_finite();
        match self.method {
            TL_TRANSPORT_BALANCED => fine(self.epsilon),
            TL_TRANSPORT_UNBALANCED => fine(self.epsilon) && fine(self.tau),
            _ => false,
        }
    }

    fn solve_into(&self, problem: Problem, plan: &mut [f64]) -> Result<(), Error> {
        if self.method == TL_TRANSPORT_BALANCED {
            return balanced_into(problem, self.epsilon, self.stop, plan);
        }
        unbalanced_into(problem, self.epsilon, self.tau, self.stop, plan)
    }

    fn solve(&self, problem: Problem) -> Result<Vec<f64>, Error> {
        match self.method {
            TL_TRANSPORT_UNBALANCED => unbalanced(problem, self.epsilon, self.tau, self.stop),
            TL_TRANSPORT_BALANCED => balanced(problem, self.epsilon, self.stop),
            TL_TRANSPORT_PARTIAL => partial(problem, self.epsilon, self.mass, self.stop),
            TL_TRANSPORT_EXACT => flow::exact(problem, self.mass),
            method => Err(invalid(format!(
                "method is {method}; it lies between {TL_TRANSPORT_UNBALANCED} and {TL_TRANSPORT_EXACT}"
            ))),
        }
    }
}

/// A soft permutation of scores (Gumbel-Sinkhorn): columns sum to 1, rows nearly.
///
/// @param scores       `n` x `n`, row-major; may be NULL if `n` is 0.
/// @param temperature  above 0; the lower, the harder.
/// @param rounds       of rows and columns made to sum to 1.
/// @param uniform      `n` x `n` numbers in [0, 1] that make Gumbel noise; NULL: none, as at inference.
/// @param noise        the factor of that noise.
/// @param out_plan     gets `n` x `n` numbers; untouched after a failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, or a shape that no memory can
///         hold; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n * n` numbers lie at `scores` and, unless it is NULL, at `uniform`; there is room for as many at `out_plan`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_soft_permutation(
    scores: *const f64,
    n: usize,
    temperature: f64,
    rounds: u32,
    uniform: *const f64,
    noise: f64,
    out_plan: *mut f64,
) -> tl_status {
    boundary(|| {
        let count = cells("scores", n, n)?;
        // SAFETY: that many numbers lie there, by this function's contract.
        let scores = unsafe { span(scores, count, "scores") }?;
        let uniform = if uniform.is_null() {
            None
        } else {
            // SAFETY: that many numbers lie there, by this function's contract.
            Some((unsafe { span(uniform, count, "uniform") }?, noise))
        };
        let plan = soft_permutation(scores, n, temperature, rounds as usize, uniform)?;
        // SAFETY: room for that many, by this function's contract.
        unsafe { put(out_plan, &plan, "out_plan") }
    })
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}
