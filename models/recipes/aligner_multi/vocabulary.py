"""Chooses the pieces that a pack keeps, and writes them as a tokenizer file."""

import json
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from container import Container

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
# Scripts of the committed pack, by the first word of a letter's Unicode name.
SCRIPTS = {"LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "HEBREW", "DEVANAGARI"}
# So low that no text is ever read as one of the special pieces while it can be read as something else.
NEVER = -1000.0


def _script(char: str) -> str:
    return unicodedata.name(char, "?").split()[0].split("-")[0]


def in_scripts(piece: str) -> bool:
    """Whether every letter of a piece belongs to a kept script; signs and digits belong to all."""
    return all(_script(c) in SCRIPTS or not c.isalpha() for c in piece if c != "▁")


def seen(container: Container, texts: list[str]) -> set[int]:
    """Ids of the pieces that the full vocabulary reads in these texts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        write(container, choose(container, None, set()), path)
        encoded = Tokenizer.from_file(str(path)).encode_batch(texts, add_special_tokens=False)
    return {i for text in encoded for i in text.ids}


def choose(container: Container, size: int | None, wanted: set[int]) -> np.ndarray:
    """Ids of the kept pieces, ascending: the special ones, then `wanted`, single characters and whole pieces of the kept scripts
    by their probability, up to `size`; all but `<mask>` for None."""
    ids = np.arange(len(SPECIAL), len(container.pieces) - 1)
    if size is not None:
        ids = np.array([i for i in ids if in_scripts(container.pieces[i])])
        single = np.array([len(container.pieces[i].lstrip("▁")) <= 1 for i in ids])
        # A rare ideograph is spelt by nothing else, but the rarest would cost the frequent words their room.
        rank = container.scores[ids] + np.where(single, 2.0, 0.0) + np.where(np.isin(ids, list(wanted)), 3.0, 0.0)
        ids = ids[np.argsort(-rank, kind="stable")[: size - len(SPECIAL)]]
    return np.concatenate([np.arange(len(SPECIAL)), np.sort(ids)])


def tokenizer(pieces: list[list]) -> dict:
    """A `tokenizer.json` of pieces with log-probabilities, the special ones first: NFKC, Metaspace, Unigram."""
    added = [{"id": i, "content": piece, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for i, piece in enumerate(SPECIAL)]
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": {"type": "NFKC"},
            "pre_tokenizer": space, "post_processor": None, "decoder": space,
            "model": {"type": "Unigram", "unk_id": 3, "vocab": pieces, "byte_fallback": False}}


def write(container: Container, ids: np.ndarray, path: Path):
    """Writes `tokenizer.json`."""
    pieces = [[piece, NEVER] for piece in SPECIAL]
    pieces += [[container.pieces[i], round(float(container.scores[i]), 5)] for i in ids[len(SPECIAL):]]
    path.write_text(json.dumps(tokenizer(pieces), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
