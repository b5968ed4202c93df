//! What ran, what failed, what was skipped and why, and how long each step took.

use std::time::{Duration, Instant};

/// The steps of one run.
#[derive(Default)]
pub struct Report {
    rows: Vec<(String, Outcome, Duration)>,
    only: Option<String>,
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

impl Report {
    /// A run of the steps whose names contain `only`; of all for `None`.
    pub fn new(only: Option<&str>) -> Self {
        Self { rows: Vec::new(), only: only.map(str::to_lowercase) }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.to_lowercase().contains(only))
    }

    /// A step that makes what later ones need; it always runs.
    pub fn setup<T>(&mut self, name: &str, body: impl FnOnce() -> Result<T, String>) -> Option<T> {
        let mut made = None;
        self.run(name, || body().map(|value| made = Some(value)));
        made
    }

    /// Runs one step; a failure is kept, and the next step runs all the same.
    pub fn step(&mut self, name: &str, body: impl FnOnce() -> Result<(), String>) {
        if self.wants(name) {
            self.run(name, body);
        }
    }

    fn run(&mut self, name: &str, body: impl FnOnce() -> Result<(), String>) {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = match body() {
            Ok(()) => Outcome::Passed,
            Err(message) => {
                println!("{message}");
                Outcome::Failed(message)
            }
        };
        self.rows.push((name.to_owned(), outcome, start.elapsed()));
    }

    /// A step that cannot run here.
    pub fn skip(&mut self, name: &str, why: &str) {
        if !self.wants(name) {
            return;
        }
        println!("\n== {name}\nskipped: {why}");
        self.rows.push((name.to_owned(), Outcome::Skipped(why.to_owned()), Duration::ZERO));
    }

    /// The table of all steps, and whether every one that ran passed.
    pub fn finish(self) -> Result<(), String> {
        println!();
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for (name, outcome, took) in &self.rows {
            let seconds = took.as_secs();
            match outcome {
                Outcome::Passed => {
                    passed += 1;
                    println!("  ran      {seconds:>4} s  {name}");
                }
                Outcome::Failed(message) => {
                    failed += 1;
                    let first = message.lines().next().unwrap_or_default();
                    println!("  FAILED   {seconds:>4} s  {name}: {first}");
                }
                Outcome::Skipped(why) => {
                    skipped += 1;
                    println!("  skipped          {name}: {why}");
                }
            }
        }
        println!("\nsteps: {passed} passed, {failed} failed, {skipped} skipped");
        if failed == 0 { Ok(()) } else { Err(format!("{failed} steps failed")) }
    }
}
