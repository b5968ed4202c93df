//! What Linux tells of the machine: CPU, frequencies, temperatures. What it does not tell is left out.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// The file's text without spaces around it.
fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(path: impl AsRef<Path>) -> Option<i64> {
    line(path)?.parse().ok()
}

/// The folders `prefix0`, `prefix1` and so on, in the order of their numbers.
fn numbered(folder: &str, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_prefix(prefix)?.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// Values of a key of /proc/cpuinfo, each once, in the order of the cores.
fn cpuinfo(text: &str, key: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.trim() == key && !value.is_empty() && found.iter().all(|known| known != value) {
            found.push(value.to_owned());
        }
    }
    found
}

/// Arm's own cores by their part numbers; boards do not name them.
const ARM_PARTS: [(&str, &str); 16] = [
    ("0xd03", "Cortex-A53"),
    ("0xd04", "Cortex-A35"),
    ("0xd05", "Cortex-A55"),
    ("0xd07", "Cortex-A57"),
    ("0xd08", "Cortex-A72"),
    ("0xd09", "Cortex-A73"),
    ("0xd0a", "Cortex-A75"),
    ("0xd0b", "Cortex-A76"),
    ("0xd0c", "Neoverse-N1"),
    ("0xd0d", "Cortex-A77"),
    ("0xd40", "Neoverse-V1"),
    ("0xd41", "Cortex-A78"),
    ("0xd44", "Cortex-X1"),
    ("0xd46", "Cortex-A510"),
    ("0xd47", "Cortex-A710"),
    ("0xd49", "Neoverse-N2"),
];

/// The CPU's names: what the system says, or what Arm's part numbers mean.
pub fn cpu() -> Vec<String> {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = cpuinfo(&text, "model name");
    if !names.is_empty() {
        return names;
    }
    let is_arm = cpuinfo(&text, "CPU implementer").iter().any(|id| id == "0x41");
    let name = |part: &String| {
        let known = ARM_PARTS.iter().find(|(id, _)| is_arm && id == part);
        known.map_or_else(|| format!("CPU part {part}"), |(_, name)| (*name).to_owned())
    };
    let parts: Vec<String> = cpuinfo(&text, "CPU part").iter().map(name).collect();
    if parts.is_empty() { vec![format!("unknown ({})", std::env::consts::ARCH)] } else { parts }
}

/// What does not change while the program runs.
pub fn machine() -> Value {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let features = ["flags", "Features"].into_iter().find_map(|key| cpuinfo(&text, key).into_iter().next());
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).map(str::trim);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found = Map::new();
    for (key, value) in [
        ("cpu", Some(json!(cpu()))),
        ("board", line("/proc/device-tree/model").map(|name| json!(name.trim_end_matches('\0')))),
        ("architecture", Some(json!(std::env::consts::ARCH))),
        ("cores_usable", Some(json!(cores))),
        ("features", features.map(Value::from)),
        ("memory", memory.map(Value::from)),
        ("kernel", line("/proc/sys/kernel/osrelease").map(Value::from)),
    ] {
        found.extend(value.map(|value| (key.to_owned(), value)));
    }
    Value::Object(found)
}

/// Frequencies in kHz and temperatures in degrees Celsius, as they are now.
pub fn state() -> Value {
    let frequencies = numbered("/sys/devices/system/cpu", "cpu").into_iter().filter_map(|(cpu, path)| {
        let folder = path.join("cpufreq");
        let mut row = Map::new();
        for (key, file) in
            [("khz", "scaling_cur_freq"), ("min_khz", "cpuinfo_min_freq"), ("max_khz", "cpuinfo_max_freq")]
        {
            row.extend(number(folder.join(file)).map(|khz| (key.to_owned(), json!(khz))));
        }
        row.extend(line(folder.join("scaling_governor")).map(|name| ("governor".to_owned(), json!(name))));
        (!row.is_empty()).then(|| {
            row.insert("core".into(), json!(cpu));
            Value::Object(row)
        })
    });
    let zones = numbered("/sys/class/thermal", "thermal_zone").into_iter().filter_map(|(_, path)| {
        let celsius = number(path.join("temp"))? as f64 / 1000.0;
        Some(json!({ "zone": line(path.join("type")), "celsius": celsius }))
    });
    json!({ "frequency": frequencies.collect::<Vec<_>>(), "temperature": zones.collect::<Vec<_>>() })
}

/// The state in a line for people: the range of the frequencies and the highest temperature.
pub fn sentence(state: &Value) -> String {
    let row = |of: &str, key: &str| -> Vec<f64> {
        state[of].as_array().into_iter().flatten().filter_map(|row| row[key].as_f64()).collect()
    };
    let (khz, celsius) = (row("frequency", "khz"), row("temperature", "celsius"));
    let least = khz.iter().copied().fold(f64::INFINITY, f64::min);
    let most = khz.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let frequency = if khz.is_empty() {
        "frequency not told".to_owned()
    } else {
        format!("{:.0} to {:.0} MHz", least / 1e3, most / 1e3)
    };
    let hottest = celsius.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let temperature = if celsius.is_empty() {
        "temperature not told".to_owned()
    } else {
        format!("{hottest:.1} C at most")
    };
    format!("{frequency}, {temperature}")
}
