"""Second stage: the guard, an inspector of answers, marks of toxic words and tags of edits learn on one encoder.

Starts from what `train.py` wrote. Resumes from its checkpoint; seeds are fixed.
"""

import argparse
import random
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

import batches as b
import data
import disguise
import edits
import pairs
from encoder import Joint, from_shipped_onnx, load, save
from train import positive_weights, rate_factor

SEED = 20261124
BATCH = {"tags": 40, "spans": 16, "preferences": 10, "sides": 20}
CYCLE = ["guard", "guard", "tags", "guard", "preferences", "guard", "sides", "guard", "guard", "tags", "guard", "spans", "guard",
         "preferences"]
LENGTHS = ("tags", "spans")
bce = torch.nn.functional.binary_cross_entropy_with_logits


def padded(rows: list[list], fill, dtype) -> torch.Tensor:
    """Rows of unlike lengths as one tensor; its width is a multiple of 8."""
    width = -(-max(map(len, rows)) // 8) * 8
    return torch.tensor([[*r, *[fill] * (width - len(r))] for r in rows], dtype=dtype)


def guard_loss(model, batch, pos_weight):
    """Weighted BCE over the labels that each row knows."""
    ids, mask, target, weight = b.tensors(batch)
    pooled, _ = model.states(ids, mask, torch.zeros_like(ids))
    each = bce(model.head(pooled).float(), target, weight=weight, pos_weight=pos_weight, reduction="none")
    return each.sum() / len(batch)


def token_loss(model, batch, kind):
    """Cross-entropy of tags, or BCE of marks, over the tokens that count."""
    ids = padded([e[0] for e in batch], 0, torch.int64)
    weight = padded([e[2] for e in batch], 0.0, torch.float32)
    mask = padded([[1] * len(e[0]) for e in batch], 0, torch.int64)
    _, states = model.states(ids, mask, torch.zeros_like(ids))
    if kind == "tags":
        target = padded([e[1] for e in batch], 0, torch.int64)
        each = torch.nn.functional.cross_entropy(model.tags(states).float().flatten(0, 1), target.flatten(), reduction="none")
        each = each.view_as(weight)
    else:
        target = padded([e[1] for e in batch], 0.0, torch.float32)
        each = bce(model.spans(states).float()[..., 0], target, reduction="none", pos_weight=torch.tensor(2.0))
    return (each * weight).sum() / weight.sum()


def inspector_scores(model, batch):
    """The inspector's logit of each (ids, types)."""
    ids = padded([e[0] for e in batch], 0, torch.int64)
    types = padded([e[1] for e in batch], 0, torch.int64)
    mask = padded([[1] * len(e[0]) for e in batch], 0, torch.int64)
    pooled, _ = model.states(ids, mask, types)
    return model.aligned(pooled).float()[:, 0]


def pair_loss(model, batch):
    """The better answer above the worse one, and each on its side of even."""
    scores = inspector_scores(model, [e for pair in batch for e in pair]).view(-1, 2)
    absolute = bce(scores, torch.tensor([1.0, 0.0]).expand_as(scores))
    return absolute - torch.nn.functional.logsigmoid(scores[:, 0] - scores[:, 1]).mean()


def stream(rows: list, size: int, seed: int, by_length: bool):
    """Batches without end, reshuffled each time round."""
    pick = random.Random(seed)
    while True:
        pick.shuffle(rows)
        for start in range(0, len(rows) - size * 8 + 1, size * 8):
            block = rows[start : start + size * 8]
            if by_length:
                block = sorted(block, key=lambda e: len(e[0]))
            out = [block[i : i + size] for i in range(0, len(block), size)]
            pick.shuffle(out)
            yield from out


def guard_stream(tokenizer, rows, tokens: int):
    """Batches of the guard's rows, epoch after epoch, a part of them disguised or among plain sentences."""
    seed = SEED
    while True:
        changed = disguise.rows(rows, seed)
        yield from b.batches(b.epoch(b.examples(tokenizer, changed), seed), tokens, seed)
        seed += 1


def begun(path: str, tags: int) -> Joint:
    """What the training starts from: a first stage's guard, a joint checkpoint, or a shipped file."""
    start = from_shipped_onnx(path) if path.endswith(".onnx") else load(path)
    if isinstance(start, Joint):
        if len(start.tags.bias) != tags:
            raise SystemExit(f"{path} has {len(start.tags.bias)} tags; the data make {tags}")
        return start
    return Joint.from_guard(start, tags)


def train(args):
    """Runs or resumes the training and writes `checkpoint.pt`, then `joint.pt` and `phrases.json`."""
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    rows = data.load(args.data)["train"]
    phrases = edits.replacements(args.data, edits.insults(args.data))
    edits.save_phrases(phrases, out / "phrases.json")
    pos_weight = positive_weights(b.examples(tokenizer, rows))
    model = begun(args.start, edits.FIRST_REPLACEMENT + len(phrases))
    sources = {"guard": guard_stream(tokenizer, rows, args.tokens)}
    made = {"tags": edits.examples(args.data, tokenizer, "train", phrases), "spans": edits.spans(args.data, tokenizer, "train"),
            "preferences": pairs.preferences(args.data, tokenizer, ("train",)), "sides": pairs.sides(args.data, tokenizer, "train")}
    for kind, members in made.items():
        print(kind, len(members), flush=True)
        sources[kind] = stream(members, BATCH[kind], SEED, kind in LENGTHS)
    groups = [{"params": [p for n, p in model.named_parameters() if p.requires_grad and n.startswith("encoder") == trunk],
               "lr": args.rate * (1 if trunk else 10), "weight_decay": 0.01} for trunk in (True, False)]
    optimiser = torch.optim.AdamW(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: rate_factor(s, args.steps, args.steps, 1))
    step, checkpoint = 0, out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["state"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        step = state["step"]
    model.train()
    started, running = time.time(), {}
    while step < args.steps:
        model.simulate_int8(step >= args.steps * args.simulate_from)
        kind = CYCLE[step % len(CYCLE)]
        batch = next(sources[kind])
        with torch.autocast("cpu", torch.bfloat16):
            loss = (guard_loss(model, batch, pos_weight) if kind == "guard" else
                    token_loss(model, batch, kind) if kind in LENGTHS else pair_loss(model, batch))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        step += 1
        running[kind] = loss.item() if kind not in running else 0.95 * running[kind] + 0.05 * loss.item()
        if step % 50 == 0:
            shown = " ".join(f"{k} {v:.3f}" for k, v in running.items())
            print(step, shown, f"{time.time() - started:.0f} s", flush=True)
        if step % args.save_every == 0 or step == args.steps:
            temporary = out / "checkpoint.tmp"
            save(model, temporary, optimiser=optimiser.state_dict(), schedule=schedule.state_dict(), step=step)
            temporary.rename(checkpoint)
    save(model, out / "joint.pt")


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="the folder with the data sets")
    p.add_argument("--start", required=True, help="guard.pt of the first stage, joint.pt of an earlier second one, or a shipped model.onnx")
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--steps", type=int, default=1800)
    p.add_argument("--tokens", type=int, default=1536, help="padded tokens a batch of the guard")
    p.add_argument("--rate", type=float, default=4e-5)
    p.add_argument("--simulate-from", type=float, default=0.6, help="share of the steps before int8 is simulated")
    p.add_argument("--save-every", type=int, default=200)
    p.add_argument("--threads", type=int, default=2)
    train(p.parse_args())


if __name__ == "__main__":
    main()
