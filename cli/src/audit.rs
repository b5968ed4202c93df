//! `trueline audit`: how far one pack drifts from another, on the same texts.
//!
//! Guards are compared by verdicts and scores; packs that tell the mean state of a text, guards or aligners, by those states, too.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use trueline_core::engine::Session;
use trueline_core::model::control::Control;
use trueline_core::scoring::score::bhattacharyya::bhattacharyya;
use trueline_core::scoring::score::components::principal;
use trueline_core::scoring::score::metrics::{Agreement, ranking};
use trueline_core::scoring::score::separation::{MAX_POINTS, indices, subsample};
use trueline_core::{Code, Error};

use crate::args::{AuditArgs, Common};
use crate::eval::classify::write;
use crate::labelled::{self, Row, scores};
use crate::lookup;
use crate::output::{self, Stop};
use crate::progress::Progress;

/// Keeps the covariance of scores that hardly vary from being singular.
const RIDGE: f64 = 1e-6;

/// Directions in which states are compared by their covariance: with more, a few hundred texts would not fill it.
const COMPONENTS: usize = 8;

/// What one pack says of the texts.
struct Side {
    name: String,
    thresholds: BTreeMap<String, f64>,
    session: Session,
    judges: bool,
    has_states: bool,
    said: Vec<Said>,
}

/// What one pack says of one text.
struct Said {
    /// The score of each label, the largest under the empty name; none of a pack that does not judge.
    scores: BTreeMap<String, f64>,
    /// The mean state; empty of a pack that does not tell it.
    state: Vec<f64>,
}

/// Scores the texts of standard input by two packs and writes how they differ.
pub fn run(args: &AuditArgs, common: &Common) -> Result<u8, Stop> {
    let paths: Vec<_> = common.pack.iter().map(|given| lookup::find(given)).collect::<Result<_, _>>()?;
    let [first, second] = &paths[..] else {
        return Err(Stop::Usage(format!(
            "--pack: {} given; audit takes two, the second being the original",
            paths.len()
        )));
    };
    let (mut a, mut b) = (side(first, common)?, side(second, common)?);
    let shared: Vec<String> =
        a.thresholds.keys().filter(|name| b.thresholds.contains_key(*name)).cloned().collect();
    let judge = a.judges && b.judges;
    if judge && shared.is_empty() {
        return Err(Stop::Usage(format!("packs {} and {} share no label", a.name, b.name)));
    }
    let tell = a.has_states && b.has_states;
    if !judge && !tell {
        return Err(Stop::Usage(format!(
            "packs {} and {} have nothing in common to compare: neither labels nor mean states",
            a.name, b.name
        )));
    }
    let (rows, mut failed) = labelled::read(io::stdin().lock(), "standard input")?;
    let mut progress = Progress::new(!common.quiet, Some(rows.len()));
    let mut kept = Vec::new();
    for (at, row) in rows.into_iter().enumerate() {
        let Some(row) = row else { continue };
        let text = row.text.as_deref().unwrap_or_default();
        match a.ask(text).and_then(|x| Ok((x, b.ask(text)?))) {
            Ok((x, y)) => {
                a.said.push(x);
                b.said.push(y);
                kept.push(row);
            }
            Err(error) => {
                output::complain(&format!("line {}: {} ({})", at + 1, error.message, error.code.name()));
                failed += 1;
            }
        }
        progress.show(at + 1, "texts");
    }
    if kept.is_empty() {
        return Err(Stop::Failed("no text could be scored by both packs".into()));
    }
    drop(progress);
    let mut out = Vec::new();
    if judge {
        out.extend(agreement(&a, &b, &shared, &kept));
        out.extend(shared.iter().map(|name| drift(name, &a, &b)));
    }
    out.extend(states_drift(&a, &b));
    let labels: Vec<Option<bool>> = kept.iter().map(|row| row.label.any()).collect();
    if judge {
        out.extend([&a, &b].iter().filter_map(|side| of_scores(side, &shared, &labels)));
    }
    out.extend([&a, &b].iter().filter_map(|side| of_states(side, &labels)));
    write(&out, args.jsonl)?;
    Ok(if failed == 0 { output::DONE } else { output::FAILED })
}

fn side(path: &Path, common: &Common) -> Result<Side, Stop> {
    // What the engine says of a pack that is no guard is of no interest: it may tell states.
    let (pack, engine, guard) = lookup::engine(path, common, |engine| Ok(engine.guard(None).cloned()))?;
    let mut session = lookup::session(&engine)?;
    let unusable = |error: &Error| output::unusable(&format!("pack {}", path.display()), error);
    let has_states = match session.pooled("a", &Control::unlimited()) {
        Ok(_) => true,
        Err(error) if error.code == Code::Unavailable => false,
        Err(error) => return Err(unusable(&error)),
    };
    if let (Err(error), false) = (&guard, has_states) {
        return Err(unusable(error));
    }
    let thresholds = pack.manifest().labels.iter().map(|l| (l.name.clone(), l.threshold)).collect();
    let name = path.display().to_string();
    Ok(Side { name, thresholds, session, judges: guard.is_ok(), has_states, said: Vec::new() })
}

impl Side {
    fn ask(&mut self, text: &str) -> Result<Said, Error> {
        let scores = if self.judges { scores(&mut self.session, text)? } else { BTreeMap::new() };
        let state = match self.has_states.then(|| self.session.pooled(text, &Control::unlimited())) {
            None => Vec::new(),
            // An empty text is clear, and has no state.
            Some(Err(error)) if self.judges && error.code == Code::EmptyText => Vec::new(),
            Some(state) => state?,
        };
        Ok(Said { scores, state: state.into_iter().map(f64::from).collect() })
    }

    fn score(&self, text: usize, label: &str) -> f64 {
        self.said[text].scores.get(label).copied().unwrap_or_default()
    }

    fn flags(&self, text: usize, labels: &[String]) -> bool {
        labels.iter().any(|label| self.score(text, label) >= self.thresholds[label])
    }
}

/// How often verdicts differ, over all texts and by language.
fn agreement(a: &Side, b: &Side, shared: &[String], rows: &[Row]) -> Vec<Value> {
    let mut whole = Agreement::default();
    let mut languages: BTreeMap<&str, Agreement> = BTreeMap::new();
    for (t, row) in rows.iter().enumerate() {
        let (x, y) = (a.flags(t, shared), b.flags(t, shared));
        whole.add(x, y);
        languages.entry(&row.language).or_default().add(x, y);
    }
    let line = |(language, found): (&str, &Agreement)| {
        json!({
            "language": language, "texts": found.n(), "flipped": found.first_only + found.second_only,
            "share": found.conflict(), "kappa": found.kappa(),
        })
    };
    [("(all)", &whole)].into_iter().chain(languages.iter().map(|(l, a)| (*l, a))).map(line).collect()
}

/// How the scores of one label differ.
fn drift(label: &str, a: &Side, b: &Side) -> Value {
    let n = a.said.len();
    let mut flips = Agreement::default();
    let (mut sum, mut most) = (0.0, 0.0_f64);
    for t in 0..n {
        let (x, y) = (a.score(t, label), b.score(t, label));
        flips.add(x >= a.thresholds[label], y >= b.thresholds[label]);
        sum += (x - y).abs();
        most = most.max((x - y).abs());
    }
    json!({
        "label": label, "flipped": flips.first_only + flips.second_only, "mean_difference": sum / n as f64,
        "largest_difference": most,
    })
}

/// How the mean states differ, where both are as wide: their cosines.
fn states_drift(a: &Side, b: &Side) -> Option<Value> {
    let (mut sum, mut least, mut n) = (0.0, f64::INFINITY, 0);
    for (x, y) in a.said.iter().zip(&b.said) {
        if x.state.is_empty() || y.state.is_empty() {
            continue;
        }
        if x.state.len() != y.state.len() {
            return None;
        }
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let norms = (dot(&x.state, &x.state) * dot(&y.state, &y.state)).sqrt();
        let cosine = if norms > 0.0 { dot(&x.state, &y.state) / norms } else { 0.0 };
        (sum, least, n) = (sum + cosine, least.min(cosine), n + 1);
    }
    (n > 0).then(|| json!({ "states": "cosine", "texts": n, "mean": sum / f64::from(n), "least": least }))
}

/// How well a pack's scores tell harmful from harmless texts, where labels say which are: as points of one logit a label.
fn of_scores(side: &Side, shared: &[String], labels: &[Option<bool>]) -> Option<Value> {
    let logit = |p: f64| {
        let p = p.clamp(1e-6, 1.0 - 1e-6);
        (p / (1.0 - p)).ln()
    };
    let point = |t: usize| shared.iter().map(|label| logit(side.score(t, label))).collect();
    let mut found = separation(side, "scores", labels, point)?;
    let known: Vec<usize> = (0..labels.len()).filter(|t| labels[*t].is_some()).collect();
    let risks: Vec<f64> = known.iter().map(|t| side.score(*t, "")).collect();
    let harmful: Vec<bool> = known.iter().map(|t| labels[*t] == Some(true)).collect();
    found["auroc"] = json!(ranking(&risks, &harmful).ok().map(|r| r.auroc));
    Some(found)
}

/// The same of its mean states.
fn of_states(side: &Side, labels: &[Option<bool>]) -> Option<Value> {
    let told = side.said.iter().zip(labels).map(|(said, label)| label.filter(|_| !said.state.is_empty()));
    separation(side, "states", &told.collect::<Vec<_>>(), |t| side.said[t].state.clone())
}

/// Indices of how far harmful and harmless points lie apart; the Bhattacharyya distance in their principal components where there
/// are many dimensions.
fn separation(
    side: &Side,
    points: &str,
    labels: &[Option<bool>],
    point: impl Fn(usize) -> Vec<f64>,
) -> Option<Value> {
    let known: Vec<usize> = (0..labels.len()).filter(|t| labels[*t].is_some()).collect();
    let chosen: Vec<usize> = subsample(known.len(), MAX_POINTS, 0).into_iter().map(|at| known[at]).collect();
    let rows: Vec<Vec<f64>> = chosen.iter().map(|t| point(*t)).collect();
    let dim = rows.first()?.len();
    let all = rows.concat();
    let classes: Vec<i64> = chosen.iter().map(|t| i64::from(labels[*t] == Some(true))).collect();
    let found = indices(&all, dim, &classes).ok()?;
    let few = if dim > 2 * COMPONENTS { principal(&all, dim, COMPONENTS).ok()? } else { (all, dim) };
    let of = |class: i64| -> Vec<f64> {
        let rows = few.0.chunks_exact(few.1.max(1)).zip(&classes).filter(|(_, own)| **own == class);
        rows.flat_map(|(row, _)| row).copied().collect()
    };
    // The covariance of no more points than dimensions is singular, and its ridge would be all that counts.
    let [harmless, harmful] = [of(0), of(1)];
    let enough = harmless.len().min(harmful.len()) > few.1 * few.1;
    let distance = bhattacharyya(&harmless, &harmful, few.1, RIDGE).ok().filter(|_| enough);
    Some(json!({
        "pack": side.name, "points": points, "dimensions": dim,
        "davies_bouldin": found.davies_bouldin, "dunn": found.dunn, "calinski_harabasz": found.calinski_harabasz,
        "silhouette": found.silhouette, "xie_beni": found.xie_beni,
        "bhattacharyya": distance.map(|d| d.distance), "bhattacharyya_dimensions": few.1,
    }))
}
