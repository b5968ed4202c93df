"""Adds a column to guard-tiny's table: harm of any kind, for the cascade. One number with all the harmful rows to learn from keeps rare
kinds better than each label does with its own few."""

import argparse
import tomllib
from pathlib import Path

import numpy as np

from score import Scorer  # puts the recipe of guard-en on the path
import calibrate
import data
import disguise
import train
from encoder import LABELS
from scores import Scorer as Encoder
from scores import sigmoid

FALSE_POSITIVES = 0.01


def low_thresholds(rows: list[data.Row], scores: np.ndarray) -> np.ndarray:
    """The encoder's threshold of each label at 1 % false positives: what passes there must not be cleared."""
    known = [calibrate.known(rows, name) for name in LABELS]
    return np.array([calibrate.threshold_at_fpr(scores[where, i], answers, FALSE_POSITIVES) for i, (where, answers) in enumerate(known)])


def with_gate(path: Path, column: np.ndarray, scale: float, bias: float):
    """Writes the table again with this column after those of the labels; one that is there is replaced."""
    old = Scorer(path)
    n = len(LABELS)
    table = np.concatenate([old.table[:, :n].astype(np.int8), column[:, None]], axis=1)
    train.write(path, int(old.log2_buckets), table, [*old.scales[:n], scale], [*old.biases[:n], bias])


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model", type=Path, help="what train.py wrote; the column is added to it")
    p.add_argument("--data", required=True)
    p.add_argument("--encoder", required=True, type=Path, help="the pack guard-en")
    p.add_argument("--taught", required=True, type=Path, help="what teach.py wrote")
    args = p.parse_args()
    splits = data.load(args.data)
    temperatures = np.array([e["temperature"] for e in tomllib.loads((args.encoder / "manifest.toml").read_text())["labels"]])
    encoder = Encoder(args.encoder / "model.onnx", args.encoder / "tokenizer.json")
    low = low_thresholds(splits["dev"], sigmoid(encoder.logits([r.text for r in splits["dev"]]) / temperatures))
    taught = np.load(args.taught)
    rows = [splits["train"][i] for i in taught["places"]]
    found = (sigmoid(taught["logits"] / temperatures) >= low).any(axis=1)
    harm = found | np.array([any(v == 1 for v in r.labels.values()) for r in rows])
    changed = [(a, h) for a, b, h in zip(disguise.rows(rows, train.SEED), rows, harm) if a is not b]
    rows, harm = rows + [a for a, _ in changed], np.array([*harm, *(h for _, h in changed)], dtype=np.float64)
    log2_buckets = int(Scorer(args.model).log2_buckets)
    features, _, _ = train.examples(rows, log2_buckets)
    x = train.matrix(features, log2_buckets)
    weights, bias = train.fit(x, train.rarity(x), harm, np.ones(len(rows)))
    column, scale = train.rounded(weights)
    with_gate(args.model, column, scale, bias)
    print(len(rows), "rows,", int(harm.sum()), "harmful")


if __name__ == "__main__":
    main()
