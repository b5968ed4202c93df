"""Writes a pack's manifest from its files, the calibration and the rows used for training."""

import argparse
import hashlib
import json
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

import data
import sentences

SOURCES = {
    "moderation-eval": ("MIT", "openai/moderation-api-release"),
    "toxic-spans": ("CC0-1.0", "ipavlopoulos/toxic_spans"),
    "davidson-tweets": ("MIT", "t-davidson/hate-speech-and-offensive-language"),
    "surge-toxicity": ("MIT", "surge-ai/toxicity"),
    "paradetox": ("CC0-1.0", "s-nlp/paradetox"),
    "paradetox-cannot-rewrite": ("CC0-1.0", "s-nlp/paradetox"),
    "textdetox-multilingual": ("MIT", "pan-webis-de/pan-code"),
    "textdetox-foreign": ("MIT", "pan-webis-de/pan-code, other languages than English"),
    "toxigen-seeds": ("MIT", "microsoft/TOXIGEN"),
    "bias-templates": ("Apache-2.0", "conversationai/unintended-ml-bias-analysis"),
    "rtp-categories": ("Apache-2.0", "allenai/real-toxicity-prompts"),
    "simple-safety-tests": ("CC-BY-4.0", "bertiev/SimpleSafetyTests"),
    "pi-slabs": ("MIT", "S-Labs/prompt-injection-dataset"),
    "pi-neuralchemy": ("Apache-2.0 AND CC-BY-4.0 AND MIT", "neuralchemy/Prompt-injection-dataset (core)"),
    "pi-multilingual": ("Apache-2.0", "yanismiraoui/prompt_injections"),
    "jailbreak-inthewild": ("MIT", "verazuo/jailbreak_llms"),
    "advbench": ("MIT", "llm-attacks/llm-attacks"),
    "harmbench": ("MIT", "centerforaisafety/HarmBench"),
    "benign-prompts": ("Apache-2.0 AND CC0-1.0", "self-instruct, mt-bench questions, awesome-chatgpt-prompts"),
    "tatoeba-parallel": ("LicenseRef-CC-BY-2.0-FR", "Tatoeba, by way of facebookresearch/LASER"),
    "tatoeba-foreign": ("LicenseRef-CC-BY-2.0-FR", "Tatoeba, by way of facebookresearch/LASER, other sides than English"),
    "hh-harmless": ("MIT", "anthropics/hh-rlhf"),
    "bipia-attacks": ("MIT", "microsoft/BIPIA, spliced into Tatoeba sentences"),
    "bipia-carriers": ("LicenseRef-CC-BY-2.0-FR", "Tatoeba, by way of facebookresearch/LASER"),
    "templates": ("Apache-2.0", "this recipe"),
    "injections": ("Apache-2.0", "this recipe"),
    "manuals": ("BSD-3-Clause AND MIT AND Apache-2.0", "manuals of Django 5.2.8, SQLAlchemy 2.0.44, Flask 3.1.2, aiohttp 3.13.2, instructor 1.17.0 and lm-eval 0.4.13"),
    "prose": ("Apache-2.0 AND LicenseRef-CC-BY-2.0-FR", "this project's documentation, and many Tatoeba sentences in a row"),
}
VERSIONS = {"guard-en": "0.6.0", "inspector-en": "0.3.3", "corrector-en": "0.2.4", "guard-tiny": "0.6.0"}
# Of packs whose model marks tokens: for which labels, and from which probability on (`spans_figures.py` chooses it on dev rows).
SENTENCES = {"guard-en": sentences.MOST}  # packs that judge sentences by themselves, too
SPANS = {"guard-en": {"labels": ["toxicity", "hate", "harassment"], "temperature": 1.0, "threshold": 0.55}}
ROLES = {"prompt_injection": ["user", "tool"], "jailbreak": ["user"]}


def _facts(path: Path) -> str:
    content = path.read_bytes()
    return f'file = "{path.name}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'


@dataclass
class Kind:
    """What the packs of one family have in common."""

    family: str
    recipe: str
    model: str
    tokenizer: str
    limits: tuple[int, int, int]
    inputs: str
    outputs: str = '{ logits = "logits" }'


ENCODER = Kind("guard-encoder", "guard_en", "model.onnx", "tokenizer.json", (128, 63, 1048576),
               '{ input_ids = "input_ids", attention_mask = "attention_mask", token_type_ids = "token_type_ids" }')
NGRAMS = Kind("ngram-linear", "guard_tiny", "model.bin", "features.toml", (1026, 512, 1048576), '{ buckets = "buckets" }')


def _tokens(path: Path) -> dict[str, int]:
    """The size of the vocabulary, and the special tokens; hashed features have none, and their first bucket stands for each."""
    if path.suffix == ".toml":
        return {"vocabulary": 1 << tomllib.loads(path.read_text())["log2_buckets"], "cls": 0, "sep": 0, "pad": 0}
    tokenizer = Tokenizer.from_file(str(path))
    special = {k: tokenizer.token_to_id(t) for k, t in (("cls", "[CLS]"), ("sep", "[SEP]"), ("pad", "[PAD]"))}
    return {"vocabulary": tokenizer.get_vocab_size()} | special


def manifest(folder: Path, name: str, summary: str, quantisation: str, labels: list[dict], rows: Counter, words: str,
             kind: Kind = ENCODER, look: dict | None = None) -> str:
    """The text of manifest.toml."""
    marks = SPANS.get(name)
    sentence = f"sentence_tokens = {SENTENCES[name]}\n" if name in SENTENCES else ""
    out = f'''format = 1
name = "{name}"
version = "{VERSIONS.get(name, '0.1.0')}"
family = "{kind.family}"
summary = "{summary}"
licence = "Apache-2.0"
language = ["en"]
recipe = "models/recipes/{kind.recipe}"

[limits]
max_tokens = {kind.limits[0]}
stride = {kind.limits[1]}
{sentence}max_text_bytes = {kind.limits[2]}

[model]
{_facts(folder / kind.model)}quantisation = "{quantisation}"
inputs = {kind.inputs}
outputs = {'{ logits = "logits", spans = "spans", pooled = "pooled" }' if marks else kind.outputs}

[tokenizer]
{_facts(folder / kind.tokenizer)}'''
    out += "".join(f"{k} = {v}\n" for k, v in _tokens(folder / kind.tokenizer).items())
    if marks:
        out += "\n[spans]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in marks.items())
    if look:
        out += "\n[first_look]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in look.items() if k != "gate")
        out += f'\n[first_look.gate]\ntemperature = 1.0\nclear_below = {look["gate"]["clear_below"]:.9g}\n'
    for e in labels:
        out += f'\n[[labels]]\nname = "{e["name"]}"\ntemperature = {e["temperature"]}\nthreshold = {min(e["threshold"], 1.0):.9g}\n'
        if "clear_below" in e:
            out += f'clear_below = {e["clear_below"]:.9g}\n'
        if e["name"] in sentences.WHOLE and name in SENTENCES:
            out += "sentences = false\n"
        if e["name"] in ROLES:
            out += f"roles = {json.dumps(ROLES[e['name']])}\n"
        out += (f'\n[labels.calibration]\nmethod = "threshold-at-fpr"\ntarget = {e["target"]}\n'
                f'negatives = {e["negatives"]}\npositives = {e["positives"]}\ndate = "{e["date"]}"\ndata = "{words}"\n')
    for source, count in sorted(rows.items()):
        licence, where = SOURCES[source]
        out += f'\n[[training_data]]\nname = "{source}"\nrows = {count}\nlicence = "{licence}"\nsource = "{where}"\n'
    for path in sorted(folder.iterdir()):
        if path.name not in ("manifest.toml", kind.model, kind.tokenizer):
            out += f"\n[[files]]\n{_facts(path)}"
    return out


def main():
    """Writes manifest.toml into a folder that holds everything else."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--calibration", required=True, type=Path)
    p.add_argument("--summary", required=True)
    p.add_argument("--quantisation", choices=["dynamic-int8", "f32"], default="dynamic-int8")
    args = p.parse_args()
    rows = Counter(r.source for r in data.load(args.data)["train"])
    text = manifest(args.folder, args.folder.name, args.summary, args.quantisation,
                    json.loads(args.calibration.read_text()), rows, "dev split of the recipe, by text hash")
    (args.folder / "manifest.toml").write_text(text)


if __name__ == "__main__":
    main()
