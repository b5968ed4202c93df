"""Writes a trained network as ONNX: one step of the decoder with its keys and values, and the encoder; dynamic int8."""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

import network


class Step(nn.Module):
    """New tokens after a past, to logits and the longer past."""

    def __init__(self, model: network.Network):
        super().__init__()
        self.model = model

    def forward(self, ids, positions, *memory):
        n = self.model.config.layers
        past = [(memory[2 * i], memory[2 * i + 1]) for i in range(n)]
        text = [(memory[2 * i], memory[2 * i + 1]) for i in range(n, len(memory) // 2)]
        everything = memory[0].shape[2] + ids.shape[1]
        seen = torch.arange(everything)[None, None, None, :] <= positions[:, None, :, None]
        logits, kept = self.model.decode(ids, positions, network.hidden_from(seen), past, text or None)
        return logits, *[x for pair in kept for x in pair]


class Encode(nn.Module):
    """A text to the keys and values that the decoder looks at."""

    def __init__(self, model: network.Network):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return tuple(x for pair in self.model.encode(ids) for x in pair)


def names(prefix: str, layers: int) -> list[str]:
    """Keys and values, layer by layer."""
    return [f"{prefix}.{i}.{part}" for i in range(layers) for part in ("key", "value")]


def export_step(model: network.Network, path: Path):
    """Writes `step`: input_ids, position_ids and the past, to logits and the present."""
    c = model.config
    width, cross = c.hidden // c.heads, c.encoder_layers > 0
    past, text = torch.randn(2, c.heads, 5, width), torch.randn(2, c.heads, 7, width)
    memory = [past] * (2 * c.layers) + [text] * (2 * c.layers if cross else 0)
    own, given, after = names("past", c.layers), names("text", c.layers) if cross else [], names("present", c.layers)
    axes = {"input_ids": {0: "batch", 1: "tokens"}, "position_ids": {0: "batch", 1: "tokens"},
            "logits": {0: "batch", 1: "tokens"}}
    axes |= dict.fromkeys(own, {0: "batch", 2: "past"}) | dict.fromkeys(given, {0: "batch", 2: "text"})
    axes |= dict.fromkeys(after, {0: "batch", 2: "all"})
    ids = torch.ones(2, 3, dtype=torch.int64)
    torch.onnx.export(Step(model).eval(), (ids, ids + torch.arange(5, 8), *memory), str(path), dynamo=False, opset_version=17,
                      input_names=["input_ids", "position_ids", *own, *given], output_names=["logits", *after],
                      dynamic_axes=axes)
    tidy(path)


def export_encoder(model: network.Network, path: Path):
    """Writes `encoder`: input_ids, to keys and values of every layer of the decoder."""
    made = names("text", model.config.layers)
    axes = {"input_ids": {0: "batch", 1: "text"}} | dict.fromkeys(made, {0: "batch", 2: "text"})
    torch.onnx.export(Encode(model).eval(), (torch.ones(2, 7, dtype=torch.int64),), str(path), dynamo=False, opset_version=17,
                      input_names=["input_ids"], output_names=made, dynamic_axes=axes)
    tidy(path)


def tidy(path: Path):
    """Takes out what differs from run to run and machine to machine."""
    proto = onnx.load(path)
    proto.producer_version = ""
    for node in proto.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def int8(source: Path, path: Path):
    """Dynamic int8: s8 weights by columns, tables of words and positions in bytes; norms stay f32."""
    nodes = onnx.load(source).graph.node
    tables = ("word", "position")
    keep = [n.name for n in nodes if n.op_type == "Gather" and not any(t in n.name for t in tables)]
    quantize_dynamic(str(source), str(path), per_channel=True, weight_type=QuantType.QInt8, nodes_to_exclude=keep,
                     op_types_to_quantize=["MatMul", "Gather"],
                     extra_options={"MatMulConstBOnly": True, "WeightSymmetric": True})
    onnx.checker.check_model(onnx.load(path))


def session(path) -> onnxruntime.InferenceSession:
    """A CPU session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def step_by_step(model: network.Network, folder: Path, kind: str, ids: list[int], text: list[int]) -> np.ndarray:
    """The logits of each token, one run of the file for each."""
    c, run = model.config, session(folder / f"step.{kind}.onnx")
    past = {n: np.zeros((1, c.heads, 0, c.hidden // c.heads), np.float32) for n in names("past", c.layers)}
    if text:
        encoder = session(folder / f"encoder.{kind}.onnx")
        found = encoder.run(None, {"input_ids": np.array([text])})
        past |= dict(zip(names("text", c.layers), found))
    out = []
    for at, token in enumerate(ids):
        logits, *present = run.run(None, {"input_ids": np.array([[token]]), "position_ids": np.array([[at]]), **past})
        past |= dict(zip(names("past", c.layers), present))
        out.append(logits[0, 0])
    return np.array(out)


def main():
    """Writes the files, and tells how far they are from torch."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model")
    p.add_argument("out", type=Path)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model = network.load(args.model)
    parts = ["step"] + (["encoder"] if model.config.encoder_layers else [])
    with torch.no_grad():
        export_step(model, args.out / "step.f32.onnx")
        if "encoder" in parts:
            export_encoder(model, args.out / "encoder.f32.onnx")
        for part in parts:
            int8(args.out / f"{part}.f32.onnx", args.out / f"{part}.int8.onnx")
        ids = [1, *np.random.default_rng(3).integers(3, model.config.vocabulary, 30).tolist()]
        text = ids[5:20] if "encoder" in parts else []
        wanted = model(torch.tensor([ids]), torch.tensor([text]) if text else None)[0].numpy()
    for kind in ("f32", "int8"):
        found = step_by_step(model, args.out, kind, ids, text)
        print(f"{kind}: {np.abs(found - wanted).max():.2e} of {wanted.std():.2f}")
        if kind == "f32" and np.abs(found - wanted).max() > 1e-3:
            raise SystemExit("the f32 file differs from torch")


if __name__ == "__main__":
    main()
