"""Trains the guard on the data folder. Resumes from its checkpoint; seeds are fixed."""

import argparse
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

import batches as b
import data
from encoder import Config, Guard, from_weight_only_onnx, round_word_embedding, save

SEED = 20261123


def positive_weights(all_examples: list[tuple]) -> torch.Tensor:
    """Square root of the imbalance of each label, between 1 and 6."""
    target = torch.tensor([e[1] for e in all_examples])
    known = torch.tensor([e[2] for e in all_examples]) > 0
    positive, negative = (target * known).sum(0), ((1 - target) * known).sum(0)
    return (negative / positive.clamp(min=1)).sqrt().clamp(1, 6)


def loss_of(model, batch, pos_weight) -> torch.Tensor:
    """Weighted BCE over the labels that each row knows, per row."""
    ids, mask, target, weight = b.tensors(batch)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids, mask, torch.zeros_like(ids))
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.float(), target, weight=weight, pos_weight=pos_weight, reduction="none")
    return each.sum() / len(batch)


@torch.no_grad()
def dev_loss(model, dev: list[tuple], pos_weight) -> float:
    """The loss on the dev rows."""
    model.eval()
    parts = [(loss_of(model, batch, pos_weight).item(), len(batch)) for batch in b.batches(dev, 4096, 0)]
    model.train()
    return sum(loss * n for loss, n in parts) / sum(n for _, n in parts)


def optimiser_of(model, rate: float) -> torch.optim.AdamW:
    """AdamW; a higher rate for the new head, no decay for vectors."""
    groups = {}
    for name, p in model.named_parameters():
        if p.requires_grad:
            groups.setdefault((name.startswith("head"), p.ndim > 1), []).append(p)
    return torch.optim.AdamW([
        {"params": ps, "lr": rate * (10 if head else 1), "weight_decay": 0.01 if matrix else 0.0}
        for (head, matrix), ps in groups.items()])


def rate_factor(step: int, full: int, total: int, cool_down: int) -> float:
    """Share of the rate at `step`: a warm-up over 5 % of the full plan, a linear fall over the plan, and a linear
    cool-down over the last steps when the run stops before the plan's end."""
    factor = min((step + 1) / (0.05 * full), max(0.02, 1 - step / full))
    return factor * min(1.0, max(0.02, (total - step) / cool_down)) if total < full else factor


def train(args):
    """Runs or resumes the training and writes `checkpoint.pt`, then `guard.pt`."""
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    splits = data.load(args.data)
    train_rows = b.examples(tokenizer, splits["train"])
    dev = b.examples(tokenizer, splits["dev"])[::8]
    pos_weight = positive_weights(train_rows)
    plan = [batch for e in range(args.epochs) for batch in b.batches(b.epoch(train_rows, SEED + e), args.tokens, SEED + e)]
    model = Guard(Config())
    model.encoder = from_weight_only_onnx(args.encoder)
    round_word_embedding(model.encoder)
    optimiser = optimiser_of(model, args.rate)
    full, total = len(plan), min(args.steps or len(plan), len(plan))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: rate_factor(s, full, total, args.cool_down))
    step, checkpoint = 0, out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["state"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        step = state["step"]
    print("steps", total, "from", step, "rows an epoch", sum(map(len, plan)) // args.epochs, flush=True)
    model.train()
    started, running = time.time(), 0.0
    while step < total:
        model.simulate_int8(step >= full * args.simulate_from)
        loss = loss_of(model, plan[step], pos_weight)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        step += 1
        running = loss.item() if running == 0 else 0.98 * running + 0.02 * loss.item()
        if step % 50 == 0:
            print(step, f"loss {running:.4f} {time.time() - started:.0f} s", flush=True)
        if step % args.save_every == 0:
            print(step, f"dev loss {dev_loss(model, dev, pos_weight):.4f}", flush=True)
            temporary = out / "checkpoint.tmp"
            save(model, temporary, optimiser=optimiser.state_dict(), schedule=schedule.state_dict(), step=step)
            temporary.rename(checkpoint)
    print("dev loss", round(dev_loss(model, dev, pos_weight), 4), flush=True)
    save(model, out / "guard.pt")


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="the folder with the data sets")
    p.add_argument("--encoder", required=True, help="MiniLM, weight-only int8 ONNX")
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--epochs", type=int, default=2)
    p.add_argument("--steps", type=int, help="stop after so many steps of the epochs' plan")
    p.add_argument("--cool-down", type=int, default=200, help="steps of linear cool-down when --steps stops the run")
    p.add_argument("--tokens", type=int, default=1536, help="padded tokens a batch")
    p.add_argument("--rate", type=float, default=5e-5)
    p.add_argument("--simulate-from", type=float, default=0.5, help="share of the plan before int8 is simulated")
    p.add_argument("--save-every", type=int, default=300)
    p.add_argument("--threads", type=int, default=2)
    train(p.parse_args())


if __name__ == "__main__":
    main()
