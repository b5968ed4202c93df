"""How many corrections the tagger tries before its own labels let one through: prints counts, never a text. The rules are those of
`src/engine/correct/corrector.rs`, on canonical texts of one window."""

import argparse
import collections
import tomllib
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import edits
from batches import WINDOW
from canonical import canonical
from export import INPUTS, session
from scores import sigmoid

KEEP, DELETE, FIRST_REPLACEMENT = range(3)


class Tagger:
    """The pack corrector-en, with the model file that it names."""

    def __init__(self, folder: Path):
        manifest = tomllib.loads((folder / "manifest.toml").read_text())
        self.edits = manifest["edits"]
        self.places = [(i, e["temperature"], e["threshold"]) for i, e in enumerate(manifest["labels"]) if e["name"] in self.edits["labels"]]
        self.run = session(folder / manifest["model"]["file"])
        self.tokenizer = Tokenizer.from_file(str(folder / manifest["tokenizer"]["file"]))

    def look(self, text: str) -> tuple[list, float]:
        """[start, end, logits of the tags] of each word, and how harmful the text is, in shares of thresholds."""
        e = self.tokenizer.encode(text, add_special_tokens=False)
        row = np.array([[101, *e.ids[:WINDOW], 102]])
        tags, logits = self.run.run(["tags", "logits"], dict(zip(INPUTS, (row, np.ones_like(row), np.zeros_like(row)))))
        words = []
        for i, (token, (start, end)) in enumerate(zip(e.tokens[:WINDOW], e.offsets[:WINDOW])):
            if words and token.startswith("##") and len(token) > 2:
                words[-1][1] = end
            else:
                words.append([start, end, tags[0][i + 1]])
        return words, max(float(sigmoid(logits[0][i] / t)) / c for i, t, c in self.places)

    def edit(self, text: str, words: list, bias: float) -> str:
        """The text with the tags that are best once `bias` is taken from keeping."""
        out, at = "", 0
        for start, end, logits in words:
            best = KEEP + 1 + int(np.argmax(logits[KEEP + 1 :]))
            if logits[best] <= logits[KEEP] - bias:
                continue
            before = text[at:start]
            out += before.rstrip() if best == DELETE else before + self.edits["replacements"][best - FIRST_REPLACEMENT]
            at = end
        return (out + text[at:]).strip()

    def tries(self, text: str) -> int | str:
        """Looks at corrections until one is not flagged, or why there is none."""
        words, harm = self.look(text)
        if harm < self.edits["gate"]:
            return "below the gate"
        if harm < 1:
            return "not flagged"
        tried = []
        for bias in self.edits["biases"]:
            made = self.edit(text, words, bias)
            if not made or made == text or made in tried[-1:]:
                continue
            tried.append(made)
            if self.look(made)[1] < 1:
                return len(tried)
        return "declined"


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("pack", type=Path, help="corrector-en")
    p.add_argument("--data", required=True)
    p.add_argument("--split", default="dev")
    p.add_argument("--rows", type=int, default=330)
    args = p.parse_args()
    tagger = Tagger(args.pack)
    found = collections.Counter(tagger.tries(canonical(toxic)) for toxic, _ in edits.pairs(args.data, args.split)[: args.rows])
    for what, count in sorted(found.items(), key=str):
        print(what, count)
    flagged = {k: v for k, v in found.items() if isinstance(k, int)}
    print(f"looks at corrections of flagged texts: {sum(k * v for k, v in flagged.items()) / sum(flagged.values()):.3f}")


if __name__ == "__main__":
    main()
