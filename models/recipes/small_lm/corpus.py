"""The texts of the small models: what people write in comments, dialogues and example sentences, in two tones."""

import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "guard_en"))

import data  # noqa: E402
from canonical import canonical  # noqa: E402

SEED = 5
LONGEST = 600  # characters
ANY, CALM = "any", "calm"
SPLIT = re.compile(r"(?<=[.!?])\s+")


def pieces(text: str) -> list[str]:
    """A text in pieces of whole sentences of at most `LONGEST` characters; what has a longer sentence is left out."""
    out, now = [], ""
    for sentence in SPLIT.split(canonical(text).strip()):
        if len(sentence) > LONGEST:
            return out
        if now and len(now) + len(sentence) > LONGEST:
            out.append(now)
            now = ""
        now = f"{now} {sentence}".strip()
    return [*out, now] if now else out


def split(text: str, source: str, group: str = "") -> str:
    """The split of the guard's recipe, so that nobody's held-out rows are learnt from here."""
    text = canonical(text)
    return data.split_of(data.Row(text, {}, source, 1.0, group or data.key(text)))


def sides(root):
    """(split, toxic, rewrites) of the pairs."""
    held = data.evaluation_keys(root)
    for row in data.read(root, "paradetox"):
        toxic = canonical(row["toxic"])
        rewrites = [r for r in map(canonical, row["neutral"]) if r.strip()]
        group = data.key(toxic)
        if toxic.strip() and rewrites and group not in held:
            yield split(toxic, "paradetox", group), toxic, rewrites


def documents(root, wanted: str) -> list[tuple[str, str]]:
    """(tone, text) of every text of a split; a calm text is there in both tones."""
    calm, rough = set(), set()
    for part, toxic, rewrites in sides(root):
        if part == wanted:
            rough.add(toxic)
            calm.update(rewrites)
    for row in data.read(root, "tatoeba-parallel"):
        if split(row["en"], "tatoeba-parallel") == wanted:
            calm.update(pieces(row["en"]))
    for row in data.read(root, "benign-prompts"):
        if split(row["text"], "benign-prompts") == wanted:
            calm.update(pieces(row["text"]))
    for row in data.read(root, "hh-harmless"):
        if split(row["prompt"], "hh-harmless") == wanted:
            calm.update(pieces(row["chosen"]))
            rough.update(pieces(row["rejected"]))
    for row in data.read(root, "surge-toxicity"):
        if split(row["text"], "surge-toxicity") == wanted:
            (rough if int(row["label"]) else calm).update(pieces(row["text"]))
    for row in data.read(root, "toxic-spans"):
        if split(row["text"], "toxic-spans") == wanted:
            (rough if row["spans"] else calm).update(pieces(row["text"]))
    for row in data.read(root, "paradetox-cannot-rewrite"):
        if split(row["text"], "paradetox-cannot-rewrite") == wanted:
            toxic = "toxic_content" in row["reason"]
            (rough if toxic or "not_toxic" not in row["reason"] else calm).update(pieces(row["text"]))
    rough -= calm
    out = [(ANY, text) for text in sorted(rough | calm)] + [(CALM, text) for text in sorted(calm)]
    random.Random(SEED).shuffle(out)
    return out
