"""A classic BERT encoder with a multi-label head, and its start from a weight-only int8 ONNX file.

Linear layers can simulate dynamic int8 (per-tensor u8 activations, per-channel s8 weights) with a straight-through
gradient, so that the quantised export stays close to the trained network.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

LABELS = ["sexual", "hate", "violence", "harassment", "self_harm", "sexual_minors", "hate_threatening",
          "violence_graphic", "toxicity", "prompt_injection", "jailbreak"]


@dataclass
class Config:
    """Sizes of the network."""

    vocabulary: int = 30522
    hidden: int = 384
    layers: int = 6
    heads: int = 12
    feed_forward: int = 1536
    positions: int = 512
    dropout: float = 0.1


def fake_quantise_activations(x: torch.Tensor) -> torch.Tensor:
    """Rounds as ONNX DynamicQuantizeLinear does: one scale and zero point for the tensor, u8, zero included."""
    with torch.no_grad():
        low, high = x.amin().clamp(max=0).float(), x.amax().clamp(min=0).float()
        scale = ((high - low) / 255).clamp(min=1e-12)
        zero = torch.round(-low / scale)
        rounded = (torch.clamp(torch.round(x / scale) + zero, 0, 255) - zero) * scale
    return x + (rounded.to(x.dtype) - x).detach()


def fake_quantise_weights(w: torch.Tensor) -> torch.Tensor:
    """Rounds a weight [out, in] to s8 with one symmetric scale per output channel."""
    with torch.no_grad():
        scale = (w.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-12)
        rounded = torch.round(w / scale).clamp(-127, 127) * scale
    return w + (rounded - w).detach()


class QuantLinear(nn.Linear):
    """A linear layer that simulates dynamic int8 while `simulate` is set."""

    simulate = False

    def forward(self, x):
        if not self.simulate:
            return super().forward(x)
        return nn.functional.linear(fake_quantise_activations(x), fake_quantise_weights(self.weight), self.bias)


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, c: Config):
        super().__init__()
        self.heads, self.width = c.heads, c.hidden // c.heads
        self.query, self.key, self.value = (QuantLinear(c.hidden, c.hidden) for _ in range(3))
        self.attended = QuantLinear(c.hidden, c.hidden)
        self.attended_norm = nn.LayerNorm(c.hidden, eps=1e-12)
        self.inner = QuantLinear(c.hidden, c.feed_forward)
        self.outer = QuantLinear(c.feed_forward, c.hidden)
        self.outer_norm = nn.LayerNorm(c.hidden, eps=1e-12)
        self.dropout = nn.Dropout(c.dropout)
        self.shrink: dict[str, torch.Tensor] = {}  # factors of the channels of an input, set by `smooth.py`

    def _shrunk(self, x, kind):
        return x * self.shrink[kind] if kind in self.shrink else x

    def _split(self, x):
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.width)

    def forward(self, x, mask):
        small = self._shrunk(x, "qkv")
        q = self._split(self.query(small)).transpose(1, 2)
        k = self._split(self.key(small)).permute(0, 2, 3, 1)
        v = self._split(self.value(small)).transpose(1, 2)
        scores = torch.matmul(q, k) / math.sqrt(self.width) + mask
        mixed = torch.matmul(self.dropout(scores.softmax(dim=-1)), v).transpose(1, 2)
        mixed = mixed.reshape(x.shape[0], x.shape[1], self.heads * self.width)
        x = self.attended_norm(x + self.dropout(self.attended(mixed)))
        inner = nn.functional.gelu(self.inner(self._shrunk(x, "inner")))
        return self.outer_norm(x + self.dropout(self.outer(self._shrunk(inner, "outer"))))


class Encoder(nn.Module):
    """Embeddings and layers: ids -> [batch, sequence, hidden]."""

    def __init__(self, c: Config):
        super().__init__()
        self.word = nn.Embedding(c.vocabulary, c.hidden)
        self.position = nn.Embedding(c.positions, c.hidden)
        self.token_type = nn.Embedding(2, c.hidden)
        self.norm = nn.LayerNorm(c.hidden, eps=1e-12)
        self.dropout = nn.Dropout(c.dropout)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.word(input_ids) + self.token_type(token_type_ids) + self.position.weight[: input_ids.shape[1]]
        x = self.dropout(self.norm(x))
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return x


class Guard(nn.Module):
    """Encoder, masked mean, one logit a label."""

    def __init__(self, c: Config):
        super().__init__()
        self.config = c
        self.encoder = Encoder(c)
        self.dropout = nn.Dropout(c.dropout)
        self.head = nn.Linear(c.hidden, len(LABELS))

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.encoder(input_ids, attention_mask, token_type_ids)
        weight = attention_mask.to(torch.float32)[:, :, None]
        pooled = (x * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)
        return self.head(self.dropout(pooled))

    def simulate_int8(self, on: bool):
        """Switches the int8 simulation of every layer's products."""
        for module in self.modules():
            if isinstance(module, QuantLinear):
                module.simulate = on


class Joint(Guard):
    """The guard with three more heads on its encoder: whether an answer stands as it is, marks of toxic tokens, tags of edits."""

    def __init__(self, c: Config, tags: int):
        super().__init__(c)
        self.aligned = nn.Linear(c.hidden, 1)
        self.spans = nn.Linear(c.hidden, 1)
        self.tags = nn.Linear(c.hidden, tags)

    @staticmethod
    def from_guard(guard: Guard, tags: int) -> "Joint":
        """A joint model whose encoder and first head are a guard's."""
        model = Joint(guard.config, tags)
        model.load_state_dict(guard.state_dict(), strict=False)
        round_word_embedding(model.encoder)
        return model

    def states(self, input_ids, attention_mask, token_type_ids):
        """The masked mean and the states of the tokens, both after drop-out."""
        x = self.encoder(input_ids, attention_mask, token_type_ids)
        weight = attention_mask.to(torch.float32)[:, :, None]
        pooled = (x * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)
        return self.dropout(pooled), self.dropout(x)

    def forward(self, input_ids, attention_mask, token_type_ids):
        pooled, x = self.states(input_ids, attention_mask, token_type_ids)
        return self.head(pooled), self.aligned(pooled), self.spans(x), self.tags(x)


def save(model: Guard, path, **extra):
    """Writes weights and sizes."""
    torch.save({"config": asdict(model.config), "state": model.state_dict(), **extra}, path)


def load(path) -> Guard:
    """Reads what `save` wrote, in evaluation mode."""
    data = torch.load(path, weights_only=True)
    tags = data["state"].get("tags.bias")
    config = Config(**data["config"])
    model = Guard(config) if tags is None else Joint(config, len(tags))
    model.load_state_dict(data["state"])
    return model.eval()


def _weights(path) -> tuple[dict[str, np.ndarray], list]:
    """Initialisers by name, the int8 ones multiplied out, and the nodes in order."""
    graph = onnx.load(path).graph
    raw = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    full = {n: a for n, a in raw.items() if not n.endswith(("_q", "_scale"))}
    for name, array in raw.items():
        if name.endswith("_q"):
            full[name[:-2]] = array.astype(np.float32) * raw[name[:-2] + "_scale"]
    return full, list(graph.node)


def from_weight_only_onnx(path) -> Encoder:
    """Builds the encoder from the MiniLM file, whose matrices are int8 with a scale per column."""
    full, nodes = _weights(path)
    matrices = [n.input[1] for n in nodes if n.op_type == "MatMul" and n.input[1] in full]
    encoder = Encoder(Config())
    state = {"norm.weight": full["inner.embeddings.LayerNorm.weight"],
             "norm.bias": full["inner.embeddings.LayerNorm.bias"]}
    for ours, theirs in (("word", "word"), ("position", "position"), ("token_type", "token_type")):
        state[f"{ours}.weight"] = full[f"inner.embeddings.{theirs}_embeddings.weight"]
    for i in range(6):
        names = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
                 "intermediate.dense", "output.dense")
        for j, (ours, theirs) in enumerate(zip(("query", "key", "value", "attended", "inner", "outer"), names)):
            state[f"layers.{i}.{ours}.weight"] = full[matrices[6 * i + j]].T
            state[f"layers.{i}.{ours}.bias"] = full[f"inner.encoder.layer.{i}.{theirs}.bias"]
        for ours, theirs in (("attended_norm", "attention.output.LayerNorm"), ("outer_norm", "output.LayerNorm")):
            for part in ("weight", "bias"):
                state[f"layers.{i}.{ours}.{part}"] = full[f"inner.encoder.layer.{i}.{theirs}.{part}"]
    encoder.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    return encoder.eval()


def round_word_embedding(encoder: Encoder):
    """Rounds the word table to s8 with one scale; it is then frozen: the layers learn with an 8-bit table."""
    with torch.no_grad():
        w = encoder.word.weight
        scale = w.abs().max() / 127
        w.copy_(torch.round(w / scale) * scale)
    encoder.word.weight.requires_grad_(False)


def _divided(tensors: dict, produced: dict, name: str):
    """The vector by which the input of a quantised product is multiplied first, if it is."""
    quantiser = produced[name]
    before = produced.get(quantiser.input[0])
    if before is None or before.op_type != "Mul":
        return None
    vectors = [tensors[i] for i in before.input if i in tensors and tensors[i].ndim == 1]
    return vectors[0] if vectors else None


def from_shipped_onnx(path) -> Joint:
    """Builds the network back from a shipped int8 file: weights multiplied out, the factors of smoothing folded into them. It
    computes what the file does but for the rounding of activations."""
    graph = onnx.load(path).graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    produced = {o: n for n in graph.node for o in n.output}
    state = {n: a for n, a in tensors.items() if n.endswith((".bias", "norm.weight", "position.weight", "token_type.weight"))}
    for node in graph.node:
        stem = node.input[1].removesuffix("_quantized") if len(node.input) > 1 else ""
        # "/encoder/layers.0/query/MatMul_quant" -> "encoder.layers.0.query.weight"
        name = ".".join([*node.name.strip("/").split("/")[:-1], "weight"])
        if node.op_type == "MatMulInteger" and not node.name.startswith("/look/"):
            weight = tensors[node.input[1]].astype(np.float32) * tensors[stem + "_scale"]
            factor = _divided(tensors, produced, node.input[0])
            state[name] = (weight if factor is None else weight * factor[:, None]).T
        elif node.op_type == "MatMul" and stem in tensors:
            state[name] = tensors[stem].T
    words = "encoder.word.weight"
    state[words] = tensors[f"{words}_quantized"].astype(np.float32) * tensors[f"{words}_scale"]
    # The looks into the middle are no layers.
    state = {n: a for n, a in state.items() if not n.startswith(("answer.", "look."))}
    model = Joint(Config(), len(state["tags.bias"]))
    model.load_state_dict({n: torch.tensor(np.ascontiguousarray(a)) for n, a in state.items()})
    round_word_embedding(model.encoder)
    return model.eval()
