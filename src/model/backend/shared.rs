//! One model for several packs: packs that are heads of one network share what runs it, and who runs it remembers its last
//! passes, so that one text costs one pass for all of them.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};

use crate::model::backend::{Backend, Kind, Loaded, Memory, Settings, graph_names, load_as, model_checked};
use crate::model::control::Control;
use crate::model::family::{Family, NgramLinear};
use crate::model::pack::Pack;
use crate::model::plan::file::PlanFile;
use crate::model::plan::run::Program;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

/// The most bytes of tensors that a [`Memory`] remembers: nine windows of 128 tokens with 400 numbers each.
const MOST_BYTES: usize = 2 << 20;

/// Which packs of an engine share a model.
#[derive(Default)]
pub struct Sharing {
    groups: Vec<Group>,
}

/// Packs of one model file, of which each reads some of the outputs.
struct Group {
    /// For each pack, the sha256 of its manifest: it names the pack's whole content.
    packs: Vec<String>,
    names: Vec<String>,
    /// The graph's names of the outputs.
    outputs: Vec<String>,
    /// The plan of one of the packs, which has the outputs of all; without it the file is compiled.
    plan: Option<PlanFile>,
    /// What runs the model once the first of the packs has asked for it; `None` if nothing runs all outputs at once.
    shared: OnceLock<Option<Arc<Shared>>>,
}

/// What runs the model of a group.
struct Shared {
    backend: Box<dyn Backend>,
    kind: Kind,
    why: String,
    /// The graph's names of what it gives.
    outputs: Vec<String>,
}

/// What must be the same for packs to share a model.
#[derive(PartialEq)]
struct Key<'a> {
    sha256: &'a str,
    inputs: Vec<String>,
    max_tokens: usize,
    /// Of packs that bring a plan: how it was compiled.
    plan: Option<(bool, bool)>,
}

impl Sharing {
    /// Finds the packs whose models a backend of this kind can run as one: those of the same file, whose inputs have the same
    /// names. Packs that bring plans share the one that has the outputs of the others.
    pub fn among(packs: &[&Pack], kind: Kind) -> Self {
        let plans = matches!(kind, Kind::Default | Kind::Plan);
        let mut keyed: Vec<(Key<'_>, Vec<&Pack>)> = Vec::new();
        for pack in packs {
            let manifest = pack.manifest();
            if manifest.generator.is_some() || manifest.family == NgramLinear.name() {
                continue;
            }
            let Ok((inputs, _)) = graph_names(manifest) else { continue };
            let source = pack.plan().filter(|_| plans).map(PlanFile::source);
            let key = Key {
                sha256: &manifest.model.sha256,
                inputs,
                max_tokens: manifest.limits.max_tokens,
                plan: source.map(|source| (source.int8_weights, source.exact_attention)),
            };
            match keyed.iter_mut().find(|(other, _)| *other == key) {
                Some((_, packs)) => packs.push(pack),
                None => keyed.push((key, vec![pack])),
            }
        }
        let mut groups = Vec::new();
        for (key, packs) in keyed {
            if key.plan.is_none() {
                groups.extend(Group::of(&packs, None));
                continue;
            }
            let mut left = packs;
            while let Some(widest) = left.iter().max_by_key(|pack| outputs_of_plan(pack).len()) {
                let (given, plan) = (outputs_of_plan(widest), widest.plan().cloned());
                let fits = |pack: &&Pack| outputs(pack).iter().all(|name| given.contains(name));
                let (together, others): (Vec<&Pack>, Vec<&Pack>) = left.iter().partition(|pack| fits(pack));
                // A plan without its own pack's outputs is refused when that is loaded.
                if together.is_empty() {
                    break;
                }
                groups.extend(Group::of(&together, plan));
                left = others;
            }
        }
        Self { groups }
    }

    /// What runs the model of this pack, if it shares one.
    ///
    /// # Errors
    /// What is wrong with the pack's model file.
    pub(super) fn load(&self, settings: &Settings, pack: &Pack) -> Result<Option<Loaded>, Error> {
        let Some(group) = self.groups.iter().find(|group| group.packs.iter().any(|p| p == pack.sha256()))
        else {
            return Ok(None);
        };
        if group.plan.is_none() {
            model_checked(pack)?;
        }
        let Some(shared) = group.shared.get_or_init(|| group.load(settings, pack)) else { return Ok(None) };
        let place = |name: &String| shared.outputs.iter().position(|output| output == name);
        let Some(places) = outputs(pack).iter().map(place).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let (kind, why) = (shared.kind, shared.why.clone());
        Ok(Some(Loaded { backend: Box::new(Head { shared: Arc::clone(shared), places }), kind, why }))
    }
}

impl std::fmt::Debug for Sharing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.groups.iter().map(|group| &group.names)).finish()
    }
}

impl Group {
    /// The group of these packs; `None` if there is nobody to share with.
    fn of(packs: &[&Pack], plan: Option<PlanFile>) -> Option<Self> {
        if packs.len() < 2 {
            return None;
        }
        let mut outputs = match &plan {
            Some(plan) => plan.plan().outputs.iter().map(|port| port.name.clone()).collect(),
            None => Vec::new(),
        };
        for name in packs.iter().flat_map(|pack| self::outputs(pack)) {
            if !outputs.contains(&name) {
                outputs.push(name);
            }
        }
        let (sha256, name) = (|p: &&Pack| p.sha256().to_owned(), |p: &&Pack| p.manifest().name.clone());
        let (packs, names) = (packs.iter().map(sha256).collect(), packs.iter().map(name).collect());
        Some(Self { packs, names, outputs, plan, shared: OnceLock::new() })
    }

    /// What runs all outputs at once. What stands in the way of that is none of a single pack's faults.
    fn load(&self, settings: &Settings, pack: &Pack) -> Option<Arc<Shared>> {
        let names = self.names.join(", ");
        match load_as(settings, pack, &self.outputs, self.plan.as_ref(), &names) {
            Ok(Loaded { backend, kind, why }) => {
                log::info!("one model runs for the packs {names}");
                let (why, outputs) = (format!("{why}; shared by {names}"), self.outputs.clone());
                Some(Arc::new(Shared { backend, kind, why, outputs }))
            }
            Err(refusal) => {
                log::info!("the packs {names} run alone: {}", refusal.message);
                None
            }
        }
    }
}

/// The graph's names of the outputs that a pack reads, in its family's order.
fn outputs(pack: &Pack) -> Vec<String> {
    graph_names(pack.manifest()).map(|(_, outputs)| outputs).unwrap_or_default()
}

/// The names of what a pack's plan gives.
fn outputs_of_plan(pack: &Pack) -> Vec<String> {
    pack.plan().map_or(Vec::new(), |p| p.plan().outputs.iter().map(|port| port.name.clone()).collect())
}

/// Some outputs of a shared model.
struct Head {
    shared: Arc<Shared>,
    places: Vec<usize>,
}

impl Backend for Head {
    fn run(&self, memory: &mut Memory, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        control.check()?;
        let model = Arc::downgrade(&self.shared);
        if let Some(outputs) = memory.passes.find(&model, inputs) {
            return Ok(self.select(outputs));
        }
        let outputs = self.shared.backend.run(memory, inputs, control)?;
        let selected = self.select(&outputs);
        memory.passes.keep(Pass { model, inputs: inputs.to_vec(), outputs });
        Ok(selected)
    }

    fn run_together(
        &self,
        memory: &mut Memory,
        inputs: &[Vec<Tensor>],
        control: &Control,
    ) -> Result<Vec<Vec<Tensor>>, Error> {
        control.check()?;
        let model = Arc::downgrade(&self.shared);
        let mut found: Vec<Option<Vec<Tensor>>> = Vec::with_capacity(inputs.len());
        let mut new = Vec::new();
        for inputs in inputs {
            let outputs = memory.passes.find(&model, inputs).map(|outputs| self.select(outputs));
            if outputs.is_none() {
                new.push(inputs.clone());
            }
            found.push(outputs);
        }
        let mut made = self.shared.backend.run_together(memory, &new, control)?.into_iter();
        let mut new = new.into_iter();
        let each = found.into_iter().map(|found| match found {
            Some(outputs) => Ok(outputs),
            None => {
                let lost = || Error::new(Code::Internal, "a window without outputs");
                let (inputs, outputs) = new.next().zip(made.next()).ok_or_else(lost)?;
                let selected = self.select(&outputs);
                memory.passes.keep(Pass { model: Weak::clone(&model), inputs, outputs });
                Ok(selected)
            }
        });
        each.collect()
    }

    fn plan(&self) -> Option<&Program> {
        self.shared.backend.plan()
    }
}

impl Head {
    fn select(&self, outputs: &[Tensor]) -> Vec<Tensor> {
        self.places.iter().filter_map(|&place| outputs.get(place)).cloned().collect()
    }
}

/// The last passes through shared models, oldest first.
#[derive(Debug, Default)]
pub(super) struct Passes {
    kept: VecDeque<Pass>,
    bytes: usize,
    pub(super) made: u64,
    pub(super) remembered: u64,
}

/// One run: what went in and all that came out.
struct Pass {
    model: Weak<Shared>,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

impl Pass {
    fn bytes(&self) -> usize {
        self.inputs.iter().chain(&self.outputs).map(Tensor::bytes).sum()
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What was read is nobody's business.
        write!(f, "Pass({} bytes)", self.bytes())
    }
}

impl Passes {
    /// All outputs of the same model for the very same inputs, if they are remembered.
    fn find(&mut self, model: &Weak<Shared>, inputs: &[Tensor]) -> Option<&[Tensor]> {
        let found = self.kept.iter().rev().find(|p| p.model.ptr_eq(model) && p.inputs == inputs)?;
        self.remembered += 1;
        Some(&found.outputs)
    }

    /// Remembers a pass, and forgets the oldest ones where there is too much.
    fn keep(&mut self, pass: Pass) {
        self.made += 1;
        let bytes = pass.bytes();
        if bytes > MOST_BYTES {
            return;
        }
        while self.bytes + bytes > MOST_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
        self.bytes += bytes;
        self.kept.push_back(pass);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::backend::replay::Replay;
    use crate::model::tensor::Data;

    fn tensor(values: Vec<f32>) -> Tensor {
        Tensor::new(vec![1, values.len()], Data::F32(values)).expect("one row")
    }

    fn ids(values: Vec<i64>) -> Vec<Tensor> {
        vec![Tensor::new(vec![1, values.len()], Data::I64(values)).expect("one row")]
    }

    fn shared(outputs: Vec<Vec<Tensor>>) -> Arc<Shared> {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let backend = Box::new(Replay::new(outputs));
        Arc::new(Shared { backend, kind: Kind::Plan, why: String::new(), outputs: names })
    }

    #[test]
    fn heads_of_one_model_share_a_pass() {
        let passes = (0..4).map(|i| vec![tensor(vec![i as f32]), tensor(vec![i as f32 + 0.5])]).collect();
        let model = shared(passes);
        let head = |place| Head { shared: Arc::clone(&model), places: vec![place] };
        let (a, b, mut memory) = (head(0), head(1), Memory::default());
        let control = Control::unlimited();
        let mut run =
            |head: &Head, given: Vec<i64>| head.run(&mut memory, &ids(given), &control).expect("a run");
        assert_eq!(run(&a, vec![1, 2]), [tensor(vec![0.0])]);
        assert_eq!(run(&b, vec![1, 2]), [tensor(vec![0.5])]);
        assert_eq!(run(&a, vec![1]), [tensor(vec![1.0])]);
        assert_eq!(run(&a, vec![1, 2]), [tensor(vec![0.0])]);
        assert_eq!(memory.passes(), (2, 2));
        // Another model's passes are not taken, nor those of another memory.
        let other = Head { shared: shared(vec![vec![tensor(vec![9.0])]]), places: vec![0] };
        assert_eq!(other.run(&mut memory, &ids(vec![1, 2]), &control).expect("a run"), [tensor(vec![9.0])]);
        let fresh = a.run(&mut Memory::default(), &ids(vec![1, 2]), &control).expect("a run");
        assert_eq!(fresh, [tensor(vec![2.0])]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let large = || vec![tensor(vec![0.0; MOST_BYTES / 12])];
        let model = shared((0..6).map(|_| large()).collect());
        let head = Head { shared: model, places: vec![0] };
        let mut memory = Memory::default();
        for i in [0, 1, 2, 2, 1, 0] {
            head.run(&mut memory, &ids(vec![i]), &Control::unlimited()).expect("a run");
            assert!(memory.passes.bytes <= MOST_BYTES && memory.passes.kept.len() <= 2);
        }
        assert_eq!(memory.passes(), (4, 2));
    }
}
