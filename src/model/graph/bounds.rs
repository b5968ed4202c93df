//! Holds what a graph makes against its budgets, before it is made.

use std::collections::BTreeMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::compile::one_line;
use super::options::GraphOptions;
use crate::{Code, Error};

/// Operators, by the start of tract's name for them, whose inputs tell the size of what they make.
const SIZED: &[&str] =
    &["ConstantOfShape", "Expand", "MultiBroadcast", "OneHot", "Pad", "Range", "Reshape", "Resize", "Tile"];

/// The budgets of one compilation.
pub(super) struct Bounds<'a> {
    pub(super) options: &'a GraphOptions,
}

impl Bounds<'_> {
    /// Refuses a graph whose constants unfold to more than fits: tract computes what hangs on constants alone while it
    /// analyses a graph, so each operator's size is looked at before it is let do that.
    pub(super) fn check_folding(&self, model: &mut InferenceModel) -> Result<(), Error> {
        let bad = |e: TractError| self.invalid(&e);
        let mut folded = 0_u64;
        for id in model.eval_order().map_err(bad)? {
            let node = model.node(id);
            let (inputs, outputs) = model.node_facts(id).map_err(bad)?;
            let observed = node.op.observe_outlets(model, node).map_err(bad)?;
            let observed: Result<TVec<_>, _> = observed.into_iter().map(|o| model.outlet_fact(o)).collect();
            let observed = observed.map_err(bad)?;
            self.check_sizes(&node.op.name(), &node.name, &inputs)?;
            let mut op = node.op.clone();
            let shapes = op.infer_facts(inputs.clone(), outputs.clone(), observed.clone());
            let (_, shapes, _) = shapes.map_err(|e| bad(e.context(node.name.clone())))?;
            let is_constant = !inputs.is_empty() && inputs.iter().all(|fact| fact.value.is_concrete());
            for fact in &shapes {
                let Some((shape, kind)) = fact.shape.concretize().zip(fact.datum_type.concretize()) else {
                    continue;
                };
                let bytes = self.value_bytes(&shape, kind, &model.symbols);
                folded = folded.saturating_add(bytes.filter(|_| is_constant).unwrap_or(0));
                let most =
                    if is_constant { self.options.max_folded_bytes } else { self.options.max_value_bytes };
                if let Some(bytes) = bytes.max(Some(folded)).filter(|&b| b > most) {
                    return Err(self.too_large(&node.name, bytes, most));
                }
            }
            // What it finds is kept: the sizes of the next operators hang on these values.
            let (_, found, _) =
                op.infer(inputs, outputs, observed).map_err(|e| bad(e.context(node.name.clone())))?;
            for (slot, fact) in found.into_iter().enumerate() {
                model.set_outlet_fact(OutletId::new(id, slot), fact).map_err(bad)?;
            }
        }
        Ok(())
    }

    /// Refuses an operator that is told a size beyond 32 bits: tract loses the upper half of such a size on its way to
    /// the value's shape, but not on its way to the memory.
    fn check_sizes(&self, op: &str, name: &str, inputs: &[&InferenceFact]) -> Result<(), Error> {
        if !SIZED.iter().any(|sized| op.starts_with(sized)) {
            return Ok(());
        }
        for value in inputs.iter().filter_map(|fact| fact.value.concretize()).filter(|v| v.volume() <= 16) {
            let Ok(sizes) = value.cast_to::<i64>() else { continue };
            let Ok(sizes) = sizes.to_plain_array_view::<i64>() else { continue };
            if let Some(size) = sizes.iter().find(|size| size.unsigned_abs() > u64::from(u32::MAX >> 1)) {
                return Err(self.too_large(name, size.unsigned_abs(), self.options.max_folded_bytes));
            }
        }
        Ok(())
    }

    /// Refuses a graph with a value that would not fit, before it is made, as far as sizes are known.
    pub(super) fn check_values(&self, model: &TypedModel) -> Result<(), Error> {
        for node in model.nodes() {
            for output in &node.outputs {
                let fact = &output.fact;
                let bytes = self.value_bytes(&fact.shape, fact.datum_type, &model.symbols);
                if let Some(bytes) = bytes.filter(|&b| b > self.options.max_value_bytes) {
                    return Err(self.too_large(&node.name, bytes, self.options.max_value_bytes));
                }
            }
        }
        Ok(())
    }

    /// Refuses a run with these sizes of free axes if a value of it would not fit.
    pub(super) fn check_run(&self, model: &TypedModel, sizes: &BTreeMap<String, usize>) -> Result<(), Error> {
        let values = symbol_values(&model.symbols, sizes);
        for node in model.nodes() {
            for output in &node.outputs {
                let bytes = bytes_of(&output.fact.shape, output.fact.datum_type, &values);
                if let Some(bytes) = bytes.filter(|&b| b > self.options.max_value_bytes) {
                    return Err(self.too_large(&node.name, bytes, self.options.max_value_bytes));
                }
            }
        }
        Ok(())
    }

    /// What a value of this shape takes at the largest sizes that were announced; `None` if those do not tell.
    fn value_bytes(&self, shape: &[TDim], kind: DatumType, symbols: &SymbolScope) -> Option<u64> {
        bytes_of(shape, kind, &symbol_values(symbols, &self.options.longest))
    }

    fn too_large(&self, node: &str, bytes: u64, most: u64) -> Error {
        let label = &self.options.label;
        Error::new(
            Code::TooLarge,
            format!("{label}: {bytes} bytes with the value of {node:?}; at most {most} are allowed"),
        )
    }

    /// A graph that tract refuses.
    pub(super) fn invalid(&self, error: &TractError) -> Error {
        let label = &self.options.label;
        Error::new(Code::InvalidModel, format!("{label} does not load: {}", one_line(error)))
    }
}

fn symbol_values(symbols: &SymbolScope, sizes: &BTreeMap<String, usize>) -> SymbolValues {
    let pairs = sizes.iter().filter_map(|(name, &n)| Some((symbols.get(name)?, i64::try_from(n).ok()?)));
    pairs.fold(SymbolValues::default(), |values, (symbol, n)| values.with(&symbol, n))
}

fn bytes_of(shape: &[TDim], kind: DatumType, values: &SymbolValues) -> Option<u64> {
    shape.iter().try_fold(kind.size_of() as u64, |bytes, dim| {
        let dim = u64::try_from(dim.eval(values).to_i64().ok()?).ok()?;
        Some(bytes.saturating_mul(dim))
    })
}
