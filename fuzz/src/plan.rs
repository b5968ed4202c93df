//! Plans whose description is damaged and whose digest is right: they are checked and, if they pass, run.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use trueline_core::kernels::Isa;
use trueline_core::model::control::Control;
use trueline_core::model::map::Mapped;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::file::{self, PlanFile};
use trueline_core::model::plan::ir::Kind;
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;

/// What a seed was cut from: its head's length and its constants.
struct Tail {
    head: usize,
    constants: Vec<u8>,
}

static TAILS: OnceLock<Vec<Tail>> = OnceLock::new();

/// Header and description of each packed file, without the vocabulary. The first byte says which file it is.
pub fn heads(files: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut seeds, mut tails) = (Vec::new(), Vec::new());
    for bytes in files {
        let packed = PlanFile::read(Arc::new(Mapped::copy_of(bytes)), None).expect("a good file");
        let constants = packed.constants().expect("aligned").bytes().to_vec();
        let bare = file::write(packed.plan(), &[], &constants, packed.source()).expect("it can be written");
        let head = bare.len() - 32 - constants.len();
        seeds.push([&[tails.len() as u8], &bare[..head]].concat());
        tails.push(Tail { head, constants });
    }
    TAILS.get_or_init(|| tails);
    seeds
}

/// Makes a file of a damaged head, reads it, checks the plan and runs it.
pub fn read(bytes: &[u8]) {
    let (Some((&which, head)), Some(tails)) = (bytes.split_first(), TAILS.get()) else { return };
    let tail = &tails[which as usize % tails.len()];
    let mut body = head.to_vec();
    body.resize(tail.head, 0);
    body.extend_from_slice(&tail.constants);
    let total = (body.len() + 32) as u64;
    body[16..24].copy_from_slice(&total.to_le_bytes());
    let Ok(packed) = PlanFile::read(Arc::new(Mapped::copy_of(&file::seal(body))), None) else { return };
    if let Ok(program) = packed.program() {
        run(&program);
    }
}

/// Runs a plan that passed its check on one text of eight tokens. It may refuse.
pub fn run(program: &Program) {
    let (longs, floats) = ([1_i64; 8], [0.5_f32; 8]);
    let inputs: Vec<Input<'_>> = program
        .plan()
        .inputs
        .iter()
        .map(|port| {
            let data = match program.plan().values[port.value as usize].kind {
                Kind::F32 => Data::F32(&floats),
                Kind::I64 => Data::I64(&longs),
                Kind::I32 => Data::I32(&[1; 8]),
                Kind::Bool => Data::Bool(&[1; 8]),
                Kind::U8 => Data::U8(&[1; 8]),
                Kind::I8 => Data::I8(&[1; 8]),
            };
            Input { shape: &[1, 8], data }
        })
        .collect();
    let control = Control::new(Some(Duration::from_millis(500)), None);
    let _ = program.run(&mut State::default(), Isa::best(), &Threads::none(), &inputs, &control);
}
