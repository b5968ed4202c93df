"""How well the language model knows held-out text: perplexity of tokens, in torch and in the int8 file."""

import argparse
import math
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import corpus
import to_onnx
import network
import train_lm
from vocabulary import TONES


def of_file(run, config: network.Config, rows: list[list[int]]) -> float:
    """Of the int8 file, a text at a time; `run` is its session."""
    total, count = 0.0, 0
    empty = np.zeros((1, config.heads, 0, config.hidden // config.heads), np.float32)
    for ids in rows:
        n = len(ids) - 1
        feed = {"input_ids": np.array([ids[:-1]]), "position_ids": np.arange(n)[None]}
        logits = run.run(["logits"], feed | dict.fromkeys(to_onnx.names("past", config.layers), empty))[0][0].astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        total -= logits[np.arange(n), ids[1:]].sum()
        count += n
    return math.exp(total / count)


def main():
    """Prints a line for each tone, and for how much the tone tells."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model")
    p.add_argument("exported", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--tokenizer", required=True)
    args = p.parse_args()
    tokenizer, model = Tokenizer.from_file(args.tokenizer), network.load(args.model)
    by_tone = {tone: [] for tone in TONES}
    for (tone, _), ids in zip(corpus.documents(args.data, "test"), train_lm.rows(args.data, "test", tokenizer)):
        by_tone[tone].append(ids)
    run = to_onnx.session(args.exported / "step.int8.onnx")
    for tone, rows in by_tone.items():
        rows = rows[:1500]
        print(f"{tone}: {len(rows)} texts, perplexity {train_lm.perplexity(model, rows):.1f}, "
              f"int8 {of_file(run, model.config, rows[:300]):.1f} of {train_lm.perplexity(model, rows[:300]):.1f}")


if __name__ == "__main__":
    main()
