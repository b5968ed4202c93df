//! `trueline calibrate`: thresholds from labelled texts or scores, written as a policy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use trueline_core::scoring::guard::canonical::CANONICALISER_VERSION;
use trueline_core::scoring::guard::threshold::{Risk, risk_control_miss, threshold_at_fpr};

use crate::args::{CalibrateArgs, CalibrationMethod, Common};
use crate::labelled::{self, Label, Row, scores};
use crate::lookup;
use crate::output::{self, Stop};
use crate::progress::Progress;

/// The pack that scores where `--pack` names none.
const PACK: &str = "guard-en";
/// Steps of the grid of risk control.
const GRID: usize = 1000;
/// The threshold that flags everything.
const EVERYTHING: f64 = 1e-9;

/// What was chosen for a category.
struct Chosen {
    threshold: f64,
    n: usize,
    method: &'static str,
}

/// Chooses thresholds from the lines of standard input. Exit status 1 if a line or a category could not be used.
pub fn run(args: &CalibrateArgs, common: &Common) -> Result<u8, Stop> {
    let policy = match &common.policy {
        None => None,
        Some(path) => Some(
            fs::read_to_string(path).map_err(|e| Stop::Usage(format!("--policy {}: {e}", path.display())))?,
        ),
    };
    let (rows, mut failed) = labelled::read(io::stdin().lock(), "standard input")?;
    let mut rows: Vec<Row> = rows.into_iter().flatten().collect();
    let pack_sha256 = score(&mut rows, &mut failed, common)?;
    let mut columns: BTreeMap<String, (Vec<f64>, Vec<bool>)> = BTreeMap::new();
    for row in &rows {
        let one = matches!(row.label, Label::One(_));
        for (name, score) in &row.scores {
            // One label for all categories, or one score for all of them, is for the category that was named.
            let is_whole = name.is_empty();
            let (label, name) = match (&args.category, is_whole) {
                (Some(wanted), true) if one || !row.scores.contains_key(wanted) => {
                    (row.label.of(wanted), wanted)
                }
                (Some(wanted), false) if wanted == name => (row.label.of(name), name),
                (None, false) if !one => (row.label.of(name), name),
                _ => continue,
            };
            if let Some(label) = label {
                let (scores, labels) = columns.entry(name.clone()).or_default();
                scores.push(*score);
                labels.push(label);
            }
        }
    }
    if columns.is_empty() {
        return Err(Stop::Failed(
            "no line has a label for a category that has a score; a label that is only true or false needs --category".into(),
        ));
    }
    let mut chosen = BTreeMap::new();
    for (name, (scores, labels)) in &columns {
        match choose(args, scores, labels) {
            Ok(found) => {
                if let Some(note) = note(&found) {
                    output::complain(&format!("{name}: {note}"));
                    failed += 1;
                }
                chosen.insert(name.clone(), found);
            }
            Err(message) => {
                output::complain(&format!("{name}: {message}; it keeps its threshold"));
                failed += 1;
            }
        }
    }
    let date = today();
    let fresh = || {
        let mut text = "policy = 1\nname = \"calibrated\"\n".to_owned();
        for name in chosen.keys() {
            let _ = write!(text, "\n[[category]]\nname = \"{name}\"\naction = \"block\"\n");
        }
        text
    };
    let text = policy.unwrap_or_else(fresh);
    let (text, missing) = written(&text, &chosen, args.target, &date, &pack_sha256);
    for name in missing {
        output::complain(&format!("{name}: the policy has no such category"));
        failed += 1;
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(if failed == 0 { output::DONE } else { output::FAILED })
}

/// Scores the rows that have a text and no score; gives the sha256 of the pack's manifest, or nothing where none was needed.
fn score(rows: &mut Vec<Row>, failed: &mut usize, common: &Common) -> Result<String, Stop> {
    if rows.iter().all(|row| !row.scores.is_empty()) {
        return Ok(String::new());
    }
    let path = match &lookup::chosen(common, PACK)?[..] {
        [path] => path.clone(),
        paths => return Err(Stop::Usage(format!("--pack: {} given; calibrate takes one", paths.len()))),
    };
    let (pack, engine, _) = lookup::engine(&path, common, |engine| engine.guard(None).cloned())?;
    let mut session = lookup::session(&engine)?;
    let mut progress = Progress::new(!common.quiet, Some(rows.len()));
    let mut done = 0;
    rows.retain_mut(|row| {
        done += 1;
        progress.show(done, "texts");
        if !row.scores.is_empty() {
            return true;
        }
        let text = row.text.as_deref().unwrap_or_default();
        match scores(&mut session, text) {
            Ok(found) => row.scores = found,
            Err(error) => {
                output::complain(&format!("text {done}: {} ({})", error.message, error.code.name()));
                *failed += 1;
            }
        }
        !row.scores.is_empty()
    });
    Ok(pack.sha256().to_owned())
}

fn choose(args: &CalibrateArgs, scores: &[f64], labels: &[bool]) -> Result<Chosen, String> {
    let n = labels.len();
    match args.method {
        CalibrationMethod::Fpr => {
            let found = threshold_at_fpr(scores, labels, args.target).map_err(|e| e.message)?;
            Ok(Chosen { threshold: found.threshold, n, method: "threshold-at-fpr" })
        }
        CalibrationMethod::Miss => {
            let grid: Vec<f64> = (0..=GRID).map(|i| i as f64 / GRID as f64).collect();
            let mut risks = vec![Risk::default(); grid.len()];
            let found = risk_control_miss(scores, labels, &grid, args.target, 1.0, &mut risks);
            let threshold = found.map_err(|e| e.message)?.map_or(EVERYTHING, |c| c.block_at.max(EVERYTHING));
            Ok(Chosen { threshold, n, method: "risk-control-miss" })
        }
    }
}

/// What is to be said of a threshold that does not do what was asked.
fn note(chosen: &Chosen) -> Option<String> {
    if chosen.threshold > 1.0 {
        return Some(format!(
            "no score keeps the target on {} items; the threshold 1 flags next to nothing",
            chosen.n
        ));
    }
    (chosen.threshold <= EVERYTHING)
        .then(|| format!("{} items are too few for the target; everything is flagged", chosen.n))
}

/// The policy's text with the thresholds in their categories, and the categories that it does not have. Everything else stays as
/// it was, comments too.
fn written<'a>(
    text: &str,
    chosen: &'a BTreeMap<String, Chosen>,
    target: f64,
    date: &str,
    pack_sha256: &str,
) -> (String, Vec<&'a str>) {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            blocks.push(Vec::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(line);
        }
    }
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned()).unwrap_or_default();
    let mut left: Vec<&str> = chosen.keys().map(String::as_str).collect();
    let mut out = String::new();
    for block in blocks {
        let is_category = block[..].first().is_some_and(|line| line.trim() == "[[category]]");
        let name = block.iter().find(|line| key(line) == "name").and_then(|line| line.split('"').nth(1));
        let found = name.filter(|_| is_category).and_then(|name| Some((name, chosen.get(name)?)));
        for line in block {
            if found.is_some() && ["threshold", "calibration"].contains(&&*key(line)) {
                continue;
            }
            out.push_str(line);
            if let (Some((name, c)), true) = (found, key(line) == "name") {
                left.retain(|other| *other != name);
                let (threshold, n, method) = (c.threshold.min(1.0), c.n, c.method);
                if !line.ends_with('\n') {
                    out.push('\n');
                }
                let _ = write!(
                    out,
                    "threshold = {threshold:?}\ncalibration = {{ method = \"{method}\", target = {target:?}, n = {n}, \
                     date = \"{date}\", pack_sha256 = \"{pack_sha256}\", canonicaliser = \"{CANONICALISER_VERSION}\" }}\n"
                );
            }
        }
    }
    (out, left)
}

/// Today, as `YYYY-MM-DD` in UTC.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date_of(seconds / 86_400)
}

/// The date of a day since 1970-01-01, in the Gregorian calendar.
fn date_of(days: u64) -> String {
    let (mut year, mut left) = (1970, days);
    let is_leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueline_core::engine::policy::Policy;

    #[test]
    fn days_have_dates() {
        let want = [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_781, "2026-11-24"),
        ];
        for (day, date) in want {
            assert_eq!(date_of(day), date);
        }
    }

    #[test]
    fn a_policy_keeps_all_but_its_thresholds() {
        let text = "# mine\npolicy = 1\nname = \"x\"\n\n[[category]]\nname = \"a\" # first\nthreshold = 0.3\naction = \"review\"\n\n\
                    [[category]]\nname = \"b\"\n[[words]]\ncategory = \"b\"\nlist = [\"name\"]";
        let chosen = BTreeMap::from(
            ["a", "c"]
                .map(|name| (name.to_owned(), Chosen { threshold: 0.75, n: 9, method: "threshold-at-fpr" })),
        );
        let (found, left) = written(text, &chosen, 0.01, "2026-11-24", "ab");
        assert_eq!(left, ["c"]);
        assert!(
            found.starts_with("# mine\n")
                && found.contains("# first\nthreshold = 0.75\n")
                && !found.contains("0.3\n")
        );
        assert!(found.contains("action = \"review\"") && found.ends_with("list = [\"name\"]"), "{found}");
        let policy = Policy::parse("x", &found).expect("a good policy");
        assert_eq!(policy.categories()[0].threshold, Some(0.75));
        assert_eq!(policy.categories()[0].calibration.as_ref().expect("it is there").n, 9);
        assert_eq!(policy.categories()[1].threshold, None);
    }
}
