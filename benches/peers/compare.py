"""Runs every engine on the same weights and texts, each in processes of its own, and writes one table.

Times are taken in blocks: an engine's process runs every length for a while, then the next engine's does; the order turns
from round to round. Medians are over all rounds, the spread is that of the rounds' own medians. Everything is pinned to
one core. `cargo xtask compare` calls this with the paths:

    python compare.py FOLDER ROOT OURS RIVALS ONNXRUNTIME [--rounds N] [--runs N] [--cold N] [--only WORD,WORD]
"""

import argparse
import dataclasses
import datetime
import os
import pathlib
import re
import statistics
import subprocess
import time

import numpy as np

LENGTHS = (1, 8, 9, 16, 32, 64, 128, 256, 512)
NO_SKIP = "optimization.disable_specified_optimizers=SkipLayerNormFusion"
CORE = (os.cpu_count() or 1) - 1


@dataclasses.dataclass
class Engine:
    """`command` but for texts and counts; `library` is what an application would ship."""
    name: str
    command: list[str]
    library: pathlib.Path | None
    hot: dict[int, list[list[int]]] = dataclasses.field(default_factory=dict)
    cold: dict[int, list[list[int]]] = dataclasses.field(default_factory=dict)
    numbers: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    cosines: dict[int, tuple[float, float]] = dataclasses.field(default_factory=dict)
    failed: str = ""


def engines(given, model: str) -> list[Engine]:
    """Those that this build has, for `minilm` or `guard`."""
    at = lambda name: str(given.folder / name)
    ort = lambda name, file, *settings: Engine(
        f"ONNX Runtime {name}", [str(given.rivals / "ort"), "--model", at(file), "--set", f"library={given.onnxruntime}",
                                 *(w for s in settings for w in ("--set", s))], given.onnxruntime)
    files = ("guard-f32.onnx", "guard-int8.onnx") if model == "guard" else ("f32.onnx", "plain.onnx")
    found = []
    library = next((p for p in (given.root / "target/dist/libtrueline.so", given.root / "target/release/libtrueline.so")
                    if p.exists()), None)
    for word in subprocess.run([given.ours, "--engines"], capture_output=True, text=True, check=True).stdout.split():
        for form in ("int8", "f32") if word != "tract" else ("int8",):
            file = files[1] if word == "tract" or model == "guard" and form == "int8" else files[0]
            name = "stock tract" if word == "tract" else f"ours {form}" if word == "plan" else f"{word} {form}"
            model_file = at(file)
            if word == "plan":
                model_file = str(pathlib.Path(model_file).with_suffix(f".{form}.plan"))
                subprocess.run([given.ours, "--pack", at(file), form, model_file], check=True)
            found.append(Engine(name, [given.ours, "--engine", word, "--form", form, "--model", model_file],
                                pathlib.Path(given.ours) if word == "tract" else library))
    found.append(ort("plain", files[1]))
    if model == "minilm":
        found += [ort("best", "best.onnx"), ort("tuned", "tuned.onnx", NO_SKIP)]
    found.append(ort("f32", files[0]))
    rten = given.rivals / "rten"
    found.append(Engine("RTen", [str(rten), "--model", at(files[1])], rten))
    return [e for e in found if not given.only or any(w in e.name for w in given.only.split(","))]


def block(engine: Engine, given, ids: pathlib.Path, lengths) -> None:
    """One process: from start to first output, then the hot and the cold runs."""
    command = [*engine.command, "--ids", str(ids), "--lengths", ",".join(map(str, lengths)),
               "--rounds", str(given.runs), "--cold", str(given.cold)]
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            word, *rest = line.split()
            if word == "first":
                engine.numbers.setdefault("cold start, ms", []).append(1000 * (time.monotonic() - start))
            elif word in ("start_kb", "peak_kb"):
                name = "peak memory after the first text, MB" if word == "start_kb" else "peak memory, MB"
                engine.numbers.setdefault(name, []).append(int(rest[0]) / 1024)
            else:
                getattr(engine, word).setdefault(int(rest[0]), []).append([int(t) for t in rest[1:]])
        errors = process.stderr.read()
    if process.returncode:
        engine.failed = " ".join(errors.split())[:200] or f"exit status {process.returncode}"


def outputs(engine: Engine, given, ids: pathlib.Path) -> np.ndarray:
    """Every text's first output, one after another."""
    path = given.folder / "outputs.bin"
    done = subprocess.run([*engine.command, "--ids", str(ids), "--outputs", str(path)], capture_output=True, text=True)
    if done.returncode:
        engine.failed = " ".join(done.stderr.split())[:200]
        return np.empty(0, np.float32)
    return np.fromfile(path, "<f4")


def compare(engine: Engine, values: np.ndarray, exact: np.ndarray, texts: list[int], width: int, a_token: bool) -> None:
    """The smallest and the mean cosine of a row (a token, or a text's scores) to the f32 model, by length."""
    if values.shape != exact.shape:
        engine.failed = engine.failed or f"{values.size} numbers and not {exact.size}"
        return
    a, b = (x.reshape(-1, width).astype(np.float64) for x in (values, exact))
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    rows, found = 0, {}
    for length in texts:
        count = length if a_token else 1
        found.setdefault(length, []).append(cosine[rows : rows + count])
        rows += count
    for length, parts in found.items():
        engine.cosines[length] = float(np.concatenate(parts).min()), float(np.concatenate(parts).mean())


def median(blocks: list[list[int]]) -> tuple[float, float]:
    """Milliseconds, and the rounds' own medians' spread as a share of it."""
    middle = statistics.median(t for block in blocks for t in block) / 1e6
    own = [statistics.median(block) / 1e6 for block in blocks]
    return middle, (max(own) - min(own)) / middle


def tables(model: str, found: list[Engine], lengths) -> tuple[str, list[list]]:
    """Markdown, and rows of engine, case, unit, value, spread."""
    text, rows = [], []
    ours = next((e for e in found if e.name == "ours int8"), None)
    head = ["tokens", *(e.name for e in found)]
    for kind, name in (("hot", "Latency, ms, weights in the cache"), ("cold", "Latency, ms, caches emptied before each run")):
        text += [f"\n### {model}: {name}\n", row(head), row(["---"] * len(head))]
        for length in lengths:
            cells, base = [str(length)], None
            if ours and getattr(ours, kind).get(length):
                base = median(getattr(ours, kind)[length])[0]
            for engine in found:
                blocks = getattr(engine, kind).get(length)
                if not blocks:
                    cells.append("-")
                    continue
                value, spread = median(blocks)
                ratio = f" ({base / value:.2f})" if base and engine is not ours else ""
                cells.append(f"{value:.3f} ±{50 * spread:.0f} %{ratio}")
                rows.append([engine.name, f"{kind} latency {length} tokens", "ms", f"{value:.4f}", f"{spread:.3f}"])
            text.append(row(cells))
    if ours:
        text.append("\nIn brackets: the time of \"ours int8\" divided by this.")
    what = "token" if model == "minilm" else "text (its scores)"
    text += [f"\n### {model}: cosine to the f32 model for each {what}, smallest / mean\n", row(head), row(["---"] * len(head))]
    for length in lengths:
        cells = [str(length)]
        for engine in found:
            pair = engine.cosines.get(length)
            cells.append(f"{pair[0]:.4f} / {pair[1]:.4f}" if pair else "-")
            if pair:
                rows += [[engine.name, f"cosine {word} {length} tokens", "", f"{v:.5f}", ""]
                         for word, v in zip(("min", "mean"), pair)]
        text.append(row(cells))
    text += [f"\n### {model}: start, memory, size\n", row(["", *head[1:]]), row(["---"] * len(head))]
    for name in ("cold start, ms", "peak memory after the first text, MB", "peak memory, MB"):
        cells = [name]
        for engine in found:
            values = engine.numbers.get(name)
            cells.append(f"{statistics.median(values):.1f}" if values else "-")
            if values:
                rows.append([engine.name, *name.rsplit(", ", 1), f"{statistics.median(values):.2f}",
                             f"{(max(values) - min(values)) / statistics.median(values):.3f}"])
        text.append(row(cells))
    sizes = [e.library.stat().st_size / 1e6 if e.library and e.library.exists() else None for e in found]
    text.append(row(["library or program, MB", *(f"{s:.1f}" if s else "-" for s in sizes)]))
    rows += [[e.name, "library or program", "MB", f"{s:.2f}", ""] for e, s in zip(found, sizes) if s]
    text += [f"\n{e.name} failed: {e.failed}" for e in found if e.failed]
    return "\n".join(text), rows


def row(cells) -> str:
    return "| " + " | ".join(cells) + " |"


def cpu() -> tuple[str, str]:
    """The CPU's name, and a word for a file's name."""
    info = dict(re.findall(r"^([^\t\n:]+)\t*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M))
    name = info.get("model name", os.uname().machine)
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if info.get("vendor_id") == "AuthenticAMD":
        family, part = int(info["cpu family"]), int(info["model"])
        zen = {25: "zen4" if 16 <= part < 32 or part >= 96 else "zen3", 26: "zen5"}.get(family)
        name, word = (f"{name}, {zen}", f"{word}-{zen}") if zen else (name, word)
    return name, word


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("folder", "root", "ours", "rivals", "onnxruntime"):
        parser.add_argument(name, type=str if name == "ours" else pathlib.Path)
    for name, default in (("rounds", 5), ("runs", 15), ("cold", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    os.sched_setaffinity(0, {CORE})  # which the engines inherit
    name, word = cpu()
    text = [f"# Peers on {name}\n", f"{datetime.date.today()}; one thread pinned to one core; {given.rounds} rounds of "
            f"{given.runs} hot and {given.cold} cold runs a length, in blocks, the engines' order turned from round to round; "
            f"load of the machine before the start: {os.getloadavg()[0]:.1f} (more than 0.3 spoils the figures); "
            "± half the range of the rounds' medians. Made by `cargo xtask compare`; benches/peers/README.md says what "
            "each column is."]
    csv = []
    for model in ("minilm", "guard"):
        lengths = LENGTHS if model == "minilm" else [n for n in LENGTHS if n <= 128]
        ids = given.folder / f"{model}.ids"
        texts = [len(line.split()) for line in ids.read_text().splitlines()]
        found = engines(given, model)
        reference = engines(argparse.Namespace(**vars(given) | {"only": "ONNX Runtime f32"}), model)[0]
        exact = outputs(reference, given, ids)
        width = exact.size // (sum(texts) if model == "minilm" else len(texts))
        for engine in found:
            values = exact if engine.name == "ONNX Runtime f32" else outputs(engine, given, ids)
            compare(engine, values, exact, texts, width, model == "minilm")
        for turn in range(given.rounds):
            for place in range(len(found)):
                engine = found[(turn + place) % len(found)]
                if not engine.failed:
                    block(engine, given, ids, lengths)
            print(f"{model}: round {turn + 1} of {given.rounds}", flush=True)
        made, rows = tables(model, found, lengths)
        text.append(made)
        csv += [[str(datetime.date.today()), name.replace(",", ""), model, *r] for r in rows]
    results = given.root / "benches/results"
    results.joinpath(f"{word}-peers.md").write_text("\n".join(text) + "\n")
    lines = ["date,cpu,model,engine,case,unit,median,spread", *(",".join(r) for r in csv)]
    results.joinpath(f"{word}-peers.csv").write_text("\n".join(lines) + "\n")
    print("\n".join(text))
    print(f"\nwritten to benches/results/{word}-peers.md and .csv")


if __name__ == "__main__":
    main()
