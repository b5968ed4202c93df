//! What is timed: the whole plan at several lengths and the kernels it spends its time in, each in several forms.
//!
//! The forms of a case run in turn, one call each, so that a change of frequency meets all of them; each answer is checked
//! before anything is timed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::kernels::linear_f32::{self, linear_f32};
use trueline_core::kernels::linear_i8::{self, Epilogue, linear_i8};
use trueline_core::kernels::{Isa, dot_i8, quantise_rows, softmax_f32};
use trueline_core::model::control::Control;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;

/// `[k, n]` of the layers of MiniLM: query, key and value in one; both halves of the feed-forward part.
const LAYERS: [[usize; 2]; 3] = [[384, 1152], [384, 1536], [1536, 384]];
/// Rows that a layer is given.
const ROWS: [usize; 3] = [1, 8, 64];
/// The fewest and the most calls of a form.
const CALLS: [usize; 2] = [5, 20_000];
/// A kernel is called again and again until this has passed, and the whole is one sample: clocks have steps.
const SAMPLE: Duration = Duration::from_micros(200);
/// How far the scores of the int8 plan may be from those of the f32 one: it is another arithmetic, not another model.
const LEAST_COSINE: f64 = 0.9;

/// Does the work once; the answer is written to the vector.
type Call<'a> = Box<dyn FnMut(&mut Vec<f32>) -> Result<(), Error> + 'a>;

/// One way to do the work of a case.
struct Form<'a> {
    name: &'static str,
    isa: Isa,
    /// Forms of one class give the same bits.
    class: &'static str,
    call: Call<'a>,
}

/// Microseconds of the calls of a form.
pub struct Row {
    /// What is done, and how large it is.
    pub case: String,
    /// `int8` or `f32`.
    pub form: &'static str,
    /// The instruction set's name.
    pub isa: &'static str,
    /// Half of the calls took at most this.
    pub median: f64,
    /// All but one in a hundred took at most this.
    pub p99: f64,
    /// How many samples there are.
    pub runs: usize,
    /// The median of the scalar path of the same form by this one; the larger, the faster is this one.
    pub over_scalar: Option<f64>,
    /// The median of the f32 form on the same instruction set by this one.
    pub over_f32: Option<f64>,
}

impl Row {
    /// For the file.
    pub fn json(&self) -> Value {
        json!({
            "case": self.case, "form": self.form, "isa": self.isa, "median_us": self.median, "p99_us": self.p99,
            "runs": self.runs, "scalar_over_this": self.over_scalar, "f32_over_this": self.over_f32,
        })
    }
}

/// The whole plan, int8 and f32, on every instruction set.
///
/// # Errors
/// A sentence, if a run fails or an instruction set gives other bits than scalar code.
pub fn plan(
    [int8, float]: [&Program; 2],
    tokens: usize,
    threads: &Threads,
    isas: &[Isa],
    seconds: f64,
) -> Result<Vec<Row>, String> {
    let ids: Vec<i64> = (0..tokens as i64).map(|i| if i == 0 { 101 } else { 1000 + 37 * i }).collect();
    let (ones, zeros) = (vec![1_i64; tokens], vec![0_i64; tokens]);
    let mut forms = Vec::new();
    for &isa in isas {
        for (name, program) in [("int8", int8), ("f32", float)] {
            let mut state = State::new();
            let (ids, ones, zeros) = (&ids, &ones, &zeros);
            let call = move |out: &mut Vec<f32>| {
                let shape = [1, tokens];
                let inputs = program.plan().inputs.iter().map(|port| {
                    let data = match port.name.as_str() {
                        "input_ids" => ids,
                        "attention_mask" => ones,
                        _ => zeros,
                    };
                    Input { shape: &shape, data: Data::I64(data) }
                });
                let inputs: Vec<Input<'_>> = inputs.collect();
                program.run(&mut state, isa, threads, &inputs, &Control::unlimited())?;
                out.clear();
                out.extend_from_slice(state.output(program, 0)?.f32s()?);
                Ok(())
            };
            forms.push(Form { name, isa, class: name, call: Box::new(call) });
        }
    }
    time(format!("plan/{tokens}"), forms, seconds, Duration::ZERO)
}

/// Layers in int8 and f32, a dot product and a softmax, on every instruction set.
///
/// # Errors
/// As [`plan`].
pub fn kernels(isas: &[Isa], seconds: f64) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for shape in LAYERS {
        for m in ROWS {
            rows.extend(layer(shape, m, isas, seconds)?);
        }
    }
    let (a, b) = (bytes(768, 1), bytes(768, 2));
    let x: Vec<f32> = bytes(128, 3).into_iter().map(|byte| f32::from(byte) / 16.0).collect();
    let mut dots = Vec::new();
    let mut softmaxes = Vec::new();
    for &isa in isas {
        let (a, b, x) = (&a, &b, &x);
        let dot = move |out: &mut Vec<f32>| {
            out.clear();
            out.push(f32::from_bits(dot_i8(isa, a, b) as u32));
            Ok(())
        };
        dots.push(Form { name: "int8", isa, class: "int8", call: Box::new(dot) });
        let softmax = move |out: &mut Vec<f32>| {
            out.resize(x.len(), 0.0);
            softmax_f32(isa, x, out);
            Ok(())
        };
        softmaxes.push(Form { name: "f32", isa, class: "f32", call: Box::new(softmax) });
    }
    rows.extend(time("dot_i8/768".into(), dots, seconds, SAMPLE)?);
    rows.extend(time("softmax_f32/128".into(), softmaxes, seconds, SAMPLE)?);
    Ok(rows)
}

/// One linear layer on `m` rows; in int8 with the quantisation of the rows.
fn layer([k, n]: [usize; 2], m: usize, isas: &[Isa], seconds: f64) -> Result<Vec<Row>, String> {
    let plain = bytes(k * n, 4);
    let (mut packed, mut sums) = (vec![0; linear_i8::packed_len(k, n)], vec![0; n]);
    linear_i8::pack(&plain, [k, n], &mut packed, &mut sums);
    let wide: Vec<f32> = plain.iter().map(|&byte| f32::from(byte) / 128.0).collect();
    let mut floats = vec![0.0; linear_f32::packed_len(k, n)];
    linear_f32::pack(&wide, [k, n], &mut floats);
    let scales = vec![1.0 / 128.0; n];
    let x: Vec<f32> = bytes(m * k, 5).into_iter().map(|byte| f32::from(byte) / 64.0).collect();
    let mut forms = Vec::new();
    for &isa in isas {
        let (packed, sums, scales, floats, x) = (&packed, &sums, &scales, &floats, &x);
        let mut room = (vec![0; m * linear_i8::row_len(k)], vec![0.0; m], vec![0; m]);
        let int8 = move |out: &mut Vec<f32>| {
            let (bytes, row_scales, zeros) = (&mut room.0, &mut room.1, &mut room.2);
            out.resize(m * n, 0.0);
            quantise_rows(isa, x, k, None, bytes, row_scales, zeros);
            let rows = linear_i8::Rows { bytes, scales: row_scales, zeros };
            linear_i8(isa, rows, linear_i8::Weights { packed, k, n, scales, sums }, Epilogue::default(), out);
            Ok(())
        };
        forms.push(Form { name: "int8", isa, class: "int8", call: Box::new(int8) });
        let float = move |out: &mut Vec<f32>| {
            out.resize(m * n, 0.0);
            linear_f32(isa, x, linear_f32::Weights { packed: floats, k, n }, Epilogue::default(), out);
            Ok(())
        };
        forms.push(Form { name: "f32", isa, class: "f32", call: Box::new(float) });
    }
    time(format!("linear/{k}x{n}/{m}"), forms, seconds, SAMPLE)
}

/// Checks the forms against each other, then times them in turn for about `seconds` each.
fn time(case: String, mut forms: Vec<Form<'_>>, seconds: f64, sample: Duration) -> Result<Vec<Row>, String> {
    let mut repeats = Vec::new();
    let mut answers: Vec<(&str, Vec<f32>)> = Vec::new();
    for form in &mut forms {
        let mut out = Vec::new();
        let failed = |e: Error| format!("{case} in {} on {}: {e}", form.name, form.isa.name());
        // The second call finds memory and caches warm.
        (form.call)(&mut out).map_err(failed)?;
        let start = Instant::now();
        (form.call)(&mut out).map_err(failed)?;
        let once = start.elapsed().max(Duration::from_nanos(50));
        repeats.push((sample.as_nanos() / once.as_nanos()).max(1) as usize);
        match answers.iter().find(|(class, _)| *class == form.class) {
            None => answers.push((form.class, out)),
            Some((class, wanted)) => {
                if out.iter().map(|x| x.to_bits()).ne(wanted.iter().map(|x| x.to_bits())) {
                    return Err(format!(
                        "{case}: {} gives other bits in {class} than scalar code",
                        form.isa.name()
                    ));
                }
            }
        }
    }
    if let [(_, a), (_, b)] = answers.as_slice() {
        let cosine = cosine(a, b);
        if cosine.is_nan() || cosine < LEAST_COSINE {
            return Err(format!(
                "{case}: int8 and f32 have a cosine of {cosine}; {LEAST_COSINE} is the least"
            ));
        }
    }
    let mut taken: Vec<Vec<f64>> = forms.iter().map(|_| Vec::new()).collect();
    let mut spent = vec![Duration::ZERO; forms.len()];
    let budget = Duration::from_secs_f64(seconds);
    let wants = |taken: &Vec<f64>, spent: Duration| {
        taken.len() < CALLS[0] || (taken.len() < CALLS[1] && spent < budget)
    };
    let mut out = Vec::new();
    let mut turn = 0;
    while (0..forms.len()).any(|i| wants(&taken[i], spent[i])) {
        for i in 0..forms.len() {
            // Another form comes first in each turn.
            let i = (i + turn) % forms.len();
            if !wants(&taken[i], spent[i]) {
                continue;
            }
            let start = Instant::now();
            for _ in 0..repeats[i] {
                (forms[i].call)(&mut out).map_err(|e| format!("{case}: {e}"))?;
            }
            let elapsed = start.elapsed();
            spent[i] += elapsed;
            taken[i].push(elapsed.as_secs_f64() * 1e6 / repeats[i] as f64);
        }
        turn += 1;
    }
    let mut rows: Vec<Row> = Vec::new();
    for (form, taken) in forms.iter().zip(&mut taken) {
        taken.sort_by(f64::total_cmp);
        let (isa, form) = (form.isa.name(), form.name);
        let (median, p99) = (rank(taken, 0.5), rank(taken, 0.99));
        let (over_scalar, over_f32) = (None, None);
        rows.push(Row {
            case: case.clone(),
            form,
            isa,
            median,
            p99,
            runs: taken.len(),
            over_scalar,
            over_f32,
        });
    }
    let known: Vec<(&str, &str, f64)> = rows.iter().map(|row| (row.form, row.isa, row.median)).collect();
    let median = |form: &str, isa: &str| {
        known.iter().find(|(f, i, _)| *f == form && *i == isa).map(|(_, _, median)| *median)
    };
    for row in &mut rows {
        row.over_scalar = median(row.form, Isa::Scalar.name()).map(|other| other / row.median);
        row.over_f32 = median("f32", row.isa).map(|other| other / row.median);
    }
    Ok(rows)
}

/// The nearest-rank quantile of sorted numbers, of which there is one at least.
fn rank(sorted: &[f64], q: f64) -> f64 {
    sorted[((q * sorted.len() as f64).ceil() as usize).max(1) - 1]
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Bytes that look random and are the same each time.
fn bytes(n: usize, seed: u32) -> Vec<i8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8 as i8)
    };
    std::iter::repeat_n((), n).scan(seed, |state, ()| step(state)).collect()
}
