"""Scores texts with a model file as the engine does: canonical text, windows of features, the largest logit."""

from pathlib import Path

import numpy as np

import train
from canonical import canonical


class Scorer:
    """A model file, read."""

    def __init__(self, path):
        content = Path(path).read_bytes()
        _, self.log2_buckets, labels = np.frombuffer(content, "<u4", 3, 4)
        numbers = np.frombuffer(content, "<f4", 2 * labels, 16)
        self.scales, self.biases = numbers[:labels], numbers[labels:]
        table = np.frombuffer(content, np.int8, int(labels) << int(self.log2_buckets), 16 + 8 * int(labels))
        self.table = table.reshape(1 << int(self.log2_buckets), labels).astype(np.int32)

    def window(self, ids: list[int]) -> np.ndarray:
        """The logits of one window."""
        sums = self.table[ids].sum(axis=0).astype(np.float32)
        return self.biases + self.scales * (sums / np.sqrt(np.float32(max(1, len(ids)))))

    def logits(self, texts: list[str]) -> np.ndarray:
        """[texts, labels]: the largest logit over a text's windows."""
        out = []
        for text in texts:
            found = [self.window(w) for w in train.windows(canonical(text), int(self.log2_buckets))]
            out.append(np.max(found, axis=0) if found else self.biases)
        return np.array(out)
