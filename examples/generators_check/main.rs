//! Encoder-decoders of published packages, run by trueline and held against what the packages' own code wrote
//! (`tests/fixtures/generators`): `generators_check FOLDER`, the folder that holds the unpacked packages `hama` and
//! `arabic_name_romanizer`. `cargo xtask models-check` fetches them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;
use trueline_core::Error;
use trueline_core::model::backend::{Kind, Settings};
use trueline_core::model::control::Control;
use trueline_core::model::generator::{EncoderPorts, Generator, Ports, Run};
use trueline_core::scoring::decode::beam::Search;
use trueline_core::scoring::score::softmax::argmax;

const EXPECTED: &str = include_str!("../../tests/fixtures/generators/generators.json");

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1).map(PathBuf::from) else {
        eprintln!("usage: generators_check FOLDER");
        return ExitCode::from(2);
    };
    let expected: Value = serde_json::from_str(EXPECTED).unwrap_or_default();
    let results = [hama(&folder, &expected["hama"]), romanizer(&folder, &expected["romanizer"])];
    let mut status = ExitCode::SUCCESS;
    for result in results {
        match result {
            Ok((name, passed, all, said)) => {
                println!("{name}: {passed} of {all} texts as in the original; {said}");
                if passed != all || all == 0 {
                    status = ExitCode::FAILURE;
                }
            }
            Err(error) => {
                eprintln!("generators_check: {error}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

type Outcome = Result<(&'static str, usize, usize, String), Error>;

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|e| Error::new(trueline_core::Code::Io, format!("{}: {e}", path.display())))
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_u64().map(|n| n as u32)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap_or_default() as u32
}

fn runner(generator: &Generator) -> &'static str {
    if generator.program().is_some() { "the step on a plan" } else { "the step on tract" }
}

/// Letters to sounds: a graph that picks each token itself.
fn hama(folder: &Path, expected: &Value) -> Outcome {
    let assets = folder.join("hama/hama/assets");
    let ports = Ports {
        tokens: "decoder_input_ids".into(),
        logits: "next_token_ids".into(),
        carry: pairs(&[("hidden", "hidden_out"), ("prev_attn", "prev_attn_out")]),
        start: pairs(&[("hidden", "hidden"), ("prev_attn", "prev_attn")]),
        given: pairs(&[
            ("encoder_outputs", "encoder_outputs"),
            ("projected_keys", "projected_keys"),
            ("encoder_mask", "encoder_mask"),
        ]),
        places: Some("positions".into()),
        encoder: Some(EncoderPorts {
            tokens: "input_ids".into(),
            lengths: Some("input_lengths".into()),
            ..EncoderPorts::default()
        }),
        ..Ports::default()
    };
    let (step, encoder) = (read(&assets.join("decoder_step.onnx"))?, read(&assets.join("encoder.onnx"))?);
    let vocabulary = 4096;
    let generator =
        Generator::load("hama", &step, Some(&encoder), &ports, vocabulary, &Settings::new(Kind::Default))?;
    let (mut run, control) = (Run::default(), Control::unlimited());
    let (begin, end) = (number(&expected["begin"]), number(&expected["end"]));
    let (mut passed, mut all, mut tokens, start) = (0, 0, 0, Instant::now());
    for case in expected["cases"].as_array().into_iter().flatten() {
        generator.begin(&mut run, &numbers(&case["text"]), 1, &control)?;
        let mut written = vec![];
        let mut token = begin;
        while written.len() < number(&expected["most"]) as usize && written.last() != Some(&end) {
            generator.step(&mut run, &[token], &control)?;
            token = argmax(run.logits())? as u32;
            written.push(token);
        }
        all += 1;
        tokens += written.len();
        passed += usize::from(written == numbers(&case["written"]));
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / f64::from(tokens.max(1) as u32);
    Ok(("hama", passed, all, format!("{}, {each:.2} ms a token", runner(&generator))))
}

/// Arabic names in Latin letters, by beam searches of several widths.
fn romanizer(folder: &Path, expected: &Value) -> Outcome {
    let resources = folder.join("arabic_name_romanizer/arabic_name_romanizer/resources");
    let ports = Ports {
        tokens: "prefix".into(),
        logits: "logprobs".into(),
        carry: pairs(&[("hidden", "hidden_out")]),
        start: pairs(&[("hidden", "hidden_out")]),
        given: pairs(&[("memory", "memory_out"), ("src_mask", "src_mask_out")]),
        whole_prefix: true,
        encoder: Some(EncoderPorts {
            tokens: "src".into(),
            padding: Some("src_mask".into()),
            ..EncoderPorts::default()
        }),
        ..Ports::default()
    };
    let (step, encoder) = (read(&resources.join("decoder.onnx"))?, read(&resources.join("encoder.onnx"))?);
    let vocabulary = number(&expected[0]["vocabulary"]) as usize;
    let generator = Generator::load(
        "romanizer",
        &step,
        Some(&encoder),
        &ports,
        vocabulary,
        &Settings::new(Kind::Default),
    )?;
    let (mut run, control) = (Run::default(), Control::unlimited());
    let (mut passed, mut all, mut worst, mut tokens, start) = (0, 0, 0.0_f64, 0, Instant::now());
    for search in expected.as_array().into_iter().flatten() {
        let (begin, end) = (number(&search["begin"]), number(&search["end"]));
        for case in search["cases"].as_array().into_iter().flatten() {
            generator.begin(&mut run, &numbers(&case["text"]), 1, &control)?;
            let mut beams = Search::new(number(&search["width"]) as usize, &[end], 1)?;
            let (mut from, mut next) = (vec![0], vec![(0, begin)]);
            for _ in 0..number(&search["most"]) {
                generator.reorder(&mut run, &from)?;
                generator.step(&mut run, &next.iter().map(|n| n.1).collect::<Vec<_>>(), &control)?;
                tokens += next.len();
                beams.step(run.logits(), vocabulary, &mut next)?;
                if next.is_empty() {
                    break;
                }
                from = next.iter().map(|n| n.0).collect();
            }
            let best = beams.best(search["alpha"].as_f64().unwrap_or(1.0)).cloned();
            let (mut ids, mut score) = (Vec::new(), f64::NAN);
            if let Some(best) = best {
                score = best.score / best.tokens.len().max(1) as f64;
                ids = best.tokens.into_iter().filter(|&id| id != end).collect();
            }
            let wanted = &case["found"][0];
            all += 1;
            let close = (score - wanted["score"].as_f64().unwrap_or(f64::INFINITY)).abs();
            worst = worst.max(close);
            passed += usize::from(ids == numbers(&wanted["ids"]) && close < 1e-3);
        }
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / f64::from(tokens.max(1) as u32);
    let said = format!("{}, scores differ by {worst:.1e} at most, {each:.2} ms a token", runner(&generator));
    Ok(("arabic-name-romanizer", passed, all, said))
}
