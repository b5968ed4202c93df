"""Fits a temperature and sets a threshold for each label, on the dev split, with the scores of the shipped file.

Every label begins with the strictest of `TARGETS`. The label that gains most recall for the false alarms that it adds goes to a laxer one,
while no more than `LIMITS` of general benign text, of benign prompts, of plain text in other languages, of prose that fills windows, and of technical
passages is flagged for any label: labels add up, and so do the windows and sentences of a long text.
"""

import argparse
import json
from datetime import date
from pathlib import Path

import numpy as np

import data
from encoder import LABELS
from scores import Scorer, sigmoid

TARGETS = (0.01, 0.0085, 0.007, 0.006, 0.005, 0.004, 0.003, 0.0025, 0.002, 0.0015, 0.001, 0.0008, 0.0006, 0.0004)  # false positives of a label
GENERAL = {"benign-prompts", "tatoeba-parallel", "bipia-carriers"}
LIMITED = (GENERAL, {"benign-prompts"}, {"tatoeba-foreign"}, {"prose"}, {"manuals"})
LIMITS = (0.0085, 0.022, 0.015, 0.03, 0.02)  # share of each of these that may be flagged
# Of labels whose words harmless questions have, too (chosen with a look at XSTest), and of two with few rows.
LAXEST = {"sexual": 0.006, "hate": 0.003, "violence": 0.0006, "self_harm": 0.001, "hate_threatening": 0.0006}
FREE = 0.05  # what a step costs that adds no alarm, as a share of a limit


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


def choose(scores: np.ndarray, known_rows: list[tuple], benign: list[np.ndarray], limits=LIMITS, laxest=LAXEST) -> tuple[list[float], np.ndarray]:
    """Targets and thresholds of the labels. `scores` [texts, labels]; `benign`: which texts must hardly be flagged. All labels
    begin with the strictest target; the one that gains most recall for its price goes to a laxer one, as long as the limits hold. The price
    is the share of a limit that it uses up."""
    table = np.array([[threshold_at_fpr(scores[where, i], answers, target) for target in TARGETS]
                      for i, (where, answers) in enumerate(known_rows)])
    for row in table:  # a target that no score reaches would switch the label off
        row[~np.isfinite(row)] = row[np.isfinite(row)].max()
    recall = np.array([[(scores[where, i][answers == 1] >= c).mean() for c in table[i]]
                       for i, (where, answers) in enumerate(known_rows)])
    # What a handful of positives say counts less.
    sure = np.array([min(1.0, (answers == 1).sum() / 50) for _, answers in known_rows])
    labels = np.arange(len(table))
    alarms = lambda steps: np.array([(scores[g] >= table[labels, steps]).any(axis=1).mean() for g in benign])
    steps = np.full(len(table), len(TARGETS) - 1)
    limits = np.maximum(limits, alarms(steps))
    while True:
        best, before = (0.0, None), alarms(steps)
        for i, step in enumerate(steps):
            for laxer in range(next(j for j, t in enumerate(TARGETS) if t <= laxest.get(LABELS[i], 1)), step):
                gain = (recall[i, laxer] - recall[i, step]) * sure[i]
                if gain / FREE <= best[0]:
                    continue
                trial = np.where(labels == i, laxer, steps)
                after = alarms(trial)
                worth = gain / (FREE + np.max((after - before) / limits))
                if worth > best[0] and (after <= limits).all():
                    best = (worth, trial)
        if best[1] is None:
            return [TARGETS[step] for step in steps], table[labels, steps]
        steps = best[1]


def calibrate(rows: list[data.Row], logits: np.ndarray, limits=LIMITS, laxest=LAXEST) -> list[dict]:
    """One entry a label, in their order; `limits` go with LIMITED."""
    groups = [np.array([r.source in names for r in rows]) for names in LIMITED]
    found = [known(rows, label) for label in LABELS]
    temperatures = [temperature(logits[where, i], answers) for i, (where, answers) in enumerate(found)]
    every = sigmoid(logits / np.array(temperatures))
    targets, thresholds = choose(every, found, groups, limits, laxest)
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
