"""Fits a temperature and sets a threshold for each label, on the dev split, with the scores of the shipped file.

A label's target is the largest of `TARGETS` at which general benign text is hardly flagged for it: labels add up, and
the negatives of some are so easy, or so many, that one in a hundred of them would be too many benign prompts.
"""

import argparse
import json
from datetime import date
from pathlib import Path

import numpy as np

import data
from encoder import LABELS
from scores import Scorer, sigmoid

TARGETS = (0.01, 0.005, 0.002, 0.001)  # false-positive rates on the negatives of a label
GENERAL = {"benign-prompts", "tatoeba-parallel", "bipia-carriers"}
GENERAL_LIMIT = 0.004  # share of all general benign text that one label may flag
PROMPT_LIMIT = 0.025  # share of benign prompts that one label may flag


def known(rows: list[data.Row], label: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the rows that know `label`, and their answers."""
    found = [(i, r.labels[label]) for i, r in enumerate(rows) if label in r.labels]
    return np.array([i for i, _ in found], dtype=int), np.array([v for _, v in found], dtype=int)


def temperature(logits: np.ndarray, answers: np.ndarray) -> float:
    """The T in a grid of 0.5 to 4 with the least negative log-likelihood, positives and negatives weighing alike."""
    def loss(t):
        p = np.clip(sigmoid(logits / t), 1e-9, 1 - 1e-9)
        return -np.log(p[answers == 1]).mean() - np.log(1 - p[answers == 0]).mean()
    return float(min(np.round(np.geomspace(0.5, 4, 61), 3), key=loss))


def threshold_at_fpr(scores: np.ndarray, answers: np.ndarray, target: float) -> float:
    """The smallest observed score c with share of negatives >= c at most `target`."""
    negatives = np.sort(scores[answers == 0])
    if not len(negatives):
        raise ValueError("no negatives")
    candidates = np.unique(scores)
    shares = 1 - np.searchsorted(negatives, candidates, side="left") / len(negatives)
    allowed = candidates[shares <= target]
    return float(allowed[0]) if len(allowed) else float("inf")


def choose(scores: np.ndarray, answers: np.ndarray, general: np.ndarray, prompts: np.ndarray) -> tuple[float, float]:
    """Target and threshold: the largest target that keeps both limits, else the smallest one."""
    for target in TARGETS:
        threshold = threshold_at_fpr(scores, answers, target)
        if (general >= threshold).mean() <= GENERAL_LIMIT and (prompts >= threshold).mean() <= PROMPT_LIMIT:
            break
    return target, threshold


def calibrate(rows: list[data.Row], logits: np.ndarray) -> list[dict]:
    """One entry a label, in their order."""
    out = []
    general = np.array([r.source in GENERAL for r in rows])
    prompts = np.array([r.source == "benign-prompts" for r in rows])
    for column, label in enumerate(LABELS):
        where, answers = known(rows, label)
        t = temperature(logits[where, column], answers)
        every = sigmoid(logits[:, column] / t)
        target, c = choose(every[where], answers, every[general], every[prompts])
        out.append({"name": label, "temperature": t, "threshold": float(np.float32(c)), "target": target,
                    "negatives": int((answers == 0).sum()), "positives": int((answers == 1).sum()),
                    "date": date.today().isoformat()})
    return out


def main():
    """Writes `calibration.json`, and prints how often benign dev text is flagged for any label."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", required=True, type=Path)
    args = p.parse_args()
    rows = data.load(args.data)["dev"]
    logits = Scorer(args.model, args.tokenizer).logits([r.text for r in rows])
    entries = calibrate(rows, logits)
    args.out.write_text(json.dumps(entries, indent=1) + "\n")
    t = np.array([e["temperature"] for e in entries])
    flagged = (sigmoid(logits / t) >= np.array([e["threshold"] for e in entries])).any(axis=1)
    general = np.array([r.source in GENERAL for r in rows])
    print(f"any label on general benign dev text: {flagged[general].sum()} of {general.sum()}")


if __name__ == "__main__":
    main()
