"""Averages checkpoints of one network: the weights that several hold, each with its share; heads that only some hold, among those."""

import argparse

import torch


def average(paths: list[str], shares: list[float]) -> dict:
    """The last checkpoint with averaged weights."""
    states = [torch.load(path, weights_only=True) for path in paths]
    out = states[-1]
    for name, value in out["state"].items():
        if value.is_floating_point():
            held = [(share, s["state"][name]) for share, s in zip(shares, states) if name in s["state"] and share > 0]
            out["state"][name] = sum(share * v for share, v in held) / sum(share for share, _ in held)
    return out


def main():
    """Command line: PATH=SHARE for each checkpoint; the last one must hold every head."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out")
    p.add_argument("checkpoints", nargs="+", metavar="PATH=SHARE")
    args = p.parse_args()
    paths, shares = zip(*(c.rsplit("=", 1) for c in args.checkpoints))
    torch.save(average(list(paths), [float(s) for s in shares]), args.out)


if __name__ == "__main__":
    main()
