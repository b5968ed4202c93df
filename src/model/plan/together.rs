//! Several texts through one plan side by side: each in a state of its own and with its own shapes, but for products, which
//! take the rows of all. Nothing is padded, and weights are read once for all texts.

use trueline_kernels::Isa;

use crate::model::control::Control;
use crate::model::plan::ir::{Linear, Op};
use crate::model::plan::linear::{self, Product};
use crate::model::plan::operator::Scratch;
use crate::model::plan::run::{How, Input, Program, State};
use crate::model::plan::threads::Threads;
use crate::{Code, Error};

impl Program {
    /// Runs all steps for several texts of any lengths; each state then has what [`Program::run`] would have left in it, to
    /// the bit. If one text fails, all do.
    ///
    /// # Errors
    /// As [`Program::run`], for the first text that fails; [`Code::InvalidArgument`] if there are not as many states as
    /// texts.
    /// # Cost
    /// That of a run for each text, less the reading of weights for all but one of them. It pays for texts of few tokens:
    /// from about 64 rows on, reading weights is a small part of a product.
    pub fn run_together(
        &self,
        states: &mut [State],
        isa: Isa,
        threads: &Threads,
        inputs: &[&[Input<'_>]],
        control: &Control,
    ) -> Result<(), Error> {
        if states.len() != inputs.len() {
            let message = format!("{} states for {} texts", states.len(), inputs.len());
            return Err(Error::new(Code::InvalidArgument, message));
        }
        if states.len() < 2 || !self.plan().caches.is_empty() {
            let mut each = states.iter_mut().zip(inputs);
            return each.try_for_each(|(state, inputs)| self.run(state, isa, threads, inputs, control));
        }
        for (state, inputs) in states.iter_mut().zip(inputs) {
            self.start(state, inputs)?;
        }
        let work = inputs.iter().fold(0, |work: u64, inputs| work.saturating_add(self.work(inputs)));
        let mut scratch = std::mem::take(&mut states[0].scratch);
        let result = threads.enter(work, |workers| {
            let how = How { isa, workers };
            self.plan().steps.iter().enumerate().try_for_each(|(number, step)| {
                control.check()?;
                if let Op::Linear(op) = &step.op {
                    return self.product(number, op, states, inputs, how, &mut scratch);
                }
                let mut each = states.iter_mut().zip(inputs);
                each.try_for_each(|(state, inputs)| self.step(number, state, inputs, how, &mut scratch))
            })
        });
        states[0].scratch = scratch;
        result?;
        states.iter_mut().for_each(State::end);
        Ok(())
    }

    /// A product for all texts at once.
    fn product(
        &self,
        number: usize,
        op: &Linear,
        states: &mut [State],
        inputs: &[&[Input<'_>]],
        how: How,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let texts = || states.iter().zip(inputs);
        let mut all = 0;
        for (state, inputs) in texts() {
            all += self.read(number, state, inputs, how, |context| {
                let product = Product::of(context, op)?;
                let (shape, _) = product.rows(&context.input(0)?)?;
                Ok(shape.volume() / product.width())
            })?;
        }
        let mut first = 0;
        for (state, inputs) in texts() {
            first += self.read(number, state, inputs, how, |context| {
                let product = Product::of(context, op)?;
                let (shape, x) = product.rows(&context.input(0)?)?;
                product.put(how.isa, context.repeats, x, (first, all), scratch)?;
                Ok(shape.volume() / product.width())
            })?;
        }
        self.read(number, &states[0], inputs[0], how, |context| {
            Product::of(context, op)?.multiply(how.isa, how.workers, all, scratch)
        })?;
        let made = &*scratch.scores.room::<f32>(all * op.n as usize)?;
        let mut first = 0;
        for (state, inputs) in states.iter_mut().zip(inputs) {
            self.write(number, state, inputs, how, |context, outputs| {
                let (shape, _) = Product::of(context, op)?.rows(&context.input(0)?)?;
                let made = &made[first..][..shape.volume()];
                first += shape.volume();
                let residual = linear::residual(context, op, shape)?;
                let Some(out) = outputs.first_mut() else { return Ok(()) };
                let out = out.make::<f32>(shape)?;
                match residual {
                    None => out.copy_from_slice(made),
                    Some(residual) => {
                        for ((out, made), residual) in out.iter_mut().zip(made).zip(residual) {
                            *out = made + residual;
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
