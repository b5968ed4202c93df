"""How corrections of held-out pairs fare: harm removed, meaning kept, fluent, harmless text left alone."""

import argparse
import collections
import json
import math
import random
import re
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import corpus
import figures
import network
import to_onnx
import train_lm

SAME = 0.75  # cosine of sentence vectors from which a meaning counts as kept
FLUENT = 1.3  # times the perplexity of people's rewrites


class Meaning:
    """Sentence vectors of MiniLM."""

    def __init__(self, model, tokenizer):
        self.run, self.tokenizer = onnxruntime.InferenceSession(str(model)), Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_truncation()

    def vector(self, text):
        ids = np.array([self.tokenizer.encode(text).ids[:256]])
        states = self.run.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})[0]
        mean = states[0].mean(axis=0)
        return mean / np.linalg.norm(mean)

    def same(self, a, b) -> bool:
        return float(self.vector(a) @ self.vector(b)) >= SAME


def lexicon(root) -> set[str]:
    """English words of an independent list of insults."""
    found = set()
    for row in corpus.data.read(root, "lexicon"):
        if row.get("lang", row.get("language", "en")) == "en":
            found.update(str(row[k]).lower() for k in ("word", "term", "text") if k in row)
    return found


def ask(trueline, command, pack, texts) -> list[dict]:
    """The program's answers, a line for each text."""
    asked = "".join(json.dumps({"text": t}) + "\n" for t in texts)
    done = subprocess.run([trueline, command, "--jsonl", *[w for p in pack for w in ("--pack", p)]], input=asked.encode(),
                          stdout=subprocess.PIPE, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(texts), (len(found), len(texts))
    return found


def perplexity(run, tokenizer, texts) -> float:
    """Of the language model that ships, over all tokens of these texts."""
    rows = [[1, *e.ids, 0][: train_lm.LONGEST] for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    return figures.of_file(run, network.Config(), rows)


def main():
    """Prints the figures of a card."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("pack", nargs="+", help="the corrector, and a guard that judges its corrections")
    p.add_argument("--data", required=True)
    p.add_argument("--split", default="test")
    p.add_argument("--rows", type=int, default=900)
    p.add_argument("--trueline", required=True)
    p.add_argument("--guard", required=True, help="the pack whose view of harm counts")
    p.add_argument("--minilm", required=True, type=Path, nargs=2, metavar=("MODEL", "TOKENIZER"))
    p.add_argument("--lm", required=True, type=Path, help="the pack host-lm")
    args = p.parse_args()
    pairs = [(toxic, rewrites) for part, toxic, rewrites in corpus.sides(args.data) if part == args.split]
    random.Random(1).shuffle(pairs)
    pairs = pairs[: args.rows]
    plain = [r.text for r in corpus.data.load(args.data)[args.split] if r.source in ("tatoeba-parallel", "benign-prompts")]
    random.Random(2).shuffle(plain)
    plain = plain[: args.rows // 2]
    toxic, human = [t for t, _ in pairs], [rewrites[0] for _, rewrites in pairs]
    found = ask(args.trueline, "correct", args.pack, toxic + human + plain)
    made, calm, other = found[: len(pairs)], found[len(pairs) : 2 * len(pairs)], found[2 * len(pairs) :]
    words = lexicon(args.data)
    listed = lambda text: any(w in words for w in re.findall(r"[a-z']+", text.lower()))
    blocked = lambda texts: [a["action"] == "block" for a in ask(args.trueline, "guard", [args.guard], texts)]
    texts = [m["text"] for m in made]
    removed = [not b and not listed(t) for b, t in zip(blocked(texts), texts)]
    print("reasons", dict(collections.Counter(m["reason"] for m in made)))
    print(f"before: blocked {np.mean(blocked(toxic)):.3f}, listed {np.mean([listed(t) for t in toxic]):.3f}; "
          f"people's rewrites blocked {np.mean(blocked(human)):.3f}, listed {np.mean([listed(t) for t in human]):.3f}")
    print(f"removed by both views {np.mean(removed):.3f}")
    meaning = Meaning(*args.minilm)
    kept = [meaning.same(t, m) for t, m, r in zip(toxic, texts, removed) if r]
    print(f"meaning kept of these {np.mean(kept):.3f}, people's {np.mean([meaning.same(t, h) for t, h in zip(toxic, human)]):.3f}")
    print(f"neutral untouched {np.mean([not m['changed'] for m in calm]):.3f}, plain {np.mean([not m['changed'] for m in other]):.3f}")
    model, tokenizer = to_onnx.session(args.lm / "model.onnx"), Tokenizer.from_file(str(args.lm / "tokenizer.json"))
    changed = [(m["text"], h, t) for m, h, t in zip(made, human, toxic) if m["changed"]]
    ours, theirs, theirs_before = (perplexity(model, tokenizer, [row[i] for row in changed]) for i in range(3))
    print(f"perplexity of {len(changed)} corrections {ours:.1f}, of people's rewrites {theirs:.1f}, of the toxic sides "
          f"{theirs_before:.1f}: ratio {ours / theirs:.3f}, fluent {ours <= FLUENT * theirs}")
    each = [math.log(perplexity(model, tokenizer, [row[0]]) / perplexity(model, tokenizer, [row[1]])) for row in changed]
    print(f"share of corrections within {FLUENT} times their own rewrite's {np.mean(np.array(each) <= math.log(FLUENT)):.3f}")


if __name__ == "__main__":
    main()
