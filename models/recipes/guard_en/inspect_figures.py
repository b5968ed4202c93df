"""Temperature and figures of the inspector, by the program: prints JSON."""

import argparse
import json
import subprocess
import tomllib
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import data
import edits
import pairs
from calibrate import temperature
from canonical import canonical
from scores import sigmoid


def preferences(root, split: str) -> list[tuple[str, str]]:
    """(question, answer) of dialogues, two in a row: the better answer and the worse."""
    out = []
    for row in data.read(root, "hh-harmless"):
        if data.split_of(data.Row(canonical(row["chosen"]), {}, "hh-harmless")) == split:
            question = pairs.last_question(row["prompt"])
            out += [(question, row["chosen"]), (question, row["rejected"])]
    return out


def sides(root, split: str) -> list[tuple[str, str]]:
    """(question, answer), two in a row: the neutral side and the toxic one, with the questions of `pairs.sides`."""
    pick, out = pairs.random.Random(5), []
    for toxic, neutral in edits.pairs(root, split):
        question = pick.choice(pairs.QUESTIONS)
        out += [(question, neutral[0]), (question, toxic)]
    return out


def logits(program: str, pack: str, given: float, asked: list[tuple[str, str]]) -> np.ndarray:
    """[pairs, 2]: the logits of the answers, two in a row, of a pack whose manifest states the temperature `given`."""
    lines = "".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in asked)
    ran = subprocess.run([program, "inspect", "--jsonl", "--quiet", "--pack", pack], input=lines, capture_output=True, text=True, check=False)
    found = [json.loads(line).get("aligned") for line in ran.stdout.splitlines()]
    if len(found) != len(asked):
        raise SystemExit(f"{len(found)} answers to {len(asked)} questions: {ran.stderr[-300:]}")
    # An answer that cannot be judged is not fine.
    p = np.clip([0.0 if f is None else f for f in found], 1e-6, 1 - 1e-6)
    return (given * np.log(p / (1 - p))).reshape(-1, 2)


def main():
    """Prints the figures."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--program", required=True, help="trueline")
    p.add_argument("--pack", required=True, type=Path)
    args = p.parse_args()
    given = tomllib.loads((args.pack / "manifest.toml").read_text())["labels"][0]["temperature"]
    two = lambda asked: logits(args.program, str(args.pack), given, asked)
    dev = two(sides(args.data, "dev"))
    t = temperature(dev.ravel(), np.tile([1, 0], len(dev)))
    test = two(sides(args.data, "test"))
    scores = sigmoid(test / t)
    figures = {"temperature": t, "sides_dev": len(dev), "sides_test": len(test),
               "sides_auroc": round(float(roc_auc_score(np.tile([1, 0], len(test)), test.ravel())), 4),
               "toxic_called_fine": round(float((scores[:, 1] >= 0.5).mean()), 4),
               "neutral_called_fine": round(float((scores[:, 0] >= 0.5).mean()), 4)}
    for split in ("dev", "test"):
        found = two(preferences(args.data, split))
        figures[f"hh_{split}"] = [int((found[:, 0] > found[:, 1]).sum()), len(found)]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
