"""Trains guard-tiny: one logistic regression a label over hashed n-grams, then signed bytes. Minutes on one core."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from scipy import optimize, sparse

import ngrams

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "guard_en"))
import batches  # noqa: E402
import data  # noqa: E402
import disguise  # noqa: E402
from encoder import LABELS  # noqa: E402

LOG2_BUCKETS = 17  # of the pack that ships
CONTENT, STRIDE = 1024, 512  # features of a window
PENALTY = 2e-6  # of the squared weights, for each example
TAUGHT_WEIGHT = 0.5  # of what the encoder says, beside what a data set says
TAUGHT_TEMPERATURE = 2.0
CLIP = 6.0  # weights beyond so many standard deviations are cut before they are rounded
SEED = 20261124


def windows(text: str, log2_buckets: int) -> list[list[int]]:
    """The features of each window of a text, as the engine lays windows out."""
    found = ngrams.features(text, log2_buckets)
    return [found[a:b] for a, b in batches.windows(len(found), CONTENT, STRIDE)]


def matrix(texts: list[list[int]], log2_buckets: int) -> sparse.csr_matrix:
    """[texts, buckets]: counts over the root of the number of features."""
    ends = np.cumsum([0, *map(len, texts)])
    columns = np.fromiter((i for t in texts for i in t), dtype=np.int32, count=ends[-1])
    values = np.repeat([1 / np.sqrt(max(1, len(t))) for t in texts], np.diff(ends)).astype(np.float32)
    m = sparse.csr_matrix((values, columns, ends), shape=(len(texts), 1 << log2_buckets))
    m.sum_duplicates()
    return m


def examples(rows: list[data.Row], log2_buckets: int) -> tuple[list, np.ndarray, np.ndarray]:
    """First windows of the rows, their labels [rows, labels] and weights (0 where a label is not known)."""
    features, target, weight = [], [], []
    for row in rows:
        found = windows(row.text, log2_buckets)
        times = batches.REPEATS.get(row.source, 1) * row.weight
        features.append(found[0] if found else [])
        target.append([row.labels.get(n, 0) for n in LABELS])
        weight.append([times * (n in row.labels) for n in LABELS])
    return features, np.array(target, dtype=np.float32), np.array(weight, dtype=np.float32)


def taught(rows: list[data.Row], path: Path, target: np.ndarray, weight: np.ndarray):
    """Fills in what rows do not know with what the encoder says of them, as shares."""
    found = np.load(path)
    place = {int(i): logits for i, logits in zip(found["places"], found["logits"])}
    for i, row in enumerate(rows):
        if i in place:
            unknown = [n not in row.labels for n in LABELS]
            target[i, unknown] = 1 / (1 + np.exp(-place[i][unknown] / TAUGHT_TEMPERATURE))
            weight[i, unknown] = TAUGHT_WEIGHT * row.weight * batches.REPEATS.get(row.source, 1)


def rarity(x: sparse.csr_matrix) -> np.ndarray:
    """For each bucket, the root of the logarithm of how many texts there are to one that has it."""
    seen = np.asarray((x > 0).sum(axis=0)).ravel()
    return np.sqrt(np.log((1 + x.shape[0]) / (1 + seen))).astype(np.float32)


def fit(x: sparse.csr_matrix, rarity: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of one label, whose answers may be shares; a bucket's penalty shrinks with its rarity."""
    balance = min(6.0, np.sqrt((w * (1 - y)).sum() / max(1.0, (w * y).sum())))
    w = w * (1 + (max(1.0, balance) - 1) * y)
    total = w.sum()

    def loss(theta):
        z = x @ (theta[:-1] * rarity) + theta[-1]
        value = (w * (np.logaddexp(0, z) - y * z)).sum() / total + PENALTY / 2 * (theta[:-1] ** 2).sum()
        slope = w * (1 / (1 + np.exp(-np.clip(z, -50, 50))) - y) / total
        gradient = np.append((x.T @ slope) * rarity + PENALTY * theta[:-1], slope.sum())
        return value, gradient

    found = optimize.minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 150})
    return found.x[:-1] * rarity, float(found.x[-1])


def rounded(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Signed bytes and their scale."""
    most = min(np.abs(weights).max(), CLIP * weights[weights != 0].std())
    scale = max(most, 1e-12) / 127
    return np.clip(np.round(weights / scale), -127, 127).astype(np.int8), float(scale)


def write(path: Path, log2_buckets: int, table: np.ndarray, scales: list[float], biases: list[float]):
    """The model file: see `tiny/src/model.rs`."""
    header = b"TLNG" + np.array([1, log2_buckets, len(scales)], dtype="<u4").tobytes()
    numbers = np.array([*scales, *biases], dtype="<f4").tobytes()
    path.write_bytes(header + numbers + np.ascontiguousarray(table, dtype=np.int8).tobytes() + bytes(16))


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True, type=Path)
    p.add_argument("--taught", type=Path, help="what teach.py wrote")
    p.add_argument("--log2-buckets", type=int, default=LOG2_BUCKETS)
    args = p.parse_args()
    log2_buckets, started = args.log2_buckets, time.time()
    rows = data.load(args.data)["train"]
    rows += [a for a, b in zip(disguise.rows(rows, SEED), rows) if a is not b]
    features, target, weight = examples(rows, log2_buckets)
    if args.taught:
        taught(rows, args.taught, target, weight)
    x = matrix(features, log2_buckets)
    rare = rarity(x)
    print("rows", len(features), "numbers", x.nnz, f"{time.time() - started:.0f} s", flush=True)
    table = np.zeros((1 << log2_buckets, len(LABELS)), dtype=np.int8)
    scales, biases = [], []
    for i, name in enumerate(LABELS):
        known = weight[:, i] > 0
        weights, bias = fit(x[known], rare, target[known, i], weight[known, i])
        table[:, i], scale = rounded(weights)
        scales.append(scale)
        biases.append(bias)
        print(name, int(target[known, i].sum()), int(known.sum()), f"{time.time() - started:.0f} s", flush=True)
    write(args.out, log2_buckets, table, scales, biases)


if __name__ == "__main__":
    main()
