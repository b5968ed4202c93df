"""Manifests of the packs that share the guard's model file: the inspector and the corrector."""

import argparse
import json
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pack

INPUTS = pack.ENCODER.inputs
CORRECTOR_DATA = ("paradetox", "tatoeba-parallel", "benign-prompts", "hh-harmless")
INSPECTOR_DATA = ("paradetox", "hh-harmless")


@dataclass
class Settings:
    """What was chosen on dev."""

    gate: float
    biases: list[float]
    min_copy_ratio: float
    temperature: float
    threshold: float
    fpr: float
    counts: tuple[int, int]
    words: str


def _head(folder: Path, family: str, summary: str, model: Path, outputs: str) -> str:
    """The manifest up to the tokenizer. The model is the folder's own file, or that of a pack beside it."""
    facts = pack._facts(model)
    if model.parent != folder:
        facts = facts.replace(f'"{model.name}"', f'"../{model.parent.name}/{model.name}"', 1)
    tokens = "".join(f"{k} = {v}\n" for k, v in pack._tokens(folder / "tokenizer.json").items())
    limits = pack.ENCODER.limits
    return f'''format = 1
name = "{folder.name}"
version = "{pack.VERSIONS.get(folder.name, '0.1.0')}"
family = "{family}"
summary = "{summary}"
licence = "Apache-2.0"
language = ["en"]
recipe = "models/recipes/guard_en"

[limits]
max_tokens = {limits[0]}
stride = {limits[1]}
max_text_bytes = {limits[2]}

[model]
{facts}quantisation = "dynamic-int8"
inputs = {INPUTS}
outputs = {outputs}

[tokenizer]
{pack._facts(folder / "tokenizer.json")}{tokens}'''


def _label(name: str, temperature: float, threshold: float, c: dict) -> str:
    return (f'\n[[labels]]\nname = "{name}"\ntemperature = {temperature}\nthreshold = {threshold:.9g}\n\n[labels.calibration]\n' +
            "".join(f"{k} = {json.dumps(v)}\n" for k, v in c.items()))


def _tail(folder: Path, model: Path, sources: list[dict]) -> str:
    out = "".join("\n[[training_data]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in s.items()) for s in sources)
    for path in sorted(folder.iterdir()):
        if path.name not in ("manifest.toml", "tokenizer.json") and path != model:
            out += f"\n[[files]]\n{pack._facts(path)}"
    return out


def manifests(corrector: Path, inspector: Path, owner: Path, guard: Path, phrases: list[str], s: Settings, prefix: str = ""):
    """Writes both manifests. `owner` is the pack with the model file, `guard` the manifest whose labels the corrector takes."""
    model, given = owner / "model.onnx", tomllib.loads(guard.read_text())
    known = {d["name"]: d for d in given["training_data"]}
    text = _head(corrector, "edit-tagger", f"{prefix}Takes toxic words out of English text, or replaces them", model,
                 '{ tags = "tags", logits = "logits" }')
    text += (f'\n[edits]\nreplacements = {json.dumps(phrases)}\nlabels = ["hate", "harassment", "toxicity"]\n'
             f"gate = {s.gate}\nbiases = {s.biases}\nmin_copy_ratio = {s.min_copy_ratio}\n")
    text += "".join(_label(l["name"], l["temperature"], l["threshold"], l["calibration"]) for l in given["labels"])
    text += _tail(corrector, model, [known[n] for n in CORRECTOR_DATA if n in known])
    (corrector / "manifest.toml").write_text(text)
    text = _head(inspector, "answer-inspector", f"{prefix}Whether an English answer is harmless as it stands", model,
                 '{ aligned = "aligned" }')
    text += _label("aligned", s.temperature, s.threshold, {
        "method": "threshold-at-fpr", "target": s.fpr, "negatives": s.counts[0], "positives": s.counts[1],
        "date": date.today().isoformat(), "data": s.words})
    text += _tail(inspector, model, [known[n] for n in INSPECTOR_DATA if n in known])
    (inspector / "manifest.toml").write_text(text)


def main():
    """Writes both manifests anew for the guard's present file and thresholds; what the corrector was set to stays."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("packs", type=Path, help="the folder with guard-en, inspector-en and corrector-en")
    p.add_argument("--inspector", type=Path, required=True, help="what inspect_figures.py printed")
    args = p.parse_args()
    corrector, inspector, guard = (args.packs / name for name in ("corrector-en", "inspector-en", "guard-en"))
    edits = tomllib.loads((corrector / "manifest.toml").read_text())["edits"]
    found = json.loads(args.inspector.read_text())
    manifests(corrector, inspector, guard, guard / "manifest.toml", edits["replacements"], Settings(
        edits["gate"], edits["biases"], edits["min_copy_ratio"], found["temperature"], 0.5, found["toxic_called_fine"],
        (found["sides_dev"], found["sides_dev"]),
        "dev split of the recipe: sides of paradetox as answers; the rate is that of the test split"))


if __name__ == "__main__":
    main()
