"""Sentence pairs to learn from, and word pairs with gold links to measure with."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

CLS, SEP, LONGEST = 0, 2, 126


def tatoeba(data: Path, split: str) -> list[tuple[str, str, str]]:
    """(language, text, English) of a split, by a hash of the English text: a tenth is `dev`."""
    rows = [json.loads(line) for line in gzip.open(data / "tatoeba-parallel" / "data.jsonl.gz", "rt", encoding="utf-8")]
    is_dev = lambda row: hashlib.sha256(row["en"].encode()).digest()[0] < 26
    return [(r["lang"], r["text"], r["en"]) for r in rows if is_dev(r) == (split == "dev")]


def gold(data: Path) -> dict[str, list[dict]]:
    """Pairs of word lists with sure and possible links, 0-based."""
    sets = {"jaen": [], "de-en": []}
    folder = data / "word-alignment"
    texts = (folder / "awesome-jaen.text.txt").read_text(encoding="utf-8").splitlines()
    links = (folder / "awesome-jaen.gold.txt").read_text().splitlines()
    for text, line in zip(texts, links, strict=True):
        source, target = (side.split() for side in text.split("|||"))
        sure, possible = set(), set()
        for link in line.split():
            mark = "-" if "-" in link else "p"
            i, j = (int(n) - 1 for n in link.split(mark))
            possible.add((i, j))
            if mark == "-":
                sure.add((i, j))
        sets["jaen"].append({"source": source, "target": target, "sure": sure, "possible": possible})
    for line in (data / "word-align-sample" / "data.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        pairs = [(tuple(map(int, link.replace("p", "-").split("-"))), "-" in link) for link in row["gold"].split()]
        words = lambda text: text.split() if isinstance(text, str) else text
        sets["de-en"].append({"source": words(row["en"]), "target": words(row["de"]), "possible": {p for p, _ in pairs},
                              "sure": {p for p, sure in pairs if sure}})
    return sets


def pieces(tokenizer: Tokenizer, words: list[str]) -> tuple[list[int], np.ndarray]:
    """Ids of a sentence's pieces with the special ones, and the word that each content piece belongs to."""
    ids, word_of = [CLS], []
    for w, encoded in enumerate(tokenizer.encode_batch(words, add_special_tokens=False)):
        ids += encoded.ids
        word_of += [w] * len(encoded.ids)
    return [*ids[: LONGEST + 1], SEP], np.array(word_of[:LONGEST], dtype=np.int64)


def padded(rows: list[list[int]], pad: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of a batch."""
    ids = torch.full((len(rows), max(map(len, rows))), pad)
    for row, out in zip(rows, ids):
        out[: len(row)] = torch.tensor(row)
    lengths = torch.tensor([len(row) for row in rows])
    return ids, (torch.arange(ids.shape[1])[None, :] < lengths[:, None]).long()


def mutual(similarity: np.ndarray) -> np.ndarray:
    """Cells that are the largest of their row and of their column, the first of equals."""
    rows = similarity == similarity.max(axis=1, keepdims=True)
    rows &= np.cumsum(rows, axis=1) == 1
    columns = similarity == similarity.max(axis=0, keepdims=True)
    columns &= np.cumsum(columns, axis=0) == 1
    return rows & columns


def aer(states, tokenizer: Tokenizer, pairs: list[dict]) -> float:
    """Alignment error rate of the mutual arg-max over pieces; `states` gives the content rows of one sentence's ids."""
    hits = possible_hits = found = sure = 0
    for pair in pairs:
        (a, words_a), (b, words_b) = (pieces(tokenizer, pair[side]) for side in ("source", "target"))
        x, y = states(a), states(b)
        x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
        links = {(words_a[i], words_b[j]) for i, j in np.argwhere(mutual(x @ y.T))}
        hits += len(links & pair["sure"])
        possible_hits += len(links & pair["possible"])
        found += len(links)
        sure += len(pair["sure"])
    return 1 - (hits + possible_hits) / (found + sure)


def retrieval(vectors, rows: list[tuple[str, str, str]]) -> float:
    """Share of sentences whose nearest English sentence, among those of its language's pairs, is its translation, mean over
    languages; `vectors` gives unit rows for texts."""
    shares = []
    for language in sorted({r[0] for r in rows}):
        of = [r for r in rows if r[0] == language]
        a, b = vectors([r[1] for r in of]), vectors([r[2] for r in of])
        shares.append(float((np.argmax(a @ b.T, axis=1) == np.arange(len(of))).mean()))
    return float(np.mean(shares))
