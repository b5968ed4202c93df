//! A real exporter's file, damaged: whatever it then is, it loads or is refused, and what loads still answers.

mod support;

use std::collections::BTreeMap;

use support::pack::tar;
use support::{Random, bytes, text};
use trueline_core::engine::{Config, Engine, GuardOptions, Session};
use trueline_core::model::pack::{Pack, sha256};
use trueline_core::{Code, Error};

const FOLDER: &str = "models/guard-test-f32";

/// The test pack with this model in place of its own.
fn engine(model: Vec<u8>) -> Result<Engine, Error> {
    let good = Pack::open(&support::project(FOLDER)).expect("the test pack");
    let stated = &good.manifest().model;
    let manifest = text(&format!("{FOLDER}/manifest.toml"))
        .replacen(&stated.sha256, &sha256(&model), 1)
        .replacen(&format!("bytes = {}", stated.bytes), &format!("bytes = {}", model.len()), 1);
    let mut files: BTreeMap<String, Vec<u8>> = good
        .manifest()
        .listed()
        .map(|listed| (listed.file.to_owned(), bytes(&format!("{FOLDER}/{}", listed.file))))
        .collect();
    files.insert(stated.file.clone(), model);
    files.insert("manifest.toml".to_owned(), manifest.into_bytes());
    let pack = Pack::from_archive(&tar(&files)).expect("a pack that is whole");
    Engine::new(&Config::default(), &[&pack])
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let good = bytes(&format!("{FOLDER}/model.onnx"));
    assert!(engine(good.clone()).is_ok());
    for i in 0..64 {
        let error =
            engine(good[..good.len() * i / 64].to_vec()).map(|_| ()).expect_err("part of it is missing");
        assert_eq!(error.code, Code::InvalidModel, "cut at {i} of 64: {error}");
    }
}

#[test]
fn random_damage_is_survived() {
    let good = bytes(&format!("{FOLDER}/model.onnx"));
    let seed = 20_240_608;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut taken = 0;
    for round in 0..300 {
        let mut model = good.clone();
        for _ in 0..=random.below(8) {
            // Half of the damage goes to the ends of the file, where names and operators lie, the rest anywhere.
            let at = match round % 4 {
                0 => random.below(20_000),
                1 => model.len() - 1 - random.below(5_000),
                _ => random.below(model.len()),
            };
            model[at] ^= 1 << random.below(8);
        }
        if let Ok(engine) = engine(model) {
            taken += 1;
            let mut session = Session::new(&engine, None).expect("its pack");
            // A verdict or an error: anything but a panic.
            let _ =
                session.guard("some text of a few words ".repeat(20).as_bytes(), &GuardOptions::default());
        }
    }
    println!("{taken} of 300 damaged files still load");
}
