"""BERT as the classic exporter writes it, from weights by name: what ONNX Runtime's transformer optimiser knows best."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEADS = 12


class Builder:
    """Nodes and constants, appended one after another."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def constant(self, values, kind=np.float32) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values, kind, order="C"), name))
        return name

    def add(self, op: str, *inputs: str, **attributes) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], f"{op}_{len(self.nodes)}", **attributes))
        return name

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """`weight` as [in, out]."""
        return self.add("Add", self.add("MatMul", x, self.constant(weight)), self.constant(bias))

    def norm(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        return self.add("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=1e-12)


def build(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """`weights` by Hugging Face's names for BERT, matrices as [out, in]."""
    b = Builder()
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    hidden = weights["embeddings.word_embeddings.weight"].shape[1]
    size = hidden // HEADS
    table = lambda name: b.constant(weights[f"embeddings.{name}.weight"])
    tokens = b.add("Gather", b.add("Shape", "input_ids"), b.constant(1, np.int64), axis=0)
    zero = b.constant([0], np.int64)
    positions = b.add("Slice", b.constant(np.arange(512)[None], np.int64), zero,
                      b.add("Unsqueeze", tokens, zero), b.constant([1], np.int64))
    words = b.add("Add", b.add("Gather", table("word_embeddings"), "input_ids", axis=0),
                  b.add("Gather", table("token_type_embeddings"), "token_type_ids", axis=0))
    places = b.add("Gather", table("position_embeddings"), positions, axis=0)
    x = b.norm(b.add("Add", words, places), weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])
    mask = b.add("Unsqueeze", b.add("Unsqueeze", "attention_mask", b.constant([1], np.int64)), b.constant([2], np.int64))
    shown = b.add("Cast", mask, to=TensorProto.FLOAT)
    bias = b.add("Mul", b.add("Sub", b.constant(1.0), shown), b.constant(-10000.0))
    for layer in range(layers):
        part = lambda name: weights[f"encoder.layer.{layer}.{name}"]
        dense = lambda x, name: b.linear(x, part(f"{name}.weight").T, part(f"{name}.bias"))
        heads = b.constant([0, 0, HEADS, size], np.int64)
        q, k, v = (b.add("Reshape", dense(x, f"attention.self.{name}"), heads) for name in ("query", "key", "value"))
        q, v = (b.add("Transpose", y, perm=[0, 2, 1, 3]) for y in (q, v))
        scores = b.add("MatMul", q, b.add("Transpose", k, perm=[0, 2, 3, 1]))
        scores = b.add("Add", b.add("Div", scores, b.constant(np.sqrt(size))), bias)
        merged = b.add("Transpose", b.add("MatMul", b.add("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
        merged = b.add("Reshape", merged, b.constant([0, 0, hidden], np.int64))
        x = b.norm(b.add("Add", dense(merged, "attention.output.dense"), x), part("attention.output.LayerNorm.weight"),
                   part("attention.output.LayerNorm.bias"))
        wide = dense(x, "intermediate.dense")
        erf = b.add("Add", b.add("Erf", b.add("Div", wide, b.constant(np.sqrt(2)))), b.constant(1.0))
        wide = b.add("Mul", b.add("Mul", wide, erf), b.constant(0.5))
        x = b.norm(b.add("Add", dense(wide, "output.dense"), x), part("output.LayerNorm.weight"),
                   part("output.LayerNorm.bias"))
    b.nodes[-1].output[0] = "last_hidden_state"
    port = lambda name, kind, axes: helper.make_tensor_value_info(name, kind, axes)
    inputs = [port(name, TensorProto.INT64, ["batch", "sequence"])
              for name in ("input_ids", "attention_mask", "token_type_ids")]
    outputs = [port("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", hidden])]
    graph = helper.make_graph(b.nodes, "classic", inputs, outputs, b.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
