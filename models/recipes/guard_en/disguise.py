"""Disguised and buried copies of training rows: spelling tricks, and short texts among plain sentences."""

import dataclasses
import random

from data import Row

LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7", "l": "1", "b": "8", "g": "9"}
SHARE_SPELLING = 0.2
SHARE_BURIED = 0.2
PLAIN = {"tatoeba-parallel"}
KINDS = ("hate", "toxicity", "prompt_injection", "jailbreak")


def leet(text: str, pick) -> str:
    """Digits and signs in the place of letters, in some words or in all."""
    words, letters = pick.choice((0.3, 0.6, 1.0)), pick.choice((0.5, 1.0))
    change = lambda c: pick.choice(LEET[c]) if c in LEET and pick.random() < letters else c
    return " ".join("".join(map(change, w)) if pick.random() < words else w for w in text.split(" "))


def parted(text: str, pick) -> str:
    """A space inside one to three of the longer words."""
    words = text.split(" ")
    longer = sorted(range(len(words)), key=lambda i: -len(words[i]))[: pick.randint(1, 3)]
    for i in longer:
        if len(words[i]) > 3:
            at = pick.randrange(1, len(words[i]))
            words[i] = words[i][:at] + " " + words[i][at:]
    return " ".join(words)


def squeezed(text: str, pick) -> str:
    """Some spaces left out."""
    out = ""
    for word in text.split(" "):
        out += word if not out or pick.random() < 0.4 else " " + word
    return out


def spread(text: str, pick) -> str:
    """Spaces, or another mark, between the letters of some words."""
    mark = pick.choice((" ", " ", "-", ".", "*"))
    return " ".join(mark.join(w) if len(w) > 2 and pick.random() < 0.3 else w for w in text.split(" "))


def slipped(text: str, pick) -> str:
    """A letter dropped or two swapped in some words."""
    out = []
    for w in text.split(" "):
        if len(w) > 3 and pick.random() < 0.3:
            i = pick.randrange(1, len(w) - 1)
            w = w[:i] + w[i + 1 :] if pick.random() < 0.5 else w[: i - 1] + w[i] + w[i - 1] + w[i + 1 :]
        out.append(w)
    return " ".join(out)


TRICKS = (leet, leet, parted, squeezed, spread, slipped)


def rows(given: list[Row], seed: int) -> list[Row]:
    """The rows of one epoch: some with a spelling trick, harmful or not alike; some harmful ones among plain sentences, and
    plain sentences among others, so that neither a trick nor length tells."""
    pick = random.Random(seed)
    plain = [r.text for r in given if r.source in PLAIN]
    out = []
    for row in given:
        chance = pick.random()
        known = any(k in row.labels for k in KINDS)
        if known and len(row.text) < 300 and chance < SHARE_SPELLING:
            row = dataclasses.replace(row, text=pick.choice(TRICKS)(row.text, pick))
        elif known and len(row.text) < 250 and chance < SHARE_SPELLING + SHARE_BURIED:
            before, after = (" ".join(pick.sample(plain, pick.randint(0, 7))) for _ in range(2))
            row = dataclasses.replace(row, text=f"{before} {row.text} {after}".strip())
        out.append(row)
    return out
