"""Makes the test packs of the inspector and the corrector: the joint model of `tiny.py`'s sizes, trained for a minute."""

import argparse
import re
from pathlib import Path
from shutil import copyfile

import torch
from tokenizers import Tokenizer

import edits
import finish_joint
import pairs
import tiny
from encoder import Config, Joint, round_word_embedding
from export import difference, export_f32, export_int8
from joint import BATCH, LENGTHS, SEED, guard_loss, guard_stream, pair_loss, stream, token_loss
from train import positive_weights

import batches as b
import data

CARD = """# {name}

For tests only: heads of `{of}` on a network of 2 layers and hidden size 64. It shares its model file with the other test pack of
`models/recipes/guard_en/tiny_joint.py`. Its scores and corrections mean nothing.
"""


def train(root, tokenizer, rows, phrases, steps: int) -> Joint:
    """A short training from random weights."""
    torch.manual_seed(SEED)
    model = Joint(Config(vocabulary=tiny.PIECES, hidden=64, layers=2, heads=2, feed_forward=128, positions=128),
                  edits.FIRST_REPLACEMENT + len(phrases))
    torch.nn.init.normal_(model.encoder.word.weight, std=0.05)
    weights = positive_weights(b.examples(tokenizer, rows))
    sources = {"guard": guard_stream(tokenizer, rows, 4096)}
    made = {"tags": edits.examples(root, tokenizer, "train", phrases), "sides": pairs.sides(root, tokenizer, "train")}
    for kind, members in made.items():
        sources[kind] = stream(members, BATCH[kind], SEED, kind in LENGTHS)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for i in range(steps):
        kind = ("guard", "tags", "tags", "sides")[i % 4]
        batch = next(sources[kind])
        loss = (guard_loss(model, batch, weights) if kind == "guard" else
                token_loss(model, batch, kind) if kind in LENGTHS else pair_loss(model, batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    round_word_embedding(model.encoder)
    return model.eval()


def main():
    """Trains once and writes both packs under `--out`."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--guard", required=True, type=Path, help="the pack guard-test-int8: its tokenizer, labels and licence")
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--steps", type=int, default=1600)
    args = p.parse_args()
    torch.set_num_threads(2)
    tokenizer = Tokenizer.from_file(str(args.guard / "tokenizer.json"))
    rows = data.load(args.data)["train"][::3]
    phrases = edits.replacements(args.data, edits.insults(args.data))[:20]
    model = train(args.data, tokenizer, rows, phrases, args.steps)
    folders = {kind: args.out / f"{kind}-test" for kind in ("corrector", "inspector")}
    for kind, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "LICENSE"):
            copyfile(args.guard / name, folder / name)
        (folder / "CARD.md").write_text(CARD.format(name=folder.name, of=f"{kind}-en"))
    plain = args.out / "f32.onnx"
    export_f32(model, plain)
    print(f"torch to f32 file: {difference(model, plain):.2e}")
    export_int8(plain, folders["corrector"] / "model.onnx")
    plain.unlink()
    finish_joint.manifests(folders["corrector"], folders["inspector"], folders["corrector"], args.guard / "manifest.toml", phrases,
                           finish_joint.Settings(gate=0.0, biases=[0.0, 3.0, 6.0], min_copy_ratio=0.2, temperature=1.0,
                                                 threshold=0.5, fpr=0.0, counts=(0, 0), words="none: for tests"),
                           "for tests only: ")
    # Nothing is flagged, so that whatever lowers the scores is a correction.
    path = folders["corrector"] / "manifest.toml"
    path.write_text(re.sub(r'(name = "(?:hate|harassment|toxicity)"\ntemperature = )\S+(\nthreshold = )\S+', r"\g<1>0.3\g<2>1.0", path.read_text()))


if __name__ == "__main__":
    main()
