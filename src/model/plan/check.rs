//! Refusing plans that are not right: a plan may come from a file that nobody vouches for.
//!
//! What is checked here does not depend on a run: places, kinds, constants, and that nothing is read before it is made or
//! after something else took its place. Sizes are checked while a plan runs.

use std::collections::TryReserveError;

use crate::model::plan::ir::{ABSENT, ALIGN, Constant, Id, Kind, MAX_RANK, Op, Place, Plan, Step};
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::{fused, signature};
use crate::{Code, Error};

impl Plan {
    /// Whether this plan, with this block of constants, can be run without reading or writing where it should not.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] saying which value, constant or node is wrong, and how; [`Code::TooLarge`] for a constant
    /// whose size overflows.
    /// # Cost
    /// A look at each value, step, Bool and column sum; other constants' bytes are not read.
    pub fn check(&self, constants: &[u8]) -> Result<(), Error> {
        check(self, constants).map(|_| ())
    }
}

/// Checks `plan`, and says for each value what its chain of views ends in.
pub(super) fn check(plan: &Plan, constants: &[u8]) -> Result<Vec<Place>, Error> {
    for (i, constant) in plan.constants.iter().enumerate() {
        let bytes = bytes_of(constant, constants)
            .map_err(|e| Error::new(e.code, format!("constant {i}: {}", e.message)))?;
        if constant.kind == Kind::Bool && bytes.iter().any(|&byte| byte > 1) {
            return Err(mismatch(format!("constant {i} is Bool, and has a byte that is neither 0 nor 1")));
        }
    }
    if plan.slots as usize > plan.values.len() {
        return Err(mismatch(format!("{} buffers for {} values", plan.slots, plan.values.len())));
    }
    let roots = roots(plan)?;
    let mut memory = Memory::new(plan, &roots).map_err(|e| Error::new(Code::TooLarge, e.to_string()))?;
    ports(plan, &mut memory)?;
    for step in &plan.steps {
        let named = |e: Error| Error::new(e.code, format!("node {:?}: {}", step.name, e.message));
        memory.read(step).map_err(named)?;
        signature::check(plan, step).map_err(named)?;
        fused::check(plan, step, constants).map_err(named)?;
        memory.write(step).map_err(named)?;
    }
    for port in &plan.outputs {
        let named = |e: Error| Error::new(e.code, format!("output {:?}: {}", port.name, e.message));
        let root = memory.available(port.value).map_err(named)?;
        if matches!(plan.values[root as usize].place, Place::Cache(_)) {
            return Err(mismatch(format!("output {:?} lies in a cache", port.name)));
        }
        if matches!(plan.values[root as usize].place, Place::Input(_)) {
            return Err(mismatch(format!("output {:?} is an input as it stands, not a copy", port.name)));
        }
    }
    Ok(roots.iter().map(|&root| plan.values[root as usize].place).collect())
}

/// The bytes of a constant.
pub(super) fn bytes_of<'a>(constant: &Constant, constants: &'a [u8]) -> Result<&'a [u8], Error> {
    let too_large = || Error::new(Code::TooLarge, format!("shape {:?} does not fit", constant.shape));
    let mut sizes = [0; MAX_RANK];
    if constant.shape.len() > sizes.len() {
        return Err(mismatch(format!("{} axes; at most {} are allowed", constant.shape.len(), sizes.len())));
    }
    for (to, &size) in sizes.iter_mut().zip(&constant.shape) {
        *to = usize::try_from(size).map_err(|_| too_large())?;
    }
    let volume = Shape::new(&sizes[..constant.shape.len()])?.volume();
    let len = volume.checked_mul(constant.kind.size()).ok_or_else(too_large)?;
    let first = usize::try_from(constant.offset).map_err(|_| too_large())?;
    if first % ALIGN != 0 {
        return Err(mismatch(format!("offset {first} is not a multiple of {ALIGN}")));
    }
    let end = first.checked_add(len).ok_or_else(too_large)?;
    constants
        .get(first..end)
        .ok_or_else(|| mismatch(format!("bytes {first} to {end} of a block of {}", constants.len())))
}

/// For each value the one that its chain of views ends in, itself if it is no view.
fn roots(plan: &Plan) -> Result<Vec<Id>, Error> {
    const UNKNOWN: Id = ABSENT;
    let mut roots = vec![UNKNOWN; plan.values.len()];
    let mut chain = Vec::new();
    for id in 0..plan.values.len() {
        let mut at = id;
        let root = loop {
            if roots[at] != UNKNOWN {
                break roots[at];
            }
            let value = &plan.values[at];
            let within = match value.place {
                Place::Input(i) => (i as usize) < plan.inputs.len(),
                Place::Constant(c) => {
                    let constant = plan.constants.get(c as usize);
                    constant.is_some_and(|constant| constant.kind == value.kind)
                }
                Place::Slot(s) => s < plan.slots,
                Place::Cache(c) => (c as usize) < plan.caches.len() && value.kind == Kind::F32,
                Place::View(of) => {
                    let of_kind = plan.values.get(of as usize).map(|of| of.kind);
                    of_kind == Some(value.kind) && chain.len() <= plan.values.len()
                }
            };
            if !within {
                return Err(mismatch(format!("value {at} has no such place as {:?}", value.place)));
            }
            let Place::View(of) = value.place else { break at as Id };
            chain.push(at);
            at = of as usize;
        };
        if !chain.is_empty() && matches!(plan.values[root as usize].place, Place::Cache(_)) {
            return Err(mismatch(format!("value {id} is a view of a cache")));
        }
        roots[id] = root;
        for at in chain.drain(..) {
            roots[at] = root;
        }
    }
    Ok(roots)
}

/// Each input has a value of its own, and each value that is an input belongs to one.
fn ports(plan: &Plan, memory: &mut Memory<'_>) -> Result<(), Error> {
    for (i, port) in plan.inputs.iter().enumerate() {
        let place = plan.values.get(port.value as usize).map(|value| value.place);
        if place != Some(Place::Input(i as u32)) {
            return Err(mismatch(format!("input {:?} is not the value it names", port.name)));
        }
        memory.made[port.value as usize] = true;
    }
    for (i, cache) in plan.caches.iter().enumerate() {
        let place = plan.values.get(cache.past as usize).map(|value| value.place);
        let sizes = 1..=fused::MAX_SIZE;
        if place != Some(Place::Cache(i as u32))
            || !sizes.contains(&cache.heads)
            || !sizes.contains(&cache.dim)
        {
            return Err(mismatch(format!("cache {:?} is not the value it names", cache.name)));
        }
        memory.made[cache.past as usize] = true;
    }
    Ok(())
}

/// What the buffers hold, step after step.
struct Memory<'a> {
    plan: &'a Plan,
    roots: &'a [Id],
    /// Which values there have been.
    made: Vec<bool>,
    /// Whose elements each buffer holds.
    held: Vec<Option<Id>>,
    /// Which caches have grown.
    grown: Vec<bool>,
}

impl<'a> Memory<'a> {
    fn new(plan: &'a Plan, roots: &'a [Id]) -> Result<Self, TryReserveError> {
        let made = plan.values.iter().map(|value| matches!(value.place, Place::Constant(_))).collect();
        let mut held = Vec::new();
        held.try_reserve(plan.slots as usize)?;
        held.resize(plan.slots as usize, None);
        Ok(Self { plan, roots, made, held, grown: vec![false; plan.caches.len()] })
    }

    /// The root of a value that can be read now.
    fn available(&self, id: Id) -> Result<Id, Error> {
        if !self.made.get(id as usize).is_some_and(|&made| made) {
            return Err(mismatch(format!("value {id} is read and was never made")));
        }
        let root = self.roots[id as usize];
        match self.plan.values[root as usize].place {
            Place::Slot(slot) if self.held[slot as usize] != Some(root) => {
                Err(mismatch(format!("value {id} is read after another took its buffer {slot}")))
            }
            _ => Ok(root),
        }
    }

    fn read(&self, step: &Step) -> Result<(), Error> {
        for (i, &id) in step.inputs.iter().enumerate().filter(|&(_, &id)| id != ABSENT) {
            let root = self.available(id)?;
            let Place::Cache(cache) = self.plan.values[root as usize].place else { continue };
            let may = match &step.op {
                Op::Attention(_) => matches!(i, 1 | 2),
                Op::Shape { .. } => true,
                Op::Append { cache: own } => {
                    i == 0 && *own == cache && self.plan.caches[cache as usize].past == id
                }
                _ => false,
            };
            if !may {
                return Err(mismatch(format!("value {id} of a cache is read as input {i}")));
            }
        }
        match (&step.op, step.inputs.first().and_then(|&id| self.plan.values.get(id as usize))) {
            (Op::Append { .. }, past) if !past.is_some_and(|past| matches!(past.place, Place::Cache(_))) => {
                Err(mismatch("rows for a value that lies in no cache".into()))
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, step: &Step) -> Result<(), Error> {
        for (i, &id) in step.outputs.iter().enumerate() {
            let Some(value) = self.plan.values.get(id as usize) else {
                return Err(mismatch(format!("value {id} does not exist")));
            };
            if std::mem::replace(&mut self.made[id as usize], true) {
                return Err(mismatch(format!("value {id} is made twice")));
            }
            match value.place {
                Place::Slot(slot) => {
                    let is_slot = |id: Id| self.plan.values[id as usize].place == Place::Slot(slot);
                    let read = step.inputs.iter().filter(|&&id| id != ABSENT);
                    if read.map(|&id| self.roots[id as usize]).any(is_slot)
                        || step.outputs[..i].iter().any(|&id| is_slot(id))
                    {
                        return Err(mismatch(format!(
                            "value {id} is made in buffer {slot}, which is in use"
                        )));
                    }
                    self.held[slot as usize] = Some(id);
                }
                Place::Cache(cache) if step.op == (Op::Append { cache }) && !self.grown[cache as usize] => {
                    self.grown[cache as usize] = true;
                }
                Place::View(of) if step.op.is_view() && step.inputs.first() == Some(&of) => {}
                place => return Err(mismatch(format!("value {id} cannot be made in {place:?}"))),
            }
        }
        Ok(())
    }
}
