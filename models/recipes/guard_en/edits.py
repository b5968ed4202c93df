"""From pairs of a toxic and a neutral sentence to tags of words: keep, delete, or one of a list of replacements."""

import collections
import difflib
import json
import random
import re
from pathlib import Path

import data
from canonical import canonical
from encoder import LABELS  # noqa: F401  (the order of the guard's labels belongs to the same file)

KEEP, DELETE, FIRST_REPLACEMENT = 0, 1, 2
LONGEST = 3  # words of a replacement
LEAST = 4  # pairs in which a replacement occurs
MOST = 400  # replacements
RARE_WEIGHT = 0.5  # of a deletion that stands for a replacement that is not on the list
PIECES = re.compile(r"\w+|[^\w\s]")
FIXED = {"i ": "I ", "i'm": "I'm"}


def words(text: str) -> list[str]:
    """Words and single marks, as the tokenizer splits before it looks for pieces."""
    return PIECES.findall(text.lower())


def operations(source: list[str], target: list[str]) -> list[tuple]:
    """(start, end, words in their place) of each change; insertions are left out."""
    found = difflib.SequenceMatcher(None, source, target, autojunk=False).get_opcodes()
    return [(i, j, target[k:m]) for kind, i, j, k, m in found if kind in ("replace", "delete")]


def nearest(source: str, rewrites: list[str]) -> list[tuple]:
    """The changes towards the rewrite that keeps the most words in order."""
    left = words(source)
    def kept(right):
        return difflib.SequenceMatcher(None, left, right, autojunk=False).ratio()
    return operations(left, max((words(r) for r in rewrites), key=kept))


def phrase(parts: list[str]) -> str:
    """A replacement as it is written."""
    text = " ".join(parts)
    return re.sub(r" ?' ?", "'", text)


def pairs(root, split: str) -> list[tuple[str, list[str]]]:
    """Canonical toxic sentences of a split with their canonical rewrites."""
    held = data.evaluation_keys(root)
    out = []
    for row in data.read(root, "paradetox"):
        toxic = canonical(row["toxic"])
        neutral = [canonical(n) for n in row["neutral"]]
        group = data.key(toxic)
        if toxic and group not in held and data.split_of(data.Row(toxic, {}, "paradetox", 1.0, group)) == split:
            out.append((toxic, [n for n in neutral if n]))
    return [(toxic, neutral) for toxic, neutral in out if neutral]


def replacements(root, insults) -> list[str]:
    """The list: what people often put in the place of a word, most frequent first. Nothing that the toxic side alone has."""
    count = collections.Counter()
    for toxic, neutral in pairs(root, "train"):
        for _, _, new in nearest(toxic, neutral):
            if 0 < len(new) <= LONGEST and all(re.fullmatch(r"[a-z']+", w) for w in new):
                count[phrase(new)] += 1
    kept = [p for p, n in count.most_common() if n >= LEAST and not any(w in insults for w in p.split())]
    return kept[:MOST]


def insults(root) -> set[str]:
    """Words that occur five times more often in toxic sentences than in their rewrites."""
    bad, good = collections.Counter(), collections.Counter()
    for toxic, neutral in pairs(root, "train"):
        bad.update(set(words(toxic)))
        good.update(set(words(neutral[0])))
    return {w for w, n in bad.items() if n >= 5 and n >= 5 * (good[w] + 0.5)}


def tagged(toxic: str, neutral: list[str], number: dict[str, int]) -> tuple[list[int], list[float]]:
    """A tag and a weight for each word of the toxic sentence."""
    n = len(words(toxic))
    tags, weights = [KEEP] * n, [1.0] * n
    for start, end, new in nearest(toxic, neutral):
        tag = number.get(phrase(new)) if new else DELETE
        for i in range(start, end):
            tags[i] = DELETE
        if tag is None:
            for i in range(start, end):
                weights[i] = RARE_WEIGHT
        else:
            tags[start] = tag
    return tags, weights


def encoded(tokenizer, text: str, tags: list[int], weights: list[float], longest: int):
    """(ids, tag of each token, weight of each token): a word's tag lies on its first piece, the others weigh nothing."""
    e = tokenizer.encode(text, add_special_tokens=False)
    starts, at = {}, 0
    for i, match in enumerate(PIECES.finditer(text)):
        starts[match.start()] = i
    cls, sep = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
    ids, out, weight = [cls], [0], [0.0]
    for token, (start, _) in list(zip(e.ids, e.offsets))[: longest - 2]:
        word = starts.get(start)
        ids.append(token)
        out.append(tags[word] if word is not None else 0)
        weight.append(weights[word] if word is not None else 0.0)
    return [*ids, sep], [*out, 0], [*weight, 0.0]


def examples(root, tokenizer, split: str, phrases: list[str], longest: int = 128) -> list[tuple]:
    """Toxic sentences with their tags, and neutral ones that are all kept."""
    number = {p: i + FIRST_REPLACEMENT for i, p in enumerate(phrases)}
    out, plain = [], []
    for toxic, neutral in pairs(root, split):
        if len(PIECES.findall(toxic)) != len(words(toxic)):
            continue  # lower-casing changed the words
        out.append(encoded(tokenizer, toxic, *tagged(toxic, neutral, number), longest))
        plain.append(neutral[0])
    pick = random.Random(3)
    rows = [r.text for r in data.load(root)[split] if r.source in ("tatoeba-parallel", "benign-prompts", "hh-harmless")]
    plain += pick.sample(rows, min(len(rows), len(out) // 2))
    for text in plain:
        n = len(PIECES.findall(text))
        out.append(encoded(tokenizer, text, [KEEP] * n, [1.0] * n, longest))
    return out


def spans(root, tokenizer, split: str, longest: int = 128) -> list[tuple]:
    """(ids, whether a token lies in a toxic span, weight) of the annotated comments."""
    cls, sep = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
    out = []
    for row in data.read(root, "toxic-spans"):
        if data.split_of(data.Row(canonical(row["text"]), {}, "toxic-spans")) != split:
            continue
        e = tokenizer.encode(row["text"], add_special_tokens=False)
        marked = set()
        for s in row["spans"]:
            marked |= set(range(*s)) if isinstance(s, list) else {s}
        inside = [float(any(c in marked for c in range(a, b))) for a, b in e.offsets]
        n = longest - 2
        out.append(([cls, *e.ids[:n], sep], [0.0, *inside[:n], 0.0], [0.0, *[1.0] * len(e.ids[:n]), 0.0]))
    return out


def save_phrases(phrases: list[str], path: Path):
    """Writes the list as JSON."""
    path.write_text(json.dumps(phrases) + "\n")
