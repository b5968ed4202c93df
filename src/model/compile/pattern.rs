//! Shapes of expressions to look for, up to the order of what commutes.

use super::graph::{Graph, Vid};
use crate::model::plan::ir::{Binary, Op as Plan, Reduce, Unary};

/// How far a constant may be from the number that is looked for, relatively: exporters round at other places.
const TOLERANCE: f32 = 2e-4;

/// An expression. `Any(i)` is whatever value, the same wherever `i` stands.
pub(super) enum Pattern {
    Any(usize),
    Number(f32),
    Unary(Unary, Box<Pattern>),
    Binary(Binary, Box<[Pattern; 2]>),
    /// Over the last axis, which stays.
    Rows(Reduce, Box<Pattern>),
}

/// What the numbers of `Any` stand for.
pub(super) type Bound = [Option<Vid>; 4];

pub(super) fn any(i: usize) -> Pattern {
    Pattern::Any(i)
}

pub(super) fn number(x: f32) -> Pattern {
    Pattern::Number(x)
}

pub(super) fn unary(op: Unary, x: Pattern) -> Pattern {
    Pattern::Unary(op, Box::new(x))
}

pub(super) fn add(a: Pattern, b: Pattern) -> Pattern {
    Pattern::Binary(Binary::Add, Box::new([a, b]))
}

pub(super) fn sub(a: Pattern, b: Pattern) -> Pattern {
    Pattern::Binary(Binary::Sub, Box::new([a, b]))
}

pub(super) fn mul(a: Pattern, b: Pattern) -> Pattern {
    Pattern::Binary(Binary::Mul, Box::new([a, b]))
}

pub(super) fn div(a: Pattern, b: Pattern) -> Pattern {
    Pattern::Binary(Binary::Div, Box::new([a, b]))
}

pub(super) fn pow(a: Pattern, b: Pattern) -> Pattern {
    Pattern::Binary(Binary::Pow, Box::new([a, b]))
}

pub(super) fn mean(x: Pattern) -> Pattern {
    Pattern::Rows(Reduce::Mean, Box::new(x))
}

impl Pattern {
    /// Whether this value is such an expression; `bound` then says of what.
    pub(super) fn matches(&self, graph: &Graph, value: Vid, bound: &mut Bound) -> bool {
        match self {
            Self::Any(i) => match bound[*i] {
                Some(before) => before == value,
                None => {
                    bound[*i] = Some(value);
                    true
                }
            },
            Self::Number(x) => {
                graph.scalar(value).is_some_and(|found| (found - x).abs() <= TOLERANCE * x.abs())
            }
            Self::Unary(op, x) => match graph.made_by(value) {
                Some((Plan::Unary(made), &[Some(input)])) if made == op => x.matches(graph, input, bound),
                _ => false,
            },
            Self::Binary(op, sides) => {
                let Some((Plan::Binary(made), &[Some(a), Some(b)])) = graph.made_by(value) else {
                    return false;
                };
                if made != op {
                    return false;
                }
                let before = *bound;
                if sides[0].matches(graph, a, bound) && sides[1].matches(graph, b, bound) {
                    return true;
                }
                *bound = before;
                let commutes = matches!(op, Binary::Add | Binary::Mul);
                if commutes && sides[0].matches(graph, b, bound) && sides[1].matches(graph, a, bound) {
                    return true;
                }
                *bound = before;
                false
            }
            Self::Rows(op, x) => match graph.made_by(value) {
                Some((Plan::Reduce { reduce, keep: true, .. }, &[Some(input), Some(axes)]))
                    if reduce == op =>
                {
                    let axes = graph.constant(axes).and_then(|t| t.integers());
                    let last = graph.rank(input).map(|r| r as i64 - 1);
                    let over_rows = axes.is_some_and(|a| a == [-1] || last.is_some_and(|l| a == [l]));
                    over_rows && x.matches(graph, input, bound)
                }
                _ => false,
            },
        }
    }
}
