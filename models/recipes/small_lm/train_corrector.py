"""Trains the small encoder-decoder that rewrites: from pairs that people wrote, from what the edit tagger made of comments, from
insults put into harmless texts, and from harmless texts that stay as they are."""

import argparse
import json
import random

import torch
from tokenizers import Tokenizer

import corpus
import network
import training

LONGEST = 96
START = 2  # the tone that a rewrite is in
COPIES, NOISED = 12000, 12000
MOST_NOISE = 3


def insults(pairs) -> list[str]:
    """Runs of words that stand in toxic sentences and in none of their rewrites."""
    found = []
    for toxic, rewrites in pairs:
        kept = {w.strip(".,!?") for r in rewrites for w in r.lower().split()}
        run = []
        for word in [*toxic.lower().split(), ""]:
            if word and word.strip(".,!?") not in kept:
                run.append(word.strip(".,!?"))
            else:
                if 0 < len(run) <= 2:
                    found.append(" ".join(run))
                run = []
    return [f for f in found if f]


def noised(text: str, words: list[str], pick: random.Random) -> str:
    """A text with insults put into it."""
    parts = text.split()
    for _ in range(pick.randint(1, MOST_NOISE)):
        parts.insert(pick.randint(0, len(parts)), pick.choice(words))
    return " ".join(parts)


def pairs(root, split: str, silver=None) -> list[tuple[str, str]]:
    """(text, what it should be)."""
    pick = random.Random(11)
    people = [(toxic, rewrites) for part, toxic, rewrites in corpus.sides(root) if part == split]
    out = [(toxic, rewrite) for toxic, rewrites in people for rewrite in rewrites]
    if split != "train":
        return out
    out = out * 2
    if silver:
        with open(silver) as lines:
            out += [(row["from"], row["to"]) for row in map(json.loads, lines)]
    words = insults(people)
    calm = sorted({t for tone, t in corpus.documents(root, split) if tone == corpus.CALM and len(t) <= 240})
    neutral = sorted({r for _, rewrites in people for r in rewrites})
    out += [(noised(t, words, pick), t) for t in pick.sample(calm, min(NOISED, len(calm)))]
    plain = pick.sample(calm, min(COPIES // 2, len(calm))) + pick.sample(neutral, min(COPIES // 2, len(neutral)))
    return out + [(t, t) for t in plain]


def rows(tokenizer, found) -> list[tuple[list[int], list[int]]]:
    """Token ids of both sides, the right one between its start and its end; what is too long is left out."""
    left = tokenizer.encode_batch([a for a, _ in found], add_special_tokens=False)
    right = tokenizer.encode_batch([b for _, b in found], add_special_tokens=False)
    out = [(a.ids, [START, *b.ids, 0]) for a, b in zip(left, right)]
    return [(a, b) for a, b in out if 0 < len(a) <= LONGEST and len(b) <= LONGEST + 2]


def loss_of(model, batch, smooth=0.05):
    """Cross-entropy of each next token of the right side."""
    text, right = training.padded([a for a, _ in batch], 0), training.padded([b for _, b in batch], 0)
    mask = training.padded([[1] * len(a) for a, _ in batch], 0)
    target = training.padded([b[1:] for _, b in batch], training.IGNORED)
    logits = model(right[:, :-1], text, mask)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=training.IGNORED,
                                             label_smoothing=smooth)


@torch.no_grad()
def dev_loss(model, found) -> float:
    """Mean loss of batches of the development split."""
    parts = [found[i : i + 64] for i in range(0, len(found), 64)]
    return sum(float(loss_of(model, part, 0.0)) for part in parts) / len(parts)


def from_lm(path, layers: int) -> network.Network:
    """An encoder-decoder that begins with a language model's words, layers and norm; what looks across is new."""
    lm = network.load(path)
    config = network.Config(**{**vars(lm.config), "encoder_layers": layers})
    model, state = network.Network(config), lm.state_dict()
    for name, value in list(state.items()):
        if name.startswith("decoder."):
            state["encoder." + name.removeprefix("decoder.")] = value
    model.load_state_dict(state, strict=False)
    model.encoder_norm.load_state_dict(lm.norm.state_dict())
    return model


def main():
    """Trains from a language model's weights."""
    p = argparse.ArgumentParser(description=__doc__)
    training.arguments(p, steps=4000, tokens=2400, rate=1.2e-3)
    p.add_argument("--lm", required=True)
    p.add_argument("--silver")
    args = p.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    tokenizer = Tokenizer.from_file(args.tokenizer)
    train = rows(tokenizer, pairs(args.data, "train", args.silver))
    dev = sorted(rows(tokenizer, pairs(args.data, "dev")), key=lambda r: len(r[0]))
    print(f"{len(train)} pairs, {len(dev)} of dev", flush=True)
    model = from_lm(args.lm, 4)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters", flush=True)
    training.run(model, lambda m, places, _: loss_of(m, [train[i] for i in places]), [max(len(a), len(b)) for a, b in train],
                 args, lambda m: f"loss {dev_loss(m, dev):.3f}")


if __name__ == "__main__":
    main()
