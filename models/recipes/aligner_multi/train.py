"""Fits the cut encoder to the links of the whole one: words that the whole encoder links keep near each other, and sentences
near their translations."""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import container
import network
import pairs
import vocabulary

TEMPERATURE, SENTENCE_TEMPERATURE, SENTENCE_WEIGHT = 0.1, 0.05, 0.3


def words(text: str) -> list[str]:
    """Words at spaces; characters where a text has none to speak of."""
    found = text.split()
    return found if len(text) < 12 * len(found) else [c for c in text if not c.isspace()]


def teach(c, rows, tokenizer) -> list[tuple[list[str], list[str], set]]:
    """Word lists and the links that the whole encoder finds between them, by mutual arg-max of pieces."""
    encoder = network.start(c, vocabulary.choose(c, None, set()))
    taught = []
    order = sorted(range(len(rows)), key=lambda r: len(rows[r][1]))
    for at in range(0, len(order), 64):
        batch = [tuple(words(side) for side in rows[r][1:]) for r in order[at : at + 64]]
        sides = [[pairs.pieces(tokenizer, row[s]) for row in batch] for s in (0, 1)]
        states = []
        for side in sides:
            ids, mask = pairs.padded([ids for ids, _ in side])
            with torch.no_grad():
                states.append(torch.nn.functional.normalize(encoder(ids, mask, torch.zeros_like(ids)), dim=-1).numpy())
        for b, (source, target) in enumerate(batch):
            word_a, word_b = sides[0][b][1], sides[1][b][1]
            x, y = states[0][b, 1 : 1 + len(word_a)], states[1][b, 1 : 1 + len(word_b)]
            links = {(int(word_a[i]), int(word_b[j])) for i, j in np.argwhere(pairs.mutual(x @ y.T))}
            taught.append((source, target, links))
    return taught


def loss_of(encoder, tokenizer, batch):
    """Links of words, both ways, and translations within the batch, both ways."""
    sides = [[pairs.pieces(tokenizer, row[s]) for row in batch] for s in (0, 1)]
    states, pooled = [], []
    for side in sides:
        ids, mask = pairs.padded([ids for ids, _ in side])
        out = encoder(ids, mask, torch.zeros_like(ids)).float()
        weight = mask[:, :, None].float()
        pooled.append(torch.nn.functional.normalize((out * weight).sum(1) / weight.sum(1), dim=-1))
        states.append(torch.nn.functional.normalize(out, dim=-1))
    loss, terms = 0.0, 0
    for b, (_, _, links) in enumerate(batch):
        word_a, word_b = sides[0][b][1], sides[1][b][1]
        scores = states[0][b, 1 : 1 + len(word_a)] @ states[1][b, 1 : 1 + len(word_b)].T / TEMPERATURE
        table = np.zeros((word_a.max() + 1, word_b.max() + 1), dtype=bool)
        for i, j in links:
            table[i, j] = True
        target = torch.tensor(table[word_a][:, word_b])
        hidden = scores.masked_fill(~target, -1e4)
        for axis in (1, 0):
            has = target.any(axis)
            if has.any():
                loss = loss + (scores.logsumexp(axis) - hidden.logsumexp(axis))[has].mean()
                terms += 1
    near = pooled[0] @ pooled[1].T / SENTENCE_TEMPERATURE
    own = torch.arange(len(batch))
    sentences = torch.nn.functional.cross_entropy(near, own) + torch.nn.functional.cross_entropy(near.T, own)
    return loss / max(terms, 1) + SENTENCE_WEIGHT * sentences / 2


def states_of(encoder):
    """The content rows of one sentence's ids."""
    def run(ids):
        with torch.no_grad():
            x = torch.tensor([ids])
            return encoder(x, torch.ones_like(x), torch.zeros_like(x))[0, 1:-1].numpy()
    return run


def main():
    """Writes `tokenizer.json`, `start.pt` (cut, not trained) and `aligner.pt`."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--container", type=Path, required=True)
    p.add_argument("--data", type=Path, help="not needed for all pieces")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--pieces", type=int, default=64000, help="size of the vocabulary; 0: all of it, and no training")
    p.add_argument("--epochs", type=int, default=2)
    p.add_argument("--rate", type=float, default=3e-5)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    random.seed(7)
    torch.manual_seed(7)
    c = container.read(args.container)
    rows = pairs.tatoeba(args.data, "train") if args.pieces else []
    wanted = vocabulary.seen(c, [text for row in rows for text in row[1:]]) if args.pieces else set()
    ids = vocabulary.choose(c, args.pieces or None, wanted)
    vocabulary.write(c, ids, args.out / "tokenizer.json")
    encoder = network.start(c, ids)
    network.round_words(encoder)
    network.save(encoder, args.out / "start.pt")
    if not args.pieces:
        network.save(encoder, args.out / "aligner.pt")
        return
    whole = args.out / "whole-tokenizer.json"
    vocabulary.write(c, vocabulary.choose(c, None, set()), whole)
    begun = time.time()
    taught = teach(c, rows, Tokenizer.from_file(str(whole)))
    print(f"{len(taught)} pairs taught in {time.time() - begun:.0f} s", flush=True)
    tokenizer = Tokenizer.from_file(str(args.out / "tokenizer.json"))
    gold = pairs.gold(args.data)
    print("start", {k: round(pairs.aer(states_of(encoder), tokenizer, v), 4) for k, v in gold.items()}, flush=True)
    trained = [q for q in encoder.parameters() if q.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=args.rate, weight_decay=0.01)
    size = 32
    steps = args.epochs * (len(taught) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min(1, (s + 1) / 50) * max(0.05, 1 - s / steps))
    step = 0
    for _ in range(args.epochs):
        chunks = [taught[at : at + size] for at in range(0, len(taught) - size + 1, size)]
        random.shuffle(chunks)
        encoder.train()
        for batch in chunks:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of(encoder, tokenizer, batch)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            if step % 50 == 0:
                print(f"step {step}/{steps} loss {loss.item():.4f} {time.time() - begun:.0f} s", flush=True)
        encoder.eval()
        print("epoch", {k: round(pairs.aer(states_of(encoder), tokenizer, v), 4) for k, v in gold.items()}, flush=True)
        network.save(encoder, args.out / "aligner.pt")


if __name__ == "__main__":
    main()
