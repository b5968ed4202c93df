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
from program import answers
from scores import sigmoid

LOSS = 0.003  # the most that a label's recall at 1 % false positives may fall on dev, or one text of a rare label; 0.005 is aimed at on other data
SHARES = (0.60, 0.65, 0.70, 0.75, 0.80, 0.85)  # of benign dev text below the gate, as they are tried
BOUND_MARGIN = 0.95  # a label's bound is this much of the score of the text that it must not clear
ROUNDS = 60
LIMITS = (0.009, 0.03, 0.015, 0.03, 0.03)  # as those of guard-en, laxer: words alone tell less
LAXEST = calibrate.LAXEST | {"harassment": 0.003}


def known(rows, name) -> tuple[np.ndarray, np.ndarray]:
    """As `calibrate.known`, without passages of manuals: so many easy negatives would make 1 % of false positives a low bar."""
    where, answers = calibrate.known(rows, name)
    kept = np.array([rows[i].source != "manuals" for i in where], dtype=bool)
    return where[kept], answers[kept]


def recall(rows, scores, column, name) -> float:
    """Recall at 1 % false positives."""
    where, answers = known(rows, name)
    s = scores[where, column]
    return float((s[answers == 1] >= calibrate.threshold_at_fpr(s, answers, 0.01)).mean())


def cleared(tiny: np.ndarray, gate: np.ndarray, below: np.ndarray, shut: float) -> np.ndarray:
    """Which texts the first look clears."""
    return (gate < shut) & (tiny < below).all(axis=1)


def cascade(tiny, gate, encoder, below, shut, thresholds) -> np.ndarray:
    """Scores of the cascade: a cleared text's are at most half the thresholds."""
    clear = cleared(tiny, gate, below, shut)[:, None]
    return np.where(clear, np.minimum(encoder, tiny / np.maximum(below, 1e-9) * 0.5 * thresholds), encoder)


def bounds(rows, tiny, gate, encoder, thresholds, shut) -> tuple[np.ndarray, float, bool]:
    """`clear_below` of each label with this gate, the most recall that one loses, and whether none loses more than it may: where one does, its
    bound falls to what the highest of its lost texts has, until none does."""
    below = np.ones(len(LABELS))
    may = np.array([max(LOSS, 1.001 / (known(rows, n)[1] == 1).sum()) for n in LABELS])
    for _ in range(ROUNDS):
        mixed = cascade(tiny, gate, encoder, below, shut, thresholds)
        lost = np.array([recall(rows, encoder, i, n) - recall(rows, mixed, i, n) for i, n in enumerate(LABELS)])
        if (lost <= may).all():
            break
        clear = cleared(tiny, gate, below, shut)
        for i in np.flatnonzero(lost > may):
            where, answers = known(rows, LABELS[i])
            least = calibrate.threshold_at_fpr(encoder[where, i], answers, 0.01)
            gone = [w for w in where[answers == 1] if encoder[w, i] >= least and clear[w]]
            below[i] = min(below[i] * 0.99, BOUND_MARGIN * tiny[gone, i].max()) if gone else below[i] * 0.9
    return below, float(lost.max()), bool((lost <= may).all())


def band(rows, tiny, gate, encoder, thresholds, benign) -> tuple[np.ndarray, float, float]:
    """`clear_below` of each label and of the gate, and the recall lost: of the gates that lose little enough, the one for which the labels'
    bounds clear most, after one step back from where the labels have to do the gate's work."""
    tried = []
    for share in SHARES:
        shut = float(np.quantile(gate[benign], share))
        below, lost, fits = bounds(rows, tiny, gate, encoder, thresholds, shut)
        if fits:
            tried.append((float(cleared(tiny, gate, below, shut)[benign].mean()), below, shut, lost))
    best = max(range(len(tried)), key=lambda i: tried[i][0])
    _, below, shut, lost = tried[max(0, best - 1)]
    return below, shut, lost


def split(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels' logits, and the probability of the gate."""
    return logits[:, : len(LABELS)], sigmoid(logits[:, len(LABELS)])


def main():
    """Writes `manifest.toml` into the folder of the pack, and the figures beside it."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--encoder", required=True, type=Path, help="the pack for which this one looks first")
    p.add_argument("--program", required=True, help="trueline, which scores for that pack")
    p.add_argument("--figures", required=True, type=Path)
    p.add_argument("--summary", default="English text: harm in nine categories, prompt injection and jailbreaks, in microseconds")
    args = p.parse_args()
    (args.folder / "features.toml").write_text(f"version = 1\nlog2_buckets = {Scorer(args.folder / 'model.bin').log2_buckets}\n")
    splits = data.load(args.data)
    scorer = Scorer(args.folder / "model.bin")
    encoder = lambda texts: answers(args.program, ["--plain", "--pack", str(args.encoder)], texts)[0]
    rows = splits["dev"]
    texts = [r.text for r in rows]
    (logits, gates), large = split(scorer.logits(texts)), encoder(texts)
    entries = calibrate.calibrate(rows, logits, LIMITS, LAXEST)
    settings = tomllib.loads((args.encoder / "manifest.toml").read_text())
    c2 = np.array([e["threshold"] for e in settings["labels"]])
    t1 = np.array([e["temperature"] for e in entries])
    tiny = sigmoid(logits / t1)
    benign = np.array([r.source in calibrate.GENERAL for r in rows])
    below, shut, lost = band(rows, tiny, gates, large, c2, benign)
    shut = float(np.float32(shut))
    for entry, value in zip(entries, below):
        entry["clear_below"] = float(np.float32(value))
    look = {"pack": settings["name"], "model_sha256": settings["model"]["sha256"], "date": date.today().isoformat(),
            "benign_cleared": round(float(cleared(tiny, gates, below, shut)[benign].mean()), 4),
            "recall_lost": round(float(lost), 5), "data": "dev split of the recipe, by text hash", "gate": {"clear_below": shut}}
    counts = Counter(r.source for r in splits["train"])
    text = pack.manifest(args.folder, args.folder.name, args.summary, "int8", entries, counts, look["data"],
                         pack.NGRAMS, look)
    (args.folder / "manifest.toml").write_text(text)
    judge = evaluate.Judge(Plain(scorer), entries)
    rows = splits["test"]
    texts = [r.text for r in rows]
    scores, gates = judge.scores(texts), split(scorer.logits(texts))[1]
    both = encoder(texts)
    mixed = cascade(scores, gates, both, below, shut, c2)
    benign = np.array([r.source in calibrate.GENERAL for r in rows])
    figures = {"rows": len(rows), "labels": evaluate.per_label(rows, scores, judge), "sets": evaluate.by_source(rows, scores),
               "false_alarms_any_label": evaluate.false_alarms(rows, scores, judge),
               "hatecheck": evaluate.hatecheck(args.data, judge), "xstest_safe": evaluate.xstest(args.data, judge),
               "first_look": look | {"test_benign_cleared": float(cleared(scores, gates, below, shut)[benign].mean()),
                                     "test_benign_cleared_by_set": {s: float(cleared(scores, gates, below, shut)[[r.source == s for r in rows]].mean())
                                                                    for s in (*sorted(calibrate.GENERAL), "prose", "manuals")},
                                     "test_recall_at_1_percent": {n: [recall(rows, both, i, n), recall(rows, mixed, i, n)]
                                                                  for i, n in enumerate(LABELS)}}}
    args.figures.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures["first_look"], indent=1))


class Plain:
    """The scorer in the form that `evaluate` asks for."""

    def __init__(self, scorer):
        self.scorer = scorer

    def logits(self, texts, canonicalise=True):
        """As `Scorer.logits`, of the labels; the text is always made canonical."""
        return split(self.scorer.logits(texts))[0]


if __name__ == "__main__":
    main()
