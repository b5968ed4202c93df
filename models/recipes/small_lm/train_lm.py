"""Trains the small causal language model: the tone, the text, the end."""

import argparse
import math

import torch
from tokenizers import Tokenizer

import corpus
import network
import training
from vocabulary import TONES

LONGEST = 128


def rows(root, split: str, tokenizer) -> list[list[int]]:
    """Token ids of each text, with its tone before and the end behind it."""
    found = corpus.documents(root, split)
    encoded = tokenizer.encode_batch([text for _, text in found], add_special_tokens=False)
    return [([TONES[tone], *e.ids, 0])[:LONGEST] for (tone, _), e in zip(found, encoded)]


def loss_of(model, batch, reduction="mean"):
    """Cross-entropy of each next token."""
    ids = training.padded(batch, 0)
    target = training.padded([r[1:] for r in batch], training.IGNORED)
    logits = model(ids[:, :-1])
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=training.IGNORED,
                                             reduction=reduction)


@torch.no_grad()
def perplexity(model, found: list[list[int]]) -> float:
    """Of all tokens of these rows."""
    total = count = 0.0
    for at in range(0, len(found), 64):
        batch = found[at : at + 64]
        total += loss_of(model, batch, "sum").item()
        count += sum(len(r) - 1 for r in batch)
    return math.exp(total / count)


def main():
    """Trains and tells the perplexity on the development split."""
    p = argparse.ArgumentParser(description=__doc__)
    training.arguments(p, steps=4500, tokens=2048, rate=1.5e-3)
    args = p.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    tokenizer = Tokenizer.from_file(args.tokenizer)
    train, dev = rows(args.data, "train", tokenizer), sorted(rows(args.data, "dev", tokenizer), key=len)[::4]
    print(f"{len(train)} texts, {sum(map(len, train))} tokens; {len(dev)} texts of dev", flush=True)
    model = network.Network(network.Config(vocabulary=tokenizer.get_vocab_size()))
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters", flush=True)
    training.run(model, lambda m, places, _: loss_of(m, [train[i] for i in places]), [len(r) for r in train], args,
                 lambda m: f"perplexity {perplexity(m, dev):.2f}")


if __name__ == "__main__":
    main()
