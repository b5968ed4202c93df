"""Turns rows into token windows and length-sorted batches."""

import random

import torch
from tokenizers import Tokenizer

from data import Row
from encoder import LABELS

WINDOW = 126  # content tokens; [CLS] and [SEP] make 128
STRIDE = 63

CAPS = {"davidson-tweets": 4500, "paradetox": 5000, "paradetox-cannot-rewrite": 2000, "toxic-spans": 2000,
        "tatoeba-parallel": 2500, "tatoeba-foreign": 4500, "textdetox-foreign": 1000, "pi-slabs": 7000}
REPEATS = {"moderation-eval": 5, "templates": 1, "jailbreak-inthewild": 2, "benign-prompts": 4, "surge-toxicity": 4,
           "toxigen-seeds": 3, "rtp-categories": 2, "simple-safety-tests": 4}


def windows(n: int, width: int = WINDOW, stride: int = STRIDE) -> list[tuple[int, int]]:
    """The engine's window layout over `n` tokens."""
    if n <= width:
        return [(0, n)] if n else []
    starts = list(range(0, n - width + 1, stride))
    if starts[-1] != n - width:
        starts.append(n - width)
    return [(s, s + width) for s in starts]


def content_ids(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Token ids without special tokens."""
    return [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def examples(tokenizer: Tokenizer, rows: list[Row]) -> list[tuple]:
    """(ids, targets, mask, source) for the first window of each row, and two later ones at half weight."""
    cls, sep = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
    out = []
    for row, ids in zip(rows, content_ids(tokenizer, [r.text for r in rows])):
        target = [float(row.labels.get(n, 0)) for n in LABELS]
        mask = [row.weight * (n in row.labels) for n in LABELS]
        for i, (start, end) in enumerate([w for w in windows(len(ids), stride=WINDOW)][:3]):
            out.append(([cls, *ids[start:end], sep], target, mask if i == 0 else [m / 2 for m in mask], row.source))
    return out


def epoch(all_examples: list[tuple], seed: int) -> list[tuple]:
    """One epoch's examples: large sets sampled down, small ones repeated. Hateful tweets are never dropped."""
    pick = random.Random(seed)
    by_source = {}
    for e in all_examples:
        by_source.setdefault(e[3], []).append(e)
    chosen = []
    for source, members in sorted(by_source.items()):
        cap = CAPS.get(source)
        if cap and cap < len(members):
            keep = [m for m in members if source == "davidson-tweets" and (m[1][1] == 1 or m[1][8] == 0)]
            rest = [m for m in members if not (source == "davidson-tweets" and (m[1][1] == 1 or m[1][8] == 0))]
            members = keep + pick.sample(rest, max(0, cap - len(keep)))
        chosen += members * REPEATS.get(source, 1)
    pick.shuffle(chosen)
    return chosen


def batches(chosen: list[tuple], tokens: int, seed: int) -> list[list[tuple]]:
    """Groups examples of like length, at most `tokens` padded tokens a batch, in a shuffled order."""
    out, pick = [], random.Random(seed)
    for start in range(0, len(chosen), 4096):
        block = sorted(chosen[start : start + 4096], key=lambda e: len(e[0]))
        current = []
        for e in block:
            if current and (len(current) + 1) * len(e[0]) > tokens:
                out.append(current)
                current = []
            current.append(e)
        out.append(current)
    pick.shuffle(out)
    return out


def tensors(batch: list[tuple]) -> tuple:
    """Padded ids, mask, targets and weights; widths are multiples of 8, so that few shapes occur."""
    width = -(-max(len(e[0]) for e in batch) // 8) * 8
    ids = torch.zeros(len(batch), width, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, e in enumerate(batch):
        ids[i, : len(e[0])] = torch.tensor(e[0])
        mask[i, : len(e[0])] = 1
    return ids, mask, torch.tensor([e[1] for e in batch]), torch.tensor([e[2] for e in batch])
