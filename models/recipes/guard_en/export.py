"""Exports a trained guard to ONNX: a plain BERT graph in f32, and its dynamic int8 form."""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

from encoder import Guard, Joint, load
from smooth import calibration_ids, smooth

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


def tidy(graph: onnx.GraphProto, model: Guard):
    """Gives the attention reshapes constant targets ([0, 0, heads, width] and back), turns constants into initialisers, and drops
    what then is unused."""
    c = model.config
    shapes = {"split_heads": [0, 0, c.heads, c.hidden // c.heads], "join_heads": [0, 0, c.hidden]}
    used_by = {}
    for node in graph.node:
        for name in node.input:
            used_by.setdefault(name, []).append(node.op_type)
    for node in graph.node:
        if node.op_type == "Reshape":
            node.input[1] = "split_heads" if "Transpose" in used_by[node.output[0]] else "join_heads"
    for name, shape in shapes.items():
        graph.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), name))
    for node in graph.node:
        if node.op_type == "Constant":
            graph.initializer.append(node.attribute[0].t)
            graph.initializer[-1].name = node.output[0]
    wanted, kept = {o.name for o in graph.output}, []
    for node in reversed(graph.node):
        if wanted & set(node.output) and node.op_type != "Constant":
            wanted |= set(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    initialisers = [t for t in graph.initializer if t.name in wanted]
    del graph.initializer[:]
    graph.initializer.extend(initialisers)


def export_f32(model: Guard, path: Path):
    """Writes the f32 graph: dynamic batch and sequence, output `logits`."""
    ids = torch.ones(2, 9, dtype=torch.int64)
    outputs = ["logits"] + (["aligned", "spans", "tags"] if isinstance(model, Joint) else [])
    axes = {name: {0: "batch", 1: "sequence"} for name in INPUTS + outputs[2:]} | {n: {0: "batch"} for n in outputs[:2]}
    torch.onnx.export(model.eval(), (ids, ids, torch.zeros_like(ids)), str(path), dynamo=False, opset_version=17,
                      input_names=INPUTS, output_names=outputs, dynamic_axes=axes)
    proto = onnx.load(path)
    tidy(proto.graph, model)
    proto.producer_version = ""
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def add_means(graph: onnx.GraphProto, mask: str, states: dict[str, str], stem: str) -> list[str]:
    """Adds the mean over the tokens where the input `mask` is 1, of each of these states [batch, tokens, hidden]; a text without such a token
    has the mean 0. `states`: a name for each to its tensor. Returns the tensors of the means. Constants are called `stem.axis` and so on."""
    node, at = helper.make_node, f"/{stem}"
    graph.node.extend([
        node("Cast", [mask], [f"{at}/mask"], f"{at}/Cast", to=TensorProto.FLOAT),
        node("Unsqueeze", [f"{at}/mask", f"{stem}.axis"], [f"{at}/weights"], f"{at}/Unsqueeze"),
        node("ReduceSum", [f"{at}/weights", f"{stem}.along"], [f"{at}/count"], f"{at}/Count", keepdims=0),
        node("Clip", [f"{at}/count", f"{stem}.one"], [f"{at}/divisor"], f"{at}/Clip")])
    for name, state in states.items():
        own = f"{at}/{name}"
        graph.node.extend([
            node("Mul", [state, f"{at}/weights"], [f"{own}/weighted"], f"{own}/Mul"),
            node("ReduceSum", [f"{own}/weighted", f"{stem}.along"], [f"{own}/sum"], f"{own}/ReduceSum", keepdims=0),
            node("Div", [f"{own}/sum", f"{at}/divisor"], [f"{own}/mean"], f"{own}/Div")])
    graph.initializer.extend(numpy_helper.from_array(np.asarray(a), f"{stem}.{name}")
                             for name, a in (("axis", np.array([2])), ("along", np.array([1])), ("one", np.float32(1))))
    return [f"{at}/{name}/mean" for name in states]


def export_int8(f32: Path, path: Path):
    """Writes the dynamic int8 form: s8 weights per column, u8 activations, a u8 word table; the head stays f32."""
    nodes = onnx.load(f32).graph.node
    keep = [n.name for n in nodes if n.op_type == "Gather" and "word" not in n.name]
    keep += [n.name + "_MatMul" for n in nodes if n.op_type == "Gemm"]  # the name it gets when it is split
    quantize_dynamic(str(f32), str(path), per_channel=True, weight_type=QuantType.QInt8, nodes_to_exclude=keep,
                     op_types_to_quantize=["MatMul", "Gather"],
                     extra_options={"MatMulConstBOnly": True, "WeightSymmetric": True})
    onnx.checker.check_model(onnx.load(path))


def symmetric_words(path: Path, model: Guard):
    """Writes the word table of an int8 file as s8 with one scale, the form in which it was trained."""
    proto = onnx.load(path)
    words = model.encoder.word.weight.detach().numpy()
    scale = np.float32(np.abs(words).max() / 127)
    new = {"quantized": np.round(words / scale).astype(np.int8), "scale": scale, "zero_point": np.int8(0)}
    for tensor in proto.graph.initializer:
        part = tensor.name.removeprefix("encoder.word.weight_")
        if part in new:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(new[part]), tensor.name))
    del proto.graph.value_info[:]
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def session(path) -> onnxruntime.InferenceSession:
    """A CPU session on the calling thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference(model: Guard, path: Path) -> float:
    """Largest difference of logits between torch and the file, over padded random batches."""
    generator = torch.Generator().manual_seed(5)
    run, worst = session(path), 0.0
    for batch, length in ((1, 2), (1, 17), (3, 40), (2, 128)):
        ids = torch.randint(5, model.config.vocabulary, (batch, length), generator=generator)
        mask = torch.ones_like(ids)
        mask[-1, length // 2 + 1 :] = 0
        with torch.no_grad():
            expected = model(ids, mask, torch.zeros_like(ids))
        feed = dict(zip(INPUTS, (ids.numpy(), mask.numpy(), np.zeros_like(ids.numpy()))))
        expected = expected if isinstance(expected, tuple) else (expected,)
        for found, wanted in zip(run.run(None, feed), expected):
            worst = max(worst, float(np.abs(found - wanted.numpy()).max()))
    return worst


def main():
    """Writes `f32.onnx` (the network as trained) and `int8.onnx` (smoothed), and checks f32 files of both against torch."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("checkpoint")
    p.add_argument("out", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--tokenizer", required=True)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model = load(args.checkpoint)
    export_f32(model, args.out / "f32.onnx")
    texts = calibration_ids(args.data, Tokenizer.from_file(args.tokenizer))
    plain = smooth(model, texts, rounding=False)
    export_f32(plain, args.out / "smooth.onnx")
    worst = max(difference(model, args.out / name) for name in ("f32.onnx", "smooth.onnx"))
    print(f"torch to f32 files: {worst:.2e}")
    if worst > 1e-4:
        raise SystemExit("an f32 file differs from torch")
    export_f32(smooth(model, texts), args.out / "smooth.onnx")
    export_int8(args.out / "smooth.onnx", args.out / "int8.onnx")
    symmetric_words(args.out / "int8.onnx", model)


if __name__ == "__main__":
    main()
