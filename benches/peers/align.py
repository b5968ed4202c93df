"""Links from vectors and matrices, matching and transport: ours through the C library beside SimAlign's own functions, scipy and
POT, one thread, one run.

    python align.py LIBTRUELINE_SO [--out FILE.md] [--only matching]

Needs POT, scipy, scikit-learn, networkx and the package simalign 0.4 (without its dependencies: torch and transformers are only imported
by the part that loads models, which is not used here). Prints the least of interleaved rounds.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import ctypes
import sys
import time
import types
from pathlib import Path

import numpy as np
import ot
import scipy
from scipy.optimize import linear_sum_assignment

METHODS = {"inter": 0, "itermax": 1, "mwmf": 2, "fwd": 3, "rev": 4}


class Options(ctypes.Structure):
    """tl_align_options."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("method", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("timeout_ms", ctypes.c_uint32), ("distortion", ctypes.c_float), ("largest_bead", ctypes.c_uint32),
                ("cancel", ctypes.c_void_p)]


class TransportOptions(ctypes.Structure):
    """tl_transport_options."""

    _fields_ = [("struct_size", ctypes.c_uint32), ("method", ctypes.c_uint32), ("rounds", ctypes.c_uint32),
                ("flags", ctypes.c_uint32), ("epsilon", ctypes.c_double), ("tau", ctypes.c_double),
                ("mass", ctypes.c_double), ("change", ctypes.c_double)]


TRANSPORT = {"unbalanced": 0, "balanced": 1, "partial": 2, "exact": 3}


class Link(ctypes.Structure):
    """tl_link."""

    _fields_ = [("source", ctypes.c_size_t), ("target", ctypes.c_size_t), ("score", ctypes.c_float)]


def simalign():
    """SimAlign's class, without the model libraries that it imports beside."""
    import scipy.stats  # noqa: F401  (looks for a real torch)
    import sklearn.metrics.pairwise  # noqa: F401
    names = ("BertModel BertTokenizer XLMModel XLMTokenizer RobertaModel RobertaTokenizer XLMRobertaModel XLMRobertaTokenizer "
             "AutoConfig AutoModel AutoTokenizer")
    for module, members in (("transformers", names.split()), ("torch", [])):
        if module not in sys.modules:
            fake = types.ModuleType(module)
            for member in members:
                setattr(fake, member, object)
            fake.device, fake.Tensor = (lambda name: name), type("Tensor", (), {})
            sys.modules[module] = fake
    from simalign.simalign import SentenceAligner
    return SentenceAligner


class Ours:
    """The C library."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(str(path))
        self.handle = ctypes.c_void_p()
        assert self.lib.tl_alignment_create(ctypes.byref(self.handle)) == 0
        self.lib.tl_alignment_links.restype = ctypes.POINTER(Link)

    def links(self):
        count = ctypes.c_size_t()
        found = self.lib.tl_alignment_links(self.handle, ctypes.byref(count))
        return [(found[i].source, found[i].target) for i in range(count.value)]

    def options(self, method):
        return Options(ctypes.sizeof(Options), METHODS[method], 0, 0, 0.0, 0, None)

    def matrix(self, method, s):
        """A call with its arguments made ready, as a caller in C has them."""
        arguments = (ctypes.byref(self.options(method)), s.ctypes.data_as(ctypes.c_void_p), *map(ctypes.c_size_t, s.shape),
                     self.handle)
        function = self.lib.tl_align_matrix
        assert function(*arguments) == 0
        return lambda: function(*arguments)

    def transport(self, method, cost, masses, epsilon, tau, mass, change):
        n, m = cost.shape
        plan = np.empty((n, m))
        options = TransportOptions(ctypes.sizeof(TransportOptions), TRANSPORT[method], 0, 0, epsilon, tau, mass, change)
        at = [v.ctypes.data_as(ctypes.c_void_p) for v in (cost, *masses, plan)]
        status = self.lib.tl_transport_plan(ctypes.byref(options), at[0], ctypes.c_size_t(n), ctypes.c_size_t(m), at[1], at[2],
                                            at[3], None)
        assert status == 0
        return plan

    def vectors(self, method, x, y):
        """As `matrix`."""
        side = lambda v: (v.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(v)))
        arguments = (ctypes.byref(self.options(method)), *side(x), *side(y), ctypes.c_size_t(x.shape[1]), self.handle)
        function = self.lib.tl_align_vectors
        assert function(*arguments) == 0
        return lambda: function(*arguments)


def theirs(aligner, method, x, y):
    """SimAlign's own steps from vectors to links, as `get_word_aligns` calls them; those a method does not need are left out."""
    s = aligner.get_similarity(x, y)
    s = aligner.apply_distortion(s, 0.0)
    if method == "mwmf":
        return aligner.get_max_weight_match(s)
    forward, reverse = aligner.get_alignment_matrix(s)
    if method == "fwd":
        return forward
    if method == "rev":
        return reverse
    return aligner.iter_max(s) if method == "itermax" else forward * reverse


def transport(ours, rng, rounds):
    """Plans beside POT's: same problem, POT's default tolerance, ours at one that leaves no larger error."""
    epsilon, tau = 0.1, 0.5
    for n, m in ((10, 12), (40, 60), (200, 200), (1000, 1000)):
        cost = rng.random((n, m))
        ones, shares = (np.ones(n), np.ones(m)), (np.full(n, 1 / n), np.full(m, 1 / m))
        half = 0.5 * min(n, m)
        cases = {
            "balanced": (lambda: ours.transport("balanced", cost, shares, epsilon, tau, 0.0, 1e-9),
                         lambda: ot.sinkhorn(*shares, cost, epsilon, numItermax=10000, stopThr=1e-9, warn=False)),
            "unbalanced": (lambda: ours.transport("unbalanced", cost, ones, epsilon, tau, 0.0, 1e-9),
                           lambda: ot.unbalanced.sinkhorn_unbalanced(*ones, cost, epsilon, tau, reg_type="entropy",
                                                                     numItermax=10000, stopThr=1e-9)),
            "partial": (lambda: ours.transport("partial", cost, ones, epsilon, tau, half, 1e-9),
                        lambda: ot.partial.entropic_partial_wasserstein(*ones, cost, epsilon, m=half, numItermax=10000,
                                                                        stopThr=1e-9)),
            "exact": (lambda: ours.transport("exact", cost, shares, 0.0, 0.0, 0.0, 0.0),
                      lambda: ot.emd(*shares, cost, numItermax=10_000_000)),
        }
        for name, (own, peer) in cases.items():
            if (name in ("exact", "partial")) and n > 200:
                continue
            a, b = own(), peer()
            if name == "exact":
                assert abs((a * cost).sum() - (b * cost).sum()) < 1e-9
                apart = abs((a * cost).sum() - (b * cost).sum())
            else:
                apart = np.abs(a - b).max() / b.max()
                assert apart < 1e-5, (name, n, apart)
            seconds = timed([own, peer], rounds)
            yield f"| {name} transport, POT (plans differ by {apart:.0e}) | {n} x {m} | {seconds[0] * 1e6:.1f} | " \
                  f"{seconds[1] * 1e6:.1f} | {seconds[1] / seconds[0]:.1f} |"


def timed(jobs, rounds):
    """Least seconds of each job, interleaved: what other work on the machine adds is left out, for all alike."""
    repeats = []
    for job in jobs:
        start = time.perf_counter()
        job()
        repeats.append(max(1, int(0.01 / max(time.perf_counter() - start, 1e-7))))
    least = [float("inf") for _ in jobs]
    for _ in range(rounds):
        for at, (job, n) in enumerate(zip(jobs, repeats)):
            for _ in range(n):
                start = time.perf_counter()
                job()
                least[at] = min(least[at], time.perf_counter() - start)
    return least


def main():
    """Prints a table, and writes it."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("library", type=Path)
    p.add_argument("--rounds", type=int, default=25)
    p.add_argument("--out", type=Path)
    p.add_argument("--only", choices=("vectors", "matching", "transport"))
    args = p.parse_args()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    ours, aligner = Ours(args.library), simalign()
    cpu = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    rng = np.random.default_rng(7)
    rows = [f"{cpu}, one core; least of {args.rounds} interleaved rounds; scipy {scipy.__version__}, "
            f"POT {ot.__version__}, simalign 0.4.", "",
            "| case | size | ours, µs | peer, µs | peer / ours |", "| --- | --- | --- | --- | --- |"]
    for n, m in ((10, 12), (40, 60)) if args.only in (None, "vectors") else ():
        x, y = (rng.standard_normal((k, 768)).astype(np.float32) for k in (n, m))
        y[:n] += x[:m]
        for method in METHODS:
            # The same links, or for a matching as many.
            call = ours.vectors(method, x, y)
            got, want = ours.links(), {tuple(p) for p in np.argwhere(theirs(aligner, method, x, y) > 0)}
            assert len(got) == len(want) and (method == "mwmf" or set(got) == want), (method, len(got), len(want))
            a, b = timed([call, lambda: theirs(aligner, method, x, y)], args.rounds)
            rows.append(f"| {method} from vectors, SimAlign | {n} x {m} x 768 | {a * 1e6:.1f} | {b * 1e6:.1f} | {b / a:.1f} |")
    for n, m in ((40, 60), (200, 200), (1000, 1000)) if args.only in (None, "matching") else ():
        s = rng.random((n, m))
        call = ours.matrix("mwmf", s)
        got, (i, j) = ours.links(), linear_sum_assignment(s, maximize=True)
        assert abs(sum(s[p] for p in got) - s[i, j].sum()) < 1e-9 * n
        a, b = timed([call, lambda: linear_sum_assignment(s, maximize=True)], args.rounds)
        rows.append(f"| matching of a matrix, scipy | {n} x {m} | {a * 1e6:.1f} | {b * 1e6:.1f} | {b / a:.1f} |")
    if args.only in (None, "transport"):
        rows.extend(transport(ours, rng, args.rounds))
    text = "\n".join(rows) + "\n"
    print(text, end="")
    if args.out:
        args.out.write_text("# Aligners beside their peers\n\n" + text)


if __name__ == "__main__":
    main()
