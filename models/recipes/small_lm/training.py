"""What both trainings share: batches of like lengths, a schedule, and a loop that resumes."""

import math
import random
import time
from pathlib import Path

import torch

import network

IGNORED = -100
CLIP = 1.0
EVERY = 100  # steps between checkpoints


def padded(rows: list[list[int]], fill: int) -> torch.Tensor:
    """Rows of unlike lengths as one tensor."""
    width = max(map(len, rows))
    return torch.tensor([[*r, *[fill] * (width - len(r))] for r in rows])


def batches(lengths: list[int], tokens: int, seed: int):
    """Lists of places without end: rows of like lengths, about `tokens` in each, in another order each time round."""
    pick = random.Random(seed)
    while True:
        order = sorted(range(len(lengths)), key=lambda i: (lengths[i], pick.random()))
        groups, now = [], []
        for i in order:
            if now and (len(now) + 1) * lengths[i] > tokens:
                groups.append(now)
                now = []
            now.append(i)
        groups.append(now)
        pick.shuffle(groups)
        yield from groups


def run(model, loss_of, lengths, args, evaluate):
    """Trains for `args.steps`; writes `checkpoint.pt` as it goes and `model.pt`, the mean of the weights' late course."""
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    mean, start = {k: v.clone() for k, v in model.state_dict().items()}, 0
    if (out / "checkpoint.pt").exists():
        found = torch.load(out / "checkpoint.pt", weights_only=False)
        model.load_state_dict(found["state"])
        optimiser.load_state_dict(found["optimiser"])
        mean, start = found["mean"], found["step"]
    stream, began, seen = batches(lengths, args.tokens, args.seed), time.time(), []
    for _ in range(start):
        next(stream)
    for step in range(start, args.steps):
        share = min(1.0, (step + 1) / args.warm)
        rate = args.rate * share * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        model.train()
        loss = loss_of(model, next(stream), step)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        seen.append(loss.item())
        keep = min(0.998, (step + 1) / (step + 10))
        for name, value in model.state_dict().items():
            mean[name].mul_(keep).add_(value, alpha=1 - keep)
        if (step + 1) % EVERY == 0 or step + 1 == args.steps:
            each = (time.time() - began) / (step + 1 - start)
            print(f"{step + 1} loss {sum(seen) / len(seen):.3f} rate {rate:.1e} {each:.2f} s a step", flush=True)
            seen = []
            found = {"state": model.state_dict(), "optimiser": optimiser.state_dict(), "mean": mean, "step": step + 1}
            torch.save(found, out / "checkpoint.new")
            (out / "checkpoint.new").replace(out / "checkpoint.pt")
        if (step + 1) % args.look == 0 or step + 1 == args.steps:
            other = network.Network(model.config)
            other.load_state_dict(mean)
            print(f"{step + 1} dev {evaluate(other.eval())}", flush=True)
    other = network.Network(model.config)
    other.load_state_dict(mean)
    network.save(other, out / "model.pt")


def arguments(p, steps: int, tokens: int, rate: float):
    """The options of a training."""
    p.add_argument("out")
    p.add_argument("--data", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--steps", type=int, default=steps)
    p.add_argument("--tokens", type=int, default=tokens)
    p.add_argument("--rate", type=float, default=rate)
    p.add_argument("--warm", type=int, default=300)
    p.add_argument("--look", type=int, default=500)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--threads", type=int, default=2)
