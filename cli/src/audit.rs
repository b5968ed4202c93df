//! `trueline audit`: how far one pack drifts from another, on the same texts.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};
use trueline_core::engine::Session;
use trueline_core::scoring::score::bhattacharyya::bhattacharyya;
use trueline_core::scoring::score::metrics::{Agreement, ranking};
use trueline_core::scoring::score::separation::{MAX_POINTS, indices, subsample};

use crate::args::{AuditArgs, Common};
use crate::eval::classify::write;
use crate::labelled::{self, scores};
use crate::lookup;
use crate::output::{self, Stop};
use crate::progress::Progress;

/// Keeps the covariance of scores that hardly vary from being singular.
const RIDGE: f64 = 1e-6;

/// What one pack says of the texts.
struct Side {
    name: String,
    thresholds: BTreeMap<String, f64>,
    session: Session,
    /// For each text, the score of each label.
    scores: Vec<BTreeMap<String, f64>>,
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
    if shared.is_empty() {
        return Err(Stop::Usage(format!("packs {} and {} share no label", a.name, b.name)));
    }
    let (rows, mut failed) = labelled::read(io::stdin().lock(), "standard input")?;
    let mut progress = Progress::new(!common.quiet, Some(rows.len()));
    let mut kept = Vec::new();
    for (at, row) in rows.into_iter().enumerate() {
        let Some(row) = row else { continue };
        let text = row.text.as_deref().unwrap_or_default();
        match scores(&mut a.session, text).and_then(|x| Ok((x, scores(&mut b.session, text)?))) {
            Ok((x, y)) => {
                a.scores.push(x);
                b.scores.push(y);
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
    let mut whole = Agreement::default();
    let mut languages: BTreeMap<&str, Agreement> = BTreeMap::new();
    for (t, row) in kept.iter().enumerate() {
        let (x, y) = (a.flags(t, &shared), b.flags(t, &shared));
        whole.add(x, y);
        languages.entry(&row.language).or_default().add(x, y);
    }
    for (language, found) in [("(all)", &whole)].into_iter().chain(languages.iter().map(|(l, a)| (*l, a))) {
        out.push(json!({
            "language": language, "texts": found.n(), "flipped": found.first_only + found.second_only,
            "share": found.conflict(), "kappa": found.kappa(),
        }));
    }
    out.extend(shared.iter().map(|name| drift(name, &a, &b)));
    let labels: Vec<Option<bool>> = kept.iter().map(|row| row.label.any()).collect();
    for side in [&a, &b] {
        out.extend(separation(side, &shared, &labels));
    }
    write(&out, args.jsonl)?;
    Ok(if failed == 0 { output::DONE } else { output::FAILED })
}

fn side(path: &std::path::Path, common: &Common) -> Result<Side, Stop> {
    let (pack, engine, _) = lookup::engine(path, common, |engine| engine.guard(None).cloned())?;
    let thresholds = pack.manifest().labels.iter().map(|l| (l.name.clone(), l.threshold)).collect();
    let session = lookup::session(&engine)?;
    Ok(Side { name: path.display().to_string(), thresholds, session, scores: Vec::new() })
}

impl Side {
    fn score(&self, text: usize, label: &str) -> f64 {
        self.scores[text].get(label).copied().unwrap_or_default()
    }

    fn flags(&self, text: usize, labels: &[String]) -> bool {
        labels.iter().any(|label| self.score(text, label) >= self.thresholds[label])
    }
}

/// How the scores of one label differ.
fn drift(label: &str, a: &Side, b: &Side) -> Value {
    let n = a.scores.len();
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

/// How well a pack's scores tell harmful from harmless texts, where labels say which are: as points of one logit a label.
fn separation(side: &Side, shared: &[String], labels: &[Option<bool>]) -> Option<Value> {
    let known: Vec<usize> = (0..labels.len()).filter(|t| labels[*t].is_some()).collect();
    let chosen: Vec<usize> = subsample(known.len(), MAX_POINTS, 0).into_iter().map(|at| known[at]).collect();
    let logit = |p: f64| {
        let p = p.clamp(1e-6, 1.0 - 1e-6);
        (p / (1.0 - p)).ln()
    };
    let point = |t: &usize| shared.iter().map(|label| logit(side.score(*t, label))).collect::<Vec<_>>();
    let of = |harmful: bool| -> Vec<f64> {
        chosen.iter().filter(|t| labels[**t] == Some(harmful)).flat_map(point).collect()
    };
    let points: Vec<f64> = chosen.iter().flat_map(point).collect();
    let classes: Vec<i64> = chosen.iter().map(|t| i64::from(labels[*t] == Some(true))).collect();
    let found = indices(&points, shared.len(), &classes).ok()?;
    let distance = bhattacharyya(&of(false), &of(true), shared.len(), RIDGE).ok();
    let risks: Vec<f64> =
        known.iter().map(|t| side.scores[*t].get("").copied().unwrap_or_default()).collect();
    let harmful: Vec<bool> = known.iter().map(|t| labels[*t] == Some(true)).collect();
    Some(json!({
        "pack": side.name, "auroc": ranking(&risks, &harmful).ok().map(|r| r.auroc),
        "davies_bouldin": found.davies_bouldin, "dunn": found.dunn, "calinski_harabasz": found.calinski_harabasz,
        "silhouette": found.silhouette, "xie_beni": found.xie_beni,
        "bhattacharyya": distance.map(|d| d.distance),
    }))
}
