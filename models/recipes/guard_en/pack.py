"""Writes a pack's manifest from its files, the calibration and the rows used for training."""

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer

import data

SOURCES = {
    "moderation-eval": ("MIT", "openai/moderation-api-release"),
    "toxic-spans": ("CC0-1.0", "ipavlopoulos/toxic_spans"),
    "davidson-tweets": ("MIT", "t-davidson/hate-speech-and-offensive-language"),
    "surge-toxicity": ("MIT", "surge-ai/toxicity"),
    "paradetox": ("CC0-1.0", "s-nlp/paradetox"),
    "paradetox-cannot-rewrite": ("CC0-1.0", "s-nlp/paradetox"),
    "textdetox-multilingual": ("MIT", "pan-webis-de/pan-code"),
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
    "hh-harmless": ("MIT", "anthropics/hh-rlhf"),
    "bipia-attacks": ("MIT", "microsoft/BIPIA, spliced into Tatoeba sentences"),
    "bipia-carriers": ("LicenseRef-CC-BY-2.0-FR", "Tatoeba, by way of facebookresearch/LASER"),
    "templates": ("Apache-2.0", "this recipe"),
}
ROLES = {"prompt_injection": ["user", "tool"], "jailbreak": ["user"]}


def _facts(path: Path) -> str:
    content = path.read_bytes()
    return f'file = "{path.name}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'


def manifest(folder: Path, name: str, summary: str, quantisation: str, labels: list[dict], rows: Counter, words: str) -> str:
    """The text of manifest.toml."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    special = {k: tokenizer.token_to_id(t) for k, t in (("cls", "[CLS]"), ("sep", "[SEP]"), ("pad", "[PAD]"))}
    out = f'''format = 1
name = "{name}"
version = "0.1.0"
family = "guard-encoder"
summary = "{summary}"
licence = "Apache-2.0"
language = ["en"]
recipe = "models/recipes/guard_en"

[limits]
max_tokens = 128
stride = 63
max_text_bytes = 1048576

[model]
{_facts(folder / "model.onnx")}quantisation = "{quantisation}"
inputs = {{ input_ids = "input_ids", attention_mask = "attention_mask", token_type_ids = "token_type_ids" }}
outputs = {{ logits = "logits" }}

[tokenizer]
{_facts(folder / "tokenizer.json")}vocabulary = {tokenizer.get_vocab_size()}
'''
    out += "".join(f"{k} = {v}\n" for k, v in special.items())
    for e in labels:
        out += f'\n[[labels]]\nname = "{e["name"]}"\ntemperature = {e["temperature"]}\nthreshold = {min(e["threshold"], 1.0):.9g}\n'
        if e["name"] in ROLES:
            out += f"roles = {json.dumps(ROLES[e['name']])}\n"
        out += (f'\n[labels.calibration]\nmethod = "threshold-at-fpr"\ntarget = {e["target"]}\n'
                f'negatives = {e["negatives"]}\npositives = {e["positives"]}\ndate = "{e["date"]}"\ndata = "{words}"\n')
    for source, count in sorted(rows.items()):
        licence, where = SOURCES[source]
        out += f'\n[[training_data]]\nname = "{source}"\nrows = {count}\nlicence = "{licence}"\nsource = "{where}"\n'
    for path in sorted(folder.iterdir()):
        if path.name not in ("manifest.toml", "model.onnx", "tokenizer.json"):
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
