"""How well the marks of tokens find the toxic parts of held-out comments: character F1 as in the task that the data are from, of the
marks alone at a threshold chosen on dev rows, and of the spans that the program gives where it flags."""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import data
from canonical import canonical
from export import session

CONTENT, STRIDE = 126, 63
LABELS = ["toxicity", "hate", "harassment"]
GRID = np.round(np.arange(0.05, 0.96, 0.01), 2)


def rows(root, split):
    """Texts of one split with the set of their toxic characters."""
    out = []
    for row in data.read(root, "toxic-spans"):
        if data.split_of(data.Row(canonical(row["text"]), {}, "toxic-spans")) == split:
            gold = {c for s in row["spans"] for c in (range(*s) if isinstance(s, list) else [s])}
            out.append((row["text"], gold))
    return out


def windows(n):
    """The engine's layout of n tokens."""
    if n <= CONTENT:
        return [(0, n)]
    starts = list(range(0, n - CONTENT + 1, STRIDE))
    if starts[-1] != n - CONTENT:
        starts.append(n - CONTENT)
    return [(s, s + CONTENT) for s in starts]


def margin(start, end, n, at):
    """How much text a token has on its nearer side in a window."""
    before = 1 << 30 if start == 0 else at - start + 1
    after = 1 << 30 if end == n else end - at
    return min(before, after)


def logits(run, tokenizer, text):
    """A logit for each token, from the window where it has most around it, and the tokens' characters."""
    found = tokenizer.encode(text, add_special_tokens=False)
    n = len(found.ids)
    best, out = [0] * n, np.zeros(n, np.float32)
    for start, end in windows(n) if n else []:
        ids = np.array([[101, *found.ids[start:end], 102]], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        marks = run.run(["spans"], feed)[0].reshape(-1)[1:-1]
        for at in range(start, end):
            m = margin(start, end, n, at)
            if m > best[at]:
                best[at], out[at] = m, marks[at - start]
    return out, found.offsets


def characters(marked, offsets):
    """The characters of the runs of marked tokens, over gaps of one token."""
    runs = []
    for at in np.flatnonzero(marked):
        if runs and at <= runs[-1][1] + 1:
            runs[-1][1] = at + 1
        else:
            runs.append([at, at + 1])
    return {c for first, last in runs for c in range(offsets[first][0], offsets[last - 1][1])}


def f1(found, gold):
    """The task's own figure for one text: F1 of the sets of characters, 1 if both are empty."""
    if not gold or not found:
        return float(not gold and not found)
    return 2 * len(found & gold) / (len(found) + len(gold))


def score(kept, threshold):
    """Mean F1 at one threshold."""
    cut = np.log(threshold / (1 - threshold))
    return float(np.mean([f1(characters(z >= cut, offsets), gold) for (z, offsets), gold in kept]))


def by_program(program, pack, cases):
    """The characters of the spans that the program gives for the marked labels, and whether it flagged any of them."""
    asked = "".join(json.dumps({"text": text}) + "\n" for text, _ in cases)
    words = [program, "guard", "--jsonl", "--pack", pack]
    lines = subprocess.run(words, input=asked.encode(), stdout=subprocess.PIPE, check=False).stdout.splitlines()
    out = []
    for (text, _), line in zip(cases, lines, strict=True):
        answer, raw, found = json.loads(line), text.encode(), set()
        spans = [s for s in answer["spans"] if s["category"] in LABELS]
        for s in spans:
            start = len(raw[: s["start"]].decode())
            found |= set(range(start, start + len(raw[s["start"] : s["end"]].decode())))
        out.append((bool(spans), found))
    return out


def main():
    """Prints figures; never a text."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--trueline")
    p.add_argument("--pack", type=Path, help="a pack whose manifest names the output, for the figures of the program")
    args = p.parse_args()
    tokenizer, run = Tokenizer.from_file(args.tokenizer), session(args.model)
    kept = {s: [(logits(run, tokenizer, text), gold) for text, gold in rows(args.data, s)] for s in ("dev", "test")}
    threshold = max(GRID, key=lambda t: score(kept["dev"], t))
    print(f"dev: {len(kept['dev'])} texts, threshold {threshold}, F1 {score(kept['dev'], threshold):.3f}")
    print(f"test: {len(kept['test'])} texts, F1 {score(kept['test'], threshold):.3f}, at 0.5 {score(kept['test'], 0.5):.3f}")
    cases = rows(args.data, "test")
    everything = np.mean([f1(set(range(len(text))), gold) for text, gold in cases])
    print(f"test: the whole text as its span: F1 {everything:.3f}", flush=True)
    if args.trueline and args.pack:
        found = by_program(args.trueline, args.pack, cases)
        both = [(f1(chars, gold), flagged) for (flagged, chars), (_, gold) in zip(found, cases)]
        hits = [value for value, flagged in both if flagged]
        print(f"program: {len(hits)} of {len(both)} flagged, F1 of these {np.mean(hits):.3f}, of all {np.mean([v for v, _ in both]):.3f}")


if __name__ == "__main__":
    main()
