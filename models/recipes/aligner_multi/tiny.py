"""Writes the files of `aligner-test`: a network of one layer with random weights, whose vocabulary is single characters. It aligns
words of the same letters, which is all that tests of the engine need."""

import argparse
import json
from pathlib import Path

import torch

import network
import to_onnx
import vocabulary

LETTERS = [chr(c) for c in range(0x21, 0x7f)] + list("äöüßéèçñ") + [chr(c) for c in range(0x3041, 0x3097)] + list("私学生日本語東京。")


def main():
    """Writes `model.onnx` and `tokenizer.json` into the folder given."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out", type=Path)
    out = p.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    pieces = [[p, vocabulary.NEVER] for p in vocabulary.SPECIAL] + [[p, -5.0] for p in ["▁", *LETTERS]]
    (out / "tokenizer.json").write_text(json.dumps(vocabulary.tokenizer(pieces), ensure_ascii=False) + "\n", encoding="utf-8")
    torch.manual_seed(3)
    encoder = network.Encoder(network.Config(len(pieces), 32, 1, 2, 64, 64))
    encoder.config = network.Config(len(pieces), 32, 1, 2, 64, 64)
    with torch.no_grad():
        encoder.position.weight.mul_(0.1)
    to_onnx.export_f32(to_onnx.States(encoder.eval()), out / "model.onnx")


if __name__ == "__main__":
    main()
