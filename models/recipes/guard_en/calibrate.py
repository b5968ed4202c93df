"""Fits a temperature and sets a threshold for each label, on the dev split, with the scores of the shipped file.

Each label begins with the largest of `TARGETS`. While more than `LIMITS` of general benign text, of benign prompts, or of plain text in other languages is
flagged for any label, the label that alone flags the most of it goes to its next target: labels add up, and the negatives of some are so
easy, or so many, that one in a hundred of them would be too many benign prompts.
"""

import argparse
import json
from datetime import date
from pathlib import Path

import numpy as np

import data
from encoder import LABELS
from scores import Scorer, sigmoid

TARGETS = (0.01, 0.005, 0.002, 0.001, 0.0005)  # false-positive rates on the negatives of a label
GENERAL = {"benign-prompts", "tatoeba-parallel", "bipia-carriers"}
LIMITS = (0.009, 0.025, 0.01)  # share of general benign text, of benign prompts and of plain text in other languages that may be flagged


def known(rows: list[data.Row], label: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the English rows that know `label`, and their answers."""
    found = [(i, r.labels[label]) for i, r in enumerate(rows) if label in r.labels and r.source not in data.FOREIGN]
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


def choose(scores: np.ndarray, known_rows: list[tuple], benign: list[np.ndarray]) -> tuple[list[float], np.ndarray]:
    """Targets and thresholds of the labels. `scores` [texts, labels]; `benign`: which texts must hardly be flagged."""
    steps = [0] * scores.shape[1]
    table = np.array([[threshold_at_fpr(scores[where, i], answers, target) for target in TARGETS]
                      for i, (where, answers) in enumerate(known_rows)])
    while True:
        thresholds = table[np.arange(len(steps)), steps]
        flags = scores >= thresholds
        over = [g for g, limit in zip(benign, LIMITS) if flags[g].any(axis=1).mean() > limit]
        movable = [i for i, step in enumerate(steps) if step + 1 < len(TARGETS)]
        if not over or not movable:
            return [TARGETS[step] for step in steps], thresholds
        alone = flags & (flags.sum(axis=1) == 1)[:, None]
        worst = max(movable, key=lambda i: sum(alone[g, i].mean() + flags[g, i].mean() / 4 for g in over))
        steps[worst] += 1


def calibrate(rows: list[data.Row], logits: np.ndarray) -> list[dict]:
    """One entry a label, in their order."""
    groups = [np.array([r.source in names for r in rows]) for names in (GENERAL, {"benign-prompts"}, {"tatoeba-foreign"})]
    found = [known(rows, label) for label in LABELS]
    temperatures = [temperature(logits[where, i], answers) for i, (where, answers) in enumerate(found)]
    every = sigmoid(logits / np.array(temperatures))
    targets, thresholds = choose(every, found, groups)
    return [{"name": label, "temperature": t, "threshold": float(np.float32(c)), "target": target,
             "negatives": int((answers == 0).sum()), "positives": int((answers == 1).sum()), "date": date.today().isoformat()}
            for label, t, c, target, (_, answers) in zip(LABELS, temperatures, thresholds, targets, found)]


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
    foreign = np.array([r.source == "tatoeba-foreign" for r in rows])
    print(f"any label on plain dev text of other languages: {flagged[foreign].sum()} of {foreign.sum()}")


if __name__ == "__main__":
    main()
