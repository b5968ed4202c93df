"""Measures a guard on the test split and on the evaluation-only sets; writes figures and counts, never a text."""

import argparse
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import data
from calibrate import GENERAL, known, threshold_at_fpr
from canonical import canonical
from encoder import LABELS
from scores import Scorer, sigmoid

COLUMN = {name: i for i, name in enumerate(LABELS)}


class Judge:
    """Scores with temperatures, and verdicts at the thresholds."""

    def __init__(self, scorer: Scorer, calibration: list[dict]):
        self.scorer = scorer
        self.temperatures = np.array([e["temperature"] for e in calibration])
        self.thresholds = np.array([e["threshold"] for e in calibration])

    def scores(self, texts, canonicalise=True):
        """Probabilities [texts, labels]."""
        return sigmoid(self.scorer.logits(texts, canonicalise) / self.temperatures)

    def flags(self, scores):
        """Verdicts [texts, labels]."""
        return scores >= self.thresholds


def share(flags: np.ndarray) -> dict:
    """A count and its rate."""
    n = len(flags)
    return {"flagged": int(flags.sum()), "of": n, "rate": round(float(flags.mean()), 4) if n else None}


def area(answers: np.ndarray, scores: np.ndarray) -> float | None:
    """AUROC, or none without both classes."""
    return round(float(roc_auc_score(answers, scores)), 4) if 0 < answers.sum() < len(answers) else None


def per_label(rows, scores, judge) -> dict:
    """Ranking and recall of every label over the rows that know it."""
    out = {}
    for name, column in COLUMN.items():
        where, answers = known(rows, name)
        s = scores[where, column]
        entry = {"positives": int(answers.sum()), "negatives": int((answers == 0).sum()), "auroc": area(answers, s),
                 "auprc": round(float(average_precision_score(answers, s)), 4)}
        for target, words in ((0.01, "recall_at_1_percent"), (0.001, "recall_at_0.1_percent")):
            entry[words] = share(s[answers == 1] >= threshold_at_fpr(s, answers, target))
        entry["recall_at_threshold"] = share(s[answers == 1] >= judge.thresholds[column])
        entry["false_alarms_at_threshold"] = share(s[answers == 0] >= judge.thresholds[column])
        out[name] = entry
    return out


def by_source(rows, scores) -> dict:
    """Figures of single sets, on their held-out rows."""
    out = {}
    pick = lambda *names: np.array([i for i, r in enumerate(rows) if r.source in names], dtype=int)
    moderation = [rows[i] for i in pick("moderation-eval")]
    part = scores[pick("moderation-eval")]
    precision = {}
    for name in data.EIGHT:
        where, answers = known(moderation, name)
        if answers.any():
            precision[name] = {"auprc": round(float(average_precision_score(answers, part[where, COLUMN[name]])), 4),
                               "positives": int(answers.sum()), "of": len(answers)}
    out["moderation-eval"] = precision | {"mean": round(float(np.mean([v["auprc"] for v in precision.values()])), 4)}
    abuse = [i for i, r in enumerate(rows) if r.source == "textdetox-foreign"]
    plain = [i for i, r in enumerate(rows) if r.source == "tatoeba-foreign"]
    answers = np.r_[np.ones(len(abuse)), np.zeros(len(plain))]
    out["abuse against plain text, other languages"] = {"auroc": area(answers, scores[abuse + plain, COLUMN["toxicity"]]),
                                                        "abuse": len(abuse), "plain": len(plain)}
    for name, label in (("surge-toxicity", "toxicity"), ("toxigen-seeds", "hate"), ("davidson-tweets", "hate"),
                        ("davidson-tweets", "toxicity"), ("paradetox", "toxicity"), ("pi-slabs", "prompt_injection"),
                        ("pi-neuralchemy", "prompt_injection")):
        where = pick(name)
        kept, answers = known([rows[i] for i in where], label)
        out[f"{name} {label}"] = {"auroc": area(answers, scores[where[kept], COLUMN[label]]), "rows": len(answers)}
    attack, play = pick("jailbreak-inthewild"), np.array(
        [i for i, r in enumerate(rows) if r.tags.get("origin") == "role-play"], dtype=int)
    answers = np.r_[np.ones(len(attack)), np.zeros(len(play))]
    both = scores[np.r_[attack, play], COLUMN["jailbreak"]]
    out["jailbreak against benign role-play"] = {"auroc": area(answers, both), "jailbreaks": len(attack), "role_play": len(play)}
    return out


def false_alarms(rows, scores, judge) -> dict:
    """How often benign text of the test split is flagged for any label."""
    flags = judge.flags(scores).any(axis=1)
    out = {name: share(flags[[i for i, r in enumerate(rows) if r.source == name]]) for name in sorted(GENERAL | {"prose", "manuals"})}
    out["role-play"] = share(flags[[i for i, r in enumerate(rows) if r.tags.get("origin") == "role-play"]])
    languages = sorted({r.tags["language"] for r in rows if r.source == "tatoeba-foreign"})
    where = {l: [i for i, r in enumerate(rows) if r.source == "tatoeba-foreign" and r.tags["language"] == l] for l in languages}
    out["plain text of other languages"] = share(flags[sum(where.values(), [])])
    out["worst language"] = max(({"language": l} | share(flags[i]) for l, i in where.items()), key=lambda e: e["rate"])
    out["all general"] = share(flags[[i for i, r in enumerate(rows) if r.source in GENERAL]])
    return out


def hatecheck(root, judge) -> dict:
    """AUROC of the hate score, and the share of right verdicts by functionality."""
    rows = data.read(root, "hatecheck")
    scores = judge.scores([r["text"] for r in rows])
    hate = scores[:, COLUMN["hate"]]
    answers = np.array([int(r["label"]) for r in rows])
    verdicts, right = judge.flags(scores)[:, COLUMN["hate"]], defaultdict(list)
    for r, answer, verdict in zip(rows, answers, verdicts):
        right[r["functionality"]].append(bool(verdict) == bool(answer))
    return {"auroc": area(answers, hate), "rows": len(rows), "recall": share(verdicts[answers == 1]),
            "false_alarms": share(verdicts[answers == 0]),
            "right_by_functionality": {k: {"right": sum(v), "of": len(v)} for k, v in
                                       sorted(right.items(), key=lambda kv: sum(kv[1]) / len(kv[1]))}}


def xstest(root, judge) -> dict:
    """False alarms on safe prompts that look unsafe, by label."""
    safe = [r["text"] for r in data.read(root, "xstest") if not int(r["label"])]
    flags = judge.flags(judge.scores(safe))
    return {"any": share(flags.any(axis=1))} | {n: int(flags[:, c].sum()) for n, c in COLUMN.items() if flags[:, c].any()}


def quantisation(rows, scores, judge, f32: Scorer) -> dict:
    """Differences of probabilities between the shipped file and its f32 form, and verdicts that differ, on every
    eighth row."""
    texts, a = [r.text for r in rows[::8]], scores[::8]
    b = sigmoid(f32.logits(texts) / judge.temperatures)
    gap = np.abs(a - b)
    flips = judge.flags(a) != judge.flags(b)
    return {"texts": len(texts), "mean": round(float(gap.mean()), 5), "p99": round(float(np.quantile(gap, 0.99)), 5),
            "max": round(float(gap.max()), 5), "flipped_verdicts": int(flips.sum()), "of": int(flips.size),
            "texts_with_a_flip": int(flips.any(axis=1).sum())}


def one_space(text: str) -> str:
    """A space before each punctuation mark."""
    return re.sub(r"(?<=\S)([,.;:!?])", r" \1", text)


def zero_width(text: str) -> str:
    """A zero-width space inside each longer word."""
    return re.sub(r"\b(\w{2})(\w{2,})", "\\1\u200b\\2", text)


def evasion(rows, judge) -> dict:
    """Recall over attacks and insults as they are, altered, and at the end of long plain text."""
    chosen = [(r.text, n) for n in ("toxicity", "hate", "prompt_injection", "jailbreak")
              for r in [r for r in rows if r.labels.get(n) == 1][:60]]
    texts, columns = [t for t, _ in chosen], np.array([COLUMN[n] for _, n in chosen])
    plain = " ".join(r.text for r in [r for r in rows if r.source == "tatoeba-parallel"][:40])
    recall = lambda ts, on: share(judge.flags(judge.scores(ts, on))[np.arange(len(ts)), columns])
    out = {}
    for words, change in (("clean", str), ("one space", one_space), ("zero width", zero_width)):
        changed = [change(t) for t in texts]
        out[words] = {"on": recall(changed, True), "off": recall(changed, False)}
        if words != "clean":
            out[words]["same_canonical_text"] = sum(canonical(c) == canonical(t) for c, t in zip(changed, texts))
    short = [t for t in texts if len(t) < 300]
    columns = columns[[len(t) < 300 for t in texts]]
    last = [f"{plain}\n\n{t}" for t in short]
    out["in the last window"] = {"alone": recall(short, True), "after long plain text": recall(last, True)}
    return out


def main():
    """Writes the figures as JSON."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--f32", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--calibration", required=True, type=Path)
    p.add_argument("--out", required=True, type=Path)
    args = p.parse_args()
    judge = Judge(Scorer(args.model, args.tokenizer), json.loads(args.calibration.read_text()))
    rows = data.load(args.data)["test"]
    scores = judge.scores([r.text for r in rows])
    figures = {"rows": len(rows), "labels": per_label(rows, scores, judge), "sets": by_source(rows, scores),
               "false_alarms_any_label": false_alarms(rows, scores, judge), "hatecheck": hatecheck(args.data, judge),
               "xstest_safe": xstest(args.data, judge),
               "int8_against_f32": quantisation(rows, scores, judge, Scorer(args.f32, args.tokenizer)),
               "evasion": evasion(rows, judge)}
    args.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
