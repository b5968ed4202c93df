"""What guard-en says of training rows, so that guard-tiny learns labels that a row's own set does not know: logits as a file."""

import argparse
import random
from pathlib import Path

import numpy as np

import score  # noqa: F401  puts the recipe of guard-en on the path
import data
from scores import Scorer

MOST = 4000  # rows of one set
SEED = 3


def chosen(rows: list[data.Row]) -> list[int]:
    """Places of the rows that are asked about: all of the small sets, some of the large."""
    by_source, out = {}, []
    for i, row in enumerate(rows):
        by_source.setdefault(row.source, []).append(i)
    pick = random.Random(SEED)
    for _, places in sorted(by_source.items()):
        out += sorted(pick.sample(places, min(MOST, len(places))))
    return out


def main():
    """Writes `places` and `logits` [rows, labels]"""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--encoder", required=True, type=Path, help="the pack guard-en")
    p.add_argument("--out", required=True, type=Path)
    args = p.parse_args()
    rows = data.load(args.data)["train"]
    places = chosen(rows)
    scorer = Scorer(args.encoder / "model.onnx", args.encoder / "tokenizer.json")
    logits = scorer.logits([rows[i].text for i in places], canonicalise=False)  # the rows are canonical
    np.savez(args.out, places=np.array(places), logits=logits.astype(np.float32))
    print(len(places), "rows")


if __name__ == "__main__":
    main()
