//! What the products with packed weights share: panels, the order of row tiles, and what happens to a finished sum.

use crate::activation_f32::{Activation, apply};

/// Columns of a panel, the unit in which weights are packed. The last panel is filled up with zeroes.
pub const PANEL: usize = 48;

/// What is done to each output after the product, in the order of the fields; nothing by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Added to each row, `[n]`.
    pub bias: Option<&'a [f32]>,
    /// Applied to the sum.
    pub activation: Activation,
    /// Added last, `[m, n]`, row-major.
    pub residual: Option<&'a [f32]>,
}

/// The sums of a tile. Aligned to a cache line, so that no register is stored across two.
#[repr(align(64))]
pub(crate) struct Sums<T, const R: usize>(pub(crate) [[T; PANEL]; R]);

/// An output `[m, n]` and what is done on the way to it; its lengths have been checked.
pub(crate) struct Output<'a> {
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) n: usize,
    pub(crate) values: &'a mut [f32],
}

/// The columns of a panel, as far as the epilogue needs them.
pub(crate) struct Columns {
    pub(crate) first: usize,
    pub(crate) width: usize,
    pub(crate) bias: [f32; PANEL],
}

impl<'a> Output<'a> {
    /// # Panics
    /// If `values` is not `[m, n]`, or the bias not `[n]`, or the residual not `[m, n]`.
    pub(crate) fn new(m: usize, n: usize, epilogue: Epilogue<'a>, values: &'a mut [f32]) -> Self {
        assert_eq!(Some(values.len()), m.checked_mul(n), "linear: out is not [m, n]");
        assert!(epilogue.bias.is_none_or(|bias| bias.len() == n), "linear: bias is not [n]");
        assert!(epilogue.residual.is_none_or(|x| x.len() == values.len()), "linear: residual is not [m, n]");
        Output { epilogue, n, values }
    }

    /// The columns of panel `panel`.
    #[inline(always)]
    pub(crate) fn columns(&self, panel: usize) -> Columns {
        let first = panel * PANEL;
        let width = PANEL.min(self.n - first);
        // Adding -0.0 changes nothing, not even a sign.
        let bias = self.epilogue.bias.map_or([-0.0; PANEL], |bias| padded(&bias[first..][..width]));
        Columns { first, width, bias }
    }

    /// Finishes `count` rows of these columns from row `i` on. `product` gives the product at a row, counted from `i`, and a
    /// column; then come bias, activation and residual.
    ///
    /// The choices stand outside the loop over rows, and a row is one loop without arrays in between, so that lanes stay in
    /// registers.
    #[inline(always)]
    pub(crate) fn finish(
        &mut self,
        i: usize,
        count: usize,
        columns: &Columns,
        product: impl Fn(usize, usize) -> f32,
    ) {
        match self.epilogue.activation {
            // What most layers are; the general form would take 3 % longer for a layer of 384 features.
            Activation::None if self.epilogue.residual.is_none() && columns.width == PANEL => {
                let rows = self.values[i * self.n..][..count * self.n].chunks_exact_mut(self.n);
                for (r, out) in rows.enumerate() {
                    if let Some(out) = out[columns.first..].first_chunk_mut::<PANEL>() {
                        for (c, out) in out.iter_mut().enumerate() {
                            *out = product(r, c) + columns.bias[c];
                        }
                    }
                }
            }
            Activation::None => self.rows(i, count, columns, product, |x| x),
            Activation::Relu => self.rows(i, count, columns, product, |x| one(Activation::Relu, x)),
            Activation::Gelu => self.rows(i, count, columns, product, |x| one(Activation::Gelu, x)),
            Activation::GeluShort => self.rows(i, count, columns, product, |x| one(Activation::GeluShort, x)),
            Activation::GeluTanh => self.rows(i, count, columns, product, |x| one(Activation::GeluTanh, x)),
            Activation::Tanh => self.rows(i, count, columns, product, |x| one(Activation::Tanh, x)),
            Activation::Sigmoid => self.rows(i, count, columns, product, |x| one(Activation::Sigmoid, x)),
            Activation::Silu => self.rows(i, count, columns, product, |x| one(Activation::Silu, x)),
        }
    }

    #[inline(always)]
    fn rows(
        &mut self,
        i: usize,
        count: usize,
        columns: &Columns,
        product: impl Fn(usize, usize) -> f32,
        activation: impl Fn(f32) -> f32,
    ) {
        let (n, first, width) = (self.n, columns.first, columns.width);
        let mut padded_out = [0.0; PANEL];
        let mut padded_residual = [-0.0; PANEL];
        for (r, out) in self.values[i * n..][..count * n].chunks_exact_mut(n).enumerate() {
            let out = &mut out[first..][..width];
            let residual = self.epilogue.residual.map(|all| &all[(i + r) * n + first..][..width]);
            // Whole rows where they are, and the last columns by way of padded ones.
            if let Some(residual) = residual
                && width < PANEL
            {
                padded_residual[..width].copy_from_slice(residual);
            }
            let residual = residual.and_then(|residual| residual.as_array()).unwrap_or(&padded_residual);
            let whole = width == PANEL;
            let to = if whole { out.as_mut_array().unwrap_or(&mut padded_out) } else { &mut padded_out };
            lanes(to, &columns.bias, residual, |c| product(r, c), &activation);
            if !whole {
                out.copy_from_slice(&padded_out[..width]);
            }
        }
    }
}

/// One row of a panel. A function, so that the compiler knows that `out` is apart from all else.
#[inline(always)]
fn lanes(
    out: &mut [f32; PANEL],
    bias: &[f32; PANEL],
    residual: &[f32; PANEL],
    product: impl Fn(usize) -> f32,
    activation: impl Fn(f32) -> f32,
) {
    for c in 0..PANEL {
        out[c] = activation(product(c) + bias[c]) + residual[c];
    }
}

#[inline(always)]
fn one(activation: Activation, x: f32) -> f32 {
    apply(activation, [x])[0]
}

/// `x`, filled up with zeroes.
#[inline(always)]
pub(crate) fn padded<T: Copy + Default>(x: &[T]) -> [T; PANEL] {
    match x.as_array() {
        Some(x) => *x,
        None => {
            let mut all = [T::default(); PANEL];
            all[..x.len()].copy_from_slice(x);
            all
        }
    }
}

/// Rows of the next tile, of which at most `max` fit into registers, when `left` are left. The last two tiles share their
/// rows evenly: nine rows are five and four, because a tile of one row waits for the weights.
#[inline(always)]
pub(crate) fn step(left: usize, max: usize) -> usize {
    if left <= max {
        left
    } else if left < 2 * max {
        left.div_ceil(2)
    } else {
        max
    }
}
