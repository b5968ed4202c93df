"""Prepares a trained guard for dynamic int8: moves outlying channels of activations into the weights, then rounds the weights.

A channel whose usual peak is far above the others' makes the one scale of a whole tensor coarse. Such a channel is divided
before it is quantised, and its row of the weights multiplied: the same network in f32. The rounding passes the error of each
input channel on to those that follow (as GPTQ does), since enlarged rows make the scales of the weights coarser.
"""

import copy
import random

import torch

import data
from batches import WINDOW, content_ids
from canonical import canonical
from encoder import Guard, Layer

TEXTS = 600
SEED = 11
PEAK = 0.95  # a channel's usual peak: this quantile, over texts, of its largest size in a text
ROOM = 1.5  # peaks up to this many times the median peak stay as they are
DAMPING = 0.01  # share of the mean second moment that is added to each


def kinds(layer: Layer) -> dict[str, list[torch.nn.Linear]]:
    """The linear layers by the input that they share."""
    return {"qkv": [layer.query, layer.key, layer.value], "attended": [layer.attended], "inner": [layer.inner],
            "outer": [layer.outer]}


def calibration_ids(root, tokenizer) -> list[list[int]]:
    """First windows of `TEXTS` training texts, as token ids."""
    rows = random.Random(SEED).sample(data.load(root)["train"], TEXTS)
    cls, sep = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
    found = content_ids(tokenizer, [canonical(r.text) for r in rows])
    return [[cls, *ids[:WINDOW], sep] for ids in found if ids]


@torch.no_grad()
def observe(model: Guard, texts: list[list[int]]) -> dict:
    """By layer and kind: the peaks [texts, channels] and the sum of second moments [channels, channels] of the input."""
    found, handles = {}, []

    def watch(key):
        def hook(_, inputs):
            x = inputs[0][0]
            peaks, moments = found.setdefault(key, ([], torch.zeros(x.shape[1], x.shape[1])))
            peaks.append(x.abs().amax(dim=0))
            moments.add_(x.T @ x)
        return hook

    for i, layer in enumerate(model.encoder.layers):
        for kind, linears in kinds(layer).items():
            handles.append(linears[0].register_forward_pre_hook(watch((i, kind))))
    for ids in texts:
        row = torch.tensor([ids])
        model(row, torch.ones_like(row), torch.zeros_like(row))
    for handle in handles:
        handle.remove()
    return {key: (torch.stack(peaks), moments) for key, (peaks, moments) in found.items()}


def divisors(peaks: torch.Tensor) -> torch.Tensor:
    """What each channel is divided by: 1, or more where it stands out."""
    usual = peaks.quantile(PEAK, dim=0)
    return (usual / (ROOM * usual.median())).clamp(min=1)


def rounded(weight: torch.Tensor, moments: torch.Tensor) -> torch.Tensor:
    """A weight [out, in] on the s8 grid of its rows, so that the outputs for inputs with these moments change little. The
    largest value of a row stays as it is, so that the export finds the same scale."""
    scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12)
    largest = weight.abs().argmax(dim=1)
    damped = moments.double() + torch.eye(len(moments), dtype=torch.float64) * (DAMPING * moments.diagonal().mean() + 1e-9)
    order = torch.argsort(moments.diagonal(), descending=True, stable=True)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped[order][:, order]))
    factor = torch.linalg.cholesky(inverse, upper=True).float()
    left, out = weight[:, order].clone(), torch.empty_like(weight)
    for j, channel in enumerate(order):
        value = torch.round(left[:, j] / scale).clamp(-127, 127)
        value = torch.where(largest == channel, 127 * weight[:, channel].sign(), value)
        out[:, channel] = value * scale
        error = (left[:, j] - out[:, channel]) / factor[j, j]
        left[:, j:] -= error[:, None] * factor[j, j:][None, :]
    return out


@torch.no_grad()
def smooth(model: Guard, texts: list[list[int]], rounding: bool = True) -> Guard:
    """A copy of the model with smoothed inputs and, with `rounding`, weights on the s8 grid."""
    seen, out = observe(model, texts), copy.deepcopy(model)
    for i, layer in enumerate(out.encoder.layers):
        for kind, linears in kinds(layer).items():
            peaks, _ = seen[i, kind]
            by = divisors(peaks)
            for linear in linears:
                linear.weight.mul_(by)
            if kind == "attended":  # its input is a mean of values: divide those
                layer.value.weight.div_(by[:, None])
                layer.value.bias.div_(by)
            else:
                layer.shrink[kind] = 1 / by
    for i, layer in enumerate(out.encoder.layers if rounding else []):
        for kind, linears in kinds(layer).items():
            peaks, moments = seen[i, kind]
            by = divisors(peaks)
            for linear in linears:
                linear.weight.copy_(rounded(linear.weight, moments / by[:, None] / by[None, :]))
    return out
