"""Temperatures, thresholds, the band of the first look, figures and the manifest of guard-tiny."""

import argparse
import json
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np

from score import Scorer  # puts the recipe of guard-en on the path
import calibrate
import data
import evaluate
import pack
from encoder import LABELS
from scores import Scorer as Encoder
from scores import sigmoid

LOSS = 0.003  # the most that recall at 1 % false positives may fall on dev; 0.005 is aimed at on other data
SHARES = np.linspace(0.5, 0.0, 51)  # of a label's positives that may be below, in the order in which they are tried
BAND_MARGIN = 0.9  # the band is narrowed by this, for data that are not dev


def recall(rows, scores, column, name) -> float:
    """Recall at 1 % false positives."""
    where, answers = calibrate.known(rows, name)
    s = scores[where, column]
    return float((s[answers == 1] >= calibrate.threshold_at_fpr(s, answers, 0.01)).mean())


def cleared(tiny: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Which texts the first look clears."""
    return (tiny < below).all(axis=1)


def cascade(tiny, encoder, below, thresholds) -> np.ndarray:
    """Scores of the cascade: a cleared text's are at most half the thresholds."""
    return np.where(cleared(tiny, below)[:, None], np.minimum(encoder, tiny / np.maximum(below, 1e-9) * 0.5 * thresholds), encoder)


def band(rows, tiny, encoder, thresholds) -> tuple[np.ndarray, float]:
    """`clear_below` of each label, and the recall lost: each label begins with the largest share of its positives below, and goes to
    smaller ones while its own recall suffers."""
    plain = {n: recall(rows, encoder, i, n) for i, n in enumerate(LABELS)}
    table = []
    for i, name in enumerate(LABELS):
        where, answers = calibrate.known(rows, name)
        positive = where[answers == 1]
        caught = positive[encoder[positive, i] >= 0.5 * thresholds[i]]
        table.append([BAND_MARGIN * np.quantile(tiny[caught, i], s, method="lower") if len(caught) else 1.0 for s in SHARES])
    steps = [0] * len(LABELS)
    while True:
        below = np.array([row[step] for row, step in zip(table, steps)])
        mixed = cascade(tiny, encoder, below, thresholds)
        lost = np.array([plain[n] - recall(rows, mixed, i, n) for i, n in enumerate(LABELS)])
        over = [i for i in range(len(LABELS)) if lost[i] > LOSS and steps[i] + 1 < len(SHARES)]
        if not over:
            return below, float(lost.max())
        for i in over:
            steps[i] += 1


def main():
    """Writes `manifest.toml` into the folder of the pack, and the figures beside it."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--encoder", required=True, type=Path, help="the pack for which this one looks first")
    p.add_argument("--figures", required=True, type=Path)
    p.add_argument("--summary", default="English text: harm in nine categories, prompt injection and jailbreaks, in microseconds")
    args = p.parse_args()
    (args.folder / "features.toml").write_text(f"version = 1\nlog2_buckets = {Scorer(args.folder / 'model.bin').log2_buckets}\n")
    splits = data.load(args.data)
    scorer, encoder = Scorer(args.folder / "model.bin"), Encoder(args.encoder / "model.onnx", args.encoder / "tokenizer.json")
    rows = splits["dev"]
    texts = [r.text for r in rows]
    logits, other = scorer.logits(texts), encoder.logits(texts)
    entries = calibrate.calibrate(rows, logits)
    settings = tomllib.loads((args.encoder / "manifest.toml").read_text())
    t2 = np.array([e["temperature"] for e in settings["labels"]])
    c2 = np.array([e["threshold"] for e in settings["labels"]])
    t1 = np.array([e["temperature"] for e in entries])
    tiny, large = sigmoid(logits / t1), sigmoid(other / t2)
    below, lost = band(rows, tiny, large, c2)
    benign = np.array([r.source in calibrate.GENERAL for r in rows])
    for entry, value in zip(entries, below):
        entry["clear_below"] = float(np.float32(value))
    look = {"pack": settings["name"], "model_sha256": settings["model"]["sha256"], "date": date.today().isoformat(),
            "benign_cleared": round(float(cleared(tiny, below)[benign].mean()), 4), "recall_lost": round(float(lost), 5),
            "data": "dev split of the recipe, by text hash"}
    counts = Counter(r.source for r in splits["train"])
    text = pack.manifest(args.folder, args.folder.name, args.summary, "int8", entries, counts, look["data"],
                         pack.NGRAMS, look)
    (args.folder / "manifest.toml").write_text(text)
    judge = evaluate.Judge(Plain(scorer), entries)
    rows = splits["test"]
    texts = [r.text for r in rows]
    scores = judge.scores(texts)
    both = sigmoid(encoder.logits(texts) / t2)
    mixed = cascade(scores, both, below, c2)
    benign = np.array([r.source in calibrate.GENERAL for r in rows])
    figures = {"rows": len(rows), "labels": evaluate.per_label(rows, scores, judge), "sets": evaluate.by_source(rows, scores),
               "false_alarms_any_label": evaluate.false_alarms(rows, scores, judge),
               "hatecheck": evaluate.hatecheck(args.data, judge), "xstest_safe": evaluate.xstest(args.data, judge),
               "first_look": look | {"test_benign_cleared": float(cleared(scores, below)[benign].mean()),
                                     "test_recall_at_1_percent": {n: [recall(rows, both, i, n), recall(rows, mixed, i, n)]
                                                                  for i, n in enumerate(LABELS)}}}
    args.figures.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures["first_look"], indent=1))


class Plain:
    """The scorer in the form that `evaluate` asks for."""

    def __init__(self, scorer):
        self.scorer = scorer

    def logits(self, texts, canonicalise=True):
        """As `Scorer.logits`; the text is always made canonical."""
        return self.scorer.logits(texts)


if __name__ == "__main__":
    main()
