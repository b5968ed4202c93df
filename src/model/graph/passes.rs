//! tract's simplifying passes, with two of them made to hold on graphs that they break on.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::dummy::Dummy;
use tract_onnx::tract_core::ops::quant::DequantizeLinearF32;
use tract_onnx::tract_core::optim::{Optimizer, OptimizerSession, TypedPass};

/// Simplifies a model and chooses how its operators run.
pub(super) fn simplify(mut model: TypedModel) -> TractResult<TypedModel> {
    careful(Optimizer::declutter()).session().optimize(&mut model)?;
    model.optimize_with_session(&mut careful(Optimizer::codegen()).session())?;
    Ok(model)
}

/// The same passes, with ours in the place of tract's of that name.
fn careful(mut optimizer: Optimizer) -> Optimizer {
    // These take a mask that is true everywhere for one that is not there, and lose the shape that it gave its result.
    let loses_shapes =
        |name: &str| name.starts_with("PropagateUniformTdim") || name.starts_with("FoldUniformMask");
    optimizer.passes.retain(|pass| !loses_shapes(&format!("{pass:?}")));
    for pass in &mut optimizer.passes {
        let ours: Box<dyn TypedPass> = match format!("{pass:?}").as_str() {
            "PushSplitDown" => Box::new(MergeTwins),
            "declutter" => Box::new(EachOperator { rule: TypedOp::declutter_with_session, next: 0 }),
            "codegen" => {
                Box::new(EachOperator { rule: |op, _, model, node| op.codegen(model, node), next: 0 })
            }
            "fuse" => Box::new(EachOperator { rule: |op, _, model, node| op.fuse(model, node), next: 0 }),
            _ => continue,
        };
        *pass = ours;
    }
    optimizer
}

type Rule = fn(
    &dyn TypedOp,
    &mut OptimizerSession<'_>,
    &TypedModel,
    &TypedNode,
) -> TractResult<Option<TypedModelPatch>>;

/// Lets each operator better itself. One that fails at it stays as it is; tract gives up the whole graph.
#[derive(Clone)]
struct EachOperator {
    rule: Rule,
    /// The node to look at next.
    next: usize,
}

impl std::fmt::Debug for EachOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("each operator")
    }
}

impl TypedPass for EachOperator {
    fn reset(&mut self) -> TractResult<()> {
        self.next = 0;
        Ok(())
    }

    fn next(
        &mut self,
        session: &mut OptimizerSession<'_>,
        model: &TypedModel,
    ) -> TractResult<Option<TypedModelPatch>> {
        // A DequantizeLinear takes what lies between it and the next QuantizeLinear for a function of single numbers,
        // even a softmax.
        let skip = |node: &&TypedNode| node.op_is::<Dummy>() || node.op_is::<DequantizeLinearF32>();
        for node in model.nodes.iter().skip(self.next).filter(|node| !skip(node)) {
            match (self.rule)(node.op.as_ref(), session, model, node) {
                Ok(None) => {}
                Ok(Some(mut patch)) => {
                    patch.push_context(node.name.to_string());
                    self.next = node.id + usize::from(patch.dont_apply_twice.is_some());
                    return Ok(Some(patch));
                }
                Err(error) => log::debug!("{} stays as it is: {error}", node.name),
            }
        }
        Ok(None)
    }
}

/// Merges nodes that compute the same from the same. tract's pass loses both of two that share two inputs.
#[derive(Clone, Debug)]
struct MergeTwins;

impl TypedPass for MergeTwins {
    fn reset(&mut self) -> TractResult<()> {
        Ok(())
    }

    fn next(
        &mut self,
        _: &mut OptimizerSession<'_>,
        model: &TypedModel,
    ) -> TractResult<Option<TypedModelPatch>> {
        let mut patch = TypedModelPatch::default();
        for id in model.eval_order()? {
            for output in &model.node(id).outputs {
                for (i, a) in output.successors.iter().enumerate() {
                    for b in &output.successors[i + 1..] {
                        self.merge(model, &mut patch, a.node, b.node)?;
                    }
                }
            }
        }
        Ok(Some(patch).filter(|patch| !patch.is_empty()))
    }
}

impl MergeTwins {
    /// Lets `a` stand for `b`, if they are twins.
    fn merge(&self, model: &TypedModel, patch: &mut TypedModelPatch, a: usize, b: usize) -> TractResult<()> {
        let is_output = |node: usize| model.outputs.iter().any(|o| o.node == node);
        let gone = patch.obliterate.contains(&a) || patch.obliterate.contains(&b);
        if a == b || gone || is_output(a) && is_output(b) || !model.node(a).same_as(model.node(b)) {
            return Ok(());
        }
        for slot in 0..model.node(b).outputs.len() {
            let tap = patch.tap_model(model, OutletId::new(a, slot))?;
            patch.shunt_outside(model, OutletId::new(b, slot), tap)?;
        }
        patch.obliterate(b)
    }
}
