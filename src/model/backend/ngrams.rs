//! Tables of n-gram weights: integer sums, by `trueline_tiny`.

use crate::model::backend::{Backend, Kind, Loaded, Memory, Settings};
use crate::model::control::Control;
use crate::model::pack::Pack;
use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// A table that was looked at.
struct Ngrams {
    file: Vec<u8>,
    pack: String,
}

/// The pack's table, ready.
///
/// # Errors
/// [`Code::Unavailable`] if another backend was asked for; [`Code::InvalidModel`] for what is no table;
/// [`Code::ModelMismatch`] if its labels are not the manifest's in number.
pub(super) fn load(settings: &Settings, pack: &Pack) -> Result<Loaded, Error> {
    let manifest = pack.manifest();
    let name = &manifest.name;
    if matches!(settings.kind, Kind::Tract | Kind::Ort) {
        let kind = settings.kind.name();
        let message =
            format!("pack {name} is a table of n-grams and not a graph: backend {kind} cannot run it");
        return Err(Error::new(Code::Unavailable, message));
    }
    let backend = Ngrams { file: pack.model()?.to_vec(), pack: name.clone() };
    let labels = backend.model()?.labels();
    let gate = manifest.first_look.as_ref().is_some_and(|band| band.gate.is_some());
    if labels != manifest.labels.len() + usize::from(gate) {
        let message = format!(
            "{} of pack {name} has {labels} labels; the manifest states {}{}",
            manifest.model.file,
            manifest.labels.len(),
            if gate { " and a gate" } else { "" }
        );
        return Err(Error::new(Code::ModelMismatch, message));
    }
    let why = "a table of n-grams needs no graph".to_owned();
    Ok(Loaded { backend: Box::new(backend), kind: Kind::Plan, why })
}

impl Ngrams {
    fn model(&self) -> Result<trueline_tiny::Model<'_>, Error> {
        trueline_tiny::Model::new(&self.file)
            .map_err(|e| Error::new(Code::InvalidModel, format!("the table of pack {}: {e}", self.pack)))
    }
}

impl Backend for Ngrams {
    fn run(&self, memory: &mut Memory, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        let mut outputs = Vec::new();
        self.run_into(memory, inputs, control, &mut outputs)?;
        Ok(outputs)
    }

    fn run_into(
        &self,
        _memory: &mut Memory,
        inputs: &[Tensor],
        control: &Control,
        outputs: &mut Vec<Tensor>,
    ) -> Result<(), Error> {
        control.check()?;
        let model = self.model()?;
        let Some(Data::I64(buckets)) = inputs.first().map(Tensor::data) else {
            let message = format!("pack {} takes one input of buckets", self.pack);
            return Err(Error::new(Code::ModelMismatch, message));
        };
        let mut sums = trueline_tiny::Sums::default();
        for &bucket in buckets {
            model.add(&mut sums, bucket as u32);
        }
        let mut logits = [0.0; trueline_tiny::MAX_LABELS];
        let logits = &mut logits[..model.labels()];
        model
            .logits(sums, logits)
            .map_err(|e| Error::new(Code::Internal, format!("the table of pack {}: {e}", self.pack)))?;
        outputs.resize_with(1, Tensor::default);
        outputs[0].assign_f32(&[1, logits.len()], logits)
    }
}
