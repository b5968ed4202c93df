"""Makes the two test packs: the same inputs, outputs and labels as guard-en, in a network that is too small to be good."""

import argparse
import json
from collections import Counter
from pathlib import Path
from shutil import copyfile

import torch
from tokenizers import Tokenizer

import batches as b
import calibrate
import data
import pack
from encoder import Config, Guard, round_word_embedding
from export import difference, export_f32, export_int8
from scores import Scorer
from train import SEED, loss_of, optimiser_of, positive_weights

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = 2000
CARD = """# {name}

For tests only: a network of 2 layers and hidden size 64 with {kind} weights, and a vocabulary of {pieces} pieces.
It has the inputs, output and labels of `guard-en`, and its scores vary with the text, but it is not fit to judge any.
Built by `models/recipes/guard_en/tiny.py` from the same training rows; see the card and the notice of `guard-en`.
"""


def small_tokenizer(full: Path, texts: list[str]) -> str:
    """The tokenizer cut to the special pieces, single characters and the most frequent pieces, renumbered."""
    spec = json.loads(full.read_text(encoding="utf-8"))
    encoded = Tokenizer.from_file(str(full)).encode_batch(texts, add_special_tokens=False)
    counts = Counter(piece for e in encoded for piece in e.tokens)
    plain = [p for p in spec["model"]["vocab"] if len(p.removeprefix("##")) == 1 and p.isascii()]
    frequent = [p for p, _ in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]
    pieces = list(dict.fromkeys(SPECIAL + plain + frequent))[:PIECES]
    spec["model"]["vocab"] = {p: i for i, p in enumerate(pieces)}
    spec["added_tokens"] = [t | {"id": SPECIAL.index(t["content"])} for t in spec["added_tokens"]]
    spec["added_tokens"].sort(key=lambda t: t["id"])
    for name, token in spec["post_processor"]["special_tokens"].items():
        token["ids"] = [SPECIAL.index(name)]
    return json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n"


def train(tokenizer: Tokenizer, rows: list[data.Row], steps: int) -> Guard:
    """A short training from random weights."""
    torch.manual_seed(SEED)
    found = b.examples(tokenizer, rows)
    weights = positive_weights(found)
    plan = b.batches(b.epoch(found, SEED), 4096, SEED)[:steps]
    model = Guard(Config(vocabulary=PIECES, hidden=64, layers=2, heads=2, feed_forward=128, positions=128))
    torch.nn.init.normal_(model.encoder.word.weight, std=0.05)
    round_word_embedding(model.encoder)
    model.encoder.word.weight.requires_grad_(True)
    optimiser = optimiser_of(model, 1e-3)
    model.train()
    for i, batch in enumerate(plan):
        loss = loss_of(model, batch, weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if i % 50 == 0:
            print(i, f"{loss.item():.3f}", flush=True)
    round_word_embedding(model.encoder)
    return model.eval()


def main():
    """Trains once and writes both packs under `--out`."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--tokenizer", required=True, type=Path)
    p.add_argument("--licence", required=True, type=Path, help="the Apache-2.0 text")
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--steps", type=int, default=300)
    args = p.parse_args()
    torch.set_num_threads(2)
    splits = data.load(args.data)
    folders = {kind: args.out / f"guard-test-{kind}" for kind in ("f32", "int8")}
    spec = small_tokenizer(args.tokenizer, [r.text for r in splits["train"][::4]])
    for kind, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(spec, encoding="utf-8")
        (folder / "CARD.md").write_text(CARD.format(name=folder.name, kind=kind, pieces=PIECES))
        copyfile(args.licence, folder / "LICENSE")
    tokenizer = Tokenizer.from_file(str(folders["f32"] / "tokenizer.json"))
    model = train(tokenizer, splits["train"], args.steps)
    export_f32(model, folders["f32"] / "model.onnx")
    export_int8(folders["f32"] / "model.onnx", folders["int8"] / "model.onnx")
    print(f"torch to f32 file: {difference(model, folders['f32'] / 'model.onnx'):.2e}")
    rows = splits["dev"][::8] + [r for r in splits["dev"] if r.source == "moderation-eval"]
    for kind, folder in folders.items():
        logits = Scorer(folder / "model.onnx", folder / "tokenizer.json", sentences=False).logits([r.text for r in rows])
        entries = calibrate.calibrate(rows, logits)
        text = pack.manifest(folder, folder.name, "for tests only: a tiny network with the labels of guard-en",
                             "f32" if kind == "f32" else "dynamic-int8", entries,
                             Counter(r.source for r in splits["train"]), "a part of the dev split")
        (folder / "manifest.toml").write_text(text)


if __name__ == "__main__":
    main()
