//! An engine that owns threads takes no CPU time while nothing is asked of it.
//!
//! `TRUELINE_IDLE_SECONDS` says for how long to look, 2 if it is not set: `cargo xtask idle` takes 60.
#![cfg(all(feature = "tract", target_os = "linux"))]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::time::Duration;

use support::project;
use trueline_core::engine::{Config, Engine, GuardOptions, Session};
use trueline_core::model::pack::Pack;

const THREADS: usize = 4;
/// Enough for a whole window, so that the pool is worth its while.
const WORDS: usize = 126;
/// A pool's threads look for more work for a moment before they sleep.
const SETTLE: Duration = Duration::from_millis(200);

/// Nanoseconds of CPU time that each other thread of this process has had, by its id.
fn others() -> BTreeMap<String, (String, u64)> {
    let own = fs::read_link("/proc/thread-self").expect("a thread has a folder");
    let own = own.file_name().expect("its id").to_string_lossy().into_owned();
    let mut found = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").expect("the threads").flatten() {
        let id = task.file_name().to_string_lossy().into_owned();
        let read =
            |name: &str| fs::read_to_string(task.path().join(name)).expect("what Linux tells of a thread");
        let used =
            read("schedstat").split(' ').next().and_then(|first| first.parse().ok()).expect("nanoseconds");
        if id != own {
            found.insert(id, (read("comm").trim().to_owned(), used));
        }
    }
    found
}

/// Clock ticks of CPU time that the whole process has had, in user code and in the system.
fn process_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("what Linux tells of a process");
    // The name before may hold spaces; it ends with the last bracket.
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

// One test: others of the same process would be counted too.
#[test]
fn idle_threads_take_no_cpu_time() {
    let seconds =
        std::env::var("TRUELINE_IDLE_SECONDS").ok().map_or(2.0, |text| text.parse().expect("seconds"));
    let pack = Pack::open(&project("models/guard-en")).expect("the pack that ships");
    let config = Config { threads: THREADS, ..Config::default() };
    let engine = Engine::new(&config, &[&pack]).expect("an engine");
    let mut session = Session::new(&engine, None).expect("a session");
    let text = "time ".repeat(WORDS);
    let before = others();
    for _ in 0..5 {
        session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict");
    }
    std::thread::sleep(SETTLE);
    let (idle, ticks) = (others(), process_ticks());
    let worked = |id: &String, used: u64| before.get(id).is_some_and(|(_, was)| used > *was);
    let pool: Vec<&String> =
        idle.iter().filter(|(_, (name, _))| name.starts_with("trueline-")).map(|(id, _)| id).collect();
    assert_eq!(pool.len(), THREADS, "{idle:?}");
    assert!(pool.iter().any(|&id| worked(id, idle[id].1)), "no thread of the pool did any work");
    std::thread::sleep(Duration::from_secs_f64(seconds));
    // Before the threads are read one by one, which takes time itself.
    let ticks = process_ticks() - ticks;
    let after = others();
    let spent: u64 = after.iter().map(|(id, (_, used))| used - idle.get(id).map_or(0, |(_, was)| *was)).sum();
    // Not `println!`, which the test runner swallows when a test passes.
    writeln!(
        std::io::stdout(),
        "idle {seconds} s: {spent} ns on {} threads, {ticks} ticks in all",
        after.len()
    )
    .expect("standard output takes a line");
    assert_eq!(spent, 0, "threads that should sleep worked: {idle:?}, {after:?}");
    // The one tick is for reading the figures.
    assert!(ticks <= 1, "{ticks} clock ticks in {seconds} s");
    session.guard(text.as_bytes(), &GuardOptions::default()).expect("the pool wakes up again");
}
