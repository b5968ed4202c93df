"""Alignment error on the gold pairs and retrieval on the dev pairs, of an ONNX file or of the whole container."""

import argparse
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import container
import network
import pairs
import to_onnx
import vocabulary


def main():
    """Prints one line of figures."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model", type=Path, help="an ONNX file, or the container itself for the original in f32")
    p.add_argument("--tokenizer", type=Path, required=True, help="written for the container if it is not there")
    p.add_argument("--data", type=Path, required=True)
    args = p.parse_args()
    if args.model.suffix == ".onnx":
        run = to_onnx.session(args.model)

        def states(ids):
            x = np.array([ids], dtype=np.int64)
            return run.run(None, {"input_ids": x, "attention_mask": np.ones_like(x)})[0][0]
    else:
        c = container.read(args.model)
        ids = vocabulary.choose(c, None, set())
        if not args.tokenizer.exists():
            vocabulary.write(c, ids, args.tokenizer)
        encoder = network.start(c, ids)

        def states(ids):
            with torch.no_grad():
                x = torch.tensor([ids])
                return encoder(x, torch.ones_like(x), torch.zeros_like(x))[0].numpy()
    tokenizer = Tokenizer.from_file(str(args.tokenizer))

    def vectors(texts):
        rows = []
        for text in texts:
            ids = tokenizer.encode(text, add_special_tokens=False).ids[:510]
            row = states([pairs.CLS, *ids, pairs.SEP]).mean(axis=0)
            rows.append(row / np.linalg.norm(row))
        return np.stack(rows)

    errors = {k: round(pairs.aer(lambda ids: states(ids)[1:-1], tokenizer, v), 4) for k, v in pairs.gold(args.data).items()}
    print(args.model.name, "AER", errors, "retrieval", round(pairs.retrieval(vectors, pairs.tatoeba(args.data, "dev")), 4))


if __name__ == "__main__":
    main()
