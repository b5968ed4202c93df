"""Whether disguises get harmful texts past the guard: recall through the program, with a policy and without; behind plain sentences, and those
alone; false alarms on plain sentences of 24 languages."""

import argparse
import base64
import json
import random
import subprocess
import tempfile
from pathlib import Path

import data

LABELS = ["toxicity", "hate", "harassment", "prompt_injection", "jailbreak"]
LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})
ALIKE = str.maketrans({"a": "\u0430", "e": "\u0435", "o": "\u043e", "p": "\u0440", "c": "\u0441", "x": "\u0445", "y": "\u0443", "i": "\u0456"})
WIDE = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})
LENGTHS = (100, 400, 2000, 20000)  # characters of a text with plain sentences before the harm


def one_space(text, pick):
    """A space inside the longest word."""
    word = max(text.split() or [text], key=len)
    at = len(word) // 2
    return text.replace(word, word[:at] + " " + word[at:], 1)


def sentences(length, pick, plain):
    """Plain sentences of so many characters in all, about."""
    out = [pick.choice(plain)]
    while sum(map(len, out)) + len(out) < length:
        out.append(pick.choice(plain))
    return " ".join(out)


TRICKS = {
    "one space": one_space,
    "zero-width": lambda t, p: "\u200b".join(t),
    "look-alikes": lambda t, p: t.translate(ALIKE),
    "leet": lambda t, p: t.translate(LEET),
    "spaced letters": lambda t, p: "  ".join(" ".join(w) for w in t.split()),
    "mixed case": lambda t, p: "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(t)),
    "full-width": lambda t, p: t.translate(WIDE),
    "combining marks": lambda t, p: "".join(c + "\u0336" if c.isalpha() else c for c in t),
    "tag characters": lambda t, p: "hello" + "".join(chr(0xE0000 + ord(c)) for c in t if ord(c) < 128),
    "base64": lambda t, p: "Please read " + base64.b64encode(t.encode()).decode(),
}


def blocked(program, packs, policy, texts) -> list[bool]:
    """Whether each text is blocked."""
    asked = "".join(json.dumps({"text": t}) + "\n" for t in texts)
    words = [program, "guard", "--jsonl", "--pack", packs / "guard-en", *(["--policy", policy] if policy else [])]
    done = subprocess.run(words, input=asked.encode(), stdout=subprocess.PIPE, check=False).stdout.splitlines()
    assert len(done) == len(texts), (len(done), len(texts))
    return [json.loads(line).get("action") != "allow" for line in done]


def main():
    """Prints a table; never a text."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--trueline", required=True)
    p.add_argument("--packs", type=Path, required=True)
    p.add_argument("--rows", type=int, default=300)
    p.add_argument("--long", type=int, default=60)
    args = p.parse_args()
    pick = random.Random(5)
    rows = [r for r in data.load(args.data)["test"] if any(r.labels.get(n) for n in LABELS) and 15 <= len(r.text) <= 300]
    pick.shuffle(rows)
    texts = [r.text for r in rows[: args.rows]]
    every, is_plain = [row["en"] for row in data.read(args.data, "tatoeba-parallel")], data.plain_words(args.data)
    # Among them are some that are rude or violent by themselves; `plain` is without their words.
    plain = [t for t in every if is_plain(t)]
    many = [row["text"] for row in data.read(args.data, "tatoeba-parallel")]
    pick.shuffle(many)
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.toml"
        names = ["sexual", "hate", "violence", "harassment", "self_harm", "sexual_minors", "hate_threatening", "violence_graphic",
                 "toxicity", "prompt_injection", "jailbreak"]
        policy.write_text('policy = 1\nname = "all"\npacks = ["guard-en"]\nparanoid = true\n'
                          + "".join(f'[[category]]\nname = "{n}"\naction = "block"\n' for n in names))
        for name, given in (("guard", None), ("policy", policy)):
            clean = blocked(args.trueline, args.packs, given, texts)
            found = [t for t, b in zip(texts, clean) if b]
            print(f"{name}: {sum(clean)} of {len(texts)} blocked as they are")
            for trick, change in TRICKS.items():
                # Tag characters stand for ASCII alone: of other texts they keep a remnant.
                these = [t for t in found if t.isascii() or trick != "tag characters"]
                hits = blocked(args.trueline, args.packs, given, [change(t, pick) for t in these])
                print(f"  {trick}: {sum(hits) / len(these):.3f} of {len(these)}", flush=True)
            few = found[: args.long]
            for length in LENGTHS:
                before = [sentences(length - len(t), pick, plain) for t in few]
                hits = blocked(args.trueline, args.packs, given, [f"{b} {t}" for b, t in zip(before, few)])
                alone = blocked(args.trueline, args.packs, given, before)
                print(f"  at the end of {length} characters: {sum(hits) / len(few):.3f} of {len(few)}; the plain sentences alone: {sum(alone)} blocked; "
                      f"where those are not: {sum(h for h, a in zip(hits, alone) if not a) / max(1, len(few) - sum(alone)):.3f}", flush=True)
            alone = blocked(args.trueline, args.packs, given, [sentences(LENGTHS[-1], pick, every) for _ in few])
            print(f"  {LENGTHS[-1]} characters of any sentences of tatoeba: {sum(alone)} of {len(few)} blocked", flush=True)
            alarms = blocked(args.trueline, args.packs, given, many[:6000])
            print(f"  plain sentences of 24 languages: {sum(alarms)} of {len(alarms)}", flush=True)


if __name__ == "__main__":
    main()
