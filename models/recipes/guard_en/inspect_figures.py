"""Temperature and figures of the inspector, from the file that ships: prints JSON."""

import argparse
import json

import numpy as np
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer

import pairs
from calibrate import temperature
from export import INPUTS, session
from scores import sigmoid


def logits(run, encoded: list[tuple]) -> np.ndarray:
    """The inspector's logit of each pair of ids and types, one a run."""
    out = []
    for ids, types in encoded:
        row, kinds = (np.array([x], dtype=np.int64) for x in (ids, types))
        out.append(run.run(["aligned"], dict(zip(INPUTS, (row, np.ones_like(row), kinds))))[0][0, 0])
    return np.array(out)


def two(run, found: list[tuple]) -> np.ndarray:
    """[pairs, 2]: the better and the worse answer's logits."""
    return logits(run, [e for pair in found for e in pair]).reshape(-1, 2)


def main():
    """Prints the figures."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--tokenizer", required=True)
    args = p.parse_args()
    tokenizer, run = Tokenizer.from_file(args.tokenizer), session(args.model)
    dev = two(run, pairs.sides(args.data, tokenizer, "dev"))
    answers = np.tile([1, 0], len(dev))
    t = temperature(dev.ravel(), answers)
    test = two(run, pairs.sides(args.data, tokenizer, "test"))
    scores = sigmoid(test / t)
    figures = {"temperature": t, "sides_dev": len(dev), "sides_test": len(test),
               "sides_auroc": round(float(roc_auc_score(np.tile([1, 0], len(test)), test.ravel())), 4),
               "toxic_called_fine": round(float((scores[:, 1] >= 0.5).mean()), 4),
               "neutral_called_fine": round(float((scores[:, 0] >= 0.5).mean()), 4)}
    for name, splits in (("dev", ("dev",)), ("test", ("test",))):
        found = two(run, pairs.preferences(args.data, tokenizer, splits))
        figures[f"hh_{name}"] = [int((found[:, 0] > found[:, 1]).sum()), len(found)]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
