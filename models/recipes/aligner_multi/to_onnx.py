"""Exports the encoder to ONNX: ids and mask to states, in f32 and in dynamic int8 with an s8 word table of one scale a row."""

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

import network

sys.path.append(str(Path(__file__).resolve().parent.parent / "guard_en"))
from export import session, tidy  # noqa: E402

INPUTS = ["input_ids", "attention_mask"]


class States(torch.nn.Module):
    """The encoder with its only type of token added to the positions."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config
        with torch.no_grad():
            encoder.position.weight.add_(encoder.token_type.weight[0])

    def forward(self, input_ids, attention_mask):
        e = self.encoder
        x = e.norm(e.word(input_ids) + e.position.weight[: input_ids.shape[1]])
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -10000.0
        for layer in e.layers:
            x = layer(x, mask)
        return x


def export_f32(model: States, path: Path):
    """Writes the f32 graph: dynamic batch and sequence, output `states`."""
    ids = torch.ones(2, 9, dtype=torch.int64)
    axes = {name: {0: "batch", 1: "sequence"} for name in [*INPUTS, "states"]}
    torch.onnx.export(model.eval(), (ids, ids), str(path), dynamo=False, opset_version=17, input_names=INPUTS,
                      output_names=["states"], dynamic_axes=axes)
    proto = onnx.load(path)
    tidy(proto.graph, model)
    proto.producer_version = ""
    onnx.save(proto, path)


def export_int8(f32: Path, path: Path):
    """Writes the dynamic int8 form: s8 weights per column, u8 activations."""
    quantize_dynamic(str(f32), str(path), per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"],
                     extra_options={"MatMulConstBOnly": True, "WeightSymmetric": True})
    proto = onnx.load(path)
    graph = proto.graph
    gather = next(n for n in graph.node if n.op_type == "Gather" and "input_ids" in n.input)
    table = next(t for t in graph.initializer if t.name == gather.input[0])
    words = numpy_helper.to_array(table)
    scale = np.maximum(np.abs(words).max(axis=1) / 127, 1e-8).astype(np.float32)
    rounded = np.round(words / scale[:, None]).astype(np.int8)
    graph.initializer.remove(table)
    for name, value in (("words_s8", rounded), ("words_scale", scale), ("words_zero", np.zeros(len(scale), np.int8))):
        graph.initializer.append(numpy_helper.from_array(value, name))
    unfold = helper.make_node("DequantizeLinear", ["words_s8", "words_scale", "words_zero"], ["words"], axis=0)
    graph.node.insert(0, unfold)
    gather.input[0] = "words"
    del graph.value_info[:]
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


def main():
    """Writes `f32.onnx` and `int8.onnx`, and checks the first against torch."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("checkpoint", type=Path)
    p.add_argument("out", type=Path)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    encoder = network.load(args.checkpoint)
    ids = torch.randint(5, encoder.config.vocabulary, (2, 23), generator=torch.Generator().manual_seed(5))
    mask = torch.ones_like(ids)
    with torch.no_grad():
        expected = encoder(ids, mask, torch.zeros_like(ids)).numpy()
    export_f32(States(encoder), args.out / "f32.onnx")
    found = session(args.out / "f32.onnx").run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
    worst = float(np.abs(found - expected).max())
    print(f"torch to f32 file: {worst:.2e}")
    if worst > 1e-4:
        raise SystemExit("the f32 file differs from torch")
    export_int8(args.out / "f32.onnx", args.out / "int8.onnx")


if __name__ == "__main__":
    main()
