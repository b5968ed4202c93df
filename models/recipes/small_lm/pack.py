"""Writes the manifests of the packs that this recipe makes, from their files."""

import argparse
import collections
import hashlib
from pathlib import Path

import onnx
from tokenizers import Tokenizer

import corpus

SOURCES = {
    "paradetox": ("CC0-1.0", "s-nlp/paradetox"),
    "tatoeba-parallel": ("LicenseRef-CC-BY-2.0-FR", "Tatoeba, by way of facebookresearch/LASER"),
    "benign-prompts": ("Apache-2.0 AND CC0-1.0", "self-instruct, mt-bench questions, awesome-chatgpt-prompts"),
    "hh-harmless": ("MIT", "anthropics/hh-rlhf"),
    "surge-toxicity": ("MIT", "surge-ai/toxicity"),
    "toxic-spans": ("CC0-1.0", "ipavlopoulos/toxic_spans"),
    "paradetox-cannot-rewrite": ("CC0-1.0", "s-nlp/paradetox"),
}
SUMMARIES = {
    "host-lm": "A very small language model of English comments and dialogues, for examples and tests; it can be rude",
    "host-lm-calm": "The same language model, asked for the calm half of what it read",
    "rewriter-en": "Writes rude English sentences anew",
}
MOST_TOKENS, MOST_NEW = 256, 96
GATE = 0.7


def facts(path: Path, name: str | None = None) -> str:
    """A file as manifests list it."""
    content = path.read_bytes()
    return f'file = "{name or path.name}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'


def table(pairs: dict) -> str:
    """An inline table."""
    return "{ " + ", ".join(f'"{a}" = "{b}"' for a, b in pairs.items()) + " }"


def manifest(folder: Path, name: str, root, beside: str | None) -> str:
    """The text of manifest.toml."""
    model = folder.parent / beside / "model.onnx" if beside else folder / "model.onnx"
    graph = onnx.load(model).graph
    inputs = [i.name for i in graph.input]
    encoder = folder / "encoder.onnx"
    begin = 1 if name == "host-lm" else 2
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    rows = collections.Counter()
    for source in SOURCES:
        for row in corpus.data.read(root, source):
            text = row.get("text") or row.get("toxic") or row.get("en") or row.get("prompt")
            group = corpus.data.key(corpus.canonical(row["toxic"])) if source == "paradetox" else ""
            rows[source] += corpus.split(text, source, group) == "train"
    out = f"""format = 1
name = "{name}"
version = "0.1.0"
family = "{"encoder-decoder" if encoder.exists() else "causal-lm"}"
summary = "{SUMMARIES[name]}"
licence = "Apache-2.0"
language = ["en"]
recipe = "models/recipes/small_lm"

[limits]
max_tokens = {MOST_TOKENS}
stride = 1
max_text_bytes = 65536

[model]
{facts(model, f"../{beside}/model.onnx" if beside else None)}quantisation = "dynamic-int8"
inputs = {{ input_ids = "input_ids", position_ids = "position_ids" }}
outputs = {{ logits = "logits" }}

[tokenizer]
{facts(folder / "tokenizer.json")}vocabulary = {vocabulary}
cls = {begin}
sep = 0
pad = 0

[generator]
begin = [{begin}]
end = [0]
max_new_tokens = {MOST_NEW}
carry = {table({i: i.replace("past", "present") for i in inputs if i.startswith("past")})}
"""
    if encoder.exists():
        out += f"""given = {table({i: i for i in inputs if i.startswith("text")})}
gate = {{ labels = ["toxicity", "hate", "harassment"], share = {GATE} }}

[generator.encoder]
{facts(encoder)}inputs = {{ input_ids = "input_ids" }}
"""
    for source, (licence, origin) in SOURCES.items():
        out += f"""
[[training_data]]
name = "{source}"
rows = {rows[source]}
licence = "{licence}"
source = "{origin}"
"""
    for extra in sorted(p for p in folder.iterdir() if p.name in ("CARD.md", "LICENSE", "NOTICE")):
        out += f"\n[[files]]\n{facts(extra)}"
    return out


def main():
    """Writes manifest.toml into a pack's folder."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--beside", help="the pack beside it whose model file it uses")
    args = p.parse_args()
    (args.folder / "manifest.toml").write_text(manifest(args.folder, args.folder.name, args.data, args.beside))


if __name__ == "__main__":
    main()
