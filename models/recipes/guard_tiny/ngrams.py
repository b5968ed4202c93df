"""The hashed features of `trueline_tiny`, the same numbers."""

from functools import lru_cache

LONGEST_WORD = 40
RUNS = (3, 4, 5)
OFFSET, PRIME, MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
WORD, PAIR, RUN = 0x57, 0x50, 0x52


def begin(kind: int) -> int:
    """The start of a hash of one kind."""
    return ((OFFSET ^ kind) * PRIME) & MASK


def step(h: int, byte: int) -> int:
    """FNV-1a, one byte."""
    return ((h ^ byte) * PRIME) & MASK


def step_char(h: int, c: str) -> int:
    """One character: the three bytes of its scalar value."""
    n = ord(c)
    return step(step(step(h, n & 0xFF), n >> 8 & 0xFF), n >> 16)


def bucket(h: int, log2_buckets: int) -> int:
    """The low bits after a last mixing."""
    m = ((h ^ h >> 15) * 0x2C1B3C6D) & MASK
    return (m ^ m >> 13) & ((1 << log2_buckets) - 1)


def in_word(c: str) -> bool:
    """Whether a character belongs to words."""
    n = ord(c)
    if n < 0x80:
        return c.isalnum()
    if n <= 0xBF or 0x2000 <= n <= 0x206F or 0x3000 <= n <= 0x303F or 0xFE00 <= n <= 0xFE0F:
        return False
    return not c.isspace()


def lower(c: str) -> str:
    """Lower case, if that is one character."""
    small = c.lower()
    return small if len(small) == 1 else c


def words(text: str) -> list[tuple[str, bool]]:
    """(lower-cased word, whether it is of letters and digits), in order."""
    out, i = [], 0
    while i < len(text):
        c = text[i]
        i += 1
        if c.isspace():
            continue
        word, letters = lower(c), in_word(c)
        while letters and len(word) < LONGEST_WORD and i < len(text) and in_word(text[i]):
            word += lower(text[i])
            i += 1
        out.append((word, letters))
    return out


@lru_cache(maxsize=None)
def of_word(word: str, letters: bool, log2_buckets: int) -> tuple[int, list[int]]:
    """A word's hash, and the buckets of its runs."""
    marked = f"<{word}>"
    h = begin(WORD)
    for c in marked:
        h = step_char(h, c)
    runs = []
    for start in range(len(marked)) if letters else ():
        r = begin(RUN)
        for n, c in enumerate(marked[start : start + RUNS[-1]], 1):
            r = step_char(r, c)
            if n >= RUNS[0]:
                runs.append(bucket(r, log2_buckets))
    return h, runs


@lru_cache(maxsize=1 << 20)
def pair(before: int, after: int) -> int:
    """The hash of two neighbouring words."""
    h = begin(PAIR)
    for byte in before.to_bytes(4, "little") + after.to_bytes(4, "little"):
        h = step(h, byte)
    return h


def features(text: str, log2_buckets: int) -> list[int]:
    """The bucket of every feature of a text, in order."""
    out, before = [], begin(WORD)
    for word, letters in words(text):
        h, runs = of_word(word, letters, log2_buckets)
        out += [bucket(h, log2_buckets), bucket(pair(before, h), log2_buckets), *runs]
        before = h
    return out
