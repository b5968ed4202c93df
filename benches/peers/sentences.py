"""Time and memory of Vecalign's search by the C library, at 1,000 to 100,000 sentences a side of made-up vectors; one thread.

    python sentences.py LIBTRUELINE_SO [--dim 128]

Each size is a process of its own. The vectors of a pair are the same but for noise; some sentences are left out, and some of the
other side are two in one. What is printed as memory is the process's peak less what it held with the vectors made, so copies
that the library makes are counted and the caller's own vectors are not.
"""

import argparse
import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIZES = (1000, 10_000, 100_000)
LAYERS = 3


class Bead(ctypes.Structure):
    """tl_bead."""

    _fields_ = [("source_start", ctypes.c_size_t), ("source_end", ctypes.c_size_t), ("target_start", ctypes.c_size_t),
                ("target_end", ctypes.c_size_t), ("score", ctypes.c_float)]


def layers(single):
    """Vectors of runs of one to three sentences that end at each: sums, of length 1."""
    out = np.zeros((LAYERS, *single.shape), np.float32)
    for k in range(LAYERS):
        for back in range(k + 1):
            out[k, k:] += single[k - back:len(single) - back]
        out[k] /= np.maximum(np.linalg.norm(out[k], axis=1, keepdims=True), 1e-9)
    return out


def status(field):
    """A line of /proc/self/status, in MB."""
    return next(int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if field in line)


def one(library, n, dim):
    """Aligns once and prints a row."""
    lib = ctypes.CDLL(library)
    lib.tl_alignment_beads.restype = ctypes.POINTER(Bead)
    rng = np.random.default_rng(n)
    source = rng.standard_normal((n, dim), np.float32)
    target, pairs, i = [], [], 0
    while i < n:
        kind = rng.random()
        if kind < 0.05:  # left out
            i += 1
        elif kind < 0.15 and i + 1 < n:  # two in one
            pairs.append((i, i + 2, len(target)))
            target.append(source[i] + source[i + 1])
            i += 2
        else:
            pairs.append((i, i + 1, len(target)))
            target.append(source[i])
            i += 1
    target = np.stack(target) + 0.5 * rng.standard_normal((len(target), dim), np.float32)
    a, b = layers(source), layers(target)
    m = len(target)
    del source, target
    handle = ctypes.c_void_p()
    assert lib.tl_alignment_create(ctypes.byref(handle)) == 0
    Path("/proc/self/clear_refs").write_text("5")
    before, start = status("VmRSS"), time.perf_counter()
    code = lib.tl_align_sentence_vectors(None, a.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(n),
                                         b.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(m), ctypes.c_size_t(LAYERS),
                                         ctypes.c_size_t(dim), None, None, handle)
    seconds = time.perf_counter() - start
    assert code == 0
    peak = status("VmHWM") - before
    count = ctypes.c_size_t()
    beads = lib.tl_alignment_beads(handle, ctypes.byref(count))
    found = {(beads[k].source_start, beads[k].source_end, beads[k].target_start) for k in range(count.value)}
    right = sum(p in found for p in pairs) / len(pairs)
    vectors = (a.nbytes + b.nbytes) / 2**20
    print(f"| {n} x {m} | {seconds:.3f} | {seconds / n * 1e6:.1f} | {peak:.0f} | {vectors:.0f} | {100 * right:.1f} % |", flush=True)


def main():
    """Prints a table."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("library")
    p.add_argument("--dim", type=int, default=128)
    p.add_argument("--one", type=int)
    args = p.parse_args()
    if args.one:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
        one(args.library, args.one, args.dim)
        return
    print("| sentences | seconds | µs a sentence | memory, MB | vectors given, MB | beads found |\n| --- | --- | --- | --- | --- | --- |",
          flush=True)
    for n in SIZES:
        words = [sys.executable, __file__, args.library, "--dim", str(args.dim), "--one", str(n)]
        subprocess.run(words, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


if __name__ == "__main__":
    main()
